"""The gateways of a chat, read straight from Redis, for `chatctl`."""

from __future__ import annotations

from dataclasses import dataclass

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.readable import GATEWAY_INFO, UNREADABLE
from gateway.backplane.records import GatewayInfo
from gateway.backplane.redis.address import reaching


@dataclass(frozen=True)
class GatewayRecord:
    """One gateway.

    Attributes:
        id: which one.
        info: what it last reported; None if that cannot be read, since it is of another version.
        lease: seconds that are left of its lease; None if it is dead.
        names: how many names it holds.
    """

    id: str
    info: GatewayInfo | None
    lease: float | None
    names: int

    @property
    def draining(self) -> bool:
        """Whether it lets nobody in."""
        return self.info is not None and self.info.draining


def list_gateways(url: str, prefix: str) -> tuple[int, list[GatewayRecord]]:
    """The time by Redis' clock, in milliseconds since 1970, and all gateways, by id.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:
        return read_gateways(client, Keys(prefix))


def read_gateways(client: redis.Redis, keys: Keys) -> tuple[int, list[GatewayRecord]]:
    """As `list_gateways`, with a client that is connected already."""
    now, *found = run(client, "gateway_list", [keys.gateways], keys.users)
    records = [
        GatewayRecord(
            id=found[i].decode(errors="replace"),
            info=gateway_info(found[i + 1]),
            lease=int(found[i + 2]) / 1000 if int(found[i + 2]) >= 0 else None,
            names=int(found[i + 3]),
        )
        for i in range(0, len(found), 4)
    ]
    return int(now), sorted(records, key=lambda record: record.id)


def gateway_info(record: bytes) -> GatewayInfo | None:
    """What a gateway reports of itself; None if it cannot be read."""
    try:
        return GATEWAY_INFO.decode(record)
    except UNREADABLE:
        return None
