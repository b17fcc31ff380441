"""What a gateway tells of itself with each renewal of its lease."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import msgspec

from gateway.backplane.records import GatewayInfo
from gateway.open_files import most_connections

if TYPE_CHECKING:
    from gateway.core import Gateway


def status(gateway: Gateway) -> bytes:
    """How it is now, JSON of a `GatewayInfo`: the lag since this was asked last."""
    meters = gateway.meters
    info = GatewayInfo(
        listen=gateway.listen,
        host=socket.gethostname(),
        version=gateway.version,
        since=gateway.since,
        at=round(gateway.wall() * 1000),
        connections=len(gateway.peers),
        most_connections=most_connections(),
        sessions=len(gateway.online),
        received=meters.frames_received,
        delivered=meters.frames_sent,
        lag=round(meters.worst_lag(), 6),
        draining=gateway.draining,
        settings=gateway.settings,
    )
    return msgspec.json.encode(info)
