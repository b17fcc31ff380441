"""``chatctl top``: a live view of the gateways."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count as counting
from json import dumps
from typing import TYPE_CHECKING, Any

import click

from chatctl import shared_redis
from chatctl.answers import rfc3339
from chatctl.gateways import for_programs, state
from chatctl.live import in_place
from chatctl.options import chat_and_json, option
from chatctl.rates import Rate, Rates
from chatctl.shared_redis import Chat
from chatctl.tables import span, table
from chatctl.units import COUNT, duration
from wire.unseen import printable

if TYPE_CHECKING:
    from gateway.backplane.operators.gateways import GatewayRecord

EXAMPLE = """\b
Examples:
  chatctl top
  chatctl top --every 10s --json | jq -c '.gateways | length'
"""

HEAD = ("GATEWAY", "CONNECTIONS", "SESSIONS", "IN/S", "OUT/S", "LAG", "LEASE", "STATE")


@click.command(epilog=EXAMPLE, short_help="Show the gateways and their load, live.")
@option("every", type=duration, default="2s", metavar="DURATION", help="How often to refresh.")
@option(
    "count",
    type=COUNT,
    metavar="TIMES",
    show_default="until Ctrl-C",
    help="How many times to refresh.",
)
@chat_and_json
def top(every: float, count: int | None, chat: Chat, json: bool) -> None:
    """Show a live view of the gateways, until Ctrl-C.

    IN/S and OUT/S are lines per second from and to people. A gateway reports every three seconds,
    and its rates appear after its second report. LAG is the longest delay of its event loop.
    With --json, or where there is no terminal, each refresh is printed below the last.
    """
    from client.terminal import can_draw

    live = not json and sys.stdout.isatty() and can_draw(os.environ.get("TERM"))
    with (
        suppress(KeyboardInterrupt),
        shared_redis.reached(),
        (in_place if live else _below)() as show,
    ):
        for number, look in enumerate(_looks(chat, json), 1):
            show(look)
            if number == count:
                return
            time.sleep(every)


def _looks(chat: Chat, json: bool) -> Iterator[str]:
    """What there is to show, again and again.

    Raises:
        RedisUnreachable: at the start; later only if it does not come back.
    """
    from gateway.backplane.operators.gateways import list_gateways
    from gateway.errors import RedisUnreachable

    url, prefix = chat.at
    rates = Rates()
    for number in counting():
        try:
            now, found = list_gateways(url, prefix)
        except RedisUnreachable as error:
            # The embedded Redis of a gateway ends with it and does not come back.
            if not number or chat.redis is None:
                raise
            yield (
                dumps({"error": str(error)}) if json else f"Redis is away: {printable(str(error))}"
            )
            continue
        measured = rates.look(found)
        yield dumps(_for_programs(now, found, measured)) if json else _for_people(found, measured)


def _for_people(found: Sequence[GatewayRecord], rates: dict[str, Rate]) -> str:
    alive = [each for each in found if each.lease is not None]
    reports = [each.info for each in alive if each.info]
    total = (
        f"gateways {len(alive)}  connections {sum(each.connections for each in reports)}  "
        f"sessions {sum(each.sessions for each in reports)}  "
        f"in {_total(rate.received for rate in rates.values())}  "
        f"out {_total(rate.delivered for rate in rates.values())}"
    )
    rows = [_row(each, rates.get(each.id)) for each in found]
    return f"{datetime.now():%H:%M:%S}  {total}\n\n{table([HEAD, *rows])}"


def _total(rates: Iterable[float]) -> str:
    found = list(rates)
    return f"{sum(found):.1f}/s" if found else "-"


def _row(gateway: GatewayRecord, rate: Rate | None) -> tuple[str, ...]:
    info = gateway.info
    return (
        gateway.id,
        str(info.connections) if info else "?",
        str(info.sessions) if info else "?",
        f"{rate.received:.1f}" if rate else "-",
        f"{rate.delivered:.1f}" if rate else "-",
        f"{info.lag * 1000:.0f} ms" if info else "?",
        "gone" if gateway.lease is None else span(gateway.lease),
        state(gateway),
    )


def _for_programs(
    now: int, found: Sequence[GatewayRecord], rates: dict[str, Rate]
) -> dict[str, Any]:
    def each(gateway: GatewayRecord) -> dict[str, Any]:
        rate = rates.get(gateway.id)
        per_second = rate._asdict() if rate else None
        return {**for_programs(gateway), "per_second": per_second}

    return {"at": rfc3339(now), "gateways": [each(gateway) for gateway in found]}


@contextmanager
def _below() -> Iterator[Callable[[str], None]]:
    """A function that prints a text below the one before."""
    yield click.echo
