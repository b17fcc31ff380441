"""The backplane kept with Redis: two connections, the scripts, and coming back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any

import msgspec

from gateway.backplane import Claimed, Events, Listed, Registration, Touch, Whispered
from gateway.backplane.connection import Connection, RedisError, connect
from gateway.backplane.keys import Keys
from gateway.backplane.scripts import all_scripts
from gateway.errors import BackplaneDown, RedisUnreachable

LEASE = 10.0
"""Seconds that a gateway's lease lasts. With a sweep each 3 s, a dead gateway's users are gone
after 13 s at the latest; a renewal may fail twice before the lease runs out."""

SWEPT_AT_ONCE = 500
LISTED_AT_ONCE = 200

GOODBYE = 1.0
"""Seconds that a closing backplane waits for Redis to take the lease back."""

_registration = msgspec.json.Decoder(Registration)


class RedisBackplane:
    """Keeps `gateway.backplane.Backplane`.

    Args:
        url: of Redis.
        prefix: what every key and channel begins with.
        gateway: this gateway's id.
        info: what `chatctl` shall know of this gateway, JSON.
        idle: seconds of inactivity that a user is given; None for no end.
        history: messages that a log keeps, roughly.
        events: whom to tell.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        gateway: str,
        info: bytes,
        idle: float | None,
        history: int,
        events: Events,
    ) -> None:
        self._url = url
        self._keys = keys = Keys(prefix)
        self._gateway = gateway
        self._info = info
        self._idle_ms = 0 if idle is None else max(1, round(idle * 1000))
        self._history = history
        self._events = events
        self._shas = {script.name: script.sha for script in all_scripts()}
        self._control = keys.control_channel(gateway).encode()
        self._channels = {keys.control_channel(gateway)}
        self._epoch = ""
        self._commands: Connection | None = None
        self._subscriptions: Connection | None = None
        self._coming_back: asyncio.Task[None] | None = None

    # Up and down.

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnreachable: the text says why.
        """
        await self._connect()

    async def close(self) -> None:
        """Give the lease back, and disconnect."""
        if self._coming_back is not None:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)
        with contextlib.suppress(BackplaneDown, RedisError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._call("DEL", self._keys.lease(self._gateway))
                await self._call("HDEL", self._keys.gateways, self._gateway)
        commands, self._commands = self._commands, None
        subscriptions, self._subscriptions = self._subscriptions, None
        for connection in (commands, subscriptions):
            if connection is not None:
                await connection.close()

    async def _connect(self) -> None:
        commands = Connection(on_lost=self._lost)
        subscriptions = Connection(on_message=self._message, on_lost=self._lost)
        try:
            await connect(self._url, commands, f"chat-{self._gateway}")
            for script in all_scripts():
                await commands.call("SCRIPT", "LOAD", script.source)
            await commands.call("SET", self._keys.epoch, int(time.time()), "NX")
            self._epoch = (await commands.call("GET", self._keys.epoch)).decode()
            await connect(self._url, subscriptions, f"chat-{self._gateway}-sub")
            await subscriptions.subscribe(sorted(self._channels))
            await commands.call("PING")  # it may have been lost meanwhile
        except (RedisError, BackplaneDown) as error:
            commands.abort()
            subscriptions.abort()
            raise RedisUnreachable(
                f"this one cannot be used, Redis 7.0 or newer or Valkey is needed: {error}"
            ) from error
        except BaseException:
            commands.abort()
            subscriptions.abort()
            raise
        self._commands, self._subscriptions = commands, subscriptions

    def _lost(self) -> None:
        """One of the connections has ended: both are given up, and both come back together."""
        connections = (self._commands, self._subscriptions)
        if None in connections:
            return  # closing, not up yet, or noticed already
        self._commands = self._subscriptions = None
        for connection in connections:
            assert connection is not None
            connection.abort()
        self._events.away()
        self._coming_back = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        delay = 0.05
        while True:
            try:
                await self._connect()
                break
            except RedisUnreachable:
                await asyncio.sleep(delay * (0.5 + random.random()))
                delay = min(delay * 2, 1.0)
        self._coming_back = None
        self._events.back()

    # Calls.

    async def _call(self, *command: str | bytes | int) -> Any:
        if self._commands is None:
            raise BackplaneDown("Redis is away")
        return await self._commands.call(*command)

    async def _run(self, script: str, keys: list[str], *args: str | bytes | int) -> Any:
        command = ("EVALSHA", self._shas[script], len(keys), *keys, *args)
        try:
            return await self._call(*command)
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        # Somebody has flushed the scripts. The call did nothing, so it can be made again.
        for each in all_scripts():
            await self._call("SCRIPT", "LOAD", each.source)
        return await self._call(*command)

    # Channels.

    def _message(self, channel: bytes, payload: bytes) -> None:
        if channel == self._control:
            verb, _, session = payload.decode(errors="replace").partition(" ")
            if verb == "replaced":
                self._events.replaced(session)
            return
        self._events.deliver(channel, payload)

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)
        if self._subscriptions is None:
            raise BackplaneDown("Redis is away")
        await self._subscriptions.subscribe([channel])

    def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)
        if self._subscriptions is not None:
            self._subscriptions.unsubscribe([channel])

    def user_channel(self, folded: str) -> str:
        return self._keys.user_channel(folded)

    def room_channel(self, room: str) -> str:
        return self._keys.room_channel(room)

    # Names.

    async def claim(self, user: Registration, ago: float, resume: str | None) -> Claimed:
        keys = self._keys
        reply = await self._run(
            "user_claim",
            [keys.users, keys.alive(user.folded), keys.held(self._gateway)],
            user.folded,
            user.session,
            msgspec.json.encode(user),
            round(ago * 1000),
            self._idle_ms,
            keys.users,
            resume or "",
        )
        former = _registration.decode(reply[1]) if len(reply) > 1 else None
        return Claimed(reply[0].decode(), former)

    async def release(self, users: list[Registration]) -> list[str]:
        keys = self._keys
        pairs = [part for user in users for part in (user.folded, user.session)]
        reply = await self._run(
            "user_release", [keys.users, keys.held(self._gateway)], keys.users, *pairs
        )
        return [session.decode() for session in reply]

    async def touch(self, touches: list[Touch]) -> list[str]:
        parts = [part for t in touches for part in (t.folded, t.session, round(t.ago * 1000))]
        keys = self._keys
        reply = await self._run("user_touch", [keys.users], self._idle_ms, keys.users, *parts)
        return [session.decode() for session in reply]

    async def idle_left(self, folded: str, session: str) -> float:
        key = self._keys.alive(folded)
        value = await self._call("GET", key)
        if value is None or value.decode().partition(" ")[0] != session:
            return 0.0
        return max(0.0, int(await self._call("PTTL", key)) / 1000)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        keys = self._keys
        reply = await self._run("user_list", [keys.users], cursor, LISTED_AT_ONCE, keys.users)
        return parse_user_list(reply)

    # Messages.

    async def publish(self, room: str, lines: list[bytes]) -> list[str]:
        keys = self._keys
        reply = await self._run(
            "room_publish",
            [keys.room_log(room)],
            self._history,
            self._epoch,
            keys.room_channel(room),
            *lines,
        )
        return [id.decode() for id in reply]

    async def whisper(self, sender: str, names: list[str], body: bytes) -> Whispered:
        keys = self._keys
        reply = await self._run(
            "user_whisper",
            [keys.users, keys.private_log],
            self._history,
            self._epoch,
            keys.users,
            sender,
            body,
            *names,
        )
        if not reply:
            return Whispered(None, [""] * len(names))
        return Whispered(reply[0].decode(), [name.decode() for name in reply[1:]])

    # Gateways.

    async def renew_lease(self) -> bool:
        lease = ("SET", self._keys.lease(self._gateway), self._info, "PX", round(LEASE * 1000))
        if await self._call(*lease, "XX") is not None:
            return True
        await self._call(*lease)
        await self._call("HSET", self._keys.gateways, self._gateway, self._info)
        return False

    async def sweep(self) -> list[Registration]:
        keys, gone = self._keys, []
        for gateway in await self._call("HKEYS", keys.gateways):
            id = gateway.decode()
            left = 0 if id == self._gateway else 1
            while left:
                left, *records = await self._run(
                    "gateway_sweep",
                    [keys.lease(id), keys.users, keys.held(id), keys.gateways],
                    id,
                    SWEPT_AT_ONCE,
                    keys.users,
                )
                gone += [_registration.decode(record) for record in records]
        return gone


def parse_user_list(reply: list[bytes]) -> tuple[str, list[Listed]]:
    """Read what the script ``user_list`` returns."""
    listed = [
        Listed(
            _registration.decode(reply[i]),
            int(reply[i + 1]) / 1000,
            None if int(reply[i + 2]) < 0 else int(reply[i + 2]) / 1000,
        )
        for i in range(1, len(reply), 3)
    ]
    return reply[0].decode(), listed
