"""Releasing names: giving them back to Redis."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import islice
from typing import Protocol

from gateway.backplane.contract import Backplane
from gateway.backplane.records import Registration
from gateway.errors import BackplaneDown, BackplaneRefused
from wire.reasons import Reason

BATCH = 100
"""Names that one call releases: Redis does nothing else during it."""


class HearsReleases(Protocol):
    """Is told whose name has been released."""

    def departed(self, registration: Registration, reason: Reason) -> None:
        """Somebody has gone, and Redis has been told.

        Args:
            registration: the record.
            reason: why.
        """

    def replaced(self, registration: Registration) -> None:
        """A session has ended, and a newer one had its name already."""


class Releases:
    """Releases names, and keeps trying if Redis is away or refuses.

    Args:
        backplane: what all gateways share.
        told: is told whose name has been released.
    """

    def __init__(self, backplane: Backplane, told: HearsReleases) -> None:
        self._backplane = backplane
        self._told = told
        self._waiting: dict[str, tuple[Registration, Reason]] = {}
        self._lock = asyncio.Lock()

    def __contains__(self, session: str) -> bool:
        """Whether the name of a session still has to be released."""
        return session in self._waiting

    async def add(self, registration: Registration, reason: Reason) -> None:
        """Release a name; if Redis is away or refuses, as soon as possible."""
        self._waiting[registration.session] = (registration, reason)
        if not self._backplane.up:
            return  # thousands may leave at such a time: do not try all names for each of them
        with contextlib.suppress(BackplaneDown, BackplaneRefused):
            await self.release_all()

    async def release_all(self) -> None:
        """Release the names that wait.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        async with self._lock:
            while some := list(islice(self._waiting.values(), BATCH)):
                for for_good in (True, False):
                    await self._release(
                        [each for each in some if each[1].reconnect is not for_good], for_good
                    )

    async def _release(self, some: list[tuple[Registration, Reason]], for_good: bool) -> None:
        if not some:
            return
        registrations = [registration for registration, _ in some]
        released = set(await self._backplane.release(registrations, for_good=for_good))
        for registration, reason in some:
            self._waiting.pop(registration.session, None)
            if registration.session in released:
                self._told.departed(registration, reason)
            else:
                self._told.replaced(registration)
