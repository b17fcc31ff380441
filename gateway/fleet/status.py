"""The report of a gateway about itself, written at each renewal of its lease."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sized

import msgspec

from gateway.backplane.records import ChatSettings, GatewayInfo
from gateway.fleet.shutdown import Shutdown
from gateway.meters import Meters
from gateway.open_files import most_connections


class Status:
    """Makes the report.

    Args:
        listen: the gateway's address, ``host:port``.
        version: the program's version.
        settings: the settings that all gateways of the chat should share.
        connected: everybody who is connected here.
        online: everybody who has a name.
        shutdown: says whether the gateway drains.
        meters: what the gateway has counted.
        wall: a clock in seconds since 1970.

    Attributes:
        listen: the same; changed when the port is known.
    """

    def __init__(
        self,
        listen: str,
        version: str,
        settings: ChatSettings,
        connected: Sized,
        online: Sized,
        shutdown: Shutdown,
        meters: Meters,
        wall: Callable[[], float],
    ) -> None:
        self.listen = listen
        self._version = version
        self._settings = settings
        self._connected = connected
        self._online = online
        self._shutdown = shutdown
        self._meters = meters
        self._wall = wall
        self._since = round(wall() * 1000)

    def read(self) -> bytes:
        """The report of now, a `GatewayInfo` in JSON; its lag is the worst since the last call."""
        meters = self._meters
        info = GatewayInfo(
            listen=self.listen,
            host=socket.gethostname(),
            version=self._version,
            since=self._since,
            at=round(self._wall() * 1000),
            connections=len(self._connected),
            most_connections=most_connections(),
            sessions=len(self._online),
            received=meters.frames_received,
            delivered=meters.frames_sent,
            lag=round(meters.worst_lag(), 6),
            draining=self._shutdown.draining,
            settings=self._settings,
        )
        return msgspec.json.encode(info)
