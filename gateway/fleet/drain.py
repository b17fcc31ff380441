"""Sending everybody to the other gateways before this one ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random

from gateway.core import Gateway
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event
from gateway.tasks import first
from wire.reasons import SHUTDOWN

log = logging.getLogger(__name__)


async def drain(gateway: Gateway, over: float, hurry: asyncio.Event) -> None:
    """End the connections one by one, so that each comes back elsewhere at once.

    Returns when all have been told to go. Those who are still here are served as ever.

    Args:
        gateway: one that takes nobody any more.
        over: seconds that it may take.
        hurry: to be set by whoever does not want to wait.
    """
    gateway.draining = True
    event(log, logging.INFO, "drain begun", connections=len(gateway.peers), seconds=over)
    await first(_send_away(gateway, over), hurry.wait())
    event(log, logging.INFO, "drain done", connections=len(gateway.peers))


async def _send_away(gateway: Gateway, over: float) -> None:
    with contextlib.suppress(BackplaneDown, BackplaneRefused):
        await gateway.backplane.renew_lease()  # with the news
    peers, begun = list(gateway.peers), gateway.monotonic()
    random.shuffle(peers)  # those who came together would come back together
    for number, peer in enumerate(peers):
        await asyncio.sleep(begun + over * number / len(peers) - gateway.monotonic())
        peer.end(SHUTDOWN)
