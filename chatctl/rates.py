"""Lines per second, from what gateways count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.backplane.operators.gateways import GatewayRecord
    from gateway.backplane.records import GatewayInfo


class Rate(NamedTuple):
    """Lines per second, from peers and to peers."""

    received: float
    delivered: float


class Rates:
    """The rates of all gateways, from their last two reports.

    A gateway reports every three seconds, so its rates change no more often than that.
    """

    def __init__(self) -> None:
        self._told: dict[str, GatewayInfo] = {}
        self._rates: dict[str, Rate] = {}

    def look(self, gateways: Sequence[GatewayRecord]) -> dict[str, Rate]:
        """The rates of the gateways that have reported twice, by id."""
        told = {each.id: each.info for each in gateways if each.lease is not None and each.info}
        for id, info in told.items():
            before = self._told.get(id)
            if before is not None and info.at > before.at:
                seconds = (info.at - before.at) / 1000
                self._rates[id] = Rate(
                    max(0, info.received - before.received) / seconds,
                    max(0, info.delivered - before.delivered) / seconds,
                )
        self._told = told
        self._rates = {id: rate for id, rate in self._rates.items() if id in told}
        return self._rates
