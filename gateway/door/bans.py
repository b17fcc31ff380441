"""This gateway's copy of the bans. Pure; the original is in Redis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_network

from gateway.addresses import Address
from gateway.backplane.records import Ban
from wire.reasons import BANNED, Reason


class Bans:
    """The names and networks that may not come in."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[Ban, float]] = {}
        # By prefix length, so that a lookup costs one step per length and not one per ban.
        self._networks: dict[tuple[int, int], dict[int, tuple[Ban, float]]] = {}

    def set(self, bans: Iterable[Ban], clock: int, now: float) -> None:
        """Replace all the bans.

        Args:
            bans: all that there are.
            clock: Redis' time, which decides when they end; milliseconds since 1970.
            now: the same moment by the clock that lookups will use, in seconds.
        """
        self._names, self._networks = {}, {}
        for ban in bans:
            ends = float("inf") if ban.until is None else now + (ban.until - clock) / 1000
            if ban.kind == "name":
                self._names[ban.key.partition(":")[2]] = (ban, ends)
            else:
                network = ip_network(ban.subject)
                same = self._networks.setdefault((network.version, network.prefixlen), {})
                same[int(network.network_address)] = (ban, ends)

    def of_name(self, folded: str, now: float) -> Reason | None:
        """Why somebody with this name may not come in; None if they may."""
        return _reason(self._names.get(folded), now)

    def of_address(self, address: Address, now: float) -> Reason | None:
        """Why nobody may come in from this address; None if they may."""
        number, bits = int(address), address.max_prefixlen
        for (version, length), networks in self._networks.items():
            if version == address.version:
                found = networks.get(number >> (bits - length) << (bits - length))
                if reason := _reason(found, now):
                    return reason
        return None


def _reason(found: tuple[Ban, float] | None, now: float) -> Reason | None:
    if found is None or now >= found[1]:
        return None
    ban, text = found[0], "You are banned"
    if ban.until is not None:
        with contextlib.suppress(OverflowError, ValueError):  # after the year 9999: no end
            text += f" until {datetime.fromtimestamp(ban.until / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return BANNED._replace(text=f"{text}: {ban.reason}" if ban.reason else f"{text}.")
