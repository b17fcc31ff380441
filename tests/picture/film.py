"""What terminals showed, moment by moment, as one SVG that plays it again and again. Pure.

It needs no script and no font from elsewhere, so it plays where a page shows it as an image.
Readers who ask for less motion, and programs that don't animate, show the last moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

SIZE = 14
"""Of the letters, in pixels."""
CELL = 8.4
LINE = 19
BAR = 30
"""Height of a window's title bar."""
PAD = 12
GAP = 16

GROUND, EDGE, BAR_FILL, TITLE = "#11151c", "#2b3440", "#1b222c", "#9aa7b5"
COLORS = {
    "default": "#d7dee6",
    "black": "#11151c",
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#e3b341",
    "blue": "#79b8ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#f0f6fc",
    "brightblack": "#7d8894",
    "brightgreen": "#56d364",
    "brightblue": "#a5d0ff",
    "brightmagenta": "#f0b6ff",
    "brightcyan": "#a7f3f5",
}

FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
STYLE = f"text{{font:{SIZE}px {FONT};white-space:pre}}"
STILL = "@media(prefers-reduced-motion:reduce){g{animation:none!important}}"


class Run(NamedTuple):
    """Letters of one colour that stand side by side."""

    column: int
    text: str
    color: str
    reverse: bool


class Row(NamedTuple):
    """One row of a terminal: its letters, and the column of the cursor if that is in it."""

    runs: tuple[Run, ...]
    cursor: int | None


class Frame(NamedTuple):
    """What all terminals show from one moment on.

    Attributes:
        at: seconds since the film began.
        screens: the rows of each terminal.
    """

    at: float
    screens: tuple[tuple[Row, ...], ...]


class Shown(NamedTuple):
    """A row that stays the same for a while."""

    screen: int
    place: int
    row: Row
    start: float
    end: float


def svg(frames: Sequence[Frame], titles: Sequence[str], columns: int, length: float) -> str:
    """Draw the film.

    Args:
        frames: in the order of their times; the first begins at 0.
        titles: of the windows, from left to right.
        columns: of each terminal.
        length: seconds after which it begins again.
    """
    rows = len(frames[0].screens[0])
    width = columns * CELL + 2 * PAD
    height = BAR + rows * LINE + 2 * PAD
    spells = list(_spells(frames, length))
    whole = len(titles) * (width + GAP) - GAP
    motion = f"g{{animation:{length:g}s step-end infinite}}"
    rules = "".join(_rules(spells, length))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:.0f} {height:.0f}" '
        f'width="{whole:.0f}" height="{height:.0f}" role="img" '
        'aria-label="Two people chat, each in a terminal">',
        f"<style>{STYLE}{motion}{rules}{STILL}</style>",
    ]
    for number, title in enumerate(titles):
        left = number * (width + GAP)
        parts.append(_window(left, width, height, title))
        parts += [_drawn(each, left + PAD, length) for each in spells if each.screen == number]
    return "\n".join([*parts, "</svg>", ""])


def last_moment(picture: str) -> list[str]:
    """The rows that a picture ends with: what it shows where nothing moves."""
    groups = (line for line in picture.split("\n") if line.startswith("<g"))
    return [re.sub("<[^>]*>", "", group) for group in groups if "hidden" not in group]


def _spells(frames: Sequence[Frame], length: float) -> Iterator[Shown]:
    """How long each row shows the same; rows with nothing in them are left out."""
    for screen, rows in enumerate(frames[0].screens):
        for place in range(len(rows)):
            start, row = 0.0, rows[place]
            for frame in frames[1:]:
                new = frame.screens[screen][place]
                if new != row:
                    if row.runs or row.cursor is not None:
                        yield Shown(screen, place, row, start, frame.at)
                    start, row = frame.at, new
            if row.runs or row.cursor is not None:
                yield Shown(screen, place, row, start, length)


def _span(shown: Shown, length: float) -> tuple[int, int]:
    """The beginning and the end of a spell, in thousandths of the film."""
    return round(shown.start / length * 1000), round(shown.end / length * 1000)


def _rules(spells: Sequence[Shown], length: float) -> Iterator[str]:
    """One rule for each spell of time; rows that come and go together share one."""
    for start, end in sorted({_span(each, length) for each in spells} - {(0, 1000)}):
        name = f"s{start}-{end}"
        before = "0%{visibility:hidden}" if start else ""
        after = f"{end / 10:g}%,to{{visibility:hidden}}" if end < 1000 else ""
        yield f".{name}{{animation-name:{name}}}"
        yield f"@keyframes {name}{{{before}{start / 10:g}%{{visibility:visible}}{after}}}"


def _window(left: float, width: float, height: float, title: str) -> str:
    middle = left + width / 2
    return (
        f'<rect x="{left + 0.5:g}" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8" '
        f'fill="{GROUND}" stroke="{EDGE}"/>'
        f'<path d="M{left + 1:g} {BAR}v-21a8 8 0 0 1 8-8h{width - 18:g}a8 8 0 0 1 8 8v21z" '
        f'fill="{BAR_FILL}"/>'
        f'<text x="{middle:g}" y="20" text-anchor="middle" fill="{TITLE}">{escape(title)}</text>'
    )


def _drawn(shown: Shown, left: float, length: float) -> str:
    start, end = _span(shown, length)
    name = "" if (start, end) == (0, 1000) else f' class="s{start}-{end}"'
    hidden = ' visibility="hidden"' if end < 1000 else ""
    top = BAR + PAD + shown.place * LINE
    parts = [_letters(run, left, top) for run in shown.row.runs]
    if shown.row.cursor is not None:
        parts.append(_block(left + shown.row.cursor * CELL, top, CELL, COLORS["default"]))
    return f"<g{name}{hidden}>{''.join(parts)}</g>"


def _letters(run: Run, left: float, top: float) -> str:
    """A run, stretched to its columns whatever the font."""
    x, width = left + run.column * CELL, len(run.text) * CELL
    # One of the 256 colours comes as its value, any other by its name.
    color = COLORS.get(run.color, f"#{run.color}")
    ground = _block(x, top, width, color) if run.reverse else ""
    return (
        f'{ground}<text x="{x:.1f}" y="{top + SIZE:g}" textLength="{width:.1f}" '
        f'fill="{GROUND if run.reverse else color}">{escape(run.text)}</text>'
    )


def _block(x: float, top: float, width: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{LINE - 2}" fill="{color}"/>'
