"""The findings of `chatctl doctor` about Redis and what is stored in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gateway.backplane.operators.contents import Records, Seen
from gateway.backplane.operators.leftovers import Leftovers
from gateway.backplane.scripts import OLDEST_REDIS

SETTINGS = (
    "maxmemory",
    "maxmemory-policy",
    "appendonly",
    "save",
    "timeout",
    "client-output-buffer-limit",
    "cluster-require-full-coverage",
)
"""The settings of Redis that matter to a chat."""

SLOTS = 16384
"""The slots of a Redis Cluster."""

SLOW_TRIP = 0.02
"""Seconds for a round trip above which people notice that the chat is slow."""

NEARLY_FULL, FULL = 0.8, 0.99
"""Used parts of the memory at which it becomes scarce, and at which Redis stores nothing more."""

SHORTEST_TIMEOUT = 10
"""Seconds. Gateways talk to Redis every two seconds."""

PUBSUB_HARD, PUBSUB_SOFT = 32 * 1024**2, 8 * 1024**2
"""Redis' default limits of what may wait for a subscriber, in bytes."""

EXAMPLES = 3
"""How many names of a long list are shown."""

Level = Literal["ok", "warning", "failure"]


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        level: how bad it is.
        what: what was checked.
        text: what was found, and what to do about it.
    """

    level: Level
    what: str
    text: str


class Server(NamedTuple):
    """What Redis reports about itself.

    Attributes:
        trip: seconds of the shortest round trip.
        info: the answer to INFO; None if that is not allowed.
        config: the `SETTINGS` that it has; None if asking is not allowed.
    """

    trip: float
    info: Mapping[str, Any] | None
    config: Mapping[str, str] | None


def server(found: Server) -> Iterator[Finding]:
    """Whether it answers fast enough and can be used."""
    trip = f"{found.trip * 1000:.1f} ms for a round trip"
    if found.trip > SLOW_TRIP:
        yield Finding("warning", "Redis", f"{trip}: put gateways and Redis closer together")
    else:
        yield Finding("ok", "Redis", f"answers, {trip}")
    if found.info is None:
        yield Finding("warning", "version", "INFO is not allowed here: the version is unknown")
        return
    name = str(found.info.get("server_name", "redis"))
    version = str(found.info.get(f"{name}_version") or found.info.get("redis_version", "?"))
    shown = f"{name} {version}"
    if not _is_new_enough(version):
        yield Finding("failure", "version", f"{shown}: Redis 7.0 or newer or Valkey is needed")
    else:
        yield Finding("ok", "version", shown)
    if found.info.get("role") == "slave":
        text = "this is a replica, which cannot be written to: name the master"
        yield Finding("failure", "role", text)


def cluster(slots: Sequence[Sequence[Any]]) -> Iterator[Finding]:
    """Whether a Redis Cluster serves all slots, and has a replica of each server.

    Args:
        slots: the answer to ``CLUSTER SLOTS``.
    """
    served = sum(last - first + 1 for first, last, *_ in slots)
    alone = {f"{_text(master[0])}:{master[1]}" for _, _, master, *rest in slots if not rest}
    if served < SLOTS:
        text = f"{SLOTS - served} slots have no server: what is in them waits. "
        text += "`redis-cli --cluster fix HOST:PORT` repairs it"
        yield Finding("failure", "cluster", text)
    elif alone:
        text = f"no replica of {some_of(sorted(alone))}: if it dies its rooms wait until it is back"
        yield Finding("warning", "cluster", text)
    else:
        servers = len({master[2] for _, _, master, *_ in slots})
        yield Finding("ok", "cluster", f"{servers} servers serve all slots, each with a replica")


def _text(word: bytes | str) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else word


def settings(found: Server) -> Iterator[Finding]:
    """The settings that decide what can be lost, and when."""
    config = found.config
    if config is None:
        yield Finding(
            "warning",
            "settings",
            "CONFIG is not allowed here: check yourself that maxmemory-policy is noeviction, "
            "appendonly is yes and timeout is 0",
        )
        return
    yield _memory(config, (found.info or {}).get("used_memory"))
    yield _disk(config)
    timeout = int(config.get("timeout", "0"))
    if 0 < timeout < SHORTEST_TIMEOUT:
        text = f"{timeout} s is too short: gateways may lose their connections. Set timeout 0"
        yield Finding("warning", "timeout", text)
    else:
        yield Finding("ok", "timeout", str(timeout) if timeout else "none")
    yield _pubsub(config)
    if (found.info or {}).get("redis_mode") == "cluster":
        yield _coverage(config)


def _coverage(config: Mapping[str, str]) -> Finding:
    if config.get("cluster-require-full-coverage") == "yes":
        text = "while one server and its replica are away, all rooms wait. Set "
        text += "cluster-require-full-coverage no, and only their rooms wait"
        return Finding("warning", "coverage", text)
    return Finding("ok", "coverage", "if a server is away, the others go on")


def _memory(config: Mapping[str, str], used: int | None) -> Finding:
    most, policy = config.get("maxmemory", "0"), config.get("maxmemory-policy", "noeviction")
    if most == "0":
        return Finding("ok", "memory", "no limit of its own (maxmemory 0)")
    if policy == "noeviction":
        return _room_left(int(most), used)
    return Finding(
        "failure",
        "memory",
        f"maxmemory-policy is {policy}: when {int(most) / 1024**2:.0f} MiB are full, Redis deletes "
        "names and messages. Set it to noeviction",
    )


def _room_left(most: int, used: int | None) -> Finding:
    size = f"{most / 1024**2:.0f} MiB, noeviction"
    if used is None:
        return Finding("ok", "memory", size)
    part = used / most
    if part >= FULL:
        text = f"full: {size}. Messages are refused. Raise maxmemory, or free memory"
        return Finding("failure", "memory", text)
    if part >= NEARLY_FULL:
        text = f"{part:.0%} of {size} are used. When it is full messages are refused: "
        return Finding("warning", "memory", f"{text}raise maxmemory, or free memory")
    return Finding("ok", "memory", f"{size}, {part:.0%} used")


def _disk(config: Mapping[str, str]) -> Finding:
    if config.get("appendonly") == "yes":
        return Finding("ok", "persistence", "appendonly yes")
    if config.get("save"):
        text = "snapshots only: messages since the last one are lost when Redis restarts. "
        return Finding("warning", "persistence", f"{text}Set appendonly yes")
    text = "none: history, bans and accounts are lost when Redis restarts. Set appendonly yes"
    return Finding("warning", "persistence", text)


def _pubsub(config: Mapping[str, str]) -> Finding:
    words = config.get("client-output-buffer-limit", "").split()
    limits = dict(zip(words[::4], zip(words[1::4], words[2::4], strict=False), strict=False))
    hard, soft = (int(limit) for limit in limits.get("pubsub", ("0", "0")))
    if 0 < hard < PUBSUB_HARD or 0 < soft < PUBSUB_SOFT:
        return Finding(
            "warning",
            "subscribers",
            f"Redis cuts a gateway off when {min(n for n in (hard, soft) if n)} bytes wait for it, "
            "and it then has to read everything again: set client-output-buffer-limit "
            "'pubsub 32mb 8mb 60' or more",
        )
    return Finding(
        "ok", "subscribers", "their buffers are large enough (client-output-buffer-limit)"
    )


def scripts(missing: Sequence[str] | None) -> Iterator[Finding]:
    """Whether Redis has the scripts."""
    if missing is None:
        yield Finding("warning", "scripts", "SCRIPT EXISTS is not allowed here")
    elif missing:
        text = f"{some_of(missing)} not loaded. Gateways load a script when they need it; if this "
        text += "does not change, the gateways are of another version than this chatctl"
        yield Finding("warning", "scripts", text)
    else:
        yield Finding("ok", "scripts", "all are loaded")


def leftovers(found: Leftovers | None) -> Iterator[Finding]:
    """Whether there are keys in Redis that belong to nobody."""
    if found is None:
        yield Finding("warning", "leftovers", "SCAN is not allowed here: they cannot be found")
        return
    kinds = [
        (found.alive, "signs of life of users", "DEL KEY; keys with a TTL go by themselves"),
        (found.unswept, "names held by unknown gateways", f"HDEL '{found.users}' NAME"),
        (found.held, "lists of names of unknown gateways", "DEL KEY"),
        (found.logs, "logs of private messages of people who have left", "DEL KEY"),
    ]
    for names, of, how in kinds:
        if names:
            text = f"{len(names)} {of} that belong to nobody: {some_of(names)}. "
            text += f"Remove them with `redis-cli {how}`"
            yield Finding("warning", "leftovers", text)
    if not any(names for names, *_ in kinds):
        yield Finding("ok", "leftovers", "no orphaned keys")
    if not found.whole:
        text = "there are too many keys to check them all: some were not checked"
        yield Finding("warning", "leftovers", text)


def types(found: Seen | None) -> Iterator[Finding]:
    """Whether every key has the right type."""
    for key, type, right in found.misplaced[:EXAMPLES] if found else ():
        text = f"{key} is a {type} and should be a {right}: another program wrote it, and Redis "
        text += f"refuses requests that need it. Remove it with `redis-cli DEL '{key}'`"
        yield Finding("failure", "contents", text)


def records(found: Records | None) -> Iterator[Finding]:
    """Whether the records can be read and are where they belong."""
    if found is None:
        text = "reading them is not allowed here: they cannot be checked"
        yield Finding("warning", "records", text)
        return
    if found.unreadable:
        names = [f"{field!r} in {key}" for key, field in found.unreadable]
        text = f"{len(names)} cannot be read: {some_of(names)}. Perhaps another version or program "
        text += "wrote them; `redis-cli HDEL KEY NAME` removes one"
        yield Finding("warning", "records", text)
    if found.homeless:
        text = f"{len(found.homeless)} name a gateway that does not list them: "
        text += f"{some_of(found.homeless)}. `chatctl kick NAME` removes one"
        yield Finding("warning", "records", text)
    if not (found.unreadable or found.homeless):
        yield Finding("ok", "records", "all can be read and are where they belong")


def chats(found: Seen | None, server: Server) -> Iterator[Finding]:
    """The other chats in this Redis, in case you are looking at the wrong one."""
    others = sorted(found.chats.items()) if found else []
    names = [f"{prefix} ({_gateways(living)})" for prefix, living in others]
    databases = [name for name in server.info or {} if re.fullmatch(r"db\d+", name)]
    if names:
        yield Finding("ok", "other chats", f"in this database, by --prefix: {some_of(names)}")
    if len(databases) > 1:
        text = f"there are keys in {', '.join(databases)}: each may hold chats of its own"
        yield Finding("ok", "databases", text)


def _gateways(count: int) -> str:
    return "no gateway alive" if not count else f"{count} gateway{'s' * (count > 1)}"


def some_of(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - EXAMPLES
    return ", ".join(names[:EXAMPLES]) + (f" and {more} more" if more > 0 else "")


def _is_new_enough(version: str) -> bool:
    major = version.partition(".")[0]
    return major.isdecimal() and int(major) >= OLDEST_REDIS
