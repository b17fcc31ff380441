"""Say something in a room as the operators of the chat, for `chatctl announce`."""

from __future__ import annotations

from datetime import datetime

from gateway.backplane.contract import Outgoing
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.gateways import read_gateways
from gateway.backplane.operators.rooms import KEEP_ALL, read_state
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import room_publish
from gateway.backplane.url import database
from gateway.errors import NoSuchRoom
from wire.codec import encode_body
from wire.frames import OPERATOR, Msg


def publish_announcement(url: str, prefix: str, room: str, text: str) -> str | None:
    """Say something to everyone in a room; it is stored like what people say.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.
        text: what to say.

    Returns:
        The message's id; None if no gateway is alive, so that nobody would hear it.

    Raises:
        NoSuchRoom: there is no such room.
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    at = datetime.now().astimezone().replace(microsecond=0)
    body = encode_body(Msg(from_=OPERATOR, room=room, text=text, at=at))
    with reaching(url) as client:
        if not any(each.lease is not None for each in read_gateways(client, keys)[1]):
            return None
        while True:
            _, state = read_state(client, keys, room)
            if not state.exists:
                raise NoSuchRoom(room)
            call = room_publish(
                keys,
                room,
                state.version,
                [Outgoing(body)],
                known=NOTHING,
                history=KEEP_ALL,
                kept_ms=1,
                until_ms=None,
            )
            reply = run(client, *call)
            if reply != b"CHANGED":
                id: bytes = reply[0]
                return id.decode()
