"""Balance: sending some people on to gateways that have fewer, for example after scaling up.

A few at a time, so that nobody notices: each client comes back at once, as after a drain, and
nobody is seen to leave. Where they come is up to the load balancer, or to the client's list of
servers. If they all come back here, that does not help anybody, and is left.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import Protocol

from gateway.backplane.contract import Backplane
from gateway.backplane.records import IRC, Registration
from gateway.fleet.presence import Presence
from gateway.fleet.shutdown import Shutdown
from gateway.journal import event
from gateway.tasks import attempt
from wire.reasons import CONNECTION_LOST, REBALANCE, Reason

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at the others, who report every three seconds."""

MOST = 1.1
"""How much of the mean a gateway may have before it sends people on."""

LEAST = 10
"""How many more than the mean it must have at least: a few more are no burden."""

STAYED = 20.0
"""Seconds that somebody must have been here: nobody is sent from one to the next."""

BACK_WITHIN = 20.0
"""Seconds that the name of somebody who was sent on is kept for them."""

ENOUGH = 20
"""From how many people on one can say that sending them on does not help."""

PAUSE = 600.0
"""Seconds before it is tried again."""


class Here(Protocol):
    """Somebody who has a name here."""

    registration: Registration

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """End the connection."""


def too_many(own: int, others: Sequence[int]) -> int:
    """How many people a gateway should send on.

    Args:
        own: how many it has.
        others: how many each of the others has.
    """
    mean = (own + sum(others)) / (1 + len(others))
    return own - floor(mean * MOST) if own > max(mean * MOST, mean + LEAST) else 0


class Balance:
    """Compares this gateway with the others, and sends people on.

    Args:
        backplane: what all gateways share.
        presence: keeps the names of those who were sent on.
        shutdown: says whether this gateway drains.
        online: everybody who has a name here, by session.
        rate: how many people it may send on in a second.
        monotonic: a clock in seconds that never goes back.
        wall: a clock in seconds since 1970.
    """

    def __init__(
        self,
        backplane: Backplane,
        presence: Presence,
        shutdown: Shutdown,
        online: Mapping[str, Here],
        rate: float,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._backplane = backplane
        self._presence = presence
        self._shutdown = shutdown
        self._online = online
        self._rate = rate
        self._monotonic = monotonic
        self._wall = wall
        self._kept: list[tuple[float, Registration]] = []
        self._sent: list[str] = []
        self._paused_until = float("-inf")

    async def run(self) -> None:
        """Compare again and again, until cancelled."""
        while True:
            begun = self._monotonic()
            await attempt(self.look)
            await asyncio.sleep(max(0.0, EVERY - (self._monotonic() - begun)))

    async def look(self) -> None:
        """Compare once, and send on as many as the time until the next look allows.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        await self._keep_no_longer()
        now = self._monotonic()
        if self._shutdown.draining or now < self._paused_until or not self._presence.is_verified():
            return
        neighbours = await self._backplane.neighbours()
        others = [each.sessions for each in neighbours.values() if not each.draining]
        count = too_many(len(self._online), others)
        if not count or not others or self._is_in_vain():
            return
        some = self._choose(min(count, ceil(self._rate * EVERY)))
        event(log, logging.INFO, "sending people on", people=len(some), too_many=count)
        for member in some:
            self._send_on(member)
            await asyncio.sleep(1 / self._rate)

    def _choose(self, count: int) -> list[Here]:
        """Some people who have been here for a while, and whose client comes back by itself."""
        before = (self._wall() - STAYED) * 1000
        able = [
            each
            for each in self._online.values()
            if each.registration.client not in (None, "", IRC) and each.registration.since <= before
        ]
        return random.sample(able, min(count, len(able)))

    def _send_on(self, member: Here) -> None:
        record = member.registration
        if self._shutdown.draining or record.session not in self._online:
            return
        member.end(REBALANCE, keep_name=True)
        self._kept.append((self._monotonic() + BACK_WITHIN, record))
        self._sent.append(record.origin)

    async def _keep_no_longer(self) -> None:
        """Release the names of those who have not come back anywhere; they count as lost now."""
        now = self._monotonic()
        while self._kept and self._kept[0][0] <= now:
            _, record = self._kept.pop(0)
            self._presence.expect_no_more(record.session)
            await self._presence.release(record, CONNECTION_LOST)

    def _is_in_vain(self) -> bool:
        """Whether those who were sent on come back here."""
        recent = set(self._sent[-10 * ENOUGH :])
        self._sent = self._sent[-10 * ENOUGH :]
        back = sum(each.registration.origin in recent for each in self._online.values())
        if len(recent) < ENOUGH or back < 0.9 * len(recent):
            return False
        self._sent.clear()
        self._paused_until = self._monotonic() + PAUSE
        event(
            log,
            logging.WARNING,
            "people who are sent on to other gateways come back here: not trying again for a while",
            seconds=PAUSE,
        )
        return True
