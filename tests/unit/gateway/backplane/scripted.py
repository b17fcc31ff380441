"""A Redis that does as it is told: for replies that a real one gives on bad days only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import hiredis

from gateway.backplane.scripts import Script
from tests.unit.gateway.fakes import until

OK = b"+OK\r\n"

RUN = Script("run_find").sha
RUN_ID = "r1"
RENEW = Script("gateway_renew").sha


def bulk(data: str | bytes) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*parts: str | bytes | int) -> bytes:
    encoded = [b":%d\r\n" % p if isinstance(p, int) else bulk(p) for p in parts]
    return b"*%d\r\n" % len(parts) + b"".join(encoded)


def error(text: str) -> bytes:
    return f"-{text}\r\n".encode()


class Client:
    """One connection, as the server sees it."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.writer = writer
        self.commands: list[list[str]] = []

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def end(self) -> None:
        self.writer.transport.abort()


Answer = Callable[[Client, list[str]], bytes | None]


def usual(client: Client, command: list[str]) -> bytes | None:
    """What a Redis answers on a good day."""
    match [command[0].upper(), *command[1:]]:
        case ["EVALSHA", sha, *_] if sha == RUN:
            return array(RUN_ID, "standalone")
        case ["EVALSHA", sha, *_] if sha == RENEW:
            return array("1795428010000", 1)
        case ["SCARD", _]:
            return b":0\r\n"
        case ["SSUBSCRIBE", channel]:
            return array("ssubscribe", channel, 1)
        case ["SUNSUBSCRIBE", channel]:
            return array("sunsubscribe", channel, 0)
        case ["PING", *_]:
            subscribed = any(known[0] == "SSUBSCRIBE" for known in client.commands)
            return array("pong", "") if subscribed else b"+PONG\r\n"
        case ["SCRIPT", "LOAD", *_]:
            return bulk("0" * 40)
        case ["EVALSHA", *_]:
            return b"*0\r\n"
        case _:
            return OK


class ScriptedRedis:
    """Answers each command with what ``answer`` returns; None: not at all.

    Attributes:
        answer: asked for each command; tests put theirs in place of the usual one.
        clients: all that ever connected, in order.
    """

    def __init__(self) -> None:
        self.answer: Answer = usual
        self.clients: list[Client] = []
        self.url = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    def commands(self, *names: str) -> list[list[str]]:
        """All commands so far, or only the ones with these names."""
        return [
            command
            for client in self.clients
            for command in client.commands
            if not names or command[0] in names
        ]

    async def asked(self, *names: str, times: int = 1) -> list[list[str]]:
        """Wait for commands of these names."""
        await until(lambda: len(self.commands(*names)) >= times, f"{names} {times} times")
        return self.commands(*names)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedRedis"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"redis://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for client in self.clients:
                client.end()
            for client in self.clients:
                with contextlib.suppress(ConnectionError):
                    await client.writer.wait_closed()
            await server.wait_closed()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client = Client(len(self.clients), writer)
        self.clients.append(client)
        parser = hiredis.Reader(notEnoughData=self)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                parser.feed(data)
                while (command := parser.gets()) is not self:
                    words = [word.decode(errors="replace") for word in command]
                    client.commands.append(words)
                    reply = self.answer(client, words)
                    if reply is not None:
                        writer.write(reply)
        writer.close()


def evalsha(redis: ScriptedRedis) -> list[list[str]]:
    """The calls of scripts so far, but for the one with which a connection begins."""
    return [command for command in redis.commands("EVALSHA") if command[1] != RUN]


class Scene:
    """A Redis, somebody with two connections to it, and what they tell.

    Attributes:
        redis: the server.
        told: everything, in order.
    """

    def __init__(self, redis: ScriptedRedis) -> None:
        self.redis = redis
        self.told: list[Any] = []

    def away(self) -> None:
        self.told.append("away")

    def back(self) -> None:
        self.told.append("back")

    async def heard(self, what: Any) -> None:
        await until(lambda: what in self.told, f"{what}")

    @property
    def commands(self) -> Client:
        """The connection for commands that is in use, as the server sees it."""
        return self.redis.clients[-2]

    @property
    def subscriptions(self) -> Client:
        """The one for subscriptions."""
        return self.redis.clients[-1]
