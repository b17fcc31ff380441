"""Keys in Redis that belong to nobody, found by looking at a bounded number of keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.redis.address import servers_of
from gateway.backplane.redis.replies import sessions

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
    users = _sessions(client, keys)
    here = {session for some in users.values() for session in some}
    alive = [session for session in kinds["alive"] if session not in here]
    logs = [name for name in kinds["log"] if name not in users]
    unswept = [
        name
        for name, some in users.items()
        if any(gateway not in known for gateway in some.values())
    ]
    held = [gateway for gateway in kinds["held"] if gateway not in known]
    # People may have come or gone since, so look again.
    return Leftovers(
        alive=_without_session(client, keys, alive),
        unswept=[
            name
            for name in unswept
            if any(
                gateway not in known and not client.exists(keys.lease(gateway))
                for gateway in _sessions(client, keys, name).get(name, {}).values()
            )
        ],
        held=[
            keys.held(gateway)
            for gateway in held
            if not client.hexists(keys.gateways, gateway) and client.exists(keys.held(gateway))
        ],
        logs=[
            key
            for key in map(keys.user_log, logs)
            if client.pttl(key) == -1 and not client.hexists(keys.users, key.rpartition(":")[2])
        ],
        users=keys.users,
        whole=whole,
    )


def key_pages(client: redis.Redis, pattern: str, most: int) -> Iterator[list[bytes] | None]:
    """All keys that match a pattern, some at a time; None at the end if there are more.

    Args:
        client: of Redis.
        pattern: in Redis' way of writing.
        most: the most pages to read of one server.
    """
    for server in servers_of(client):
        cursor = 0
        for _ in range(most):
            reply: Any = server.scan(cursor, match=pattern, count=AT_ONCE)
            cursor, page = reply
            yield page
            if not cursor:
                break
        else:
            yield None


def _scan(client: redis.Redis, keys: Keys) -> tuple[dict[str, set[str]], bool]:
    """The last parts of the keys of users, by kind; and whether all keys were read."""
    kinds: dict[str, set[str]] = defaultdict(set)
    pattern = re.sub(r"([\[\]*?\\])", r"\\\1", keys.users) + ":*"
    whole = True
    for page in key_pages(client, pattern, MOST):
        whole = whole and page is not None
        for key in page or ():
            kind, _, of = key.decode(errors="replace")[len(keys.users) + 1 :].partition(":")
            kinds[kind].add(of)
    return kinds, whole


def _sessions(
    client: redis.Redis, keys: Keys, name: str | None = None
) -> dict[str, dict[str, str]]:
    """The names with their sessions, and the id of the gateway that holds each."""
    records: Iterable[tuple[Any, Any]]
    if name is None:
        records = client.hscan_iter(keys.users, count=AT_ONCE)
    else:
        record: Any = client.hget(keys.users, name)
        records = [(name.encode(), record)] if record else []
    return {
        folded.decode(errors="replace"): {each.session: each.gateway for each in sessions(text)}
        for folded, text in records
    }


def _without_session(client: redis.Redis, keys: Keys, suspects: list[str]) -> list[str]:
    """The keys of activity whose sessions are not here, on a second look either."""
    if not suspects:
        return []
    here = {session for some in _sessions(client, keys).values() for session in some}
    return [
        keys.alive(session)
        for session in suspects
        if session not in here and client.exists(keys.alive(session))
    ]
