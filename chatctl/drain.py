"""``chatctl drain``: have a gateway end without anybody noticing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from chatctl import shared_redis
from chatctl.answers import answer, warn
from chatctl.failure import Failure, Misuse
from chatctl.options import argument, chat_and_json
from chatctl.shared_redis import Chat

if TYPE_CHECKING:
    from gateway.backplane.operators.gateways import GatewayRecord

EXAMPLE = """\b
Examples:
  chatctl gateways
  chatctl drain g-5f0c21aa
"""


@click.command(epilog=EXAMPLE, short_help="End a gateway; its people move to the others.")
@argument("gateway")
@chat_and_json
def drain(gateway: str, chat: Chat, json: bool) -> None:
    """Have a gateway send its people to the others, and end, as at SIGTERM.

    GATEWAY is its id, or as much of it as no other begins with. Returns once it drains; how long
    that takes is up to its --drain.
    """
    from gateway.backplane.operators.drain import drain_gateway
    from gateway.backplane.operators.gateways import list_gateways

    with shared_redis.reached():
        url, prefix = chat.at
        _, found = list_gateways(url, prefix)
        chosen = _chosen(gateway, found)
        begun = drain_gateway(url, prefix, chosen.id)
    if begun is None:
        raise Failure(f"{chosen.id} does not listen: `chatctl doctor` says how it is")
    if not begun:
        raise Failure(
            f"{chosen.id} was asked to drain, and does not say that it does: "
            "`chatctl doctor` says how it is"
        )
    if not any(each.lease is not None and each.id != chosen.id for each in found):
        warn(f"{chosen.id} is the only gateway: its people can come back once there is another")
    answer(
        json,
        {"id": chosen.id, "state": "draining"},
        f"{chosen.id} drains: it takes nobody any more, sends its people to the others, and ends",
    )


def _chosen(wanted: str, found: Sequence[GatewayRecord]) -> GatewayRecord:
    """The gateway that is meant.

    Raises:
        Failure: there is none, or it is dead.
        Misuse: it could be several, or none is named.
    """
    if not wanted:
        raise Misuse("GATEWAY is empty: write a gateway's id, or how it begins")
    near = [each for each in found if each.id == wanted] or [
        each for each in found if each.id.startswith(wanted)
    ]
    if not near:
        raise Failure(f"there is no gateway {wanted!r}: `chatctl gateways` says which there are")
    if len(near) > 1:
        raise Misuse(f"{wanted!r} could be {', '.join(each.id for each in near)}: write more of it")
    if near[0].lease is None:
        raise Failure(f"{near[0].id} is dead already")
    return near[0]
