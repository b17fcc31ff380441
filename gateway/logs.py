"""Reading on in a log from where one was: for a hole, and for somebody who comes back."""

from __future__ import annotations

from typing import NamedTuple

from gateway.backplane import Backplane
from gateway.backplane.ids import before, follows, is_of, parse
from wire.codec import encode
from wire.frames import PRIVATE, Gap

PAGE = 500
"""Messages that are read at once."""


class Log(NamedTuple):
    """What one reader can read of a log.

    Attributes:
        room: the room, or `PRIVATE`.
        reader: folded name, with `PRIVATE`.
    """

    room: str
    reader: str = ""


class Page(NamedTuple):
    """What came after an id.

    Attributes:
        upto: up to which id the log was read.
        lines: messages, and a gap wherever some are missing.
        more: there may be more after ``upto``.
    """

    upto: bytes
    lines: list[bytes]
    more: bool


async def read_on(backplane: Backplane, log: Log, after: bytes) -> Page:
    """Read what comes after an id.

    Raises:
        BackplaneDown: Redis is away.
    """
    read = _read_private if log.room == PRIVATE else _read_room
    upto, lines, more = page = await read(backplane, log, after)
    if more or is_of(upto, backplane.epoch):
        return page
    # An older epoch has been read to its end. What was said last in it may be lost.
    return Page(before(backplane.epoch), [*lines, gap(log.room, upto)], more)


def gap(room: str, after: bytes | None) -> bytes:
    """The line that owns up to a hole."""
    text = "Some messages are missing here, and cannot be had any more."
    return encode(Gap(room=room, after=after.decode() if after else None, text=text))


async def _read_room(backplane: Backplane, log: Log, after: bytes) -> Page:
    found = await backplane.said(log.room, after, PAGE)
    at, lines = after, []
    for id, line in found:
        if not follows(id, at):
            lines.append(gap(log.room, at))
        lines.append(line)
        at = id
    return Page(at, lines, len(found) == PAGE)


async def _read_private(backplane: Backplane, log: Log, after: bytes) -> Page:
    looked, found = await backplane.whispered(log.reader, after, PAGE)
    lines = [line for _, line in found]
    if looked and not _reaches_back(await backplane.oldest(PRIVATE), after, looked):
        # One's own messages are a few among all: which are missing cannot be known.
        lines.insert(0, gap(PRIVATE, after))
    return Page(looked or after, lines, bool(looked))


def _reaches_back(oldest: bytes, after: bytes, looked: bytes) -> bool:
    (epoch, n), (looked_epoch, _) = parse(after), parse(looked)
    if after == before(str(looked_epoch)):
        return parse(oldest) <= (looked_epoch, 0)
    return epoch == looked_epoch and parse(oldest) <= (epoch, n + 1)
