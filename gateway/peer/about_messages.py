"""What a session does with messages: it deletes them, reacts to them, and reads earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from gateway.backplane.contract import Backplane, Log, author_of
from gateway.backplane.ids import NOTHING, parse_id
from gateway.backplane.records import Audited, Registration
from gateway.channels.replay import seen_id
from gateway.chat.effects import MessageRequest
from gateway.chat.rooms import may_react, tells_all
from gateway.errors import NameLost, RoomChanged
from gateway.peer.asking import Asker, refuse
from gateway.rooms.room import who_is
from gateway.rooms.rooms import Rooms
from wire.codec import decode_event
from wire.frames import (
    PRIVATE,
    Changed,
    Delete,
    Deleted,
    Earlier,
    Msg,
    React,
    Reacted,
    ReadHistory,
)
from wire.names import fold
from wire.reasons import ErrorCode, WireError

DELETE_WITHIN = 3600.0
"""Seconds in which an author may delete a message."""

PAGE_BYTES = 12 * 1024
"""Bytes of events in one line of an answer; a single event may be longer."""

SCANNED = 3000
"""The most of a person's messages that are looked through for those with one other person."""

AT_ONCE = 100
"""Messages that are read in one call."""


class AboutMessages:
    """Carries out what sessions want to do with messages.

    Args:
        backplane: what all gateways share.
        rooms: the rooms that are open here.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(self, backplane: Backplane, rooms: Rooms, monotonic: Callable[[], float]) -> None:
        self._backplane = backplane
        self._rooms = rooms
        self._monotonic = monotonic

    async def do(self, asker: Asker, request: MessageRequest) -> None:
        """Carry out a request, after all earlier messages of the peer."""
        await asker.answered()
        try:
            if isinstance(request, ReadHistory):
                await self._read(asker, request)
            else:
                id = await self._mark(asker, request)
                asker.perform_all(asker.session.done(request.seq, id, request.room))
        except WireError as error:
            refuse(asker, error, request.seq, self._monotonic())
        except NameLost:
            asker.unavailable(request.seq)

    async def _mark(self, asker: Asker, request: Delete | React) -> str:
        if seen_id(request.id) is None:
            raise WireError(ErrorCode.NO_SUCH_MESSAGE, "that is not the id of a message")
        if request.room is None:
            return await self._mark_private(asker.membership.registration, request)
        while True:
            try:
                if isinstance(request, Delete):
                    return await self._delete(asker, request, request.room)
                return await self._react(asker, request, request.room)
            except RoomChanged:
                await self._rooms.refresh(request.room)

    async def _delete(self, asker: Asker, request: Delete, room: str) -> str:
        member = asker.membership
        record, version = member.registration, self._rooms.version(room)
        if version is None or not member.is_in(room):
            raise WireError(ErrorCode.NOT_IN_ROOM, f"you are not in the room {room} any longer")
        try:
            author = author_of(record)
            return await self._erase(request, room, version, record, author, DELETE_WITHIN)
        except WireError as error:
            known = self._rooms.get(room)
            may = known is not None and tells_all(known.state, who_is(member))
            if not may or error.code not in (ErrorCode.NOT_YOURS, ErrorCode.TOO_LATE):
                raise
        id = await self._erase(request, room, version, record)
        await self._backplane.audit.note(
            Audited(
                by=record.name,
                account=record.account,
                address=record.address,
                gateway=record.gateway,
                act="delete",
                room=room,
                target=request.id,
            )
        )
        return id

    async def _erase(
        self,
        request: Delete,
        room: str,
        version: str,
        record: Registration,
        author: str = "",
        within: float | None = None,
    ) -> str:
        ids, by = [request.id], record.name
        return await self._backplane.erase(room, version, ids, by, author=author, within=within)

    async def _react(self, asker: Asker, request: React, room: str) -> str:
        member = asker.membership
        known = self._rooms.get(room)
        if known is None or not member.is_in(room):
            raise WireError(ErrorCode.NOT_IN_ROOM, f"you are not in the room {room} any longer")
        who = who_is(member)
        if (refusal := may_react(known.state, who, known.now())) is not None:
            raise refusal
        reaction = Reacted(
            room=room, target=request.id, from_=who.name, emoji=request.emoji, on=request.on
        )
        person = who.account or who.folded
        return await self._backplane.react(room, known.posting, reaction, person)

    async def _mark_private(self, record: Registration, request: Delete | React) -> str:
        message = await self._own(record, request.id)
        event: Deleted | Reacted
        if isinstance(request, Delete):
            event = Deleted(by=record.name)
        else:
            event = Reacted(from_=record.name, emoji=request.emoji, on=request.on)
        names = [record.name, message.from_, *(message.to or ())]
        people = list(dict.fromkeys(fold(name) for name in names))
        return await self._backplane.mark_private(
            record, request.id, event, people, within=DELETE_WITHIN
        )

    async def _own(self, record: Registration, id: str) -> Msg:
        """A private message in somebody's own log."""
        epoch, n = parse_id(id.encode())
        before = b"%d-%d" % (epoch, n + 1)
        lines, _ = await self._backplane.read_back(Log(PRIVATE, record.folded), before, 1)
        message = decode_event(lines[0]) if lines else None
        if not isinstance(message, Msg) or message.id != id:
            text = "there is no such message: it may be deleted already"
            raise WireError(ErrorCode.NO_SUCH_MESSAGE, text)
        return message

    # Earlier messages.

    async def _read(self, asker: Asker, request: ReadHistory) -> None:
        before, after = _id(request.before), _id(request.after)
        record, room = asker.membership.registration, request.room
        log = Log(room) if room is not None else Log(PRIVATE, record.folded)
        began = self._began(asker, room)
        if began is not None and (after is None or parse_id(after) < parse_id(began)):
            after = began
        found = _Found(request, after)
        if request.after is not None and before is None:
            complete = await self._read_on(log, found)
        else:
            complete = await self._read_back(log, before, found)
            found.lines.reverse()
        lines = found.lines
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
                    room=room,
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
            raise WireError(ErrorCode.NOT_IN_ROOM, f"you are not in the room {room} any longer")
        if known.state.modes.history == "all":
            return None
        began = record.began.get(room)
        return None if began is None else began.encode()

    async def _read_back(self, log: Log, before: bytes | None, found: _Found) -> bool:
        """Find the newest messages before an id; returns whether there are no earlier ones."""
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
