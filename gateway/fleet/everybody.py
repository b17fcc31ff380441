"""The list of everybody who is in the chat, on all gateways."""

from __future__ import annotations

import asyncio

from gateway.backplane.contract import Backplane, Listed, by_person
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
            for folded, sessions in by_person(listed).items():
                users[folded] = user_of(sessions)
            more = cursor != "0"
        return list(users.values())


def user_of(sessions: list[Listed]) -> User:
    """A person, as lists show one.

    Args:
        sessions: the person's sessions, the oldest first.
    """
    oldest = sessions[0].registration
    return User(
        oldest.name,
        gateway=oldest.gateway,
        since=oldest.since,
        idle=round(min(each.idle for each in sessions), 1),
        sessions=len(sessions),
        away=away(sessions),
        account=oldest.account,
    )


def away(sessions: list[Listed]) -> str | None:
    """Why a person is away; None unless all sessions have said that they are."""
    reasons = [each.registration.away for each in sessions]
    return None if None in reasons else reasons[-1]
