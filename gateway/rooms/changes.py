"""Changes that operators of rooms ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from msgspec import to_builtins

from gateway.backplane.contract import Departure, Known
from gateway.backplane.records import audited_by
from gateway.chat.room_changes import Change, Target, check_operator, network_in, plan
from gateway.chat.rooms import may_read, no_such_room
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from gateway.rooms.room import Backplane, Person, who_is
from gateway.rooms.rooms import Rooms
from gateway.rooms.roster import Named
from wire.codec import encode_body
from wire.frames import Moderate, SetTopic
from wire.names import fold, may_be_held
from wire.reasons import ErrorCode, OutCode, WireError


class Changes:
    """Changes rooms: topic, modes, moderation.

    Args:
        backplane: what all gateways share.
        rooms: the rooms that are open here.
        longest: characters of the longest name of a person.
    """

    def __init__(self, backplane: Backplane, rooms: Rooms, longest: int) -> None:
        self._backplane = backplane
        self._rooms = rooms
        self._longest = longest

    async def change(self, request: Change, person: Person) -> str:
        """Make a change, and return the id of its event.

        After the return it is in force on every gateway, even if one has an older state: Redis
        refuses what was decided from an older state.

        Returns:
            The id; empty if there was nothing to change.

        Raises:
            WireError: the person may not do this, or it is not possible.
            BackplaneDown: Redis is away; the change may or may not have been made.
            BackplaneRefused: the change was not made.
        """
        while True:
            try:
                id = await self._change(request, person)
            except RoomChanged:
                continue  # somebody else has changed it: decide again
            except NoSuchRoom:
                raise no_such_room(request.room) from None
            with contextlib.suppress(BackplaneDown, BackplaneRefused):  # the change is made
                # The person who asked for it sees it from now on, even if it is heard later.
                await self._rooms.refresh(request.room)
            await self._note(request, person)
            if isinstance(request, Moderate) and request.action == "invite":
                await self._tell_invited(request, person)
            return id

    async def _change(self, request: Change, person: Person) -> str:
        room, who = request.room, who_is(person)
        # The state here may be a little old, and changes are rare. So ask Redis.
        now, state = await self._rooms.read_state(room)
        if (refusal := may_read(state, who, self._rooms.is_in(room, person))) is not None:
            raise refusal
        check_operator(state, who)  # before anything is read that takes long
        members = await self._rooms.members(room)
        target = await self._target(request, members)
        wanted = plan(state, who, request, now, people=len(members), target=target)
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

    async def _note(self, request: Change, person: Person) -> None:
        """Write down in the audit log who did it. A topic says itself who set it."""
        if isinstance(request, SetTopic):
            return
        record = person.registration
        asked: dict[str, object] = to_builtins(request)
        if isinstance(request, Moderate):
            act, target, reason = str(request.action), request.name, request.reason
        else:
            if asked.get("key"):
                asked["key"] = "***"  # it is a secret
            act, target = "set", ""
            reason = " ".join(
                f"{k}={v}" for k, v in asked.items() if k not in ("op", "room", "seq")
            )
        await self._backplane.audit.note(
            audited_by(record, act, room=request.room, target=target, reason=reason)
        )

    async def _tell_invited(self, invite: Moderate, person: Person) -> None:
        by = person.registration.name
        with contextlib.suppress(BackplaneDown, BackplaneRefused):  # they are invited already
            await self._backplane.order(fold(invite.name), "invited", f"{invite.room} {by}")

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
            # The person may have entered a moment ago.
            inside = folded in await self._rooms.read_members(request.room)
        return Target(folded, found.name, found.origin, found.account, inside)
