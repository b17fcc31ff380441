"""Admission data that all gateways share: bans, and attempts at passwords."""

from __future__ import annotations

import logging
from ipaddress import ip_network

import msgspec

from gateway.backplane.keys import Keys
from gateway.backplane.readable import BAN
from gateway.backplane.records import Ban
from gateway.backplane.redis.store import Store

log = logging.getLogger(__name__)


class Attempts:
    """How often a wrong password may be given per minute."""

    WINDOW = 60.0
    FOR_NAME_FROM_ADDRESS = 5
    FROM_ADDRESS = 20
    FOR_NAME_FROM_SITE = 10
    FROM_SITE = 40
    """From one site, which may have many IPv6 addresses: twice as often as from one address."""
    FOR_NAME = 100
    """From everywhere. Far above the others: otherwise anybody could lock a name's owner out."""
    REMEMBERED = 30 * 24 * 3600.0
    """Seconds that an address which has got a name keeps its own attempts for that name."""


class RedisAdmission:
    """Implements `gateway.backplane.contract.Admission`.

    Args:
        store: where the data is.
        keys: the names of the keys.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def bans(self) -> tuple[int, list[Ban]]:
        clock, *found = await self._store.run("ban_list", [self._keys.bans])
        return int(clock), [ban for each in found if (ban := _read(each)) is not None]

    async def try_password(self, folded: str, subnet: str, site: str = "") -> float:
        known, counters = self._counters(folded, subnet, site)
        window = round(Attempts.WINDOW * 1000)
        keys, limits = [known, *counters], counters.values()
        wait = await self._store.run("password_try", keys, window, *limits)
        return int(wait) / 1000

    async def forgive(self, folded: str, subnet: str, site: str = "") -> None:
        known, counters = self._counters(folded, subnet, site)
        kept = round(Attempts.REMEMBERED * 1000)
        await self._store.run("password_forgive", [known, *counters], kept, len(counters))

    def _counters(self, folded: str, subnet: str, site: str) -> tuple[str, dict[str, int]]:
        """The key of an address that is known for the name, and each counter's key and limit."""
        attempts = self._keys.attempts
        counters = {
            attempts(f"both:{subnet}:{folded}"): Attempts.FOR_NAME_FROM_ADDRESS,
            attempts(f"address:{subnet}"): Attempts.FROM_ADDRESS,
            attempts(f"name:{folded}"): Attempts.FOR_NAME,
        }
        if site:
            counters[attempts(f"both:{site}:{folded}")] = Attempts.FOR_NAME_FROM_SITE
            counters[attempts(f"address:{site}")] = Attempts.FROM_SITE
        return self._keys.got_from(folded, subnet), counters


def _read(found: bytes) -> Ban | None:
    # One unreadable ban, from a newer version perhaps, must not hide the others.
    try:
        ban = BAN.decode(found)
        if ban.kind == "network":
            ip_network(ban.subject)
    except (msgspec.DecodeError, ValueError) as error:
        log.error("a ban cannot be read and is ignored: %s", error)
        return None
    return ban
