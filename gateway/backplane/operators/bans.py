"""Bans from the whole chat, read and changed straight in Redis, for `chatctl`."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.gateways import read_gateways
from gateway.backplane.readable import BAN, readable
from gateway.backplane.records import Ban
from gateway.backplane.redis.address import reaching


class BanChange(NamedTuple):
    """A ban that was given or lifted.

    Attributes:
        ban: the ban.
        unreached: how many living gateways did not hear of it.
    """

    ban: Ban
    unreached: int


def put_ban(url: str, prefix: str, wanted: Ban, seconds: float | None) -> BanChange:
    """Ban a name or a network. It holds on all gateways at once, also for people who are here.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        wanted: the ban; its times are set here, by Redis' clock.
        seconds: how long it holds; None for no end.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    record = {"subject": wanted.subject, "kind": wanted.kind, "reason": wanted.reason}
    with reaching(url) as client:
        reply = run(
            client,
            "ban_put",
            [keys.bans, keys.gateways],
            wanted.key,
            0 if seconds is None else max(1, round(seconds * 1000)),
            msgspec.json.encode(record)[1:],
            keys.control_channel(""),
        )
        return _ban_change(client, keys, reply)


def lift_ban(url: str, prefix: str, key: str) -> BanChange | None:
    """Lift a ban; None if there is no such ban.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        key: the ban's (`Ban.key`).

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        channels = keys.control_channel("")
        reply = run(client, "ban_lift", [keys.bans, keys.gateways], key, channels)
        return _ban_change(client, keys, reply) if reply else None


def list_bans(url: str, prefix: str) -> tuple[int, list[Ban]]:
    """The time by Redis' clock, in milliseconds since 1970, and the bans that hold, oldest first.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:
        now, *found = run(client, "ban_list", [Keys(prefix).bans])
    bans = readable(BAN, found, "a ban")
    return int(now), sorted(bans, key=lambda ban: (ban.since, ban.key))


def _ban_change(client: redis.Redis, keys: Keys, reply: list[bytes]) -> BanChange:
    """What the script replied: the ban, and the ids of the gateways that did not hear of it.

    A gateway that drains may have ended, though the lease that it left behind has not.
    """
    ban, *deaf = reply
    serving = {
        each.id
        for each in read_gateways(client, keys)[1]
        if each.lease is not None and not each.draining
    }
    return BanChange(BAN.decode(ban), len(serving & {each.decode() for each in deaf}))
