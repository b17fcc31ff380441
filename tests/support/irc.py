"""A client of IRC for the tests: sends lines, and keeps every line it gets."""

import asyncio
import base64
import contextlib

from gateway.irc.lines import Line, parse
from tests.support.deadlines import within


class IrcPeer:
    """One connection to the IRC door.

    Attributes:
        seen: every line that came, in order.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.seen: list[Line] = []
        self.nick = ""
        self._pings = 0

    @classmethod
    async def connect(cls, host: str, port: int, **options: object) -> "IrcPeer":
        return cls(*await asyncio.open_connection(host, port, limit=2**17, **options))

    async def say(self, *lines: str) -> None:
        await self.throw("".join(f"{line}\r\n" for line in lines).encode())

    async def throw(self, data: bytes) -> None:
        """Send raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def register(self, nick: str, *capabilities: str, password: str = "") -> None:
        """Log in, and wait for the end of the welcome."""
        self.nick = nick
        if password:
            await self.say(f"PASS {password}")
        if capabilities:
            await self.say(f"CAP REQ :{' '.join(capabilities)}")
        await self.say(f"NICK {nick}", "USER u 0 * :real name")
        if capabilities:
            await self.say("CAP END")
        await self.expect("422")
        await self.caught_up()

    async def sasl(self, name: str, password: str) -> Line:
        """Prove an account; returns the last numeric."""
        await self.say("CAP REQ sasl", "AUTHENTICATE PLAIN")
        await self.expect("AUTHENTICATE")
        response = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        await self.say(f"AUTHENTICATE {response}")
        return await self.expect("903", "904")

    async def expect(self, *commands: str, **fields: str) -> Line:
        """Wait for the next line with one of these commands; the lines before it are passed over.

        Args:
            commands: what it may be.
            fields: ``source``, or ``p0``, ``p1`` and so on for parameters, that it must have too.
        """
        try:
            async with asyncio.timeout(within(8.0)):
                while True:
                    line = await self._read()
                    if line.command in commands and _fits(line, fields):
                        return line
        except (TimeoutError, EOFError) as error:
            seen = "\n  ".join(map(str, self.seen[-30:]))
            raise AssertionError(f"{error!r} instead of {commands} {fields}:\n  {seen}") from None

    def send_no_more(self) -> None:
        """Close our half of the connection."""
        self._writer.write_eof()

    async def caught_up(self) -> list[Line]:
        """Everything that comes before the answer to a ping."""
        self._pings += 1
        token, start = f"t{self._pings}", len(self.seen)
        await self.say(f"PING {token}")
        await self.expect("PONG", p1=token)
        return self.seen[start:-1]

    async def ended(self) -> str:
        """Wait for the end of the connection; returns the text of the ERROR before it."""
        error = await self.expect("ERROR")
        async with asyncio.timeout(within()):
            assert await self._reader.read() == b""
        return error.params[0]

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _read(self) -> Line:
        raw = await self._reader.readuntil(b"\n") if not self._reader.at_eof() else b""
        if not raw:
            raise EOFError("the connection has ended")
        assert raw.endswith(b"\r\n")
        line = parse(raw[:-2].decode())
        assert line is not None
        self.seen.append(line)
        return line


def _fits(line: Line, fields: dict[str, str]) -> bool:
    for name, wanted in fields.items():
        if name == "source":
            if line.source.partition("!")[0] != wanted:
                return False
        elif line.params[int(name[1:]) : int(name[1:]) + 1] != [wanted]:
            return False
    return True
