"""``chatctl announce``: the operators of the chat say something to everyone."""

from __future__ import annotations

import click

from chatctl import people, shared_redis
from chatctl.answers import answer
from chatctl.audited import audited
from chatctl.failure import Failure, no_room
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat
from chatctl.units import room_name

EXAMPLE = """\b
Examples:
  chatctl announce "We move to a bigger machine at 14:00; your client reconnects by itself."
  chatctl announce --room dev "The release is out."
"""


@click.command(epilog=EXAMPLE, short_help="Say something to everyone in a room.")
@argument("text")
@option("room", type=room_name, default="lobby", metavar="NAME", help="Where to say it.")
@chat_and_json
def announce(text: str, room: str, chat: Chat, json: bool) -> None:
    """Say something to everyone in a room, on all gateways, as the operators of the chat.

    Without --room it is the lobby; people who are not there do not see it.

    It is stored like any other message of the room, so people who come back get it too.
    """
    text = people.said(text)

    from gateway.backplane.operators.announce import publish_announcement
    from gateway.errors import NoSuchRoom

    with shared_redis.reached():
        try:
            id = publish_announcement(*chat.at, room, text)
        except NoSuchRoom:
            raise no_room(room) from None
        if id is not None:
            audited(chat, "announce", room=room, reason=text[:200])
    if id is None:
        raise Failure("no gateway is alive, nobody would hear it: are --redis and --prefix right?")
    answer(json, {"id": id, "room": room, "text": text}, f"announced in {room}, as message {id}")
