"""That this gateway and its users are here: said again and again, and heard of the others."""

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
from gateway.tasks import attempt, repeat
from wire.reasons import GATEWAY_LOST, NAME_LOST, REPLACED, Reason

log = logging.getLogger(__name__)

LEASE_EVERY = 3.0
"""Seconds between two renewals of the lease, and between two sweeps: under a third of the
lease's ten, so that two may fail."""

SWEEP_AFTER = 2 * LEASE_EVERY
"""Seconds that a gateway holds its lease before it sweeps. When all leases ended together, for a
clock's or Redis' own sake, the others have renewed theirs by then."""

ALL_BACK = 5.0
"""Seconds after which all gateways have written their people down again, once Redis forgot them."""

SETTLE_EVERY = 10.0
"""Seconds between two comparisons of Redis' records of this gateway with who is here."""

AT_ONCE = 200
"""Users that are looked after by one bundle of calls."""


class Present(Protocol):
    """Somebody who is here."""

    registration: Registration

    def active_at(self) -> float:
        """When the user was last active, on the monotonic clock."""

    def end(self, reason: Reason) -> None:
        """The connection has to end."""


class HearsOfPeople(HearsReleases, Protocol):
    """Hears who comes and goes, other than by a hello or a bye."""

    def arrived(self, who: Present) -> None:
        """Somebody is here after all, and the others had been told that they had left."""


class Presence:
    """Keeps the lease and the users' activity in Redis up to date, and sweeps after the dead.

    A gateway may speak for its users while it knows that they are its own: while its lease, by
    its own clock, cannot have run out. One that was stopped, or cut off from Redis, for longer
    than that has to look first whom it still has.

    What Redis remembers may be older than what it was told. Of the records that name this gateway
    nobody knows better than itself: who is here and forgotten is written down again, and who is
    written down and not here is taken out.

    Args:
        backplane: what all gateways share.
        idle: seconds of inactivity that a user is given; None for no end.
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
        self._left_over: set[Present] = set()
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
        """Give a name back; if Redis is away or refuses, as soon as it can be done."""
        await self._releases.add(registration, reason)

    def note(self, who: Present) -> None:
        """Somebody was active: Redis hears of it within a second."""
        self._active.add(who)

    def forget(self, who: Present) -> None:
        """Somebody is gone."""
        self._active.discard(who)
        self._left_over.discard(who)
        self._lost.discard(who)

    def expect(self, session: str) -> None:
        """Redis may have this session, though it is not online: it is not to be taken out."""
        self._expected.add(session)

    def expect_no_more(self, session: str) -> None:
        """It is online, or Redis does not have it."""
        self._expected.discard(session)

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(
            repeat(self._touch_every, self._touch),
            repeat(LEASE_EVERY, self._renew_and_sweep),
            repeat(SETTLE_EVERY, self.settle),
        )

    def is_verified(self) -> bool:
        """Whether this gateway's users are its own."""
        return self._monotonic() - self._renewed_at < LEASE

    async def ready(self) -> None:
        """Return once this gateway's users are its own."""
        while not self.is_verified():
            self._verified.clear()
            await self._verified.wait()

    async def all_known(self) -> None:
        """Return once Redis knows who is here on any gateway: it may have forgotten everybody.

        Else what is said to one of them alone would find nobody, and go to the whole room.
        """
        wait = self._forgotten_at + ALL_BACK - self._monotonic()
        if wait > 0:
            await asyncio.sleep(wait)

    def doubt(self) -> None:
        """Redis is away: from now on this gateway does not know whose its users are.

        When it is back it may remember less than it did, the lease notwithstanding.
        """
        self._renewed_at = float("-inf")
        self._checked = False

    async def verify(self) -> None:
        """Renew the lease; look who is still ours, and send away who is not.

        Raises:
            BackplaneDown: Redis is away.
        """
        async with self._verifying:
            asked_at = self._monotonic()
            # An attempt that failed may have taken the lease again: then it says nothing.
            checked, self._checked = self._checked, False
            kept = await self._backplane.renew_lease()
            if not kept and self._held_since is not None:
                event(log, logging.WARNING, "lease lost: checking which users are still ours")
            if not kept or self._held_since is None:
                self._held_since = asked_at
            if not (kept and checked):
                await self._look_after_all()
            self._renewed_at, self._checked = asked_at, True
        self._verified.set()
        # What is refused must not keep us from sweeping.
        await attempt(self._releases.give_back)

    async def look_after(self, who: Present) -> None:
        """See whether a name is still held; if Redis has forgotten it, claim it again.

        Raises:
            BackplaneDown: Redis is away.
        """
        async with self._verifying:
            await self._look_after([who])

    async def settle(self) -> None:
        """Make the records that name this gateway agree with who is here.

        Raises:
            BackplaneDown: Redis is away.
        """
        if not self.is_verified():
            return  # what is done then is more than this
        async with self._verifying:
            await self._look_after_all()
            strays, cursor = 0, "0"
            while True:
                cursor, held = await self._backplane.own_users(cursor)
                here = {who.registration.session for who in self._everybody()}
                some = [each for each in held if not self._is_ours(each.session, here)]
                if some:
                    strays += len(await self._backplane.release(some, for_good=False))
                if cursor == "0":
                    break
        if strays:
            event(log, logging.WARNING, "took out who is not here", users=strays)

    def _is_ours(self, session: str, here: Iterable[str]) -> bool:
        return session in here or session in self._expected or session in self._releases

    async def _look_after_all(self) -> None:
        # Whoever goes meanwhile is taken out again, here too.
        self._left_over = set(self._everybody())
        while self._left_over:
            some = min(AT_ONCE, len(self._left_over))
            await self._look_after([self._left_over.pop() for _ in range(some)])

    async def _look_after(self, some: Iterable[Present]) -> None:
        """Write down when they were active; who is not down as ours any more is claimed again."""
        now = self._monotonic()
        by_session = {who.registration.session: who for who in some}
        touches = [
            Touch(who.registration.folded, session, now - who.active_at())
            for session, who in by_session.items()
        ]
        lost = {by_session[session] for session in await self._backplane.touch(touches)}
        # Whoever goes meanwhile is taken out again: a name that was given back stays so.
        self._lost |= lost.intersection(self._everybody()) if lost else lost
        await asyncio.gather(*(self._claim_again(who) for who in lost))

    async def _claim_again(self, who: Present) -> None:
        if who not in self._lost:
            return
        self._lost.discard(who)
        user, ago = who.registration, self._monotonic() - who.active_at()
        claimed = await self._backplane.claim(user, ago, None)
        holder = claimed.former
        if claimed.outcome == "taken" and holder is not None and holder.gateway == user.gateway:
            here = {each.registration.session for each in self._everybody()}
            if not self._is_ours(holder.session, here):
                # Redis remembers an older session of ours, which is not here.
                await self._backplane.release([holder], for_good=False)
                claimed = await self._backplane.claim(user, ago, None)
        match claimed.outcome:
            case "taken":
                same = claimed.former is not None and claimed.former.origin == user.origin
                who.end(REPLACED if same else NAME_LOST)
            case "inherited" if claimed.former is not None:
                self._told.departed(claimed.former, GATEWAY_LOST)
                self._told.arrived(who)
            case "returned":
                self._told.arrived(who)
            case "granted":
                self._forgotten_at = self._monotonic()

    async def _touch(self) -> None:
        if not self._active or not self.is_verified():
            return
        active, self._active = self._active, set()
        try:
            await self._look_after(active)
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
            event(log, logging.WARNING, "swept after a dead gateway", gateway=gateway, users=users)
        for registration in swept:
            self._told.departed(registration, GATEWAY_LOST)
