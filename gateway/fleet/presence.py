"""Presence: telling Redis that this gateway and its users are alive, and sweeping dead ones."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from gateway.backplane.contract import LEASE, Backplane, Touch
from gateway.backplane.records import Registration
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.releases import HearsReleases, Releases
from gateway.journal import event
from gateway.meters import Meters
from gateway.outcomes import Outcome
from gateway.tasks import attempt, repeat
from wire.reasons import GATEWAY_LOST, NAME_LOST, REPLACED, Reason

log = logging.getLogger(__name__)

LEASE_EVERY = 3.0
"""Seconds between renewals of the lease, and between sweeps: less than a third of the lease's ten,
so that two renewals may fail."""

SWEEP_AFTER = 2 * LEASE_EVERY
"""Seconds that a gateway must hold its lease before it sweeps. If all leases ended at once, through
a wrong clock perhaps, the others have renewed theirs by then."""

ALL_BACK = 5.0
"""Seconds in which all gateways register their people again after Redis has lost them."""

SETTLE_EVERY = 10.0
"""Seconds between comparisons of Redis' records of this gateway with the people here."""

BATCH = 200
"""Users that are checked in one bundle of calls."""


class Present(Protocol):
    """Somebody who is online here."""

    registration: Registration

    def active_at(self) -> float:
        """When the user was last active, by the monotonic clock."""

    def end(self, reason: Reason) -> None:
        """End the connection."""


class HearsOfPeople(HearsReleases, Protocol):
    """Hears who comes and goes, other than by a hello or a bye."""

    def arrived(self, who: Present) -> None:
        """Somebody is here after all, and the others had been told that they had left."""


class Presence:
    """Keeps the lease and the users' activity in Redis up to date, and sweeps dead gateways.

    A gateway may act for its users only while it is sure that they are its own: while its lease, by
    its own clock, cannot have run out. A gateway that was stopped or cut off from Redis for longer
    must first check which users it still has.

    Redis' data may be older than what was written. This gateway knows its own people best: people
    who are here but lost in Redis are registered again, and records of people who are not here are
    removed.

    Args:
        backplane: what all gateways share.
        idle: seconds of inactivity before a user is evicted; None for never.
        everybody: all who are online here.
        told: hears who comes and goes, other than by a hello and a bye.
        monotonic: a clock in seconds that never goes back.
        meters: where to count.
    """

    def __init__(
        self,
        backplane: Backplane,
        idle: float | None,
        everybody: Callable[[], Iterable[Present]],
        told: HearsOfPeople,
        monotonic: Callable[[], float],
        meters: Meters,
    ) -> None:
        self._backplane = backplane
        self._everybody = everybody
        self._told = told
        self._monotonic = monotonic
        self._meters = meters
        self._releases = Releases(backplane, told)
        self._active: set[Present] = set()
        self._unchecked: set[Present] = set()
        self._lost: set[Present] = set()
        self._expected: set[str] = set()
        self._touch_every = 1.0 if idle is None else min(1.0, idle / 10)
        self._renewed_at = float("-inf")
        self._held_since: float | None = None
        self._forgotten_at = float("-inf")
        self._checked = False
        self._verified = asyncio.Event()
        self._verifying = asyncio.Lock()

    async def release(self, registration: Registration, reason: Reason) -> None:
        """Release a name; if Redis is away or refuses, as soon as possible."""
        await self._releases.add(registration, reason)

    def note(self, who: Present) -> None:
        """Note that somebody was active; Redis is told within a second."""
        self._active.add(who)

    def forget(self, who: Present) -> None:
        """Forget somebody who has gone."""
        self._active.discard(who)
        self._unchecked.discard(who)
        self._lost.discard(who)

    def expect(self, session: str) -> None:
        """Redis may have this session although it is not online: do not remove it."""
        self._expected.add(session)

    def expect_no_more(self, session: str) -> None:
        """The session is online now, or Redis does not have it."""
        self._expected.discard(session)

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.gather(
            repeat(self._touch_every, self._touch),
            repeat(LEASE_EVERY, self._renew_and_sweep),
            repeat(SETTLE_EVERY, self.settle),
        )

    def is_verified(self) -> bool:
        """Whether this gateway is sure that its users are its own."""
        return self._monotonic() - self._renewed_at < LEASE

    async def ready(self) -> None:
        """Wait until this gateway is sure that its users are its own."""
        while not self.is_verified():
            self._verified.clear()
            await self._verified.wait()

    async def all_known(self) -> None:
        """Wait until Redis knows who is online on all gateways: it may have lost everybody.

        Otherwise a private message would find nobody and go to the whole room.
        """
        wait = self._forgotten_at + ALL_BACK - self._monotonic()
        if wait > 0:
            await asyncio.sleep(wait)

    def doubt(self) -> None:
        """Redis is away: from now on this gateway is not sure of its users.

        When Redis is back, it may have lost data even if it still has the lease.
        """
        self._renewed_at = float("-inf")
        self._checked = False

    async def verify(self) -> None:
        """Renew the lease, check which users are still ours, and end the sessions of the others.

        Raises:
            BackplaneDown: Redis is away.
        """
        async with self._verifying:
            asked_at = self._monotonic()
            # A failed attempt may have taken a new lease, so the lease proves nothing.
            checked, self._checked = self._checked, False
            kept = await self._backplane.renew_lease()
            if not kept and self._held_since is not None:
                event(log, logging.WARNING, "lease lost: checking which users are still ours")
            if not kept or self._held_since is None:
                self._held_since = asked_at
            if not (kept and checked):
                await self._check_all()
            self._renewed_at, self._checked = asked_at, True
        self._verified.set()
        # A refusal must not keep us from sweeping.
        await attempt(self._releases.release_all)

    async def check(self, who: Present) -> None:
        """Check whether a name is still held; if Redis has lost it, claim it again.

        Raises:
            BackplaneDown: Redis is away.
        """
        async with self._verifying:
            await self._check([who])

    async def settle(self) -> None:
        """Make Redis' records of this gateway agree with the people here.

        Raises:
            BackplaneDown: Redis is away.
        """
        if not self.is_verified():
            return  # `verify` will do more than this
        async with self._verifying:
            await self._check_all()
            strays, cursor = 0, "0"
            while True:
                cursor, held = await self._backplane.own_users(cursor)
                online = {who.registration.session for who in self._everybody()}
                some = [each for each in held if not self._is_ours(each.session, online)]
                if some:
                    strays += len(await self._backplane.release(some, for_good=False))
                if cursor == "0":
                    break
        if strays:
            event(log, logging.WARNING, "removed users who are not here", users=strays)

    def _is_ours(self, session: str, online: Iterable[str]) -> bool:
        return session in online or session in self._expected or session in self._releases

    async def _check_all(self) -> None:
        # `forget` takes people out of the set who leave in the meantime.
        self._unchecked = set(self._everybody())
        while self._unchecked:
            some = min(BATCH, len(self._unchecked))
            await self._check([self._unchecked.pop() for _ in range(some)])

    async def _check(self, some: Iterable[Present]) -> None:
        """Write their activity; claim the names again that Redis no longer has as ours."""
        now = self._monotonic()
        by_session = {who.registration.session: who for who in some}
        touches = [
            Touch(who.registration.folded, session, now - who.active_at())
            for session, who in by_session.items()
        ]
        lost = {by_session[session] for session in await self._backplane.touch(touches)}
        # `forget` takes people out of the set: a name that was released must not be claimed again.
        self._lost |= lost.intersection(self._everybody()) if lost else lost
        await asyncio.gather(*(self._claim_again(who) for who in lost))

    async def _claim_again(self, who: Present) -> None:
        if who not in self._lost:
            return
        self._lost.discard(who)
        user, ago = who.registration, self._monotonic() - who.active_at()
        claimed = await self._backplane.claim(user, ago, None)
        holder = claimed.former
        if (
            claimed.outcome is Outcome.TAKEN
            and holder is not None
            and holder.gateway == user.gateway
        ):
            here = {each.registration.session for each in self._everybody()}
            if not self._is_ours(holder.session, here):
                # Redis has an older session of ours that is not here.
                await self._backplane.release([holder], for_good=False)
                claimed = await self._backplane.claim(user, ago, None)
        match claimed.outcome:
            case Outcome.TAKEN:
                same = claimed.former is not None and claimed.former.origin == user.origin
                who.end(REPLACED if same else NAME_LOST)
            case Outcome.INHERITED if claimed.former is not None:
                self._told.departed(claimed.former, GATEWAY_LOST)
                self._told.arrived(who)
            case Outcome.RETURNED:
                self._told.arrived(who)
            case Outcome.GRANTED | Outcome.JOINED:
                self._forgotten_at = self._monotonic()

    async def _touch(self) -> None:
        if not self._active or not self.is_verified():
            return
        active, self._active = self._active, set()
        try:
            await self._check(active)
        except (BackplaneDown, BackplaneRefused):
            self._active |= active
            raise

    async def _renew_and_sweep(self) -> None:
        await self.verify()
        if self._held_since is None or self._monotonic() - self._held_since < SWEEP_AFTER:
            return
        swept = await self._backplane.sweep()
        self._meters.swept += len(swept)
        for gateway, users in Counter(each.gateway for each in swept).items():
            event(log, logging.WARNING, "swept a dead gateway", gateway=gateway, users=users)
        for registration in swept:
            self._told.departed(registration, GATEWAY_LOST)
