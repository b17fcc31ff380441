"""Reading on in a log: to repair a hole, and for somebody who comes back."""

from __future__ import annotations

from typing import NamedTuple

from gateway.backplane.contract import Backplane, Log
from gateway.backplane.ids import epoch_of, follows, is_beginning, parse_id
from wire.codec import encode
from wire.frames import Gap

PAGE = 500
"""The most messages to read in one call."""


class Page(NamedTuple):
    """What came after an id.

    Attributes:
        upto: the id up to which the log was read.
        lines: messages, and a gap wherever some are missing; each as `wire.codec.encode` writes it.
        more: whether there may be more after ``upto``.
    """

    upto: bytes
    lines: list[bytes]
    more: bool


async def read_on(backplane: Backplane, log: Log, after: bytes) -> Page:
    """Read what comes after an id.

    Raises:
        BackplaneDown: Redis is away.
    """
    page = await backplane.read_log(log, after, PAGE)
    at, lines, whole = after, list[bytes](), page.whole
    for id, line in page.messages:
        follows_on = follows(id, at) or (at == page.start and parse_id(id)[1] == 0)
        if not follows_on and not (whole and _may_follow(id, at, page.start)):
            lines.append(encode(gap(log.room, at)))
        if line:
            lines.append(line)
        # A log is trimmed at its front only: what is missing behind an entry was deleted.
        at, whole = id, True
    if page.more:
        return Page(at, lines, True)
    tail = page.tail
    if parse_id(tail) < parse_id(at):
        # The log has lost messages, and goes on in a new epoch from now on.
        [tail] = await backplane.tails([log])
    was_deleted = whole and _may_follow(tail, at, page.start) and not is_beginning(tail)
    if tail != at and not (at == page.start and is_beginning(tail)) and not was_deleted:
        # Messages are missing, or may be.
        lines.append(encode(gap(log.room, at)))
    return Page(tail, lines, False)


def _may_follow(id: bytes, at: bytes, start: bytes) -> bool:
    """Whether an id may come after a position if all in between was deleted."""
    return at == start or epoch_of(id) == epoch_of(at)


def gap(room: str, after: bytes | None) -> Gap:
    """The event for missing messages."""
    text = "Some messages are missing here and cannot be recovered."
    return Gap(room=room, after=after.decode() if after else None, text=text)
