"""``chatctl kick``: disconnect somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl import offers, people, shared_redis
from chatctl.answers import answer
from chatctl.audited import audited
from chatctl.failure import Failure
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat

if TYPE_CHECKING:
    from gateway.backplane.operators.kick import KickResult

EXAMPLE = """\b
Example:
  chatctl kick mallory --reason "no adverts, please"
  chatctl kick dana --session 9f86d081884c7d65
"""


@click.command(epilog=EXAMPLE, short_help="Disconnect somebody; they can come back.")
@argument("name", shell_complete=offers.people)
@option("session", default="", metavar="ID", help="Only this session of the person.")
@option("reason", default="", metavar="TEXT", help="Why: the person is told.")
@chat_and_json
def kick(name: str, session: str, reason: str, chat: Chat, json: bool) -> None:
    """Disconnect somebody. They can reconnect at once; use `chatctl ban` to keep them out.

    The command returns once all sessions of the person have ended. `chatctl users` lists them. The
    clients do not reconnect by themselves.
    """
    name, why = people.name(name), people.reason(reason)

    from gateway.backplane.operators.kick import kick_user
    from wire.names import fold
    from wire.reasons import KICKED

    with shared_redis.reached():
        text = f"{KICKED.text.rstrip('.')}: {why}" if why else KICKED.text
        results = kick_user(*chat.at, fold(name), text, session)
        if results:
            audited(chat, "kick", target=name, reason=why)
    if not results and session:
        raise Failure(f"{name} has no session {session}: `chatctl users` lists the sessions")
    if not results:
        raise Failure(f"nobody named {name} is here")
    for result in results:
        _need_end(result)
    ended = [{"session": each.session, "gateway": each.gateway} for each in results]
    gateways = " and ".join(dict.fromkeys(each.gateway for each in results))
    data = {"name": results[0].name, "sessions": ended}
    answer(json, data, f"{results[0].name} was disconnected from {gateways}")


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
