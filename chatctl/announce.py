"""``chatctl announce``: the operators say something to everyone."""

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


@click.command(epilog=EXAMPLE)
@argument("text")
@chat_and_json
def announce(text: str, chat: Chat, json: bool) -> None:
    """Say something to everyone, on all gateways.

    It is a message of the room like any other, but from the operators: it has its place in the
    history, and who comes back gets it too.
    """
    text = people.said(text)

    from gateway.backplane.operators.announce import publish_announcement

    with shared_redis.reached():
        id = publish_announcement(*chat.at, text)
    if id is None:
        raise Failure("no gateway lives, so nobody would hear it: are --redis and --prefix right?")
    answer(json, {"id": id, "text": text}, f"announced, as message {id}")
