"""The backplane on Redis: turns the gateway's calls into keys, channels and scripts.

Each part of the contract is implemented by its own class; this one puts them together.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from gateway.backplane.contract import (
    KNOWN,
    LEASE,
    Channel,
    Claimed,
    Events,
    Known,
    Listed,
    Log,
    LogPage,
    Outgoing,
    Posted,
    Proof,
    Touch,
    Whispered,
)
from gateway.backplane.keys import Keys
from gateway.backplane.records import GatewayInfo, Registration
from gateway.backplane.redis.admission import RedisAdmission
from gateway.backplane.redis.audit import RedisAudit
from gateway.backplane.redis.calls import IdleMs
from gateway.backplane.redis.cluster import Cluster
from gateway.backplane.redis.gateways import RedisGateways
from gateway.backplane.redis.logs import Keeping, RedisLogs
from gateway.backplane.redis.messages import RedisMessages
from gateway.backplane.redis.names import RedisNames
from gateway.backplane.redis.pair import Pair
from gateway.backplane.redis.people import RedisPeople
from gateway.backplane.redis.probe import Probe, probe_channel
from gateway.backplane.redis.rooms import RedisRooms
from gateway.backplane.url import database, is_cluster
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.meters import Meters
from wire.frames import PRIVATE, Deleted, Reacted

GOODBYE = 1.0
"""Seconds that a closing backplane waits for Redis to end the lease."""


class RedisBackplane:
    """Implements `gateway.backplane.contract.Backplane`.

    Args:
        gateway: this gateway's id.
        info: returns this gateway's report, a `GatewayInfo` in JSON.
        events: is told what happens.
        meters: where to count.
        url: Redis' URL.
        prefix: the beginning of every key and channel.
        idle: seconds of inactivity before a user is evicted; None for never.
        away_idle: the same for a user who is away.
        resume_within: seconds for which users can resume.
        history: how many messages a log keeps, roughly, until `keep` says otherwise.
        history_age: for how many seconds it keeps one, likewise.
        sessions: the most sessions of a registered name.
    """

    def __init__(
        self,
        gateway: str,
        info: Callable[[], bytes],
        events: Events,
        meters: Meters,
        *,
        url: str,
        prefix: str,
        idle: float | None,
        away_idle: float | None,
        resume_within: float,
        history: int,
        history_age: float,
        sessions: int,
    ) -> None:
        self._keys = keys = Keys(prefix, database(url))
        self._events = events
        control, probed = keys.control_channel(gateway), probe_channel(keys, gateway)
        self._control, self._probed = control.encode(), probed.encode()
        own, name = {control, probed}, f"chat-{gateway}"
        kind = Cluster if is_cluster(url) else Pair
        store = kind(url, name, keys.users_epoch, own, self._message, events, meters)
        limits = IdleMs(_milliseconds(idle), _milliseconds(away_idle))
        resume_ms = max(1, round(resume_within * 1000))
        self._store = store
        self._keeping = keeping = Keeping(history, round(history_age * 1000))
        self._logs = logs = RedisLogs(store, keys, keeping, events.known)
        self._gateways = gateways = RedisGateways(
            store, keys, gateway, info, resume_ms=resume_ms, keeping=keeping
        )
        self._names = RedisNames(
            store,
            keys,
            gateway,
            idle=limits,
            resume_ms=resume_ms,
            keeping=keeping,
            most_sessions=sessions,
        )
        self._messages = RedisMessages(
            store, keys, keeping, resume_ms, logs.known, gateways.lease_ends
        )
        self._probe = Probe(keys, gateway, store)
        self.admission = RedisAdmission(store, keys)
        self.audit = RedisAudit(store, keys)
        self.people = RedisPeople(
            store, keys, gateway, keeping=keeping, most_sessions=sessions, idle=limits
        )
        self.rooms = RedisRooms(store, keys, keeping, resume_ms, logs.known)

    # Starting and closing.

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnreachable: the text says why.
        """
        await self._store.start()

    async def close(self, lease: float = 0.0) -> None:
        """Disconnect.

        Args:
            lease: seconds that the gateway still counts as alive, in which its users can resume
                elsewhere and nobody else gets their names. 0 to end the lease at once.
        """
        with contextlib.suppress(BackplaneDown, BackplaneRefused, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                if lease:
                    await self.renew_lease(lease)
                else:
                    await self._gateways.end_lease()
        await self._probe.close()
        await self._store.close()

    @property
    def up(self) -> bool:
        return self._store.up

    @property
    def run_id(self) -> str:
        return self._store.run_id

    async def probe(self) -> float:
        return await self._probe.fresh()

    async def answer_probe(self, nonce: str) -> None:
        await self._probe.answer(nonce)

    # Channels.

    def _message(self, channel: bytes, payload: bytes) -> None:
        if channel == self._control:
            verb, _, rest = payload.decode(errors="replace").partition(" ")
            self._events.control(verb, rest)
        elif channel == self._probed:
            self._probe.heard(payload)
        else:
            self._events.deliver(channel, payload)

    def room(self, room: str) -> Channel:
        return self._channel(Log(room))

    def user(self, folded: str) -> Channel:
        return self._channel(Log(PRIVATE, folded))

    def _channel(self, log: Log) -> Channel:
        name = self._keys.channel(log)
        return Channel(name, name.encode(), log)

    async def subscribe(self, channel: str) -> None:
        await self._store.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        self._store.unsubscribe(channel)

    # Names.

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Proof = KNOWN
    ) -> Claimed:
        return await self._names.claim(user, ago, resume, auth)

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        return await self._names.release(users, for_good=for_good)

    async def touch(self, touches: list[Touch]) -> list[str]:
        return await self._names.touch(touches)

    async def idle_left(self, session: str) -> float:
        return await self._names.idle_left(session)

    async def order(self, folded: str, verb: str, rest: str, but: str = "") -> None:
        await self._names.order(folded, verb, rest, but)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        return await self._names.users(cursor)

    async def look_up(self, folded: str) -> Known | None:
        return await self._names.look_up(folded)

    async def present(self, names: list[str]) -> list[str]:
        return await self._names.present(names)

    # Messages and logs.

    async def publish(self, room: str, version: str, messages: list[Outgoing]) -> list[Posted]:
        return await self._messages.publish(room, version, messages)

    async def whisper(
        self, sender: Registration, names: list[str], body: bytes, *, seq: int | None
    ) -> Whispered:
        return await self._messages.whisper(sender, names, body, seq=seq)

    async def erase(
        self,
        room: str,
        version: str,
        ids: list[str],
        by: str,
        *,
        author: str = "",
        within: float | None = None,
    ) -> str:
        return await self._messages.erase(room, version, ids, by, author=author, within=within)

    async def react(self, room: str, version: str, reaction: Reacted, person: str) -> str:
        return await self._messages.react(room, version, reaction, person)

    async def mark_private(
        self,
        user: Registration,
        id: str,
        event: Deleted | Reacted,
        people: list[str],
        *,
        within: float,
    ) -> str:
        return await self._messages.mark_private(user, id, event, people, within=within)

    async def read_back(
        self, log: Log, before: bytes | None, count: int
    ) -> tuple[list[bytes], bool]:
        return await self._logs.read_back(log, before, count)

    async def reactions(self, log: Log, messages: list[str]) -> dict[str, dict[str, list[str]]]:
        return await self._logs.reactions(log, messages)

    async def tails(self, logs: list[Log]) -> list[bytes]:
        return await self._logs.tails(logs)

    async def read_log(self, log: Log, after: bytes, count: int) -> LogPage:
        return await self._logs.read_log(log, after, count)

    async def trim(self, logs: list[Log]) -> None:
        await self._logs.trim(logs)

    def keep(self, history: int, age: float) -> None:
        self._keeping.history, self._keeping.age_ms = history, round(age * 1000)

    # Gateways.

    async def renew_lease(self, seconds: float = LEASE) -> bool:
        return await self._gateways.renew_lease(seconds)

    async def neighbours(self) -> dict[str, GatewayInfo]:
        return await self._gateways.neighbours()

    async def own_users(self, cursor: str) -> tuple[str, list[Registration]]:
        return await self._gateways.own_users(cursor)

    async def sweep(self) -> list[Registration]:
        return await self._gateways.sweep()


def _milliseconds(idle: float | None) -> int:
    return 0 if idle is None else max(1, round(idle * 1000))
