"""What `chatctl doctor` reads; `checks` and `gateway_checks` judge it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators import (
    checks,
    contents,
    gateway_checks,
    room_checks,
    room_contents,
)
from gateway.backplane.operators.asking import tell, wait_until
from gateway.backplane.operators.checks import Finding, Server
from gateway.backplane.operators.gateway_checks import Probed
from gateway.backplane.operators.gateways import GatewayRecord, read_gateways
from gateway.backplane.operators.leftovers import Leftovers, look
from gateway.backplane.readable import UNREADABLE
from gateway.backplane.redis.address import reaching, server_of, servers_by_name, servers_of
from gateway.backplane.scripts import all_scripts
from gateway.errors import RedisUnreachable

PINGS = 5
"""Round trips to measure; the shortest counts."""

PROBE_WITHIN = 6.0
"""Seconds in which all gateways have to send a frame through themselves."""

_Answer = TypeVar("_Answer")


def examine(url: str, prefix: str) -> list[Finding]:
    """Check a chat.

    Args:
        url: of Redis.
        prefix: what every key begins with.
    """
    findings: list[Finding] = []
    try:
        with reaching(url) as client:
            _examine(client, Keys(prefix), findings)
    except RedisUnreachable as error:
        findings.append(Finding("failure", "Redis", error.sentence))
    except (*UNREADABLE, redis.ResponseError) as error:
        why = f"something cannot be read: {error}. Perhaps another program wrote it"
        findings.append(Finding("failure", "contents", why))
    return findings


def _examine(client: redis.Redis, keys: Keys, findings: list[Finding]) -> None:
    for where, named in servers_by_name(client):
        server = _server(named)
        of_it = (*checks.server(server), *checks.settings(server))
        findings += (each._replace(what=f"{each.what}{where}") for each in of_it)
    if (slots := _slots(client)) is not None:
        findings += checks.cluster(slots)
    findings += checks.scripts(_missing_scripts(client))
    findings += gateway_checks.clock(_ahead(client, keys))
    seen = _permitted(client, lambda: contents.look(client, keys))
    findings += checks.chats(seen, server)
    # This comes first, since a wrong type may make the next steps fail.
    findings += checks.types(seen)
    now, found = read_gateways(client, keys)
    findings += gateway_checks.gateways(found, now)
    findings += gateway_checks.alike(found)
    findings += checks.records(_permitted(client, lambda: contents.records(client, keys, found)))
    if seen is not None:
        rooms = _permitted(client, lambda: room_contents.look(client, keys, seen.rooms))
        findings += room_checks.rooms(rooms)
    findings += checks.leftovers(_leftovers(client, keys, found))
    findings += [gateway_checks.probed(each) for each in _probe(client, keys, found)]


def _slots(client: redis.Redis) -> Any:
    """What a cluster says of its slots; None for a server alone."""
    if not isinstance(client, redis.RedisCluster):
        return None
    return servers_of(client)[0].execute_command("CLUSTER", "SLOTS")


def _server(client: redis.Redis) -> Server:
    trips = []
    for _ in range(PINGS):
        began = time.perf_counter()
        client.ping()
        trips.append(time.perf_counter() - began)
    info: Any = _permitted(client, lambda: client.info())
    config: Any = _permitted(client, lambda: client.config_get(*checks.SETTINGS))
    return Server(min(trips), info, config)


def _permitted(client: redis.Redis, ask: Callable[[], _Answer]) -> _Answer | None:
    """The answer; None if this user may not ask, or this Redis does not know the command."""
    try:
        return ask()
    except redis.ResponseError:
        if not isinstance(client, redis.RedisCluster):
            client.connection_pool.disconnect()  # fakeredis breaks such a connection
        return None


def _missing_scripts(client: redis.Redis) -> list[str] | None:
    scripts = all_scripts()
    known: Any = _permitted(
        client, lambda: client.script_exists(*(script.sha for script in scripts))
    )
    if known is None:
        return None
    return [script.name for script, loaded in zip(scripts, known, strict=True) if not loaded]


def _ahead(client: redis.Redis, keys: Keys) -> float:
    """Seconds by which this machine's clock is ahead of Redis'."""
    before = time.time()
    clock: Any = server_of(client, keys.users).time()
    here = (before + time.time()) / 2
    return here - float(clock[0] + clock[1] / 1_000_000)


def _leftovers(client: redis.Redis, keys: Keys, found: Sequence[GatewayRecord]) -> Leftovers | None:
    return _permitted(client, lambda: look(client, keys, found))


def _probe(client: redis.Redis, keys: Keys, found: Sequence[GatewayRecord]) -> list[Probed]:
    """Have every gateway that lets people in send a frame through itself, all at the same time."""
    alive = [each.id for each in found if each.lease is not None and not each.draining]
    nonces = {id: secrets.token_hex(8) for id in alive}
    deaf = {id for id, nonce in nonces.items() if not tell(client, keys, id, f"probe {nonce}")}
    answers: dict[str, bytes] = {}

    def all_answered() -> bool:
        for id in alive:
            if id not in deaf and id not in answers:
                answer: Any = client.get(keys.probed(nonces[id]))
                if answer is not None:
                    answers[id] = answer
        return len(answers) + len(deaf) == len(alive)

    wait_until(all_answered, PROBE_WITHIN)
    if answers:
        client.delete(*(keys.probed(nonces[id]) for id in answers))
    return [
        Probed(id, heard=id not in deaf, answer=json.loads(answers[id]) if id in answers else None)
        for id in alive
    ]
