"""What `chatctl doctor --capacity` says: how far a chat is from each of its limits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gateway.backplane.keys import Keys
from gateway.backplane.operators.checks import Finding
from gateway.backplane.operators.gateways import GatewayRecord, read_gateways
from gateway.backplane.redis.address import reaching, servers_of

BETWEEN = 6.5
"""Seconds between two looks: two reports of each gateway."""

NEAR = 0.7
"""The part of a limit from which on it is time to do something."""

LINES_PER_SECOND = 200_000
"""Lines that a gateway on one core gets and writes in a second while a thousand rooms of ten people
talk, measured. In large rooms it is ten times more, since many lines go out together."""


class Look(NamedTuple):
    """The chat at one moment.

    Attributes:
        at: seconds on a clock that never goes back.
        info: what Redis says of itself.
        gateways: the gateways.
    """

    at: float
    info: dict[str, Any]
    gateways: Sequence[GatewayRecord]


def measure(url: str, prefix: str) -> list[Finding]:
    """Look twice, some seconds apart, and compare with the limits.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:

        def look() -> Look:
            _, found = read_gateways(client, Keys(prefix))
            infos: list[Any] = [server.info() for server in servers_of(client)]
            # Of a cluster, the server that is nearest to its limits counts: the busiest one.
            info = max(infos, key=lambda each: float(each.get("used_cpu_user", 0)))
            return Look(time.monotonic(), info, found)

        before = look()
        time.sleep(BETWEEN)
        return list(headroom(before, look()))


def headroom(before: Look, after: Look) -> Iterator[Finding]:
    """How far the chat is from each limit; for gateways, how far the nearest one is. Pure."""
    yield from _gateways(before, after)
    yield from _redis(before, after)


def _gateways(before: Look, after: Look) -> Iterator[Finding]:
    alive = {each.id: each.info for each in after.gateways if each.lease is not None and each.info}
    full = [(i.connections / i.most_connections, i) for i in alive.values() if i.most_connections]
    if full:
        part, info = max(full, key=lambda each: each[0])
        text = f"{info.connections:,} of {info.most_connections:,} at {info.listen}"
        yield _finding("connections", part, text, "raise its limit of open files, or add a gateway")
    then = {each.id: each.info for each in before.gateways if each.info}
    busy = []
    for id, now in alive.items():
        earlier = then.get(id)
        seconds = (now.at - earlier.at) / 1000 if earlier else 0.0
        if earlier and seconds > 0:
            lines = now.received + now.delivered - earlier.received - earlier.delivered
            busy.append((lines / seconds, now.listen))
    if busy:
        rate, where = max(busy)
        text = f"{rate:,.0f} of about {LINES_PER_SECOND:,} a second at {where}"
        yield _finding("lines", rate / LINES_PER_SECOND, text, "add a gateway, or a worker")


def _redis(before: Look, after: Look) -> Iterator[Finding]:
    info = after.info
    cpu = sum(
        float(info.get(name, 0)) - float(before.info.get(name, 0))
        for name in ("used_cpu_sys", "used_cpu_user")
    )
    part = cpu / (after.at - before.at)
    advice = "fewer messages or larger rooms cost less; a faster core helps, and more cores do not"
    yield _finding("Redis: CPU", part, f"{part:.0%} of a core", advice)
    used = int(info.get("used_memory", 0))
    most = int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0))
    if most:
        text = f"{used / 2**20:,.0f} of {most / 2**20:,.0f} MiB"
        yield _finding("Redis: memory", used / most, text, "keep less (--history, --history-age)")
    clients, maximum = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    if maximum:
        text = f"{clients:,} of {maximum:,}"
        yield _finding("Redis: connections", clients / maximum, text, "raise maxclients")


def _finding(what: str, part: float, text: str, advice: str) -> Finding:
    near = part >= NEAR
    return Finding("warning" if near else "ok", what, f"{text}: {advice}" if near else text)
