"""Draining: sending everybody to the other gateways before this one ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Set
from typing import Protocol

from gateway.backplane.contract import Backplane
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.shutdown import Shutdown
from gateway.journal import event
from gateway.tasks import first
from wire.reasons import SHUTDOWN, Reason

log = logging.getLogger(__name__)


class Movable(Protocol):
    """Somebody who can be sent to another gateway."""

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """End the connection."""


class Drained(Protocol):
    """What a drain needs of its gateway."""

    @property
    def shutdown(self) -> Shutdown:
        """Its shutdown."""

    @property
    def peers(self) -> Set[Movable]:
        """Everybody who is connected."""

    @property
    def backplane(self) -> Backplane:
        """What all gateways share."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """A clock in seconds that never goes back."""


async def drain(gateway: Drained, over: float, hurry: asyncio.Event) -> None:
    """End the connections one by one, so that each client reconnects elsewhere at once.

    Returns when all have been told to go. Until then people are served as usual.

    Args:
        gateway: a gateway that takes no new connections.
        over: seconds that the drain may take.
        hurry: ends the drain early when it is set.
    """
    gateway.shutdown.draining = True
    event(log, logging.INFO, "drain begun", connections=len(gateway.peers), seconds=over)
    await first(_send_away(gateway, over), hurry.wait())
    event(log, logging.INFO, "drain done", connections=len(gateway.peers))


async def _send_away(gateway: Drained, over: float) -> None:
    with contextlib.suppress(BackplaneDown, BackplaneRefused):
        await gateway.backplane.renew_lease()  # it tells the others that this gateway drains
    peers, begun = list(gateway.peers), gateway.monotonic()
    random.shuffle(peers)  # people who came together should not all reconnect together
    for number, peer in enumerate(peers):
        await asyncio.sleep(begun + over * number / len(peers) - gateway.monotonic())
        peer.end(SHUTDOWN, keep_name=True)
