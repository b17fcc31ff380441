"""``python -m tests.chaos.stampede``: a gateway is killed, and all its clients go to another."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import cast

import click
import msgspec

from client.backoff import Backoff
from client.returning import FIRST, LONGEST
from tests.chaos.lab import OPTIONS, lab
from wire.codec import decode_event, encode
from wire.frames import Hello, Welcome

BUCKET = 0.25
"""Seconds per line of the histogram."""

AT_ONCE = 100
"""Clients that log in at the same time at the start."""

BACK_WITHIN = 60.0
"""Seconds to wait for the last client."""


class Client(asyncio.Protocol):
    """A minimal client: two thousand of them must not dominate the measurement.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        self.back_at = 0.0
        self.attempts = 0
        self.resumed = False
        self.here = asyncio.Event()
        self.lost = asyncio.Event()
        self._hello = Hello(v=1, name=name, seq=0)
        self._backoff = Backoff(FIRST, LONGEST)
        self._beginning = b""
        self._leaving = False
        self._other = 0
        self._loop = asyncio.get_running_loop()

    async def join(self, port: int, other: int) -> None:
        """Log in at one gateway; when the connection is lost, reconnect to the other."""
        self._other = other
        await self._loop.create_connection(lambda: self, "127.0.0.1", port)
        await self.here.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self._transport = cast(asyncio.Transport, transport)
        self._beginning = b""
        self._transport.write(encode(self._hello))

    def data_received(self, data: bytes) -> None:
        """Look for the welcome; later events do not matter here."""
        if self.here.is_set():
            return
        self._beginning += data
        line, newline, _ = self._beginning.partition(b"\n")
        if newline and isinstance(welcome := decode_event(line), Welcome):
            assert self._hello.seq is not None
            self._hello = msgspec.structs.replace(
                self._hello, resume=welcome.resume, seq=self._hello.seq + 1
            )
            self.resumed = welcome.resumed
            self.back_at = time.monotonic()
            self.here.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Reconnect, after the client library's delay."""
        self.here.clear()
        self.lost.set()
        if not self._leaving:
            self._later()

    def leave(self) -> None:
        """Leave for good."""
        self._leaving = True
        self._transport.abort()

    def _later(self) -> None:
        self._loop.call_later(self._backoff.next(), self._try)

    def _try(self) -> None:
        self.attempts += 1
        self._attempt = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: self, "127.0.0.1", self._other)
        except OSError:
            self._later()


async def stampede(count: int) -> str:
    """Run it, and return the report."""
    async with lab(2, OPTIONS) as at:
        doomed, other = at.stations
        clients = [Client(f"c{number}") for number in range(count)]
        for start in range(0, count, AT_ONCE):
            some = clients[start : start + AT_ONCE]
            await asyncio.gather(*(client.join(doomed.port, other.port) for client in some))
        began = time.monotonic()
        doomed.kill()
        try:
            await asyncio.gather(*(client.lost.wait() for client in clients))
            async with asyncio.timeout(BACK_WITHIN):
                await asyncio.gather(*(client.here.wait() for client in clients))
        finally:
            for client in clients:
                client.leave()
        return report([client.back_at - began for client in clients], clients)


def report(delays: list[float], clients: list[Client]) -> str:
    """The figures and a histogram."""
    resumed = sum(client.resumed for client in clients)
    attempts = sum(client.attempts for client in clients)
    lines = [
        f"{len(clients)} clients of a killed gateway: all back after {max(delays):.2f} s, "
        f"half of them after {sorted(delays)[len(delays) // 2]:.2f} s; "
        f"{resumed} resumed, {attempts} attempts"
    ]
    buckets = Counter(int(delay / BUCKET) for delay in delays)
    for bucket in range(max(buckets) + 1):
        number = buckets[bucket]
        lines.append(f"{bucket * BUCKET:6.2f} s  {number:5}  {'#' * (60 * number // len(clients))}")
    return "\n".join(lines)


@click.command()
@click.option("--clients", default=2_000, show_default=True, help="How many.")
def main(clients: int) -> None:
    """Kill a gateway, and watch its clients come back to another one."""
    click.echo(asyncio.run(stampede(clients)))


if __name__ == "__main__":
    main()
