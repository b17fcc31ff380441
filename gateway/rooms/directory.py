"""What people are told who ask about rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.chat.rooms import (
    RoomState,
    listed,
    may_read,
    role,
    room_info,
    tells_all,
)
from gateway.rooms.room import Backplane, Person, who_is
from gateway.rooms.rooms import Rooms
from gateway.rooms.roster import Named
from wire import frames
from wire.frames import RoomInfo, RoomMember

FRESH = 1.0
"""Seconds for which the list of all rooms is good: Redis is asked once, however many people ask."""

SHARE = 0.05
"""The most of its time that a gateway spends on reading the list: a long one is good for longer."""


class Directory:
    """Answers what rooms there are, and what each is about.

    Args:
        backplane: what all gateways share.
        rooms: those that are open here.
    """

    def __init__(self, backplane: Backplane, rooms: Rooms) -> None:
        self._backplane = backplane.rooms
        self._rooms = rooms
        self._asking = asyncio.Lock()
        self._good_until = float("-inf")
        self._found: list[tuple[RoomState, int]] = []

    async def all(self, person: Person) -> list[frames.Room]:
        """All rooms that this person may see, a second ago at the most.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now >= self._good_until:
                found = await self._backplane.all()
                self._found = sorted(found, key=lambda each: (-each[1], each[0].room))
                done = asyncio.get_running_loop().time()
                self._good_until = max(now + FRESH, done + (done - now) / SHARE)
        every = []
        for state, people in self._found:
            joined = self._rooms.is_in(state.room, person)
            if joined or not state.modes.secret:
                every.append(listed(state, people, joined=joined))
        return every

    async def members(self, room: str, person: Person) -> list[RoomMember]:
        """Who is in a room, by their names.

        Raises:
            WireError: there is no such room, or it is secret.
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        state, members, _ = await self._look(room, person)
        return [
            RoomMember(
                name=member.name,
                role=role(state, member.account),
                account=member.account,
            )
            for folded, member in sorted(members.items())
        ]

    async def about(self, room: str, person: Person, seq: int | None) -> list[RoomInfo]:
        """What holds in a room, in parts; raises what `members` raises."""
        state, members, now = await self._look(room, person)
        everything = tells_all(state, who_is(person))
        return room_info(state, len(members), now, everything=everything, seq=seq)

    async def _look(self, room: str, person: Person) -> tuple[RoomState, Mapping[str, Named], int]:
        """What holds in a room, who is in it, and Redis' clock."""
        inside = self._rooms.is_in(room, person)
        # What is known here may be a little old, and somebody who asks has just heard of a change.
        now, state = await self._rooms.read_state(room)
        if (refusal := may_read(state, who_is(person), inside)) is not None:
            raise refusal
        return state, await self._rooms.members(room), now
