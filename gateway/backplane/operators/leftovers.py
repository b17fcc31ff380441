"""Keys in Redis that belong to nobody, found by looking at a bounded number of keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.readable import REGISTRATION, UNREADABLE

AT_ONCE = 500
"""Keys that Redis reads in one call."""

MOST = 2000
"""The most calls: for a million keys, since there may be other programs in that Redis."""


class Leftovers(NamedTuple):
    """Keys and fields that nobody will remove.

    Attributes:
        alive: keys of users' activity, without a user.
        unswept: names whose gateway is dead and no longer known.
        held: sets of names of unknown gateways.
        logs: people's logs without a user and without a TTL.
        users: the key of the hash with the names.
        whole: all keys were read.
    """

    alive: list[str]
    unswept: list[str]
    held: list[str]
    logs: list[str]
    users: str
    whole: bool


def look(client: redis.Redis, keys: Keys, found: Sequence[GatewayRecord]) -> Leftovers:
    """Look for keys that belong to nobody.

    Args:
        client: of Redis.
        keys: of the chat.
        found: the known gateways.
    """
    known = {gateway.id for gateway in found}
    kinds, whole = _scan(client, keys)
    users = _holders(client, keys)
    suspects = {
        kind: [name for name in kinds[kind] if name not in users] for kind in ("alive", "log")
    }
    unswept = [name for name, gateway in users.items() if gateway not in known]
    held = [gateway for gateway in kinds["held"] if gateway not in known]
    # People may have come or gone since, so look again.
    return Leftovers(
        alive=_still(client, keys, suspects["alive"], keys.alive),
        unswept=[
            name
            for name in unswept
            if _holders(client, keys, name).get(name) == users[name]
            and not client.exists(keys.lease(users[name]))
        ],
        held=[
            keys.held(gateway)
            for gateway in held
            if not client.hexists(keys.gateways, gateway) and client.exists(keys.held(gateway))
        ],
        logs=[
            key
            for key in _still(client, keys, suspects["log"], keys.user_log)
            if client.pttl(key) == -1
        ],
        users=keys.users,
        whole=whole,
    )


def _scan(client: redis.Redis, keys: Keys) -> tuple[dict[str, set[str]], bool]:
    """The last parts of the keys of users, by kind; and whether all keys were read."""
    kinds: dict[str, set[str]] = defaultdict(set)
    pattern = re.sub(r"([\[\]*?\\])", r"\\\1", keys.users) + ":*"
    cursor = 0
    for _ in range(MOST):
        reply: Any = client.scan(cursor, match=pattern, count=AT_ONCE)
        cursor, page = reply
        for key in page:
            kind, _, of = key.decode(errors="replace")[len(keys.users) + 1 :].partition(":")
            kinds[kind].add(of)
        if not cursor:
            return kinds, True
    return kinds, False


def _holders(client: redis.Redis, keys: Keys, name: str | None = None) -> dict[str, str]:
    """The names, each with the id of the gateway that holds it."""
    records: Iterable[tuple[Any, Any]]
    if name is None:
        records = client.hscan_iter(keys.users, count=AT_ONCE)
    else:
        record: Any = client.hget(keys.users, name)
        records = [(name.encode(), record)] if record else []
    holders = {}
    for folded, record in records:
        with suppress(*UNREADABLE):  # there is another finding for that
            holders[folded.decode()] = REGISTRATION.decode(record).gateway
    return holders


def _still(client: redis.Redis, keys: Keys, names: list[str], key: Any) -> list[str]:
    return [
        key(name)
        for name in names
        if not client.hexists(keys.users, name) and client.exists(key(name))
    ]
