"""The bans that this gateway knows of. Pure; what counts is in Redis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_network

from gateway.addresses import Address
from gateway.backplane.records import Ban
from wire.reasons import BANNED, Reason


class Bans:
    """Who may not come in."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[Ban, float]] = {}
        # By length of prefix, so that a look costs one step for each length and not for each ban.
        self._networks: dict[tuple[int, int], dict[int, tuple[Ban, float]]] = {}

    def set(self, bans: Iterable[Ban], clock: int, now: float) -> None:
        """Know these, and no others.

        Args:
            bans: all of them.
            clock: Redis' time, milliseconds since 1970: by it they end.
            now: reading of the clock that the questions will be asked with, seconds.
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
        """Why somebody of this name may not come in; None if they may."""
        return _if_it_holds(self._names.get(folded), now)

    def of_address(self, address: Address, now: float) -> Reason | None:
        """Why nobody may come in from there; None if they may."""
        number, bits = int(address), address.max_prefixlen
        for (version, length), networks in self._networks.items():
            if version == address.version:
                found = networks.get(number >> (bits - length) << (bits - length))
                if reason := _if_it_holds(found, now):
                    return reason
        return None


def _if_it_holds(found: tuple[Ban, float] | None, now: float) -> Reason | None:
    if found is None or now >= found[1]:
        return None
    ban, text = found[0], "You are banned"
    if ban.until is not None:
        with contextlib.suppress(OverflowError, ValueError):  # past the year 9999: for ever
            text += f" until {datetime.fromtimestamp(ban.until / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return BANNED._replace(text=f"{text}: {ban.reason}" if ban.reason else f"{text}.")
