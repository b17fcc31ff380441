"""The reader's view of the chat, and lines that the chat itself says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from client.display.rows import INDENT, rows
from client.display.style import Style
from wire.frames import LOBBY, Msg
from wire.names import fold


@dataclass(frozen=True)
class View:
    """The reader of the chat, the time, and how things are shown.

    Attributes:
        me: the reader's name.
        now: the time on our machine with its UTC offset: it tells what today is, and our offset.
        style: colours, or no colours.
        width: the columns of the window; None if there is no window: then lines are not broken.
        room: the current room: its messages are shown without its name. None for none.
        highlight: words that count like the reader's name.
        clock: how times are written, as `datetime.strftime` has it.
        recall: finds a message that was shown, by its key or id; None if it is not known.
    """

    me: str
    now: datetime
    style: Style
    width: int | None = None
    room: str | None = LOBBY
    highlight: tuple[str, ...] = ()
    clock: str = "%H:%M:%S"
    recall: Callable[[str], Msg | None] = field(default=lambda _message: None, compare=False)

    def is_me(self, name: str) -> bool:
        """Whether a name is the reader's own."""
        return fold(name) == fold(self.me)


def broken(text: str, view: View) -> list[str]:
    """A text, perhaps of several lines, broken into the rows of one message."""
    first, *more = text.split("\n")
    return rows([first, *(INDENT + line for line in more)], view.width)


def info(text: str, view: View) -> list[str]:
    """A line that the chat itself says. The text must be safe to show."""
    return broken(view.style.info(f"· {text}"), view)
