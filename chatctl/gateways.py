"""``chatctl gateways``: a list of the gateways and their state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from chatctl import shared_redis
from chatctl.answers import answer, rfc3339
from chatctl.options import chat_and_json
from chatctl.shared_redis import Chat
from chatctl.tables import since, span, table

if TYPE_CHECKING:
    from gateway.backplane.operators.gateways import GatewayRecord

EXAMPLE = """\b
Examples:
  chatctl gateways
  chatctl gateways --json | jq '[.[].connections] | add'
"""

TIMES = ("since", "at")
"""The moments in what a gateway reports."""

HEAD = (
    "GATEWAY",
    "LISTEN",
    "HOST",
    "VERSION",
    "SINCE",
    "CONNECTIONS",
    "SESSIONS",
    "LEASE",
    "STATE",
)


@click.command(epilog=EXAMPLE)
@chat_and_json
def gateways(chat: Chat, json: bool) -> None:
    """List the gateways, with what each last reported.

    A dead one is listed until the others have removed its people, which takes a few seconds.
    """
    from gateway.backplane.operators.gateways import list_gateways

    with shared_redis.reached():
        _, found = list_gateways(*chat.at)
    text = _table(found, datetime.now().astimezone()) if found else "there is no gateway"
    answer(json, [for_programs(each) for each in found], text)


def state(gateway: GatewayRecord) -> str:
    """``up``, ``draining`` or ``dead``."""
    if gateway.lease is None:
        return "dead"
    return "draining" if gateway.draining else "up"


def for_programs(gateway: GatewayRecord) -> dict[str, Any]:
    """All that is known of a gateway. What it reports may be of another version."""
    from msgspec import to_builtins

    info = gateway.info
    names = info.__struct_fields__ if info else ()
    fields = {name: to_builtins(getattr(info, name)) for name in names}
    fields |= {name: rfc3339(fields[name]) for name in TIMES if name in fields}
    return {
        "id": gateway.id,
        "state": state(gateway),
        "lease": gateway.lease,
        "names": gateway.names,
        **fields,
    }


def _table(found: Sequence[GatewayRecord], now: datetime) -> str:
    return table([HEAD, *(_row(gateway, now) for gateway in found)])


def _row(gateway: GatewayRecord, now: datetime) -> tuple[str, ...]:
    info = gateway.info
    return (
        gateway.id,
        info.listen if info else "?",
        info.host if info else "?",
        info.version if info else "?",
        since(info.since, now) if info else "?",
        str(info.connections) if info else "?",
        str(info.sessions) if info else "?",
        "gone" if gateway.lease is None else span(gateway.lease),
        state(gateway),
    )
