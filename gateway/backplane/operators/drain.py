"""Have a gateway send its people to the others and end, for `chatctl drain`."""

from __future__ import annotations

from typing import Any

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import tell, wait_until
from gateway.backplane.operators.gateways import gateway_info
from gateway.backplane.redis.address import reaching

DRAIN_WITHIN = 10.0
"""Seconds that a gateway is given to say that it drains: it rewrites its lease every three."""


def drain_gateway(url: str, prefix: str, gateway: str) -> bool | None:
    """Have a gateway drain, and wait until it has begun to.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        gateway: its id.

    Returns:
        Whether it drains, or has ended already; None if it does not listen.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        if not tell(client, keys, gateway, "drain"):
            return None

        def has_begun() -> bool:
            try:
                lease: Any = client.get(keys.lease(gateway))
            except redis.ConnectionError:
                return True  # the gateway's embedded Redis has ended with it
            info = gateway_info(lease) if lease else None
            return lease is None or (info is not None and info.draining)

        return wait_until(has_begun, DRAIN_WITHIN)
