"""A peer for the tests: speaks plain JSON, and keeps every event it gets."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from typing import Any

from tests.support.deadlines import within

Told = dict[str, Any]


class Peer:
    """One connection to a gateway.

    It reads only while it expects something, so a peer that expects nothing is a slow reader.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox: list[Told] = []
        self.seen: list[Told] = []
        """Every event it got, in order."""
        self.name = "?"
        self._token: str | None = None
        self._seen: dict[str, str] = {}

    @classmethod
    async def connect(cls, host: str, port: int, **options: Any) -> "Peer":
        return cls(*await asyncio.open_connection(host, port, limit=2**17, **options))

    @property
    def connection(self) -> socket.socket:
        return self._writer.get_extra_info("socket")

    async def hello(self, name: str, **fields: Any) -> Told:
        """Log in; returns the welcome."""
        self.name = name
        self._seen.update(fields.get("seen") or {})
        await self.say(op="hello", v=1, name=name, **fields)
        return await self.expect(op="welcome")

    @property
    def way_back(self) -> dict[str, Any]:
        """The extra fields of a hello that resumes after the last event read here."""
        return {"resume": self._token, "seen": dict(self._seen)}

    async def say(self, **fields: Any) -> None:
        await self.throw(json.dumps(fields, ensure_ascii=False).encode() + b"\n")

    async def throw(self, data: bytes) -> None:
        """Send raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def expect(self, _within: float = 8.0, **fields: Any) -> Told:
        """Wait for an event with these fields, and take it out of the inbox.

        Earlier events stay in the inbox and can be expected later; check `seen` for the order. Give
        a set if a field may have one of several values.
        """
        (event,) = await self.collect(1, _within, **fields)
        return event

    async def collect(self, count: int, _within: float = 8.0, **fields: Any) -> list[Told]:
        """Wait for this number of events with these fields."""
        found: list[Told] = []
        position = 0
        try:
            async with asyncio.timeout(within(_within)):
                while len(found) < count:
                    if position == len(self._inbox):
                        await self._read()
                    elif matches(self._inbox[position], fields):
                        found.append(self._inbox.pop(position))
                    else:
                        position += 1
        except (TimeoutError, ConnectionError, EOFError) as error:
            got = f"{error!r} instead of {fields}, {len(found)} of {count}"
            raise AssertionError(self._report(got)) from None
        return found

    async def caught_up(self) -> None:
        """Wait until everything that the gateway has sent so far is read."""
        await self.say(op="ping")
        await self.expect(op="pong")

    async def ended(self, **fields: Any) -> Told:
        """Wait for a bye with these fields, and then for the end of the connection."""
        bye = await self.expect(op="bye", **fields)
        await self.disconnected()
        assert self.seen[-1] == bye, self._report("something came after the bye")
        return bye

    async def disconnected(self) -> None:
        """Wait for the end of the connection."""
        try:
            async with asyncio.timeout(within()):
                with contextlib.suppress(EOFError, ConnectionError):
                    while True:
                        await self._read()
        except TimeoutError:
            raise AssertionError(self._report("the connection has not ended")) from None

    def told(self, **fields: Any) -> list[Told]:
        """The events with these fields that have been read so far."""
        return [event for event in self.seen if matches(event, fields)]

    def send_no_more(self) -> None:
        """Close our half of the connection."""
        self._writer.write_eof()

    def vanish(self) -> None:
        """Break the connection off, as if the machine were gone."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        # The gateway may still be writing when TLS closes: that is an SSLError.
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(within(2)):
                await self._writer.wait_closed()

    async def _read(self) -> None:
        line = await self._reader.readline()
        if not line:
            raise EOFError("the connection has ended")
        event = json.loads(line)
        match event["op"]:
            case "welcome":
                self._token = event["resume"]
                self._seen.update(event.get("seen", {}))
            case "entered":
                self._seen[event["room"]] = event["seen"]
            case "msg" | "changed" | "deleted" | "reacted":
                self._seen[event.get("room", "@")] = event["id"]
        self.seen.append(event)
        self._inbox.append(event)

    def _report(self, problem: str) -> str:
        seen = [f"  {json.dumps(event)[:160]}" for event in self.seen]
        if len(seen) > 40:
            seen[20:-20] = ["  ..."]
        return "\n".join([f"{self.name} got {problem}; its events:", *(seen or ["  nothing"])])


def matches(event: Told, fields: Told) -> bool:
    return all(
        event.get(name) in value if isinstance(value, set) else event.get(name) == value
        for name, value in fields.items()
    )
