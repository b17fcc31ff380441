"""``chatctl kick``: end somebody's session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl import people, shared_redis
from chatctl.answers import answer
from chatctl.failure import Failure
from chatctl.options import argument, of_a_chat, option
from chatctl.shared_redis import Chat

if TYPE_CHECKING:
    from gateway.backplane.operators.gateways import Asked

EXAMPLE = """\b
Example:
  chatctl kick mallory --reason "no adverts, please"
"""


@click.command(epilog=EXAMPLE, short_help="Send somebody away, who can come back.")
@argument("name")
@option("reason", default="", metavar="TEXT", help="Why, for the one who is sent away.")
@of_a_chat
def kick(name: str, reason: str, chat: Chat, json: bool) -> None:
    """Send somebody away, who can come back at once: to keep them out there is ban.

    Returns once the session has ended. The client is told not to come back by itself.
    """
    name, why = people.name(name), people.reason(reason)

    from gateway.backplane.operators import gateways as operators
    from wire.names import fold
    from wire.reasons import KICKED

    with shared_redis.reached():
        text = f"{KICKED.text} {why}".rstrip()
        asked = operators.kick(*chat.at, fold(name), text)
    if asked is None:
        raise Failure(f"nobody named {name} is here")
    ensure_gone(asked)
    answer(
        json,
        {"name": asked.name, "session": asked.session, "gateway": asked.gateway},
        f"{asked.name} was sent away from {asked.gateway}",
    )


def ensure_gone(asked: Asked) -> None:
    """Raise a failure for a session that has not ended."""
    if not asked.heard:
        raise Failure(
            f"{asked.name} is on {asked.gateway}, which does not listen: if it is dead, its people "
            "are gone within 13 s; `chatctl doctor` says more"
        )
    if not asked.gone:
        raise Failure(
            f"{asked.gateway} was asked to send {asked.name} away, and has not done it yet: "
            "`chatctl doctor` says how that gateway is"
        )
