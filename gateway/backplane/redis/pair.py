"""Two connections to Redis that are opened and lost together, and the scripts they run."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from gateway.backplane.redis.address import describe, not_permitted
from gateway.backplane.redis.connection import Connection, connect
from gateway.backplane.redis.store import RUN_ID, Argument, Watcher
from gateway.backplane.scripts import all_scripts
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from gateway.meters import Meters

log = logging.getLogger(__name__)

RECONNECT = (0.05, 1.0)
"""Seconds between attempts to reconnect: at first, and at most."""


NOT_THE_MASTER = ("READONLY", "LOADING", "MASTERDOWN")
"""How a refusal begins if this Redis is not the master, or not ready yet."""


OF_A_CLUSTER = "it is a server of a Redis Cluster: write redis+cluster:// instead of redis://"


class Pair:
    """One connection for commands and one for subscriptions: RESP2 needs two.

    If either is lost both are closed and both are opened again: one without the other is useless.

    Args:
        url: Redis' URL.
        name: the connections' name in Redis' list of clients.
        epoch_key: the key that holds which run of Redis epochs began with; None if another server
            has it.
        channels: the channels to subscribe to from the start.
        on_message: called with (channel, payload) for each published message.
        watcher: is told when the connections are lost and when they are back.
        meters: where to count.
        server: which server of a cluster; None for the one that the URL names.
        on_taken: called with a channel that the server has closed, because another one has it now.
    """

    def __init__(
        self,
        url: str,
        name: str,
        epoch_key: str | None,
        channels: set[str],
        on_message: Callable[[bytes, bytes], None],
        watcher: Watcher,
        meters: Meters,
        server: tuple[str, int] | None = None,
        on_taken: Callable[[str], None] | None = None,
    ) -> None:
        self.run_id = ""
        self._server = server
        self._on_taken = on_taken
        self._url = url
        self._name = name
        self._epoch_key = epoch_key
        self._channels = channels
        self._on_message = on_message
        self._watcher = watcher
        self._meters = meters
        self._shas = {script.name: script.sha for script in all_scripts()}
        self._commands: Connection | None = None
        self._subscriptions: Connection | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the connections are up, as far as is known."""
        return self._commands is not None

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnreachable: the text says why.
        """
        commands = Connection(on_lost=self._lost)
        subscriptions = Connection(
            on_message=self._on_message, on_lost=self._lost, on_closed=self._closed
        )
        try:
            await connect(self._url, commands, self._name, self._server)
            for script in all_scripts():
                await commands.call("SCRIPT", "LOAD", script.source)
            keys = [] if self._epoch_key is None else [self._epoch_key]
            run_id, mode = await commands.call("EVALSHA", self._shas["run_find"], len(keys), *keys)
            if mode == b"cluster" and self._server is None:
                raise BackplaneRefused(OF_A_CLUSTER)
            await connect(self._url, subscriptions, f"{self._name}-sub", self._server)
            await subscriptions.subscribe(sorted(self._channels))
            await commands.call("PING")  # the connection may have been lost in the meantime
            if not (commands.alive and subscriptions.alive):
                raise BackplaneDown("the connection to Redis was lost")
        except (BackplaneRefused, BackplaneDown) as error:
            commands.abort()
            subscriptions.abort()
            what = describe(error, self._url)
            if not not_permitted(what):
                what = (
                    f"this server cannot be used; Redis 7.0 or newer, or Valkey, is needed: {what}"
                )
            kind = RedisRefused if isinstance(error, BackplaneRefused) else RedisUnreachable
            raise kind(what) from error
        except BaseException:
            commands.abort()
            subscriptions.abort()
            raise
        self.run_id = run_id.decode()
        self._commands, self._subscriptions = commands, subscriptions

    async def close(self) -> None:
        """Disconnect."""
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        connections = (self._commands, self._subscriptions)
        self._commands = self._subscriptions = None
        for connection in connections:
            if connection is not None:
                await connection.close()

    async def call(self, *command: str | bytes | int) -> Any:
        """Run a command and return Redis' reply.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        if self._commands is None:
            raise BackplaneDown("Redis is away")
        began = time.monotonic()
        try:
            reply = await self._commands.call(*command)
        except BackplaneRefused as error:
            if str(error).startswith(NOT_THE_MASTER):
                # It was the master until now, but another server is. Reconnect to find it.
                self.give_up()
                raise BackplaneDown("this Redis is a replica now") from error
            self._meters.redis_full += error.is_full
            raise
        self._meters.roundtrip.note(time.monotonic() - began)
        return reply

    async def run(self, script: str, keys: list[str], *args: Argument) -> Any:
        """As in `Store`."""
        command: list[Any] = ["EVALSHA", self._shas[script], len(keys), *keys, *args]
        if RUN_ID in args:
            command[command.index(RUN_ID)] = self.run_id
        try:
            return await self.call(*command)
        except BackplaneRefused as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        # Somebody flushed the scripts. The call did nothing, so it can be repeated.
        for each in all_scripts():
            await self.call("SCRIPT", "LOAD", each.source)
        return await self.call(*command)

    async def subscribe(self, channel: str) -> None:
        """Receive what is published on a channel, from the return of this call on.

        Raises:
            BackplaneDown: Redis is away.
        """
        self._channels.add(channel)
        if self._subscriptions is None:
            raise BackplaneDown("Redis is away")
        await self._subscriptions.subscribe([channel])

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving it."""
        self._channels.discard(channel)
        if self._subscriptions is not None:
            self._subscriptions.unsubscribe([channel])

    def give_up(self, key: str = "") -> None:
        """Drop the connections, as if they were lost."""
        if self._commands is not None:
            self._commands.abort()

    def _closed(self, channel: bytes) -> None:
        if self._on_taken is not None and (name := channel.decode()) in self._channels:
            self._on_taken(name)

    def _lost(self) -> None:
        connections = (self._commands, self._subscriptions)
        if None in connections:
            return  # closing, not up yet, or already noticed
        self._commands = self._subscriptions = None
        for connection in connections:
            assert connection is not None
            connection.abort()
        # Before anything else that could fail: start looking for Redis.
        self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())
        self._watcher.away()

    async def _reconnect(self) -> None:
        delay, most = RECONNECT
        while True:
            try:
                await self.start()
                break
            except RedisUnreachable:
                pass  # the gateway has logged it once
            except Exception:
                log.exception("an unexpected error")
            await asyncio.sleep(delay * (0.5 + random.random()))
            delay = min(delay * 2, most)
        self._reconnecting = None
        self._watcher.back()
