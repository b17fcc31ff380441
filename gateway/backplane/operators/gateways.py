"""What operators ask of gateways and of the people on them, for `chatctl`: straight through Redis.

A gateway is asked on its control channel. That it heard, and what came of it, is seen in Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import redis

from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.readable import UNREADABLE
from gateway.backplane.records import GatewayInfo
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import room_publish
from gateway.backplane.redis.replies import registration
from gateway.backplane.scripts import Script
from gateway.backplane.url import database
from wire.codec import encode_body
from wire.frames import LOBBY, OPERATOR, Msg

CONFIRM_WITHIN = 5.0
"""Seconds that a gateway is given to end a session."""

DRAIN_WITHIN = 10.0
"""Seconds that a gateway is given to say that it drains: its lease is rewritten every three."""

LOOK_EVERY = 0.05
"""Seconds between two looks at whether it is so."""

KEEP_ALL = 2**53
"""Messages that a log keeps, for one who does not know how many the gateways let it keep."""

_info = msgspec.json.Decoder(GatewayInfo)


@dataclass(frozen=True)
class GatewayRecord:
    """One gateway.

    Attributes:
        id: which one.
        info: what it told of itself last; None if that cannot be read: it is of another version.
        lease: seconds of its lease that are left; None if it is dead.
        names: how many it holds.
    """

    id: str
    info: GatewayInfo | None
    lease: float | None
    names: int

    @property
    def draining(self) -> bool:
        """Whether it takes nobody any more."""
        return self.info is not None and self.info.draining


class Asked(NamedTuple):
    """Somebody whose gateway was asked to end the session.

    Attributes:
        name: as it is shown.
        session: id of the session.
        gateway: id of the gateway.
        heard: the gateway listens.
        gone: the session had ended when we looked last.
    """

    name: str
    session: str
    gateway: str
    heard: bool
    gone: bool


def list_gateways(url: str, prefix: str) -> tuple[int, list[GatewayRecord]]:
    """The time by Redis' clock, in milliseconds since 1970, and all gateways, by id.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as there:
        return gateways(there, Keys(prefix))


def gateways(there: redis.Redis, keys: Keys) -> tuple[int, list[GatewayRecord]]:
    """As `list_gateways`, where there is a client already."""
    now, *found = run(there, "gateway_list", [keys.gateways], keys.users)
    records = [
        GatewayRecord(
            id=found[i].decode(errors="replace"),
            info=_told(found[i + 1]),
            lease=int(found[i + 2]) / 1000 if int(found[i + 2]) >= 0 else None,
            names=int(found[i + 3]),
        )
        for i in range(0, len(found), 4)
    ]
    return int(now), sorted(records, key=lambda record: record.id)


def kick(url: str, prefix: str, folded: str, text: str) -> Asked | None:
    """End somebody's session; waits until it has ended. None if nobody is here by that name.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        folded: the name, folded.
        text: for the person.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as there:
        reply = run(there, "user_kick", [keys.users], folded, text, keys.users)
        return ended(there, keys, folded, reply) if reply else None


def ended(there: redis.Redis, keys: Keys, folded: str, reply: list[bytes]) -> Asked:
    """Wait for the end of a session that the scripts asked for.

    Args:
        there: Redis.
        keys: of the chat.
        folded: the name, folded.
        reply: of the script: name, session, gateway, and how many heard it.
    """
    name, session, gateway, heard = (part.decode() for part in reply)

    def gone() -> bool:
        record: Any = there.hget(keys.users, folded)
        user = registration(record or b"")
        return user is None or user.session != session

    return Asked(name, session, gateway, heard != "0", heard != "0" and until(gone, CONFIRM_WITHIN))


def announce(url: str, prefix: str, text: str) -> str | None:
    """Say something to everyone; it stays in the log like what people say.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        text: what to say.

    Returns:
        The message's id; None if no gateway lives: nobody would hear it.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    at = datetime.now().astimezone().replace(microsecond=0)
    with reaching(url) as there:
        if not any(each.lease is not None for each in gateways(there, keys)[1]):
            return None
        clock: Any = there.time()
        ts = clock[0] * 1000 + clock[1] // 1000
        body = encode_body(Msg(from_=OPERATOR, room=LOBBY, text=text, at=at, ts=ts))
        call = room_publish(
            keys,
            LOBBY,
            [body],
            run(there, "run_find", [keys.users_epoch]).decode(),
            known=NOTHING,
            history=KEEP_ALL,
            kept_ms=1,
            until_ms=None,
        )
        ids = run(there, *call)
    id: bytes = ids[0]
    return id.decode()


def drain(url: str, prefix: str, gateway: str) -> bool | None:
    """Have a gateway send its people elsewhere and end; waits until it has begun to.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        gateway: its id.

    Returns:
        Whether it drains, or has ended already; None if it does not listen.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as there:
        if not tell(there, keys, gateway, "drain"):
            return None

        def begun() -> bool:
            try:
                lease: Any = there.get(keys.lease(gateway))
            except redis.ConnectionError:
                return True  # the Redis that it had brought along has ended with it
            info = _told(lease) if lease else None
            return lease is None or (info is not None and info.draining)

        return until(begun, DRAIN_WITHIN)


def tell(there: redis.Redis, keys: Keys, gateway: str, what: str) -> bool:
    """Say something on a gateway's control channel; returns whether it listens."""
    heard: int = there.spublish(keys.control_channel(gateway), what)
    return heard > 0


def run(there: redis.Redis, script: str, keys: list[str], *args: str | bytes | int) -> Any:
    """Run one of the scripts, and return what it returns; Redis need not know it yet."""
    # Loaded each time, since Redis users for operators may not be allowed to run any other text.
    sha: Any = there.script_load(Script(script).source)
    return there.evalsha(sha, len(keys), *keys, *args)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is so; returns whether it is, after so many seconds at the latest."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_EVERY)
    return True


def _told(info: bytes) -> GatewayInfo | None:
    try:
        return _info.decode(info)
    except UNREADABLE:
        return None
