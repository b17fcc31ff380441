"""Behind the IRC door: each connection becomes a client with a peer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.addresses import Address
from gateway.channels.links import Link
from gateway.irc import commands
from gateway.irc.client import Client, TakesRequests
from gateway.irc.lines import Line, Splitter, format_line
from gateway.irc.shared import IrcShared
from gateway.listeners.json_lines import JSON_LINES
from gateway.listeners.tcp import TakesLines, TcpLink
from gateway.meters import Meters
from wire.limits import Limits
from wire.reasons import Reason


class IrcRoom:
    """Implements `gateway.doorkeeper.Room` for clients of IRC.

    Args:
        shared: what the clients share.
        connect: makes the peer of a link.
        limits: what a client may do.
        meters: where to count.
    """

    def __init__(
        self,
        shared: IrcShared,
        connect: Callable[[Link], TakesRequests],
        limits: Limits,
        meters: Meters,
    ) -> None:
        self._shared = shared
        self._connect = connect
        self._limits = limits
        self._meters = meters

    def protocol(self, address: Address, where: str, gone: Callable[[], None]) -> asyncio.Protocol:
        """As in `Room`."""

        def make(link: TcpLink) -> TakesLines:
            client = Client(link, self._shared, self._connect, _handle)
            link.speech = client
            return client

        speech = JSON_LINES  # until the client is made, with the connection
        lines = Splitter()
        return TcpLink(make, speech, self._limits, address, where, gone, self._meters, lines=lines)

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """As in `Room`."""
        return f"{format_line('ERROR', f'Closing Link: {reason.text}')}\r\n".encode()


def _handle(client: Client, line: Line) -> Awaitable[None] | None:
    if client.welcomed is None:
        return client.registration.handle(line)
    return commands.handle(client, line)
