"""``chatctl drain``: end a gateway while its people move to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from chatctl import offers, shared_redis
from chatctl.answers import answer, warn
from chatctl.audited import audited
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
@argument("gateway", shell_complete=offers.gateways)
@chat_and_json
def drain(gateway: str, chat: Chat, json: bool) -> None:
    """Have a gateway send its people to the others and then end, as it does at SIGTERM.

    GATEWAY is its id, or the beginning of the id if no other gateway's begins like that. The
    command returns once the gateway has begun; its option --drain says how long it takes.
    """
    from gateway.backplane.operators.drain import drain_gateway
    from gateway.backplane.operators.gateways import list_gateways

    with shared_redis.reached():
        url, prefix = chat.at
        _, found = list_gateways(url, prefix)
        chosen = _chosen(gateway, found)
        # First: an embedded Redis ends with its gateway.
        audited(chat, "drain", target=chosen.id)
        begun = drain_gateway(url, prefix, chosen.id)
    if begun is None:
        raise Failure(f"{chosen.id} does not listen: `chatctl doctor` says how it is")
    if not begun:
        raise Failure(
            f"{chosen.id} was asked to drain, and has not begun: `chatctl doctor` says how it is"
        )
    if not any(each.lease is not None and each.id != chosen.id for each in found):
        warn(f"{chosen.id} is the only gateway: its people can come back once there is another")
    answer(
        json,
        {"id": chosen.id, "state": "draining"},
        f"{chosen.id} drains: it lets nobody in, sends its people to the others, and ends",
    )


def _chosen(wanted: str, found: Sequence[GatewayRecord]) -> GatewayRecord:
    """The gateway that an id, or its beginning, stands for.

    Raises:
        Failure: there is no such gateway, or it is dead.
        Misuse: it could be one of several, or the text is empty.
    """
    if not wanted:
        raise Misuse("GATEWAY is empty: write a gateway's id, or the beginning of it")
    near = [each for each in found if each.id == wanted] or [
        each for each in found if each.id.startswith(wanted)
    ]
    if not near:
        raise Failure(f"there is no gateway {wanted!r}: `chatctl gateways` lists them")
    if len(near) > 1:
        raise Misuse(f"{wanted!r} could be {', '.join(each.id for each in near)}: write more of it")
    if near[0].lease is None:
        raise Failure(f"{near[0].id} is dead already")
    return near[0]
