"""The backplane kept with Redis: what the gateway says, as keys, channels and scripts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.backplane.contract import (
    ABSENT,
    KNOWN,
    Channel,
    Claimed,
    Entry,
    Events,
    Found,
    Known,
    Listed,
    Log,
    Outgoing,
    Posted,
    Touch,
    Whispered,
)
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.admission import RedisAdmission
from gateway.backplane.redis.calls import room_publish, user_claim, user_release
from gateway.backplane.redis.gateways import RedisGateways
from gateway.backplane.redis.logs import RedisLogs
from gateway.backplane.redis.pair import Pair
from gateway.backplane.redis.probe import Probe, probe_channel
from gateway.backplane.redis.replies import account_of, parse_user_list, registration
from gateway.backplane.redis.rooms import RedisRooms
from gateway.backplane.url import database
from gateway.config import GatewayConfig
from gateway.errors import BackplaneDown, BackplaneRefused, NameLost, RoomChanged, TooMuchWaits
from gateway.meters import Meters
from gateway.outcomes import How, Outcome
from wire.frames import PRIVATE

LISTED_AT_ONCE = 200

PRIVATE_HISTORY = 1000
"""Messages that one person's log keeps at the most, roughly."""

GOODBYE = 1.0
"""Seconds that a closing backplane waits for Redis to take the lease back."""


class RedisBackplane(RedisLogs, RedisGateways):
    """Keeps `gateway.backplane.contract.Backplane`.

    Args:
        gateway: this gateway's id.
        info: returns what `chatctl` shall know of this gateway now, JSON of a `GatewayInfo`.
        config: the gateway's settings.
        events: whom to tell.
        meters: where to count.
    """

    def __init__(
        self,
        config: GatewayConfig,
        gateway: str,
        info: Callable[[], bytes],
        events: Events,
        meters: Meters,
    ) -> None:
        keys = Keys(config.prefix, database(config.redis))
        self._gateway = gateway
        self._idle_ms = 0 if config.idle is None else max(1, round(config.idle * 1000))
        self._history = config.history
        self._events = events
        control, probed = keys.control_channel(gateway), probe_channel(keys, gateway)
        self._control, self._probed = control.encode(), probed.encode()
        own, name = {control, probed}, f"chat-{gateway}"
        self._pair = Pair(config.redis, name, keys.users_epoch, own, self._message, events, meters)
        resume_ms = max(1, round(config.resume_within * 1000))
        RedisLogs.__init__(self, self._pair, keys, round(config.history_age * 1000), events.known)
        RedisGateways.__init__(self, self._pair, keys, gateway, info, resume_ms)
        self._probe = Probe(keys, gateway, self._pair)
        self.probe, self.answer_probe = self._probe.fresh, self._probe.answer
        self.admission = RedisAdmission(self._pair, keys)
        self.rooms = RedisRooms(self._pair, keys, resume_ms, events.known, lambda: self._history)

    # Up and down.

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnreachable: the text says why.
        """
        await self._pair.start()

    async def close(self, lease: float = 0.0) -> None:
        """Disconnect.

        Args:
            lease: seconds for which the gateway still counts as alive: in them its users can
                resume elsewhere, and nobody takes their names. 0 to be forgotten at once.
        """
        with contextlib.suppress(BackplaneDown, BackplaneRefused, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                if lease:
                    await self.renew_lease(lease)
                else:
                    keys, own = self._keys, self._gateway
                    await self._pair.call("DEL", keys.lease(own))
                    # If names are left, the others sweep them: as long as they know of it.
                    if not await self._pair.call("SCARD", keys.held(own)):
                        await self._pair.call("HDEL", keys.gateways, own)
        await self._probe.close()
        await self._pair.close()

    @property
    def up(self) -> bool:
        return self._pair.up

    # Channels.

    def _message(self, channel: bytes, payload: bytes) -> None:
        if channel == self._control:
            verb, _, rest = payload.decode(errors="replace").partition(" ")
            self._events.control(verb, rest)
        elif channel == self._probed:
            self._probe.heard(payload)
        else:
            self._events.deliver(channel, payload)

    async def subscribe(self, channel: str) -> None:
        await self._pair.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        self._pair.unsubscribe(channel)

    def room(self, room: str) -> Channel:
        return self._channel(Log(room))

    def user(self, folded: str) -> Channel:
        return self._channel(Log(PRIVATE, folded))

    def _channel(self, log: Log) -> Channel:
        name = self._keys.channel(log)
        return Channel(name, name.encode(), log)

    def user_channel(self, folded: str) -> str:
        return self._keys.user_channel(folded)

    def room_channel(self, room: str) -> str:
        return self._keys.room_channel(room)

    # Names.

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Entry = KNOWN
    ) -> Claimed:
        call = user_claim(
            self._keys,
            user,
            self._gateway,
            self.run_id,
            ago_ms=round(ago * 1000),
            idle_ms=self._idle_ms,
            resume=resume or "",
            auth=auth,
        )
        reply = await self._pair.run(*call)
        outcome, origin, last, former, hash, began, waits, unheard, rooms, account = reply
        return Claimed(
            Outcome(outcome.decode()),
            origin.decode(),
            last,
            registration(former),
            msgspec.json.decode(began, type=dict[str, str]) if began else None,
            hash.decode(),
            bool(waits),
            bool(unheard),
            msgspec.json.decode(rooms, type=list[str]) if rooms else None,
            bool(account),
        )

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        kept_ms = 0 if for_good else self._resume_ms
        call = user_release(self._keys, self._gateway, users, kept_ms=kept_ms)
        return [session.decode() for session in await self._pair.run(*call)]

    async def touch(self, touches: list[Touch]) -> list[str]:
        parts = [part for t in touches for part in (t.folded, t.session, round(t.ago * 1000))]
        keys = self._keys
        touched = [keys.users, keys.held(self._gateway)]
        reply = await self._pair.run("user_touch", touched, self._idle_ms, keys.users, *parts)
        return [session.decode() for session in reply]

    async def idle_left(self, folded: str, session: str) -> float:
        key = self._keys.alive(folded)
        value = await self._pair.call("GET", key)
        if value is None or value.decode().partition(" ")[0] != session:
            return 0.0
        return max(0.0, int(await self._pair.call("PTTL", key)) / 1000)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        keys = self._keys
        reply = await self._pair.run("user_list", [keys.users], cursor, LISTED_AT_ONCE, keys.users)
        return parse_user_list(reply)

    # Messages.

    def keep(self, history: int, age: float) -> None:
        self._history, self._age_ms = history, round(age * 1000)

    async def publish(
        self, room: str, version: str | None, messages: list[Outgoing]
    ) -> list[Posted]:
        call = room_publish(
            self._keys,
            room,
            version,
            messages,
            self.run_id,
            known=self._known(Log(room)),
            history=self._history,
            kept_ms=self._resume_ms,
            until_ms=self._until_ms,
        )
        reply = self._in_time(await self._pair.run(*call))
        if reply == b"CHANGED":
            raise RoomChanged(room)
        return [
            Posted("", each / 1000) if isinstance(each, int) else Posted(each.decode())
            for each in reply
        ]

    async def whisper(
        self,
        sender: Registration,
        names: list[str],
        body: bytes,
        *,
        seq: int | None,
    ) -> Whispered:
        keys = self._keys
        reply = await self._pair.run(
            "user_whisper",
            [keys.users, keys.users_epoch, keys.users_clock],
            min(self._history, PRIVATE_HISTORY),
            self.run_id,
            keys.users,
            keys.users_channel,
            sender.folded,
            sender.session,
            body,
            sender.origin,
            "" if seq is None else seq,
            self._resume_ms,
            self._until_ms,
            self._known(Log(PRIVATE, sender.folded)),
            *(part for name in names for part in (name, self._known(Log(PRIVATE, name)))),
        )
        if self._in_time(reply) == b"GONE":
            raise NameLost("the sender does not have its name any more")
        if not reply:
            return Whispered(None, [ABSENT] * len(names))
        id, *found = (part.decode() for part in reply)
        pairs = list(zip(found[::2], found[1::2], strict=True))
        if id == "FULL":
            raise TooMuchWaits(dict.fromkeys(name for name, how in pairs if how == "full"))
        return Whispered(
            id, [Found(name, How(how)) for name, how in pairs] or [ABSENT] * len(names)
        )

    async def look_up(self, folded: str) -> Known | None:
        keys, call = self._keys, self._pair.call
        here, away, registered = await asyncio.gather(
            call("HGET", keys.users, folded),
            call("GET", keys.resume(folded)),
            call("HGET", keys.accounts, folded),
        )
        user = registration(here or b"") or registration(away or b"")
        account = account_of(registered or b"")
        if user is None and account is None:
            return None
        name = user.name if user else account.name if account else ""
        return Known(name, user.origin if user else "", account is not None)

    async def present(self, names: list[str]) -> list[str]:
        keys = self._keys
        reply = await self._pair.run("user_find", [keys.users], keys.users, *names)
        return [name.decode() for name in reply]

    def _in_time(self, reply: Any) -> Any:
        """The reply of a script that posts, unless it came there after our lease."""
        if reply == b"LATE":
            # It was under way for so long that nobody knows what holds: begin again.
            self._pair.give_up()
            raise BackplaneDown("it came to Redis after the lease had run out")
        return reply
