"""A connection to Redis for the hot path: bytes to replies, replies to whoever waits.

redis-py reads the URL (and is what the commands of `chatctl` use); it is not on this path, since
its pub/sub costs ten times the CPU per message, does not notice a frozen server, and hides the
moments in which messages were lost by reconnecting silently. Here a connection that has been
lost stays lost, and says so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from gateway.backplane.redis import tls
from gateway.backplane.redis.address import describe, locate
from gateway.backplane.url import without_secrets
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from network.connecting import certified, connected

log = logging.getLogger(__name__)

PING_AFTER = 1.5
"""Seconds without a byte from Redis after which it is asked whether it is there."""

DEAD_AFTER = 4.0
"""Seconds without a byte from Redis after which it is dead: noticed within five."""

LOOK_EVERY = 0.5
"""Seconds between two looks at how long it has been silent."""

_MISSING = object()


class Connection(asyncio.Protocol):
    """Pipelines commands, and passes on what is published on the channels subscribed to.

    Commands of one turn of the loop leave in one write. Replies come in the order of their
    commands; RESP2, so a connection that has subscribed can send nothing but (un)subscriptions
    and pings, and the gateway has two.

    Args:
        on_message: called with (channel, payload) for each published message.
        on_lost: called once when the connection has ended.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, bytes], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_MISSING)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._look_at = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to watch over the connection."""
        # A cast, since uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.alive = True
        self._heard_at = self._look_at = time.monotonic()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Hand out what has come: the hot path of everything that is published."""
        self._heard_at = time.monotonic()
        self._reader.feed(data)
        read, on_message = self._reader.gets, self._on_message
        try:
            while (reply := read()) is not _MISSING:
                if on_message is not None and type(reply) is list and len(reply) == 3:
                    kind = reply[0]
                    if kind == b"smessage":
                        try:
                            on_message(reply[1], reply[2])
                        except Exception:  # costs this message only: the log has it
                            log.exception("an unexpected error")
                        continue
                    if kind == b"sunsubscribe":
                        continue
                self._answer(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail whatever still waits."""
        self.alive = False
        if self._probe is not None:
            self._probe.cancel()
        # What TLS says is for people to read; of the rest there is nothing to be learnt.
        refused = tls.meaning(str(error))
        why = str(error) if refused else "the connection to Redis was lost"
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(BackplaneDown(why))
                future.exception()  # nobody need look
        if self._on_lost is not None:
            self._on_lost()

    def call(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command.

        Returns:
            Its reply, to be awaited.

        Raises:
            BackplaneDown: the connection is lost (also raised by the future).
            BackplaneRefused: Redis refused (raised by the future).
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._send(command)
        self._waiting.append(future)
        return future

    async def subscribe(self, channels: list[str]) -> None:
        """Subscribe; returns when Redis has confirmed all.

        Raises:
            BackplaneDown: the connection is lost.
        """
        # One command a channel: on a Redis Cluster one command may name one slot only.
        await asyncio.gather(*(self.call("SSUBSCRIBE", channel) for channel in channels))

    def unsubscribe(self, channels: list[str]) -> None:
        """Unsubscribe; nobody waits for it."""
        for channel in channels:
            self._send(("SUNSUBSCRIBE", channel))

    def abort(self) -> None:
        """Give the connection up at once."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Send what is still to be sent, and end."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _send(self, command: tuple[Any, ...]) -> None:
        if not self.alive:
            raise BackplaneDown("there is no connection to Redis")
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(command))

    def _flush(self) -> None:
        if self.alive and self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _answer(self, reply: Any) -> None:
        if not self._waiting:
            # An unsolicited reply: Redis says why it ends the connection.
            self.abort()
            return
        future = self._waiting.popleft()
        if future.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            # Of a command that it does not know Redis repeats the arguments, and they are ours.
            future.set_exception(BackplaneRefused(str(reply).partition(", with args")[0]))
        else:
            future.set_result(reply)

    def _watch(self) -> None:
        """Ask a silent Redis whether it is there; give up one that does not answer.

        A frozen server, or one behind a network that swallows packets, looks like a quiet one
        until it is asked.
        """
        now = time.monotonic()
        # While our own loop stood still nobody listened: that is no silence of Redis'.
        self._heard_at += max(0.0, now - self._look_at)
        silent = now - self._heard_at
        if silent >= DEAD_AFTER:
            self.abort()
            return
        if silent >= PING_AFTER:
            self.call("PING").add_done_callback(asyncio.Future.exception)
        self._look_at = now + LOOK_EVERY
        self._probe = self._loop.call_later(LOOK_EVERY, self._watch)


async def connect(url: str, connection: Connection, name: str) -> None:
    """Open a connection to the Redis of a URL.

    Args:
        url: as `gateway.backplane.redis.address` takes it.
        connection: what it becomes.
        name: how it shows up in Redis' list of clients.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    loop = asyncio.get_running_loop()
    password = None
    try:
        async with asyncio.timeout(DEAD_AFTER):
            place, context, who = await locate(url)
            if isinstance(place, str):
                await loop.create_unix_connection(lambda: connection, place)
            else:
                link = await connected(*place)
                await loop.create_connection(
                    lambda: connection,
                    sock=link,
                    ssl=context,
                    server_hostname=certified(place[0]) if context else None,
                )
            if password := who.password:
                user = (who.username,) if who.username else ()
                await connection.call("AUTH", *user, password)
            if who.db:
                await connection.call("SELECT", who.db)
            await connection.call("CLIENT", "SETNAME", name)
    except (OSError, TimeoutError, ValueError, BackplaneDown, BackplaneRefused) as error:
        connection.abort()
        cause = describe(error, url)
        if password:
            # A server that does not know AUTH repeats how it was called.
            cause = cause.replace(password, "***")
        kind = RedisRefused if isinstance(error, BackplaneRefused) else RedisUnreachable
        raise kind(f"{without_secrets(url)}: {cause}") from None
