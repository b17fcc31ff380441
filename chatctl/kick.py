"""``chatctl kick``: disconnect somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl import people, shared_redis
from chatctl.answers import answer
from chatctl.failure import Failure
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat

if TYPE_CHECKING:
    from gateway.backplane.operators.kick import KickResult

EXAMPLE = """\b
Example:
  chatctl kick mallory --reason "no adverts, please"
"""


@click.command(epilog=EXAMPLE, short_help="Disconnect somebody; they can come back.")
@argument("name")
@option("reason", default="", metavar="TEXT", help="Why: the person is told.")
@chat_and_json
def kick(name: str, reason: str, chat: Chat, json: bool) -> None:
    """Disconnect somebody. They can reconnect at once; use `chatctl ban` to keep them out.

    The command returns once the session has ended. The client does not reconnect by itself.
    """
    name, why = people.name(name), people.reason(reason)

    from gateway.backplane.operators.kick import kick_user
    from wire.names import fold
    from wire.reasons import KICKED

    with shared_redis.reached():
        text = f"{KICKED.text.rstrip('.')}: {why}" if why else KICKED.text
        result = kick_user(*chat.at, fold(name), text)
    if result is None:
        raise Failure(f"nobody named {name} is here")
    _need_end(result)
    answer(
        json,
        {"name": result.name, "session": result.session, "gateway": result.gateway},
        f"{result.name} was disconnected from {result.gateway}",
    )


def _need_end(result: KickResult) -> None:
    """Raise a failure if the session has not ended."""
    if not result.heard:
        raise Failure(
            f"{result.name} is on {result.gateway}, which does not listen. If that gateway is dead "
            "its people are gone within 13 s; `chatctl doctor` says more"
        )
    if not result.ended:
        raise Failure(
            f"{result.gateway} was asked to disconnect {result.name}, and has not done so yet: "
            "`chatctl doctor` says how that gateway is"
        )
