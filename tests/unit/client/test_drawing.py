"""The prompt, in terminals that count columns as they like and change their size."""

import asyncio
import io

import pyte
import pytest
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input

from client.drawing import PromptRenderer
from client.screen import Prompt, PromptOutput, Screen
from tests.support.deadlines import within

FAMILY, FLAG, HEART = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "❤\ufe0f"
HOME, END, LEFT, TAB, CTRL_U, CTRL_L, UP = (
    "\x1b[H",
    "\x1b[F",
    "\x1b[D",
    "\t",
    "\x15",
    "\x0c",
    "\x1b[A",
)


class Apart(pyte.HistoryScreen):
    """A terminal that shows the parts of an emoji beside each other."""

    def draw(self, data):
        super().draw(data.replace("\u200d", "").replace("\ufe0f", ""))


class Joined(pyte.HistoryScreen):
    """A terminal that shows an emoji of several characters as one, two columns wide."""

    def draw(self, data):
        for parts, whole in ((FAMILY, "👪"), (FLAG, "🏁"), (HEART, "💖"), ("\u200d", "")):
            data = data.replace(parts, whole)
        super().draw(data)


class Window(io.StringIO):
    """A prompt in a window that a test can look at and resize."""

    def __init__(self, keys, rows=24, columns=80, terminal=Apart, breaks_again=True):
        super().__init__()
        self.keys = keys
        self.screen = terminal(columns, rows, history=1000)
        output = PromptOutput(self, lambda: Size(self.screen.lines, self.screen.columns))
        self.session = Prompt(
            "bob> ",
            input=keys,
            output=output,
            completer=WordCompleter([f"name{number}" for number in range(20)]),
            complete_while_typing=False,
            erase_when_done=True,
        )
        self.app = self.session.app
        self.app.renderer = PromptRenderer(self.app, output, breaks_again=breaks_again)
        self.above = Screen(self.app, output)

    def write(self, text):
        pyte.Stream(self.screen).feed(text)
        return super().write(text)

    async def drawn(self):
        """Wait until all that was typed is drawn."""
        drawn = asyncio.Event()
        for _ in range(2):  # what was typed is read after the first
            drawn.clear()
            self.app.after_render += lambda _: drawn.set()
            self.app.invalidate()
            await drawn.wait()

    async def until(self, true):
        """Wait for what takes some more drawings: a completion is looked up beside them."""
        async with asyncio.timeout(within()):
            while not true():
                await self.drawn()

    async def type(self, text):
        self.keys.send_text(text)
        await self.drawn()

    @property
    def lines(self):
        return [line.rstrip() for line in "\n".join(self.screen.display).rstrip().split("\n")]

    def narrow(self, columns):
        """Become narrower, as terminals do that break the rows that they have."""
        rows, cursor = [], self.screen.cursor
        at = None
        for y, line in enumerate(self.screen.display):
            line = line.rstrip()
            parts = [line[x : x + columns] for x in range(0, len(line), columns)] or [""]
            if y == cursor.y:
                at = len(rows) + cursor.x // columns, cursor.x % columns
            rows += parts
        while rows and not rows[-1] and len(rows) - 1 > at[0]:
            rows.pop()
        self.screen = type(self.screen)(columns, self.screen.lines, history=1000)
        pyte.Stream(self.screen).feed("\r\n".join(rows))
        pushed = max(0, len(rows) - self.screen.lines)
        self.screen.cursor_position(at[0] - pushed + 1, at[1] + 1)


@pytest.fixture
async def open_window():
    windows = []
    with create_pipe_input() as keys:

        async def open(**how):
            window = Window(keys, **how)
            running = asyncio.create_task(window.session.prompt_async())
            windows.append(running)
            await window.drawn()
            return window

        yield open
        for running in windows:
            running.cancel()
        await asyncio.gather(*windows, return_exceptions=True)


@pytest.mark.parametrize("terminal", [Apart, Joined])
@pytest.mark.parametrize("text", [FAMILY, FLAG, HEART, "a\u200db", "日本", "é", "e\u0301"])
async def test_the_row_is_drawn_right_wherever_the_cursor_goes(open_window, text, terminal):
    window = await open_window(terminal=terminal)
    await window.type(text + "xyz")
    first = window.lines[-1]
    assert first.startswith("bob> ")
    await window.type(HOME + "A")
    assert window.lines == [f"bob> A{first[5:]}"]
    assert window.screen.cursor.x == len("bob> A")
    await window.type(END + "B")
    assert window.lines == [f"bob> A{first[5:]}B"]
    await window.type(LEFT * 2 + "C")
    assert window.lines == [f"bob> A{first[5:-1]}CzB"]
    await window.type(END + CTRL_U)
    assert window.lines == ["bob>"]


@pytest.mark.parametrize("terminal", [Apart, Joined])
async def test_the_cursor_stands_after_the_text_as_the_terminal_drew_it(open_window, terminal):
    window = await open_window(terminal=terminal)
    await window.type(FAMILY + FLAG + "x")
    end = window.screen.cursor.x
    await window.type("yz" + LEFT * 2)
    assert window.screen.cursor.x == end
    assert window.screen.buffer[0][end].data == "y"


@pytest.mark.parametrize("columns", [60, 40, 30, 20])
async def test_a_narrower_window_leaves_nothing_behind(open_window, columns):
    window = await open_window()
    window.above.show(["one", "two"])
    await window.type("the quick brown fox jumps over the lazy dog and then some more words")
    window.narrow(columns)
    window.app._on_resize()
    await window.drawn()
    assert window.lines[:2] == ["one", "two"]
    assert "".join(window.lines[2:]).count("bob>") == 1
    assert window.screen.display[2].startswith("bob> the quick")
    window.above.flush()


async def test_a_terminal_that_cuts_rows_off_keeps_its_messages(open_window):
    window = await open_window(breaks_again=False)
    window.above.show(["one", "two"])
    await window.type("the quick brown fox jumps over the lazy dog and then some more words")
    window.screen.resize(columns=40)
    window.app._on_resize()
    await window.drawn()
    assert window.lines[:2] == ["one", "two"]
    assert "".join(window.lines[2:]).count("bob>") == 1


async def test_a_window_may_become_narrower_again_and_again(open_window):
    window = await open_window(terminal=Joined)
    window.above.show(["one"])
    await window.type("x" * 60 + FAMILY + " words" * 5)
    for columns in (50, 40, 33, 21):
        window.narrow(columns)
        await window.drawn()  # also where nobody has told us of the new size
        assert window.lines[0] == "one"
        assert "".join(window.lines).count("bob>") == 1


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6, 10, 24])
async def test_a_menu_takes_half_of_the_window_at_most(open_window, rows):
    window = await open_window(rows=rows)
    await window.type("hello n" + TAB)
    await window.until(
        lambda: any(line.startswith("bob> hello name") for line in window.lines) or rows == 1
    )
    assert not any("too small" in line for line in window.lines)
    await window.type(CTRL_U + "hello name7")
    assert any(line == "bob> hello name7" for line in window.lines)


async def test_a_draft_takes_half_of_the_window_at_most(open_window):
    window = await open_window(rows=12)
    await window.type("\x1b[200~" + "\n".join(f"line {n}" for n in range(30)) + "\x1b[201~")
    for number in range(6):
        window.above.show([f"said {number}"])
        await window.drawn()
    window.above.flush()
    await window.drawn()
    assert [line for line in window.lines if line.startswith("said")] == [
        f"said {number}" for number in range(6)
    ]
    assert window.lines[-1] == "line 29"
    assert window.session.default_buffer.text.count("\n") == 29
    await window.type(UP * 40)
    assert "bob> line 0" in window.lines


async def test_rows_that_are_no_longer_needed_are_erased(open_window):
    window = await open_window()
    window.above.show(["said"])
    await window.type("x" * 200)
    assert len(window.lines) == 4
    await window.type(CTRL_U)
    assert window.lines == ["said", "bob>"]


async def test_only_what_changed_is_drawn(open_window):
    window = await open_window()
    await window.type("\x1b[200~" + "\n".join(["first", *["x" * 70] * 5, "last"]) + "\x1b[201~")
    window.truncate(0)
    await window.type("!")
    assert "last!" in window.getvalue()
    assert "first" not in window.getvalue()


async def test_nothing_is_erased_from_the_first_column_of_the_screen(open_window):
    # From there tmux does not erase, but scrolls what it shows into its history.
    window = await open_window()
    await window.type("x" * 200 + CTRL_U)
    window.above.show(["one"])
    await window.drawn()
    parts = window.getvalue().split("\x1b[J")
    assert len(parts) > 2
    assert all(part.endswith("\x1b[K\x1b[C") for part in parts[:-1])


async def test_a_cleared_screen_begins_with_the_prompt(open_window):
    window = await open_window()
    window.above.show(["one", "two"])
    await window.type("hello" + CTRL_L)
    assert window.lines == ["bob> hello"]
