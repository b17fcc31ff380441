"""A peer for the tests: speaks the wire in plain JSON, and keeps what it was told."""

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any

from tests.support.deadlines import within

Told = dict[str, Any]


class Peer:
    """One connection to a gateway.

    It reads only while it expects something: one that expects nothing is a slow reader.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox: list[Told] = []
        self.seen: list[Told] = []
        """Everything that it was told, in order."""
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
        """Say who it is; returns the welcome."""
        self.name = name
        self._seen.update(fields.get("seen") or {})
        await self.say(op="hello", v=1, name=name, **fields)
        return await self.expect(op="welcome")

    @property
    def way_back(self) -> dict[str, Any]:
        """What a hello has to say besides, to go on where this connection has been read up to."""
        return {"resume": self._token, "seen": dict(self._seen)}

    async def say(self, **fields: Any) -> None:
        await self.throw(json.dumps(fields, ensure_ascii=False).encode() + b"\n")

    async def throw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def expect(self, _within: float = 8.0, **fields: Any) -> Told:
        """Wait for an event with these fields; it is taken out of what was told so far.

        Those told before it stay, to be expected later: for an order, look at `seen`. Where one
        of several values will do, a set of them is given.
        """
        (event,) = await self.collect(1, _within, **fields)
        return event

    async def collect(self, count: int, _within: float = 8.0, **fields: Any) -> list[Told]:
        """Wait for so many events with these fields."""
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
        """Wait until all is read that this gateway had told when it was asked."""
        await self.say(op="ping")
        await self.expect(op="pong")

    async def ended(self, **fields: Any) -> Told:
        """Wait for a bye with these fields, and for the end of the connection after it."""
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
        """The events with these fields that were read so far."""
        return [event for event in self.seen if matches(event, fields)]

    def send_no_more(self) -> None:
        """Close this half of the connection."""
        self._writer.write_eof()

    def vanish(self) -> None:
        """End the connection without a word, as when the machine is gone."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
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
            case "msg":
                self._seen["@" if "to" in event else event["room"]] = event["id"]
        self.seen.append(event)
        self._inbox.append(event)

    def _report(self, problem: str) -> str:
        seen = [f"  {json.dumps(event)[:160]}" for event in self.seen]
        if len(seen) > 40:
            seen[20:-20] = ["  ..."]
        return "\n".join([f"{self.name} got {problem}; was told:", *(seen or ["  nothing"])])


def matches(event: Told, fields: Told) -> bool:
    return all(
        event.get(name) in value if isinstance(value, set) else event.get(name) == value
        for name, value in fields.items()
    )
