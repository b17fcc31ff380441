"""Who will get a line, shown while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from client.display import commands
from client.display.safe_text import clean_name
from wire.frames import Send
from wire.mentions import read_mentions

MOST_NAMES = 3
"""Names that are shown; of the others only their number."""

MOST_SHOWN = 32
"""Characters of a name that are shown; no name is longer."""

LONGEST = 16_000
"""Longest line, in characters, that is read at each key; a longer one cannot be sent anyway."""


def direction(line: str, to: Sequence[str] | None) -> tuple[str, ...]:
    """The recipients of a line, as they are written; empty if it is public, or no message.

    If a public line names somebody, the answer is "everyone": it could pass for a private one.

    Args:
        line: what has been typed so far.
        to: who gets every message; None if the line itself says that.
    """
    if to is not None:
        return tuple(to)
    return _read(line) if len(line) <= LONGEST else ()


def arrow(names: Sequence[str]) -> str:
    """How the prompt shows recipients: `` → sis, mom``; empty if there are none."""
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
