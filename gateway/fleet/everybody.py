"""The list of everybody who is in the chat, on all gateways."""

from __future__ import annotations

import asyncio

from gateway.backplane.contract import Backplane
from wire.frames import User

FRESH = 1.0
"""Seconds that an answer is reused, so that Redis is asked once however many people ask."""


class Everybody:
    """Asks Redis once for all who want the list at the same time.

    Args:
        backplane: what all gateways share.
    """

    def __init__(self, backplane: Backplane) -> None:
        self._backplane = backplane
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._found: list[User] = []

    async def users(self) -> list[User]:
        """All users, at most a second old; callers share the list and must not change it.

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
            for record, idle, _ in listed:
                user = User(
                    record.name, gateway=record.gateway, since=record.since, idle=round(idle, 1)
                )
                users[record.folded] = user
            more = cursor != "0"
        return list(users.values())
