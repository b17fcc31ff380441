"""Reading what was said before: the answer to ``history``."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.backplane.contract import Backplane, Log
from gateway.backplane.ids import NOTHING, parse_id
from gateway.backplane.ids import before as end_before
from gateway.channels.replay import seen_id
from gateway.chat.sending import no_longer_in_room
from gateway.peer.asking import Asker
from gateway.rooms.rooms import Rooms
from wire.codec import decode_event
from wire.frames import PRIVATE, Changed, Earlier, Msg, ReadHistory
from wire.names import fold
from wire.reasons import ErrorCode, WireError

PAGE_BYTES = 12 * 1024
"""Bytes of events in one line of an answer; a single event may be longer."""

SCANNED = 3000
"""The most of a person's messages that are looked through for those with one other person."""

AT_ONCE = 100
"""Messages that are read in one call."""


class Past:
    """Tells sessions what was said before.

    Args:
        backplane: what all gateways share.
        rooms: the rooms that are open here.
    """

    def __init__(self, backplane: Backplane, rooms: Rooms) -> None:
        self._backplane = backplane
        self._rooms = rooms

    async def tell(self, asker: Asker, request: ReadHistory) -> None:
        """Answer a request.

        Raises:
            WireError: it cannot be answered.
        """
        record, room = asker.membership.registration, request.room
        log = Log(room) if room is not None else Log(PRIVATE, record.folded)
        if request.id is not None:
            await self._tell_one(asker, request, log, request.id)
            return
        before, after = _id(request.before), _id(request.after)
        starts = [after, self._began(asker, room)]
        if request.since is not None:
            starts.append(_previous(await self._first_since(log, request.since)))
        if request.until is not None:
            end = await self._first_since(log, request.until)
            before = end if before is None else min(before, end, key=parse_id)
        found = _Found(request, max(filter(None, starts), key=parse_id, default=None))
        if before is None and (request.after is not None or request.since is not None):
            complete = await self._read_on(log, found)
        else:
            complete = await self._read_back(log, before, found)
            found.lines.reverse()
        await self._answer(asker, request, log, found.lines, complete)

    async def _tell_one(self, asker: Asker, request: ReadHistory, log: Log, reference: str) -> None:
        found = _Found(request, self._began(asker, request.room))
        line = await find(self._backplane, log, reference)
        if line is not None and not found.is_too_early(line):
            found.take(line)
        await self._answer(asker, request, log, found.lines, complete=True)

    async def _answer(
        self, asker: Asker, request: ReadHistory, log: Log, lines: list[bytes], complete: bool
    ) -> None:
        refs = [ref for line in lines if (ref := _reference(line)) is not None]
        reactions = await self._backplane.reactions(log, refs)
        pages = list(_pages(lines))
        for number, page in enumerate(pages):
            mine = {
                ref: all for ref in map(_reference, page) if ref and (all := reactions.get(ref))
            }
            more = number < len(pages) - 1
            asker.tell(
                Earlier(
                    events=[msgspec.Raw(line.rstrip(b"\n")) for line in page],
                    room=request.room,
                    with_=request.with_,
                    reactions=mine,
                    more=more,
                    complete=complete and not more,
                    seq=request.seq,
                )
            )
            await asker.link.drained()

    def _began(self, asker: Asker, room: str | None) -> bytes | None:
        """The id after which the session may read; None for everything."""
        record = asker.membership.registration
        if room is None:
            began = record.began.get(PRIVATE)
            return began.encode() if began is not None and not record.account else None
        known = self._rooms.get(room)
        if known is None:
            raise no_longer_in_room(room)
        if known.state.modes.history == "all":
            return None
        began = record.began.get(room)
        return None if began is None else began.encode()

    async def _first_since(self, log: Log, time: int) -> bytes:
        """The first id of a log that was not stored before a time."""
        newest = await self._newest(log, None)
        if newest is None:
            return NOTHING
        # Everything before `low` was stored earlier, and from `high` on nothing was.
        low, high = (0, 0), _next(newest)
        while low < high:
            # Ids are halved, not messages, so it does not matter which were deleted or trimmed.
            epoch, n = high
            middle = (epoch, (low[1] + n + 1) // 2 if low[0] == epoch else 0)
            found = await self._newest(log, b"%d-%d" % middle)
            if found is None or _time_of(found) < time:
                low = middle
            else:
                high = parse_id(_id_of(found))
        return b"%d-%d" % low

    async def _newest(self, log: Log, before: bytes | None) -> bytes | None:
        """The newest line of a log before an id; None without one."""
        lines, _ = await self._backplane.read_back(log, before, 1)
        return lines[0] if lines else None

    async def _read_back(self, log: Log, before: bytes | None, found: _Found) -> bool:
        """Find the newest messages before an id; returns whether there are no earlier ones."""
        if before is not None and parse_id(before) == parse_id(NOTHING):
            return True
        scanned = 0
        while scanned < SCANNED:
            lines, at_front = await self._backplane.read_back(log, before, AT_ONCE)
            scanned += len(lines)
            for line in lines:
                if found.is_too_early(line):
                    return True
                if not found.take(line):
                    return False
            if at_front or not lines:
                return True
            before = _id_of(lines[-1])
        return False

    async def _read_on(self, log: Log, found: _Found) -> bool:
        """Find the oldest messages after an id; returns whether there are no later ones."""
        after, more = found.after or NOTHING, True
        while more:
            page = await self._backplane.read_log(log, after, AT_ONCE)
            for id, line in page.messages:
                after = id
                if line and not found.take(line):
                    return False
            more = page.more
        return True


async def find(backplane: Backplane, log: Log, reference: str) -> bytes | None:
    """A message of a log, or None.

    Args:
        backplane: where it is stored.
        log: which.
        reference: the id of the message, or the key of a private one.
    """
    if (id := seen_id(reference)) is not None:
        epoch, n = parse_id(id)
        lines, _ = await backplane.read_back(log, b"%d-%d" % (epoch, n + 1), 1)
        return next((line for line in lines if _id_of(line) == id), None)
    if log.room != PRIVATE:
        return None
    # A person's log is short, and keys are asked for seldom.
    before, scanned, at_front = None, 0, False
    while scanned < SCANNED and not at_front:
        lines, at_front = await backplane.read_back(log, before, AT_ONCE)
        for line in lines:
            if reference.encode() in line:
                event = decode_event(line)
                if isinstance(event, Msg) and event.key == reference:
                    return line
        if not lines:
            break
        scanned += len(lines)
        before = _id_of(lines[-1])
    return None


class _Found:
    """The messages of an answer, as they are found.

    Args:
        request: what was asked for.
        after: only what came after this id is told; None for everything.

    Attributes:
        lines: the events.
        after: as above.
    """

    def __init__(self, request: ReadHistory, after: bytes | None) -> None:
        self.lines: list[bytes] = []
        self.after = after
        self._limit = request.limit
        self._with = None if request.with_ is None else fold(request.with_)

    def is_too_early(self, line: bytes) -> bool:
        """Whether an event came before those that may be told."""
        return self.after is not None and parse_id(_id_of(line)) <= parse_id(self.after)

    def take(self, line: bytes) -> bool:
        """Look at an event; returns False if there was no place for it."""
        event = decode_event(line)
        if isinstance(event, Changed) or (isinstance(event, Msg) and self._is_with(event)):
            if len(self.lines) == self._limit:
                return False
            self.lines.append(line)
        return True

    def _is_with(self, message: Msg) -> bool:
        if self._with is None:
            return True
        return self._with in {fold(message.from_), *map(fold, message.to or ())}


def _id(text: str | None) -> bytes | None:
    if text is None:
        return None
    if (id := seen_id(text)) is None:
        raise WireError(ErrorCode.BAD_FIELD, f"{text!r} is not the id of a message")
    return id


def _id_of(line: bytes) -> bytes:
    """A line begins with the id: ``{"id":"7-3",``."""
    return line[7 : line.index(b'"', 7)]


def _time_of(line: bytes) -> int:
    """When a line was stored, which stands after its id: ``{"id":"7-3","ts":1764201600000,``."""
    begin = line.index(b'"ts":') + 5
    return int(line[begin : line.index(b",", begin)])


def _next(line: bytes) -> tuple[int, int]:
    epoch, n = parse_id(_id_of(line))
    return epoch, n + 1


def _previous(id: bytes) -> bytes:
    epoch, n = parse_id(id)
    return b"%d-%d" % (epoch, n - 1) if n else NOTHING if id == NOTHING else end_before(epoch)


def _reference(line: bytes) -> str | None:
    event = decode_event(line)
    return (event.key or event.id) if isinstance(event, Msg) else None


def _pages(lines: list[bytes]) -> Iterator[list[bytes]]:
    """The lines in pieces that fit into one line each; at least one piece."""
    page: list[bytes] = []
    size = 0
    for line in lines:
        if page and size + len(line) > PAGE_BYTES:
            yield page
            page, size = [], 0
        page.append(line)
        size += len(line)
    yield page
