"""Who is here, on all gateways, for those who ask."""

from __future__ import annotations

import asyncio

from gateway.backplane.contract import Backplane
from wire.frames import User

FRESH = 1.0
"""Seconds for which an answer is good, so that however many people ask, Redis is asked once."""


class Everybody:
    """Asks Redis, for all who want to know at the same time.

    Args:
        backplane: what all gateways share.
    """

    def __init__(self, backplane: Backplane) -> None:
        self._backplane = backplane
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._found: list[User] = []

    async def users(self) -> list[User]:
        """All users, a second ago at the most; the list is everybody's, and not to be changed.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at >= FRESH:
                self._found = await self._ask()
                self._asked_at = now
            return self._found

    async def _ask(self) -> list[User]:
        users: dict[str, User] = {}
        cursor, more = "0", True
        while more:
            cursor, listed = await self._backplane.users(cursor)
            for r, idle, _ in listed:
                user = User(name=r.name, gateway=r.gateway, since=r.since, idle=round(idle, 1))
                users[r.folded] = user
            more = cursor != "0"
        return list(users.values())
