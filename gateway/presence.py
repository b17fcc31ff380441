"""That this gateway and its users are here: said again and again, and heard of the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from gateway.backplane import Backplane, Registration, Touch
from gateway.backplane.connection import RedisError
from gateway.errors import BackplaneDown
from wire.reasons import GATEWAY_LOST, NAME_LOST, Reason

log = logging.getLogger(__name__)

LEASE_EVERY = 3.0
"""Seconds between two renewals of the lease, and between two sweeps: under a third of the
lease's ten, so that two may fail."""

REGISTERED_AT_ONCE = 200
"""Claims under way at once when everybody is registered again."""


class Present(Protocol):
    """Somebody who is here."""

    registration: Registration

    def active_at(self) -> float:
        """When the user was last active, on the monotonic clock."""

    def end(self, reason: Reason) -> None:
        """The connection has to end."""


class Presence:
    """Keeps the lease and the users' activity in Redis up to date, and sweeps after the dead.

    Args:
        backplane: what all gateways share.
        idle: seconds of inactivity that a user is given; None for no end.
        everybody: all who are online here.
        departed: told of each user who is gone, and why: once Redis has it too.
        monotonic: the clock that the users' activity is read on, seconds.
    """

    def __init__(
        self,
        backplane: Backplane,
        idle: float | None,
        everybody: Callable[[], Iterable[Present]],
        departed: Callable[[Registration, Reason], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backplane = backplane
        self._everybody = everybody
        self._departed = departed
        self._monotonic = monotonic
        self._active: set[Present] = set()
        self._to_register: set[Present] = set()
        self._unreleased: list[tuple[Registration, Reason]] = []
        self._touch_every = 1.0 if idle is None else min(1.0, idle / 10)

    def note(self, who: Present) -> None:
        """Somebody was active: Redis hears of it within a second."""
        self._active.add(who)

    def forget(self, who: Present) -> None:
        """Somebody is gone."""
        self._active.discard(who)
        self._to_register.discard(who)

    async def release(self, registration: Registration, reason: Reason) -> None:
        """Give a name back; if Redis is away or refuses, as soon as it can be done."""
        self._unreleased.append((registration, reason))
        with contextlib.suppress(BackplaneDown, RedisError):
            await self._release()

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(
            self._repeat(self._touch_every, self._touch), self._repeat(LEASE_EVERY, self._look)
        )

    async def register_all(self) -> None:
        """Register this gateway and everybody on it again; who lost the name has to go.

        Who left while Redis could not be told is released.
        """
        await self._backplane.renew_lease()
        everybody = list(self._everybody())
        self._to_register.update(everybody)
        for start in range(0, len(everybody), REGISTERED_AT_ONCE):
            some = everybody[start : start + REGISTERED_AT_ONCE]
            await asyncio.gather(*(self._register(who) for who in some))
        await self._release()

    async def _release(self) -> None:
        unreleased, self._unreleased = self._unreleased, []
        if not unreleased:
            return
        try:
            released = set(await self._backplane.release([user for user, _ in unreleased]))
        except (BackplaneDown, RedisError):
            self._unreleased += unreleased
            raise
        for registration, reason in unreleased:
            if registration.session in released:
                self._departed(registration, reason)

    async def _register(self, who: Present) -> None:
        if who not in self._to_register:
            return  # left meanwhile: the name would be held by nobody
        ago = self._monotonic() - who.active_at()
        claimed = await self._backplane.claim(who.registration, ago, None)
        if claimed.outcome == "taken":
            who.end(NAME_LOST)

    async def _touch(self) -> None:
        active, self._active = self._active, set()
        if not active:
            return
        now = self._monotonic()
        by_session = {who.registration.session: who for who in active}
        touches = [
            Touch(who.registration.folded, session, now - who.active_at())
            for session, who in by_session.items()
        ]
        try:
            lost = await self._backplane.touch(touches)
        except (BackplaneDown, RedisError):
            self._active |= active
            raise
        for session in lost:
            by_session[session].end(NAME_LOST)

    async def _look(self) -> None:
        if not await self._backplane.renew_lease():
            log.warning("the lease had run out: registering everybody again")
            await self.register_all()
        await self._release()
        for registration in await self._backplane.sweep():
            self._departed(registration, GATEWAY_LOST)

    async def _repeat(self, every: float, what: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await what()
            except BackplaneDown:
                pass  # said once, by the gateway; the next turn tries again
            except RedisError as error:
                log.error("Redis refused: %s", error)
