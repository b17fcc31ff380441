"""Where a line will go, told while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from display import commands
from display.safe_text import clean_name
from wire.frames import Send
from wire.mentions import read_mentions

MOST_NAMES = 3
"""Names that are shown; of more only how many they are."""

MOST_SHOWN = 32
"""Characters of a name that are shown; there are no longer names."""

LONGEST = 16_000
"""Characters of a line that is read at each key; a longer one is too long to be sent."""


def direction(line: str, to: Sequence[str] | None) -> tuple[str, ...]:
    """Whom a line is for, as the names are written; empty if it is for everyone, or no message.

    Everyone is said where a line for everyone names somebody: it could be taken for a private one.

    Args:
        line: what has been typed so far.
        to: who gets every message; None to read that from the line.
    """
    if to is not None:
        return tuple(to)
    return _read(line) if len(line) <= LONGEST else ()


def arrow(names: Sequence[str]) -> str:
    """What the prompt says of them: `` → sis, mom``; nothing of everyone."""
    if not names:
        return ""
    shown = [clean_name(name[:MOST_SHOWN]) for name in names[:MOST_NAMES]]
    more = len(names) - len(shown)
    return f" → {', '.join(shown)}" + (f" and {more} more" if more else "")


@lru_cache(maxsize=1)
def _read(line: str) -> tuple[str, ...]:
    meaning = commands.read(line)
    if not isinstance(meaning, Send):
        return ()
    if meaning.to is not None:
        return tuple(dict.fromkeys(meaning.to))
    recipients, others = read_mentions(meaning.text)
    return tuple(dict.fromkeys(recipients)) or (("everyone",) if others else ())
