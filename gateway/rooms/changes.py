"""What the operators of rooms want done."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from gateway.backplane.contract import Departure, Known
from gateway.chat.room_changes import Change, Target, network_in, plan
from gateway.chat.rooms import no_such_room
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from gateway.rooms.room import Backplane, Person, who_is
from gateway.rooms.rooms import Rooms
from gateway.rooms.roster import Named
from wire.codec import encode_body
from wire.frames import Moderate
from wire.names import fold, may_be_held
from wire.reasons import ErrorCode, OutCode, WireError


class Changes:
    """Changes rooms: topic, modes, moderation.

    Args:
        backplane: what all gateways share.
        rooms: those that are open here.
        longest: characters of the longest name of a person.
    """

    def __init__(self, backplane: Backplane, rooms: Rooms, longest: int) -> None:
        self._backplane = backplane
        self._rooms = rooms
        self._longest = longest

    async def change(self, request: Change, person: Person) -> str:
        """Do what somebody asks for; returns the id of the event that tells of it.

        After the return it holds on every gateway, whatever that knows still: Redis refuses what
        was decided from an older state.

        Returns:
            The id; empty if all was so already.

        Raises:
            WireError: the person may not, or it cannot be done.
            BackplaneDown: Redis is away; it may or may not have been done.
            BackplaneRefused: it was not done.
        """
        while True:
            try:
                id = await self._change(request, person)
            except RoomChanged:
                continue  # by somebody else at the same time: see what holds now
            except NoSuchRoom:
                raise no_such_room(request.room) from None
            with contextlib.suppress(BackplaneDown, BackplaneRefused):  # it is done
                # The person who asked for it sees it from now on, even if it is heard later.
                await self._rooms.refresh(request.room)
            if isinstance(request, Moderate) and request.action == "invite":
                await self._tell_invited(request, person)
            return id

    async def _change(self, request: Change, person: Person) -> str:
        room = request.room
        # What is known here may be a little old, and this is seldom: it is worth a question.
        now, state = await self._backplane.rooms.state(room)
        members = await self._rooms.members(room)
        target = await self._target(request, members)
        wanted = plan(state, who_is(person), request, now, people=len(members), target=target)
        if wanted is None:
            return ""
        removed = None
        if wanted.removed is not None and target is not None:
            banned = isinstance(request, Moderate) and request.action == "ban"
            code = OutCode.BANNED if banned else OutCode.KICKED
            removed = Departure(wanted.removed, target.name, "", code)
        return await self._backplane.rooms.change(
            room,
            state.version,
            wanted.edits,
            encode_body(wanted.event),
            removed=removed,
            invite_members=wanted.invite_members,
        )

    async def _tell_invited(self, invite: Moderate, person: Person) -> None:
        by = person.registration.name
        with contextlib.suppress(BackplaneDown, BackplaneRefused):  # the invitation holds already
            await self._backplane.rooms.tell_invited(fold(invite.name), invite.room, by)

    async def _target(self, request: Change, members: Mapping[str, Named]) -> Target | None:
        """The person that the request is about, if there is one."""
        if not isinstance(request, Moderate) or network_in(request) is not None:
            return None
        if not may_be_held(request.name, self._longest):
            text = f"nobody can have the name {request.name[: self._longest]}"
            raise WireError(ErrorCode.NO_SUCH_PERSON, text)
        folded = fold(request.name)
        found = await self._backplane.look_up(folded) or Known(request.name, "", False)
        inside = folded in members
        if request.action == "kick" and not inside:
            # Somebody may have come in a moment ago.
            inside = folded in await self._rooms.read_members(request.room)
        return Target(folded, found.name, found.origin, found.registered, inside)
