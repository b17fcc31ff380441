import asyncio

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input

from client.drawing import PromptRenderer
from client.screen import Prompt, PromptOutput, Screen
from tests.unit.client.written import Written

ERASE = "\x1b[J\r\x1b[?7h"
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


class Typing:
    """A prompt at work, and what it writes."""

    def __init__(self, input):
        self.written = Written()
        output = PromptOutput(self.written, lambda: Size(rows=24, columns=80))
        self.session = Prompt("> ", input=input, output=output, erase_when_done=True)
        self.session.app.renderer = PromptRenderer(self.session.app, output)
        self.screen = Screen(self.session.app, output)

    async def drawn(self):
        """Wait until the prompt has been drawn once more."""
        drawn = asyncio.Event()

        def tell(_app):
            drawn.set()

        self.session.app.after_render += tell
        await drawn.wait()
        self.session.app.after_render -= tell


@pytest.fixture
async def prompt():
    with create_pipe_input() as input:
        prompt = Typing(input)
        running = asyncio.create_task(prompt.session.prompt_async())
        await prompt.drawn()
        yield prompt
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_line_after_a_quiet_time_is_shown_at_once(prompt):
    prompt.screen.show(["hello"])
    assert "hello\r\n" in prompt.written.getvalue()
    await prompt.drawn()
    assert ">" in prompt.written.getvalue().partition("hello\r\n")[2]


async def test_a_burst_is_shown_in_one_redraw_and_in_order(prompt):
    lines = [f"line {number}" for number in range(500)]
    for line in lines:
        prompt.screen.show([line])
    await prompt.written.shows("line 499\r\n")
    text = prompt.written.getvalue()
    positions = [text.index(f"{line}\r\n") for line in lines]
    assert positions == sorted(positions)
    assert text.count(ERASE) == 2  # for the first line, and for the other 499


async def test_pasting_stays_protected_while_lines_are_shown(prompt):
    assert PASTE_ON in prompt.written.getvalue()
    prompt.screen.show(["hello"])
    await prompt.drawn()
    assert PASTE_OFF not in prompt.written.getvalue()


async def test_the_terminal_is_never_asked_where_its_cursor_is(prompt):
    prompt.screen.show(["hello"])
    await prompt.drawn()
    assert "\x1b[6n" not in prompt.written.getvalue()


async def test_without_a_prompt_lines_are_written_plainly():
    with create_pipe_input() as input:
        prompt = Typing(input)
        prompt.screen.show(["one"])
        prompt.screen.show(["two"])
        prompt.screen.flush()
        assert prompt.written.getvalue().endswith("one\r\ntwo\r\n")


async def test_after_the_prompt_bracketed_paste_is_off_again():
    with create_pipe_input() as input:
        prompt = Typing(input)
        input.send_text("\r")
        await prompt.session.prompt_async()
        assert prompt.written.getvalue().rindex(PASTE_OFF) > prompt.written.getvalue().rindex(
            PASTE_ON
        )


async def test_in_the_background_lines_wait_and_are_not_lost(prompt, monkeypatch):
    with monkeypatch.context() as background:
        background.setattr(PromptOutput, "is_ours", False)
        before = prompt.written.getvalue()
        prompt.screen.show(["hello"])
        prompt.session.app.invalidate()
        await prompt.drawn()
        assert prompt.written.getvalue() == before
    prompt.screen.flush()
    await prompt.drawn()
    assert "hello\r\n" in prompt.written.getvalue()
