"""What is stored in Redis, for `chatctl doctor`: wrong types, unreadable records, other chats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.operators.leftovers import AT_ONCE, MOST, key_pages
from gateway.backplane.readable import UNREADABLE
from gateway.backplane.records import Account, Ban, Registration
from gateway.backplane.redis.replies import sessions
from gateway.chat.room_records import PARTS

TYPES = {
    "users": "hash",
    "users:gateways": "hash",
    "users:bans": "hash",
    "users:accounts": "hash",
    "users:epoch": "string",
    "users:alive": "string",
    "users:resume": "string",
    "users:lease": "string",
    "users:held": "set",
    "users:log": "stream",
    "users:waiting": "hash",
    "users:front": "string",
    "users:reactions": "hash",
    "users:ignored": "hash",
    "users:marks": "hash",
    "users:audit": "stream",
    "users:made": "string",
    "users:registered": "string",
    "users:attempts": "string",
    "users:got": "string",
    "users:probed": "string",
    "users:posted": "string",
    "users:clock": "string",
    "rooms": "set",
    "room:members": "hash",
    "room:log": "stream",
    "room:epoch": "string",
    "room:clock": "string",
    "room:posted": "string",
    "room:front": "string",
    "room:reactions": "hash",
    "room:slow": "string",
    **{f"room:{part}": "hash" for part in PARTS},
}
"""The types of a chat's keys, by the text between the braces and the word behind them."""


class Misplaced(NamedTuple):
    """A key of the wrong type.

    Attributes:
        key: its name.
        type: what it is.
        right: what it should be.
    """

    key: str
    type: str
    right: str


class Seen(NamedTuple):
    """What the names of the keys show.

    Attributes:
        chats: prefix -> living gateways, for each other chat in this database.
        misplaced: keys of the chat that have the wrong type.
        rooms: the rooms that have keys.
    """

    chats: dict[str, int]
    misplaced: list[Misplaced]
    rooms: set[str]


class Records(NamedTuple):
    """What is wrong with the records.

    Attributes:
        unreadable: key and field of users, accounts and bans that cannot be read.
        homeless: names whose records say that a living gateway has them, which does not list them.
    """

    unreadable: list[tuple[str, str]]
    homeless: list[str]


def look(client: redis.Redis, keys: Keys) -> Seen:
    """Look at all keys, or at the first million.

    Args:
        client: of Redis.
        keys: of the chat.

    Raises:
        ResponseError: this user may not.
    """
    chats: dict[str, int] = {}
    misplaced: list[Misplaced] = []
    rooms: set[str] = set()
    own = keys.users.removesuffix("{users}")
    for found in key_pages(client, "*:{*", MOST):
        page = [key.decode(errors="replace") for key in found or ()]
        for key in page:
            prefix = key.removesuffix(":{users}:gateways")
            if prefix != key and key != keys.gateways and ":probe:" not in key:
                chats[prefix] = _living(client, Keys(prefix))
        ours = [key.removeprefix(own) for key in page if key.startswith(own + "{")]
        misplaced += _misplaced(client, own, ours)
        rooms |= {
            key[len("{room:") :].partition("}")[0] for key in ours if key.startswith("{room:")
        }
    return Seen(chats, misplaced, rooms)


def records(client: redis.Redis, keys: Keys, found: Sequence[GatewayRecord]) -> Records:
    """Read all records.

    Args:
        client: of Redis.
        keys: of the chat.
        found: the known gateways.

    Raises:
        ResponseError: this user may not, or a key has the wrong type.
    """
    unreadable: list[tuple[str, str]] = []
    users: dict[str, set[str]] = defaultdict(set)
    for key, kind in ((keys.users, Registration), (keys.accounts, Account), (keys.bans, Ban)):
        for field, text in client.hscan_iter(key, count=AT_ONCE):
            name = field.decode(errors="replace")
            for record in text.split(b"\n"):
                try:
                    read = msgspec.json.decode(record, type=kind)
                except UNREADABLE:
                    unreadable.append((key, name))
                else:
                    if isinstance(read, Registration):
                        users[name].add(read.gateway)
    alive = {gateway.id for gateway in found if gateway.lease is not None}
    return Records(unreadable, _homeless(client, keys, users, alive))


def _misplaced(client: redis.Redis, own: str, page: list[str]) -> list[Misplaced]:
    with client.pipeline(transaction=False) as pipeline:
        for key in page:
            pipeline.type(own + key)
        types = pipeline.execute()
    found = []
    for key, type in zip(page, types, strict=True):
        right = TYPES.get(_kind(key), type.decode())
        if type.decode() not in (right, "none"):  # "none": it has gone since
            found.append(Misplaced(own + key, type.decode(), right))
    return found


def _kind(rest: str) -> str:
    """The kind of a key: "{room:lobby}:posted:ORIGIN" is a "room:posted"."""
    of, _, behind = rest[1:].partition("}")
    kind = behind[1:].partition(":")[0]
    return f"{of.partition(':')[0]}:{kind}" if kind else of


def _living(client: redis.Redis, keys: Keys) -> int:
    if client.type(keys.gateways) != b"hash":
        return 0
    known: Any = client.hkeys(keys.gateways)
    return sum(bool(client.exists(keys.lease(id.decode(errors="replace")))) for id in known)


def _homeless(
    client: redis.Redis, keys: Keys, users: dict[str, set[str]], alive: set[str]
) -> list[str]:
    suspects = [(name, gateway) for name, held in users.items() for gateway in held & alive]
    found = []
    for name, gateway in _not_held(client, keys, suspects):
        # They may have come back on another gateway since, so look again.
        text: Any = client.hget(keys.users, name)
        still = any(each.gateway == gateway for each in sessions(text or b""))
        if still and _not_held(client, keys, [(name, gateway)]):
            found.append(name)
    return found


def _not_held(
    client: redis.Redis, keys: Keys, suspects: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    with suppress(redis.ResponseError):  # a key of the wrong type
        with client.pipeline(transaction=False) as pipeline:
            for name, gateway in suspects:
                pipeline.sismember(keys.held(gateway), name)
            held = pipeline.execute()
        return [suspect for suspect, is_held in zip(suspects, held, strict=True) if not is_held]
    return []
