"""Two people talk through a real gateway, each in a real terminal, and every key is filmed.

The clock of the film is its own: a scene takes as long as its people take to type and to read,
however quick the machine is. So a recording changes only with what it shows.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import pyte

from gateway.backplane.embedded import server as embedded
from tests.e2e.processes import Chat
from tests.picture.film import Frame, Row, Run, svg
from tests.unit.client.terminal import Terminal

ROWS, COLUMNS = 11, 48
PEOPLE = ("dana", "sis")
BEGINS = datetime(2026, 11, 23, 10, 2, 11)
KEY, ENTER, READ, END = 0.07, 0.5, 1.1, 4.0
"""Seconds of the film: for a key, before Enter, to read what came, and at the end."""

DIM, GREY = b"\x1b[2m", b"\x1b[90m"
"""The emulator knows no faint letters: here they are grey."""

TIME = re.compile(r"\d\d:\d\d:\d\d(?= )")


class Scene:
    """The terminals, and what they have shown so far."""

    def __init__(self, terminals: dict[str, Terminal]) -> None:
        self._terminals = terminals
        self._typed = dict.fromkeys(terminals, "")
        self._times: dict[str, str] = {}
        self.now = 0.0
        self.frames: list[Frame] = []
        self._film(READ)

    async def type(self, name: str, text: str) -> None:
        """Type as a person does, key by key."""
        terminal = self._terminals[name]
        for key in text:
            terminal.type(key)
            self._typed[name] += key
            await self._prompt(name)
            self._film(KEY)

    async def enter(self, name: str, **above: str) -> None:
        """Press Enter, and wait until the rows above the prompts end as given, person by person."""
        self._film(ENTER)
        self._terminals[name].type("\r")
        self._typed[name] = ""
        for person, end in above.items():
            await self._terminals[person].until(lambda lines, end=end: _above(lines).endswith(end))
        for person in {name, *above}:
            await self._prompt(person)
        self._film(READ)

    async def _prompt(self, name: str) -> None:
        """Wait until the cursor stands after what has been typed, and nothing else has moved."""
        terminal = self._terminals[name]
        ends = (f"> {self._typed[name]}", f"$ {self._typed[name]}")
        await terminal.until(lambda _: _before_cursor(terminal.screen).endswith(ends))

    def _film(self, seconds: float) -> None:
        """Take what is shown now, for as long as given."""
        screens = tuple(self._rows(each.screen) for each in self._terminals.values())
        self.frames.append(Frame(self.now, screens))
        self.now += seconds

    def _rows(self, screen: pyte.Screen) -> tuple[Row, ...]:
        return tuple(self._row(screen, place) for place in range(screen.lines))

    def _row(self, screen: pyte.Screen, place: int) -> Row:
        cells = [screen.buffer[place][column] for column in range(screen.columns)]
        shown = self._film_time("".join(cell.data for cell in cells))
        looks = [(cell.fg, cell.reverse) for cell in cells]
        runs = []
        for look, columns in groupby(range(len(shown)), key=looks.__getitem__):
            start, *rest = columns
            text = shown[start : start + 1 + len(rest)]
            text = text if look[1] else text.rstrip()
            if text:
                indent = 0 if look[1] else len(text) - len(text.lstrip())
                runs.append(Run(start + indent, text[indent:], *look))
        return Row(tuple(runs), screen.cursor.x if screen.cursor.y == place else None)

    def _film_time(self, row: str) -> str:
        """A row with the time of the film in place of the time of day."""
        if not TIME.match(row):
            return row
        now = f"{BEGINS + timedelta(seconds=self.now):%H:%M:%S}"
        said = row.rpartition(": ")[2].rstrip()
        return TIME.sub(self._times.setdefault(said, now), row, count=1)


class FaintAsGrey:
    """Feeds an emulator that knows no faint letters, so that they are grey."""

    def __init__(self, stream: pyte.ByteStream) -> None:
        self._stream = stream

    def feed(self, data: bytes) -> None:
        self._stream.feed(data.replace(DIM, GREY))


def _above(lines: list[str]) -> str:
    return "".join(lines[-2:-1])


def _before_cursor(screen: pyte.Screen) -> str:
    return str(screen.display[screen.cursor.y])[: screen.cursor.x]


async def talk(scene: Scene) -> None:
    """What the picture shows."""
    await scene.type("dana", "chatctl client dana")
    await scene.enter("dana")
    await scene.type("sis", "chatctl client sis")
    await scene.enter("sis", dana="· sis joined")
    await scene.type("dana", "lunch at twelve?")
    await scene.enter("dana", dana=": lunch at twelve?", sis=": lunch at twelve?")
    await scene.type("sis", "yes! the usual pl")
    await scene.type("dana", "it is mom's birthday @sis")
    await scene.enter("dana", dana=": it is mom's birthday @sis", sis=": it is mom's birthday @sis")
    await scene.type("sis", "ace")
    await scene.enter("sis", dana=": yes! the usual place", sis=": yes! the usual place")
    await scene.type("dana", "/join cake")
    await scene.enter("dana", dana="(only you)")
    await scene.type("sis", "/join cake")
    await scene.enter("sis", dana="· sis joined", sis="(2 people)")
    await scene.type("sis", "chocolate?")
    await scene.enter("sis", dana=": chocolate?", sis=": chocolate?")


async def record() -> str:
    """Play the scene, and draw it."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-film-")))
        redis = stack.enter_context(embedded.start(home))
        chat = Chat(home, ["--redis", redis.url])
        gateway = await chat.start_gateway(stack, embedded=False)
        environment = {
            **chat.environment,
            "CHATCTL_SERVER": gateway.address,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        async with contextlib.AsyncExitStack() as windows:
            terminals = {}
            for name in PEOPLE:
                terminal = Terminal(["/bin/sh", "-i"], rows=ROWS, columns=COLUMNS, **environment)
                terminal._stream = FaintAsGrey(terminal._stream)
                terminals[name] = await windows.enter_async_context(terminal)
                await terminal.until(lambda lines: lines[-1] == "$")
            scene = Scene(terminals)
            await talk(scene)
            return svg(scene.frames, PEOPLE, COLUMNS, scene.now + END)
