"""What is in Redis and belongs to nobody: found by looking at a bounded number of keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.readable import UNREADABLE
from gateway.backplane.records import Registration

AT_ONCE = 500
"""Keys that Redis looks at for one call."""

MOST = 2000
"""Calls at most: a million keys, with room for other things than the chat in that Redis."""

_registration = msgspec.json.Decoder(Registration)


class Leftovers(NamedTuple):
    """Keys and fields that nobody takes out.

    Attributes:
        alive: keys of users' activity, without a user.
        unswept: names whose gateway is dead and not known any more.
        held: sets of names of gateways that are not known.
        logs: people's logs, without a user and without an end.
        users: the hash that the names are in.
        whole: all keys were looked at.
    """

    alive: list[str]
    unswept: list[str]
    held: list[str]
    logs: list[str]
    users: str
    whole: bool


def look(client: redis.Redis, keys: Keys, found: Sequence[GatewayRecord]) -> Leftovers:
    """Look for what belongs to nobody.

    Args:
        client: of Redis.
        keys: of the chat.
        found: the gateways that are known.
    """
    known = {gateway.id for gateway in found}
    kinds, whole = _scan(client, keys)
    users = _holders(client, keys)
    suspects = {
        kind: [name for name in kinds[kind] if name not in users] for kind in ("alive", "log")
    }
    unswept = [name for name, gateway in users.items() if gateway not in known]
    held = [gateway for gateway in kinds["held"] if gateway not in known]
    # Somebody may have come or gone since: what counts is still so.
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
    """What the keys of users are about, by kind; and whether that were all."""
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
    """The names that are held, and the ids of the gateways that they are held on."""
    records: Iterable[tuple[Any, Any]]
    if name is None:
        records = client.hscan_iter(keys.users, count=AT_ONCE)
    else:
        record: Any = client.hget(keys.users, name)
        records = [(name.encode(), record)] if record else []
    holders = {}
    for folded, record in records:
        with suppress(*UNREADABLE):  # that is another line of the doctor's
            holders[folded.decode()] = _registration.decode(record).gateway
    return holders


def _still(client: redis.Redis, keys: Keys, names: list[str], key: Any) -> list[str]:
    return [
        key(name)
        for name in names
        if not client.hexists(keys.users, name) and client.exists(key(name))
    ]
