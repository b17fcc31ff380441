"""A connection to Redis for the hot path: from bytes to replies, and from replies to callers.

redis-py serves the commands of `chatctl` but is not on this path: its pub/sub costs ten times the
CPU per message, does not notice a frozen server, and hides by silent reconnects that messages were
lost. Here a lost connection stays lost, and its owner is told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.crc import key_slot

from gateway.backplane.redis import tls
from gateway.backplane.redis.address import describe, locate
from gateway.backplane.url import without_secrets
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from wire.connecting import certificate_name, open_socket

log = logging.getLogger(__name__)

PING_AFTER = 1.5
"""Seconds of silence after which Redis is pinged."""

DEAD_AFTER = 4.0
"""Seconds of silence after which Redis counts as dead: it is noticed within five."""

CHECK_EVERY = 0.5
"""Seconds between checks of how long it has been silent."""

_MISSING = object()


class Connection(asyncio.Protocol):
    """Pipelines commands, and passes on what is published on its channels.

    All commands of one turn of the loop are sent in one write, and replies come in the order of the
    commands. The protocol is RESP2: a connection with subscriptions can send only (un)subscriptions
    and pings, which is why a gateway has two connections.

    Args:
        on_message: called with (channel, payload) for each published message.
        on_lost: called once when the connection has ended.
        on_closed: called with each channel that is no longer subscribed to, even if the
            server ended that.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, bytes], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        on_closed: Callable[[bytes], None] | None = None,
    ) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_closed = on_closed
        self._reader = hiredis.Reader(notEnoughData=_MISSING)
        self._subscribing: dict[asyncio.Future[Any], str] = {}
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._check_at = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to watch the connection."""
        # A cast, because uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.alive = True
        self._heard_at = self._check_at = time.monotonic()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Hand out replies and messages: the hot path of everything that is published."""
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
                        except Exception:  # only this message suffers, and the log has it
                            log.exception("an unexpected error")
                        continue
                    if kind == b"sunsubscribe":
                        if self._on_closed is not None:
                            self._on_closed(reply[1])
                        continue
                self._answer(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail all calls that still wait."""
        self.alive = False
        if self._probe is not None:
            self._probe.cancel()
        # A TLS error explains itself; any other adds nothing.
        refused = tls.meaning(str(error))
        why = str(error) if refused else "the connection to Redis was lost"
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(BackplaneDown(why))
                future.exception()  # the caller may be gone: mark it as read
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
        """Subscribe; returns when Redis has confirmed every channel.

        Raises:
            BackplaneDown: the connection is lost.
        """
        # One command per channel: on a Redis Cluster, a command may name only one slot.
        asked = {self.call("SSUBSCRIBE", channel): channel for channel in channels}
        self._subscribing |= asked
        try:
            await asyncio.gather(*asked)
        finally:
            for each in asked:
                self._subscribing.pop(each, None)

    def unsubscribe(self, channels: list[str]) -> None:
        """Unsubscribe, without waiting; if the server no longer has them, that is all."""
        for channel in channels:
            self._send(("SUNSUBSCRIBE", channel))

    def abort(self) -> None:
        """Give the connection up at once."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Send what is still queued, and close."""
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
        if isinstance(reply, hiredis.ReplyError) and self._is_of_unsubscription(str(reply)):
            return
        if not self._waiting:
            # An unsolicited reply: Redis ends the connection and says why.
            self.abort()
            return
        future = self._waiting.popleft()
        if future.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            # For an unknown command Redis repeats our arguments, which may be secret.
            future.set_exception(BackplaneRefused(str(reply).partition(", with args")[0]))
        else:
            future.set_result(reply)

    def _is_of_unsubscription(self, refusal: str) -> bool:
        """Whether a server of a cluster refuses an unsubscription, since it has lost the slot.

        Nobody waits for that answer. A subscription is refused in the same words, so it
        is for the channel only if the slot in them is the same.
        """
        code, _, rest = refusal.partition(" ")
        if self._on_message is None or code not in ("MOVED", "CLUSTERDOWN"):
            return False
        channel = self._subscribing.get(self._waiting[0]) if self._waiting else None
        if channel is None:
            return True
        return code == "MOVED" and key_slot(channel.encode()) != int(rest.partition(" ")[0])

    def _watch(self) -> None:
        """Ping a silent Redis, and give up one that does not answer.

        Until it is asked, a frozen server, or one behind a dead network, looks like a quiet one.
        """
        now = time.monotonic()
        # While our loop stood still we could not hear Redis: that does not count as silence.
        self._heard_at += max(0.0, now - self._check_at)
        silent = now - self._heard_at
        if silent >= DEAD_AFTER:
            self.abort()
            return
        if silent >= PING_AFTER:
            self.call("PING").add_done_callback(asyncio.Future.exception)
        self._check_at = now + CHECK_EVERY
        self._probe = self._loop.call_later(CHECK_EVERY, self._watch)


async def connect(
    url: str, connection: Connection, name: str, server: tuple[str, int] | None = None
) -> None:
    """Open a connection to the Redis of a URL.

    Args:
        url: a URL that `gateway.backplane.redis.address` accepts.
        connection: the protocol to use.
        name: its name in Redis' list of clients.
        server: which server of a cluster; None for the one that the URL names.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    loop = asyncio.get_running_loop()
    password = None
    try:
        async with asyncio.timeout(DEAD_AFTER):
            place, context, login = await locate(url)
            place = server or place
            if isinstance(place, str):
                await loop.create_unix_connection(lambda: connection, place)
            else:
                link = await open_socket(*place)
                await loop.create_connection(
                    lambda: connection,
                    sock=link,
                    ssl=context,
                    server_hostname=certificate_name(place[0]) if context else None,
                )
            if password := login.password:
                user = (login.username,) if login.username else ()
                await connection.call("AUTH", *user, password)
            if login.db:
                await connection.call("SELECT", login.db)
            await connection.call("CLIENT", "SETNAME", name)
    except (OSError, TimeoutError, ValueError, BackplaneDown, BackplaneRefused) as error:
        connection.abort()
        cause = describe(error, url)
        if password:
            # A server that does not know AUTH repeats its arguments.
            cause = cause.replace(password, "***")
        kind = RedisRefused if isinstance(error, BackplaneRefused) else RedisUnreachable
        which = f", server {server[0]} port {server[1]}" if server else ""
        raise kind(f"{without_secrets(url)}{which}: {cause}") from None
