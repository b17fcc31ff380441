"""``chatctl users``: who is here, on all gateways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatctl import options, shared_redis
from chatctl.options import option
from chatctl.tables import since, span, table

if TYPE_CHECKING:
    from gateway.backplane.operators.users import UserRecord

EXAMPLE = """\b
Examples:
  chatctl users
  chatctl users --redis redis://10.0.0.5:6379/0 --json | jq -r '.[].name'
"""

FIELDS = ("name", "gateway", "address", "since", "idle", "left", "client")
"""What ``--json`` tells of each user."""


@click.command(epilog=EXAMPLE)
@options.redis("Without it, the embedded Redis of a gateway that you run on this machine.")
@options.prefix
@option("json", is_flag=True, help="One JSON array: since in ms, idle and left in s.")
@options.run_dir
def users(redis: str | None, prefix: str, json: bool, run_dir: Path | None) -> None:
    """List everybody who is here, on all gateways."""
    from gateway.backplane.operators.users import list_users

    with shared_redis.reached():
        found = list_users(redis or shared_redis.of_this_machine(run_dir), prefix)
    found = sorted(found, key=lambda user: user.name.casefold())
    if json:
        rows = [{field: getattr(user, field) for field in FIELDS} for user in found]
        click.echo(dumps(rows, indent=2))
    else:
        click.echo(_table(found, datetime.now().astimezone()) if found else "nobody is here")


def _table(found: Sequence[UserRecord], now: datetime) -> str:
    rows = [("NAME", "GATEWAY", "ADDRESS", "SINCE", "IDLE", "LEFT")]
    rows += (
        (
            user.name,
            user.gateway,
            user.address,
            since(user.since, now),
            span(user.idle),
            "never" if user.left is None else span(user.left),
        )
        for user in found
    )
    return table(rows)
