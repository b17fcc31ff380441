"""Which server of a Redis Cluster has which slot, as the cluster itself says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from gateway.backplane.redis.connection import Connection, connect
from gateway.backplane.url import parse_url, without_secrets
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from wire.connecting import staggered

SLOTS = 16384

ANSWER_WITHIN = 1.0
"""Seconds to wait for a server's answer; the next one is asked long before that."""

Place = tuple[str, int]
"""The host and port of a server."""


ON_THE_MOVE = ("ASK ", "TRYAGAIN ", "CLUSTERDOWN ")
"""How a refusal begins if nobody serves the slot for now.

While the keys of a slot are carried over one by one, the old server sends commands for keys that it
does not have to the new one (``ASK``), and both refuse commands for several keys if some are
missing (``TRYAGAIN``).
"""


def moved_to(refusal: str, asked: Place) -> Place | None:
    """The server that serves a slot now, if a refusal says so.

    Args:
        refusal: its text.
        asked: who refused.
    """
    code, _, rest = refusal.partition(" ")
    if code != "MOVED":
        return None
    host, _, port = rest.partition(" ")[2].rpartition(":")
    return host or asked[0], int(port)


async def read_slots(url: str, name: str, known: Sequence[Place]) -> list[Place | None]:
    """Ask the cluster of a URL who serves each slot; None for a slot that nobody serves.

    Args:
        url: of the cluster.
        name: the connection's name in Redis' list of clients.
        known: servers of the cluster; they are asked before those in the URL.

    Raises:
        RedisUnreachable: none of them answers, or it is not a cluster; the text says why.
    """
    try:
        places = list(dict.fromkeys([*known, *parse_url(url).hosts]))
        return await staggered([partial(_ask, url, name, place) for place in places])
    except (OSError, TimeoutError, ValueError, LookupError) as error:
        raise RedisUnreachable(f"{without_secrets(url)}: {error}") from error


async def _ask(url: str, name: str, place: Place) -> list[Place | None]:
    connection = Connection()
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await connect(url, connection, name, place)
            return parse_slots(await connection.call("CLUSTER", "SLOTS"), place)
    except BackplaneRefused as error:
        text = f"{without_secrets(url)}: {error}"
        if "cluster support disabled" in str(error):
            text += " (it is not a cluster: write redis:// instead of redis+cluster://)"
        raise RedisRefused(text) from error
    except (BackplaneDown, TimeoutError) as error:
        raise RedisUnreachable(f"{without_secrets(url)}: no answer from {place[0]}") from error
    finally:
        connection.abort()


def parse_slots(reply: Any, asked: Place) -> list[Place | None]:
    """The answer to ``CLUSTER SLOTS``.

    Args:
        reply: the answer: for each range its first and last slot, its master, and its replicas.
        asked: who gave it. A server that does not know by which name it is reached says so with an
            empty host.
    """
    slots: list[Place | None] = [None] * SLOTS
    for first, last, master, *_ in reply:
        host = (master[0] or b"").decode() or asked[0]
        slots[first : last + 1] = [(host, int(master[1]))] * (last + 1 - first)
    return slots
