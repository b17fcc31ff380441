"""A Redis Cluster: a pair of connections to each server that has something of ours.

A key belongs to a slot, and each slot to one server at a time. Which one is learned from the
cluster, and from each refusal that names another server.

While a slot is carried to another server its keys move one by one. A script might then find some of
its keys gone after it has written others, so each script also names a key that is never there: then
Redis refuses the script before it begins, until the slot has arrived. Commands wait in the same
way.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVar

from redis.crc import key_slot

from gateway.backplane.redis.address import describe
from gateway.backplane.redis.pair import Pair
from gateway.backplane.redis.slots import ON_THE_MOVE, SLOTS, Place, moved_to, read_slots
from gateway.backplane.redis.store import RUN_ID, Argument, Watcher
from gateway.backplane.url import without_secrets
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from gateway.meters import Meters

log = logging.getLogger(__name__)

WAIT = 2.0
"""Seconds that a call waits for a slot that is on the move, or whose server is away."""

AGAIN = 0.05
"""Seconds until a call is tried again whose slot is on the move."""

LOOK = (0.05, 1.0)
"""Seconds between looks at the cluster while something is missing: at first, and at most."""

NEVER = ":never"
"""With this after it, a key is one that is never there, in the same slot."""

RUNS = 5
"""How many moves of a slot are remembered: from which runs of Redis it came."""

T = TypeVar("T")


class ClusterWatcher(Watcher, Protocol):
    """Is told what happens. `away` and `back` are about the server that has the names."""

    def lost(self, channels: set[bytes]) -> None:
        """The server of these channels is away. It is not the server with the names."""

    def regained(self, channels: set[bytes]) -> None:
        """These channels are heard again. What was published meanwhile was not heard."""


class _Server:
    """A server of the cluster, and the watcher of its pair."""

    def __init__(
        self,
        place: Place,
        make: Callable[..., Pair],
        told: Callable[[_Server], None],
        taken: Callable[[_Server, str], None],
    ) -> None:
        self.place = place
        self._told = told
        self.pair = make(watcher=self, server=place, on_taken=partial(taken, self))

    @property
    def up(self) -> bool:
        return self.pair.up

    def away(self) -> None:
        self._told(self)

    def back(self) -> None:
        self._told(self)


class Cluster:
    """Implements `gateway.backplane.redis.store.Store` on a Redis Cluster.

    Args:
        url: the cluster's URL.
        name: the connections' name in Redis' lists of clients.
        epoch_key: a key in the slot of the names: which run of Redis their epochs began with.
        channels: the channels to subscribe to from the start.
        on_message: called with (channel, payload) for each published message.
        watcher: is told what happens.
        meters: where to count.
    """

    def __init__(
        self,
        url: str,
        name: str,
        epoch_key: str,
        channels: set[str],
        on_message: Callable[[bytes, bytes], None],
        watcher: ClusterWatcher,
        meters: Meters,
    ) -> None:
        self._url = url
        self._name = name
        self._epoch_key = epoch_key
        self._home = _slot(epoch_key)
        self._watcher = watcher
        self._slots: list[Place | None] = [None] * SLOTS
        self._servers: dict[Place, _Server] = {}
        self._wanted = set(channels)
        self._former: dict[int, str] = {}
        self._heard_at: dict[str, _Server] = {}
        self._away = False
        self._started = self._closed = False
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._closing: set[asyncio.Task[None]] = set()
        self._opening: dict[Place, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

        def make(watcher: Watcher, **given: Any) -> Pair:
            return Pair(url, name, None, set(), on_message, watcher, meters, **given)

        self._make = make

    @property
    def up(self) -> bool:
        """As in `Store`."""
        return self._server_of(self._home) is not None

    @property
    def run_id(self) -> str:
        """As in `Store`."""
        server = self._server_of(self._home)
        return server.pair.run_id if server else ""

    async def start(self) -> None:
        """As in `Store`."""
        self._slots = await read_slots(self._url, self._name, [])
        try:
            if (place := self._slots[self._home]) is None:
                text = "no server of the cluster serves the slot of the names"
                raise RedisUnreachable(f"{without_secrets(self._url)}: {text}")
            server = self._servers[place] = self._new_server(place)
            await server.pair.start()
            await self.run("run_find", [self._epoch_key])
            for channel in self._wanted:
                await self._subscribe(channel)
        except (BackplaneDown, BackplaneRefused) as error:
            await self.close()
            kind = RedisRefused if isinstance(error, BackplaneRefused) else RedisUnreachable
            what = describe(error, self._url)
            raise kind(f"{without_secrets(self._url)}: {what}") from error
        except BaseException:
            await self.close()
            raise
        self._started = True

    async def close(self) -> None:
        """As in `Store`."""
        self._closed = True
        tasks = {*self._opening.values(), *self._closing}
        if self._looking is not None:
            tasks.add(self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        servers, self._servers = self._servers, {}
        await asyncio.gather(*(server.pair.close() for server in servers.values()))

    async def call(self, *command: str | bytes | int) -> Any:
        """As in `Store`."""
        return await self._on(_slot(command[1]), lambda server: server.pair.call(*command))

    async def run(self, script: str, keys: list[str], *args: Argument) -> Any:
        """As in `Store`."""
        slot, all_there = _slot(keys[0]), [*keys, keys[0] + NEVER]

        def ask(server: _Server) -> Awaitable[Any]:
            given = args
            if former := self._former.get(slot):
                run = f"{server.pair.run_id} {former}"
                given = tuple(run if each is RUN_ID else each for each in args)
            return server.pair.run(script, all_there, *given)

        return await self._on(slot, ask)

    async def subscribe(self, channel: str) -> None:
        """As in `Store`."""
        self._wanted.add(channel)
        await self._subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        """As in `Store`."""
        self._wanted.discard(channel)
        if (server := self._heard_at.pop(channel, None)) is not None:
            server.pair.unsubscribe(channel)

    def give_up(self, key: str) -> None:
        """As in `Store`."""
        if (server := self._server_of(_slot(key))) is not None:
            server.pair.give_up()

    # Calls.

    async def _on(self, slot: int, ask: Callable[[_Server], Awaitable[T]]) -> T:
        """Ask the server of a slot; wait a little while that server cannot be asked."""
        loop = asyncio.get_running_loop()
        deadline = 0.0
        while True:
            if self._away or self._closed:
                raise BackplaneDown("Redis is away")
            if (server := self._server_of(slot)) is not None:
                try:
                    return await ask(server)
                except BackplaneRefused as error:
                    pause = await self._learn(slot, server, str(error))
                    if pause is None:
                        raise
                await asyncio.sleep(pause)
            deadline = deadline or loop.time() + WAIT
            if self._server_of(slot) is None:
                await self._wait_for(slot, deadline)
            elif loop.time() >= deadline:
                raise BackplaneDown("what is asked for is on its way to another server of Redis")

    async def _learn(self, slot: int, server: _Server, refusal: str) -> float | None:
        """What a refusal says about a slot.

        Returns:
            The seconds after which the call can be tried again; None if it is refused for good.
        """
        if (place := moved_to(refusal, server.place)) is not None:
            await self._note_moves(server, [slot])
            self._slots[slot] = place
            self._look()
            return 0.0
        if refusal.startswith(ON_THE_MOVE):
            if refusal.startswith("CLUSTERDOWN"):
                self._look()
                if slot == self._home:
                    self._go_away()
            return AGAIN
        return None

    async def _note_moves(self, server: _Server, slots: list[int]) -> None:
        """Note from which run of Redis slots came, if they came whole.

        A server that is a master still has handed them over with all keys. One that was replaced
        by its replica may have taken messages that the replica never got.
        """
        run = server.pair.run_id
        try:
            role: bytes = await server.pair.call("INFO", "replication")
        except (BackplaneDown, BackplaneRefused):
            return
        if b"role:master" in role:
            for slot in slots:
                before = [each for each in self._former.get(slot, "").split() if each != run]
                self._former[slot] = " ".join([run, *before][:RUNS])

    async def _wait_for(self, slot: int, deadline: float) -> None:
        """Wait until something has changed."""
        place = self._slots[slot]
        if place is None:
            self._look()
        elif place not in self._servers:
            self._open(place)
        try:
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        except TimeoutError:
            raise BackplaneDown("a server of Redis is away") from None

    def _server_of(self, slot: int) -> _Server | None:
        """The server of a slot, if it can be asked."""
        place = self._slots[slot]
        server = self._servers.get(place) if place else None
        return server if server is not None and server.up else None

    # Channels.

    async def _subscribe(self, channel: str) -> None:
        await self._on(_slot(channel), lambda server: self._subscribe_at(server, channel))

    async def _subscribe_at(self, server: _Server, channel: str) -> None:
        # Noted before it is confirmed: the server may close it again in the same breath.
        before, self._heard_at[channel] = self._heard_at.get(channel), server
        try:
            await server.pair.subscribe(channel)
        except BaseException:
            if self._heard_at.get(channel) is server:
                del self._heard_at[channel]
            server.pair.unsubscribe(channel)
            raise
        if self._heard_at.get(channel) is not server:
            return  # it was closed, or is no longer wanted
        if before is not None and before is not server:
            before.pair.unsubscribe(channel)

    def _taken(self, server: _Server, channel: str) -> None:
        """A server has closed a channel, since its slot has gone to another one."""
        if self._heard_at.get(channel) is server:
            del self._heard_at[channel]
            server.pair.unsubscribe(channel)
            self._look()

    # Servers.

    def _new_server(self, place: Place) -> _Server:
        return _Server(place, self._make, self._came_or_went, self._taken)

    def _open(self, place: Place) -> None:
        if place not in self._opening:
            task = asyncio.get_running_loop().create_task(self._opened(place))
            self._opening[place] = task

    async def _opened(self, place: Place) -> None:
        server = self._new_server(place)
        try:
            await server.pair.start()
        except RedisUnreachable:
            self._look()
            # Those who wait would try again at once.
            await asyncio.sleep(LOOK[0] * 2)
        except Exception:
            log.exception("an unexpected error")
            await asyncio.sleep(LOOK[1])
        else:
            self._servers[place] = server
        finally:
            self._opening.pop(place, None)
            self._pulse()

    def _came_or_went(self, server: _Server) -> None:
        if self._servers.get(server.place) is not server:
            return
        if not server.up:
            channels = {name for name, at in self._heard_at.items() if at is server}
            for channel in channels:
                # It is heard again where its slot is by then.
                del self._heard_at[channel]
                server.pair.unsubscribe(channel)
            if self._slots[self._home] == server.place:
                self._go_away()
            elif channels:
                self._watcher.lost({channel.encode() for channel in channels})
        self._look()
        self._pulse()

    def _go_away(self) -> None:
        if self._started and not self._away and not self._closed:
            self._away = True
            self._watcher.away()

    def _pulse(self) -> None:
        """Wake up everybody who waits for a change."""
        self._changed.set()
        self._changed.clear()

    def _look(self) -> None:
        """Ask the cluster who serves what, and go on until everything is heard again."""
        self._look_again = True
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_until_whole())

    async def _look_until_whole(self) -> None:
        delay, most = LOOK
        try:
            while self._look_again or not self._is_whole():
                self._look_again = False
                try:
                    await self._look_once()
                except (RedisUnreachable, BackplaneDown, BackplaneRefused):
                    self._look_again = True
                except Exception:
                    log.exception("an unexpected error")
                    self._look_again = True
                self._pulse()
                if self._look_again or not self._is_whole():
                    await asyncio.sleep(delay * (0.5 + random.random()))
                    delay = min(delay * 2, most)
        finally:
            self._looking = None

    def _is_whole(self) -> bool:
        return (
            not self._away
            and self._wanted == self._heard_at.keys()
            and all(server.up for server in self._servers.values())
        )

    async def _look_once(self) -> None:
        await self._read_slots()
        for unused in self._servers.keys() - set(self._slots):
            self._drop(self._servers.pop(unused))
        for channel in (*self._wanted, self._epoch_key):
            place = self._slots[_slot(channel)]
            if place is not None and place not in self._servers:
                self._open(place)
        if self._opening:
            await asyncio.wait(self._opening.values())
        if self._server_of(self._home) is None:
            self._go_away()
        await self._hear_again()
        if self._away and self._home_is_heard():
            home = self._server_of(self._home)
            assert home is not None
            await home.pair.run("run_find", [self._epoch_key])
            self._away = False
            self._watcher.back()

    async def _read_slots(self) -> None:
        known = [place for place, server in self._servers.items() if server.up]
        slots = await read_slots(self._url, self._name, known)
        moved: dict[Place, list[int]] = {}
        for slot, (old, new) in enumerate(zip(self._slots, slots, strict=True)):
            if old is not None and old != new:
                moved.setdefault(old, []).append(slot)
        for left, some in moved.items():
            if (server := self._servers.get(left)) is not None and server.up:
                await self._note_moves(server, some)
        self._slots = slots

    def _drop(self, server: _Server) -> None:
        """Disconnect from a server that no longer serves anything."""
        for channel in [name for name, at in self._heard_at.items() if at is server]:
            del self._heard_at[channel]
        task = asyncio.get_running_loop().create_task(server.pair.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _hear_again(self) -> None:
        """Subscribe to each channel at the server that has its slot."""
        missing = []
        for channel in self._wanted:
            server = self._server_of(_slot(channel))
            if server is not None and self._heard_at.get(channel) is not server:
                missing.append((server, channel))
        done = await asyncio.gather(
            *(self._subscribe_at(*each) for each in missing), return_exceptions=True
        )
        heard = {
            channel
            for (server, channel), error in zip(missing, done, strict=True)
            if error is None and self._heard_at.get(channel) is server
        }
        self._look_again |= any(error is not None for error in done)
        if heard:
            self._watcher.regained({channel.encode() for channel in heard})

    def _home_is_heard(self) -> bool:
        return self._server_of(self._home) is not None and all(
            channel in self._heard_at for channel in self._of_home(self._wanted)
        )

    def _of_home(self, channels: Iterable[str]) -> Iterable[str]:
        return (channel for channel in channels if _slot(channel) == self._home)


def _slot(key: Any) -> int:
    return key_slot(key if isinstance(key, bytes) else str(key).encode())
