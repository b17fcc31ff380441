"""Who looks at the chat, and how; and the lines that the chat itself says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from display.rows import INDENT, rows
from display.style import Style
from wire.frames import LOBBY
from wire.names import fold


@dataclass(frozen=True)
class View:
    """Who looks, when and how.

    Attributes:
        me: the name of the one who looks.
        now: our machine's time with its offset: says which day is today and which offset is ours.
        style: colours, or none.
        width: columns of the window; None where there is none: then no line is broken.
        room: the room that one looks at; what is said in it is shown without its name. None for
            none.
    """

    me: str
    now: datetime
    style: Style
    width: int | None = None
    room: str | None = LOBBY

    def is_me(self, name: str) -> bool:
        """Whether a name is that of the one who looks."""
        return fold(name) == fold(self.me)


def broken(text: str, view: View) -> list[str]:
    """A text as the rows of one message."""
    first, *more = text.split("\n")
    return rows([first, *(INDENT + line for line in more)], view.width)


def info(text: str, view: View) -> list[str]:
    """A line that the chat itself says. The text must be clean."""
    return broken(view.style.info(f"· {text}"), view)
