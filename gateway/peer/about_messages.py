"""What a session does with messages: it deletes them, reacts to them, and reads earlier ones."""

from __future__ import annotations

from collections.abc import Callable

from gateway.backplane.contract import Backplane, Log, author_of
from gateway.backplane.records import Registration, audited_by
from gateway.channels.replay import seen_id
from gateway.chat.effects import MessageRequest
from gateway.chat.rooms import may_react, tells_all
from gateway.chat.sending import no_longer_in_room
from gateway.errors import NameLost, RoomChanged
from gateway.peer.asking import Asker, refuse
from gateway.peer.past import Past, find
from gateway.rooms.room import who_is
from gateway.rooms.rooms import Rooms
from wire.codec import decode_event
from wire.frames import (
    PRIVATE,
    Delete,
    Deleted,
    Msg,
    React,
    Reacted,
    ReadHistory,
)
from wire.names import fold
from wire.reasons import ErrorCode, WireError

DELETE_WITHIN = 3600.0
"""Seconds in which an author may delete a message."""


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
        self._past = Past(backplane, rooms)

    async def do(self, asker: Asker, request: MessageRequest) -> None:
        """Carry out a request, after all earlier messages of the peer."""
        await asker.answered()
        try:
            if isinstance(request, ReadHistory):
                await self._past.tell(asker, request)
            else:
                id = await self._mark(asker, request)
                asker.perform_all(asker.session.done(request.seq, id, request.room))
        except WireError as error:
            refuse(asker, error, request.seq, self._monotonic())
        except NameLost:
            asker.unavailable(request.seq)

    async def _mark(self, asker: Asker, request: Delete | React) -> str:
        if request.room is None:
            return await self._mark_private(asker.membership.registration, request)
        if seen_id(request.id) is None:
            raise WireError(ErrorCode.NO_SUCH_MESSAGE, "that is not the id of a message")
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
            raise no_longer_in_room(room)
        try:
            author = author_of(record)
            return await self._erase(request, room, version, record, author, DELETE_WITHIN)
        except WireError as error:
            known = self._rooms.get(room)
            may = known is not None and tells_all(known.state, who_is(member))
            if not may or error.code not in (ErrorCode.NOT_YOURS, ErrorCode.TOO_LATE):
                raise
        id = await self._erase(request, room, version, record)
        await self._backplane.audit.note(audited_by(record, "delete", room=room, target=request.id))
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
            raise no_longer_in_room(room)
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
            record, message.id, event, people, within=DELETE_WITHIN
        )

    async def _own(self, record: Registration, reference: str) -> Msg:
        """A private message in somebody's own log."""
        line = await find(self._backplane, Log(PRIVATE, record.folded), reference)
        message = None if line is None else decode_event(line)
        if not isinstance(message, Msg):
            text = "there is no such message: it may be deleted already"
            raise WireError(ErrorCode.NO_SUCH_MESSAGE, text)
        return message
