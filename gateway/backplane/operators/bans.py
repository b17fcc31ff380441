"""Bans as operators give them, list them and lift them, for `chatctl`: straight through Redis."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import gateways, run
from gateway.backplane.readable import readable
from gateway.backplane.records import Ban
from gateway.backplane.redis.address import reaching

_ban = msgspec.json.Decoder(Ban)


class Spread(NamedTuple):
    """A ban that was given or lifted.

    Attributes:
        ban: it.
        deaf: how many gateways live and did not hear of it.
    """

    ban: Ban
    deaf: int


def ban(url: str, prefix: str, wanted: Ban, seconds: float | None) -> Spread:
    """Give a ban: it holds on all gateways at once, for those who are in already too.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        wanted: the ban; its times are set here, by Redis' clock.
        seconds: for which it holds; None for ever.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    rest = {"subject": wanted.subject, "kind": wanted.kind, "reason": wanted.reason}
    with reaching(url) as there:
        reply = run(
            there,
            "ban_put",
            [keys.bans, keys.gateways],
            wanted.key,
            0 if seconds is None else max(1, round(seconds * 1000)),
            msgspec.json.encode(rest)[1:],
            keys.control_channel(""),
        )
        return _spread(there, keys, reply)


def unban(url: str, prefix: str, key: str) -> Spread | None:
    """Lift a ban; None if there is none.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        key: the ban's (`Ban.key`).

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as there:
        channels = keys.control_channel("")
        reply = run(there, "ban_lift", [keys.bans, keys.gateways], key, channels)
        return _spread(there, keys, reply) if reply else None


def _spread(there: redis.Redis, keys: Keys, reply: list[bytes]) -> Spread:
    """What became of a ban, as its script replied.

    A gateway that drains may be gone, and its lease, which it leaves behind, not yet.
    """
    ban, *silent = reply
    serving = {
        each.id
        for each in gateways(there, keys)[1]
        if each.lease is not None and not (each.info and each.info.draining)
    }
    return Spread(_ban.decode(ban), len(serving & {each.decode() for each in silent}))


def list_bans(url: str, prefix: str) -> tuple[int, list[Ban]]:
    """The time by Redis' clock, in milliseconds since 1970, and the bans that hold, oldest first.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as there:
        now, *found = run(there, "ban_list", [Keys(prefix).bans])
    bans = readable(_ban, found, "a ban")
    return int(now), sorted(bans, key=lambda ban: (ban.since, ban.key))
