"""Names on their way back to Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import islice

from gateway.backplane.contract import Backplane
from gateway.backplane.records import Registration
from gateway.errors import BackplaneDown, BackplaneRefused
from wire.reasons import Reason

AT_ONCE = 100
"""Names that are given back by one call: Redis does nothing else meanwhile."""


class Releases:
    """Gives names back, and keeps those that Redis could not take for the next time.

    Args:
        backplane: what all gateways share.
        departed: told of each user who is gone, and why: once Redis has it too.
    """

    def __init__(
        self, backplane: Backplane, departed: Callable[[Registration, Reason], None]
    ) -> None:
        self._backplane = backplane
        self._departed = departed
        self._waiting: dict[str, tuple[Registration, Reason]] = {}
        self._at_work = asyncio.Lock()

    def __contains__(self, session: str) -> bool:
        """Whether the name of a session is on its way."""
        return session in self._waiting

    async def add(self, registration: Registration, reason: Reason) -> None:
        """Give a name back; if Redis is away or refuses, as soon as it can be done."""
        self._waiting[registration.session] = (registration, reason)
        if not self._backplane.up:
            return  # thousands may leave then, and none of them need try for all
        with contextlib.suppress(BackplaneDown, BackplaneRefused):
            await self.give_back()

    async def give_back(self) -> None:
        """Give back what waits.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        async with self._at_work:
            while some := list(islice(self._waiting.values(), AT_ONCE)):
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
                self._departed(registration, reason)
