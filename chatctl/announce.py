"""``chatctl announce``: the operators of the chat say something to everyone."""

from __future__ import annotations

import click

from chatctl import people, shared_redis
from chatctl.answers import answer
from chatctl.failure import Failure
from chatctl.options import argument, chat_and_json
from chatctl.shared_redis import Chat

EXAMPLE = """\b
Example:
  chatctl announce "We move to a bigger machine at 14:00; your client comes back by itself."
"""


@click.command(epilog=EXAMPLE, short_help="Say something to everyone, as the operators.")
@argument("text")
@chat_and_json
def announce(text: str, chat: Chat, json: bool) -> None:
    """Say something to everyone in a room, on all gateways, as the operators of the chat.

    It is stored like any other message of the room, so people who come back get it too.
    """
    text = people.said(text)

    from gateway.backplane.operators.announce import publish_announcement

    with shared_redis.reached():
        id = publish_announcement(*chat.at, text)
    if id is None:
        raise Failure("no gateway is alive, nobody would hear it: are --redis and --prefix right?")
    answer(json, {"id": id, "text": text}, f"announced, as message {id}")
