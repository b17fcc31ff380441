"""``python -m tests.bench.client``: how a flood of messages slows down somebody who types.

A client runs on a terminal. A gateway of our own tells it a number of messages a second. Meanwhile
keys are pressed: the time from each to its letter on the screen is measured, and the client's
memory at the end of each tenth.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import string
import sys
import tempfile
import time
from pathlib import Path

import click

from wire.codec import decode_request, encode
from wire.frames import Error, Hello, Msg, Ping, Pong, Welcome
from wire.limits import Limits

KEY_EVERY = 0.1
"""Seconds between two keys, as of somebody who types fast."""

CLEAR = b"\x15"
"""Ctrl-U: an empty line again."""

TICK = 0.01
"""Seconds between two packets of messages."""


class Flood:
    """A gateway with one client, to which it tells messages."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self.here = asyncio.Event()
        self._ended = asyncio.Event()
        self._next = 0

    async def serve(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Hang up, and listen no more."""
        assert self._writer is not None
        self._writer.close()
        self._server.close()
        await self._server.wait_closed()
        await self._ended.wait()

    async def tell(self, rate: int, seconds: float) -> None:
        """Tell messages for some time, at this rate."""
        assert self._writer is not None
        begun, told = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            due = round(passed * rate)
            self._writer.write(b"".join(self._message() for _ in range(due - told)))
            await self._writer.drain()
            told = due
            await asyncio.sleep(TICK)

    def _message(self) -> bytes:
        self._next += 1
        now = round(time.time() * 1000)
        text = f"message {self._next} of many, about nothing in particular"
        return encode(Msg(id=f"1-{self._next}", ts=now, from_="sis", room="lobby", text=text))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while line := await reader.readline():
            match decode_request(line):
                case Hello(name=name):
                    welcome = Welcome(1, name, "g-1", "token", None, ["lobby"], Limits())
                    writer.write(encode(welcome))
                    self.here.set()
                case Ping():
                    writer.write(encode(Pong()))
                case request if (seq := getattr(request, "seq", None)) is not None:
                    writer.write(encode(Error(code="not_here", text="not here", seq=seq)))
        self._ended.set()


class Typist:
    """A client on a terminal, and the keys that are pressed there."""

    def __init__(self, port: int, home: Path) -> None:
        environment = {**os.environ, "HOME": str(home), "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "chatctl", "client", "dana"]
        command += ["--server", f"127.0.0.1:{port}", "--backlog", "0"]
        self.pid, self._fd = pty.fork()
        if not self.pid:
            os.execve(sys.executable, command, environment)
        self._awaited = b""
        self._seen = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    async def press(self, key: bytes) -> float:
        """Press a key whose letter is not on the screen; returns seconds until it is there."""
        self._awaited = key
        self._seen.clear()
        begun = time.monotonic()
        os.write(self._fd, key)
        await self._seen.wait()
        return time.monotonic() - begun

    def clear(self) -> None:
        """Empty the typed line."""
        os.write(self._fd, CLEAR)

    def memory(self) -> int:
        """The resident memory of the client, in KiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def end(self) -> None:
        """Leave."""
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        os.waitpid(self.pid, 0)

    def _read(self) -> None:
        if self._awaited and self._awaited in os.read(self._fd, 1 << 16):
            self._awaited = b""
            self._seen.set()


async def measure(rate: int, seconds: float) -> dict[str, object]:
    """Type for some time while messages come at a rate."""
    flood = Flood()
    port = await flood.serve()
    with tempfile.TemporaryDirectory() as home:
        typist = Typist(port, Path(home))
        try:
            await flood.here.wait()
            await asyncio.sleep(1.0)  # until the prompt is there
            took, memory = [], [typist.memory()]
            telling = asyncio.create_task(flood.tell(rate, seconds))
            begun = time.monotonic()
            while not telling.done():
                for letter in string.ascii_uppercase:
                    took.append(await typist.press(letter.encode()))
                    await asyncio.sleep(KEY_EVERY)
                typist.clear()
                await asyncio.sleep(KEY_EVERY)
                if (time.monotonic() - begun) * 10 > seconds * len(memory):
                    memory.append(typist.memory())
            await telling
        finally:
            typist.end()
            await flood.close()
    took.sort()
    return {
        "messages_per_second": rate,
        "keys": len(took),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p95_ms": round(took[len(took) * 95 // 100] * 1000, 1),
        "max_ms": round(took[-1] * 1000, 1),
        "memory_kib": memory,
    }


@click.command()
@click.option("--rate", default=2000, help="Messages a second.", show_default=True)
@click.option("--seconds", default=50.0, help="How long.", show_default=True)
def main(rate: int, seconds: float) -> None:
    """Measure a client without messages, and then with many."""
    for each in (0, rate):
        found = asyncio.run(measure(each, min(seconds, 10.0) if each == 0 else seconds))
        click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
