"""Who gets in, as all gateways know it: bans, and passwords that were tried."""

from __future__ import annotations

import logging
from ipaddress import ip_network

import msgspec

from gateway.backplane.keys import Keys
from gateway.backplane.pair import Pair
from gateway.backplane.records import Ban

log = logging.getLogger(__name__)

_ban = msgspec.json.Decoder(Ban)


class Tries:
    """How often a wrong password may be given within a minute."""

    WINDOW = 60.0
    FOR_NAME_FROM_ADDRESS = 5
    FROM_ADDRESS = 20
    FOR_NAME = 100
    """From everywhere. Far above the others: else anybody could keep a name's owner out."""


class RedisAdmission:
    """Keeps `gateway.backplane.Admission`.

    Args:
        pair: the connections to Redis.
        keys: the names of the keys.
    """

    def __init__(self, pair: Pair, keys: Keys) -> None:
        self._pair = pair
        self._keys = keys

    async def bans(self) -> tuple[int, list[Ban]]:
        clock, *found = await self._pair.run("ban_list", [self._keys.bans])
        return int(clock), [ban for each in found if (ban := _read(each)) is not None]

    async def try_password(self, folded: str, neighbourhood: str) -> float:
        limits = [Tries.FOR_NAME_FROM_ADDRESS, Tries.FROM_ADDRESS, Tries.FOR_NAME]
        keys, window = self._counters(folded, neighbourhood), round(Tries.WINDOW * 1000)
        wait = await self._pair.run("password_try", keys, window, *limits)
        return int(wait) / 1000

    async def forgive(self, folded: str, neighbourhood: str) -> None:
        await self._pair.run("password_forgive", self._counters(folded, neighbourhood))

    def _counters(self, folded: str, neighbourhood: str) -> list[str]:
        attempts = self._keys.attempts
        return [
            attempts(f"both:{neighbourhood}:{folded}"),
            attempts(f"address:{neighbourhood}"),
            attempts(f"name:{folded}"),
        ]


def _read(found: bytes) -> Ban | None:
    # One that a newer version has written, say, must not keep the others from being known.
    try:
        ban = _ban.decode(found)
        if ban.kind == "network":
            ip_network(ban.subject)
    except (msgspec.DecodeError, ValueError) as error:
        log.error("a ban cannot be read, and is left out: %s", error)
        return None
    return ban
