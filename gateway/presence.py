"""That this gateway and its users are here: said again and again, and heard of the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from gateway.backplane import LEASE, Backplane, Touch
from gateway.backplane.connection import RedisError
from gateway.backplane.records import Registration
from gateway.errors import BackplaneDown
from gateway.journal import event
from gateway.meters import Meters
from gateway.repeat import repeat
from wire.reasons import GATEWAY_LOST, NAME_LOST, Reason

log = logging.getLogger(__name__)

LEASE_EVERY = 3.0
"""Seconds between two renewals of the lease, and between two sweeps: under a third of the
lease's ten, so that two may fail."""

AT_ONCE = 200
"""Users that are registered again, or looked after, by one bundle of calls."""


class Present(Protocol):
    """Somebody who is here."""

    registration: Registration

    def active_at(self) -> float:
        """When the user was last active, on the monotonic clock."""

    def end(self, reason: Reason) -> None:
        """The connection has to end."""


class Presence:
    """Keeps the lease and the users' activity in Redis up to date, and sweeps after the dead.

    A gateway may speak for its users while it knows that they are its own: while its lease, by
    its own clock, cannot have run out. One that was stopped, or cut off from Redis, for longer
    than that has to look first whom it still has.

    Args:
        backplane: what all gateways share.
        idle: seconds of inactivity that a user is given; None for no end.
        everybody: all who are online here.
        departed: told of each user who is gone, and why: once Redis has it too.
        monotonic: a clock in seconds that never goes back.
        meters: where to count.
    """

    def __init__(
        self,
        backplane: Backplane,
        idle: float | None,
        everybody: Callable[[], Iterable[Present]],
        departed: Callable[[Registration, Reason], None],
        monotonic: Callable[[], float],
        meters: Meters,
    ) -> None:
        self._backplane = backplane
        self._everybody = everybody
        self._departed = departed
        self._monotonic = monotonic
        self._meters = meters
        self._active: set[Present] = set()
        self._left_over: set[Present] = set()
        self._unreleased: list[tuple[Registration, Reason]] = []
        self._touch_every = 1.0 if idle is None else min(1.0, idle / 10)
        self._epoch = ""
        self._renewed_at = float("-inf")
        self._looked = False
        self._certain = asyncio.Event()
        self._looking = asyncio.Lock()

    def note(self, who: Present) -> None:
        """Somebody was active: Redis hears of it within a second."""
        self._active.add(who)

    def forget(self, who: Present) -> None:
        """Somebody is gone."""
        self._active.discard(who)
        self._left_over.discard(who)

    async def release(self, registration: Registration, reason: Reason) -> None:
        """Give a name back; if Redis is away or refuses, as soon as it can be done."""
        self._unreleased.append((registration, reason))
        with contextlib.suppress(BackplaneDown, RedisError):
            await self._release()

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(
            repeat(self._touch_every, self._touch), repeat(LEASE_EVERY, self._look)
        )

    def certain(self) -> bool:
        """Whether this gateway's users are its own."""
        return self._monotonic() - self._renewed_at < LEASE

    async def ready(self) -> None:
        """Return once this gateway's users are its own."""
        while not self.certain():
            self._certain.clear()
            await self._certain.wait()

    def doubt(self) -> None:
        """Redis is away: from now on nothing is certain."""
        self._renewed_at = float("-inf")

    async def make_certain(self) -> None:
        """Renew the lease; look who is still ours, and send away who is not.

        Raises:
            BackplaneDown: Redis is away.
        """
        async with self._looking:
            asked_at, epoch = self._monotonic(), self._backplane.epoch
            # An attempt that failed may have taken the lease again: then it says nothing.
            looked, self._looked = self._looked, False
            kept = await self._backplane.renew_lease() and looked
            if epoch != self._epoch:
                # Redis may have forgotten anything: whoever is here is registered again.
                await self._in_bundles(self._register)
                self._epoch = epoch
            elif not kept:
                event(log, logging.WARNING, "lease lost: looking whom the others have left us")
                await self._in_bundles(self._verify)
            self._renewed_at, self._looked = asked_at, True
        self._certain.set()
        await self._release()

    async def _in_bundles(self, what: Callable[[list[Present]], Awaitable[None]]) -> None:
        # Whoever goes meanwhile is taken out again: a name that was given back stays so.
        self._left_over = set(self._everybody())
        while self._left_over:
            some = min(AT_ONCE, len(self._left_over))
            await what([self._left_over.pop() for _ in range(some)])

    async def _register(self, some: list[Present]) -> None:
        now = self._monotonic()
        claims = await asyncio.gather(
            *(self._backplane.claim(who.registration, now - who.active_at(), None) for who in some)
        )
        for who, claimed in zip(some, claims, strict=True):
            if claimed.outcome == "taken":
                who.end(NAME_LOST)

    async def _verify(self, some: Iterable[Present]) -> None:
        now = self._monotonic()
        by_session = {who.registration.session: who for who in some}
        touches = [
            Touch(who.registration.folded, session, now - who.active_at())
            for session, who in by_session.items()
        ]
        for session in await self._backplane.touch(touches):
            by_session[session].end(NAME_LOST)

    async def _touch(self) -> None:
        if not self._active or not self.certain():
            return
        active, self._active = self._active, set()
        try:
            await self._verify(active)
        except (BackplaneDown, RedisError):
            self._active |= active
            raise

    async def _look(self) -> None:
        await self.make_certain()
        swept = await self._backplane.sweep()
        self._meters.swept += len(swept)
        for gateway, users in Counter(each.gateway for each in swept).items():
            event(log, logging.WARNING, "swept after a dead gateway", gateway=gateway, users=users)
        for registration in swept:
            self._departed(registration, GATEWAY_LOST)

    async def _release(self) -> None:
        unreleased, self._unreleased = self._unreleased, []
        for for_good in (True, False):
            some = [one for one in unreleased if one[1].reconnect is not for_good]
            if not some:
                continue
            try:
                sessions = await self._backplane.release([r for r, _ in some], for_good=for_good)
            except (BackplaneDown, RedisError):
                self._unreleased += unreleased
                raise
            unreleased = [one for one in unreleased if one not in some]
            for registration, reason in some:
                if registration.session in sessions:
                    self._departed(registration, reason)
