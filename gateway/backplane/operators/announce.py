"""Say something in a room as the operators of the chat, for `chatctl announce`."""

from __future__ import annotations

from datetime import datetime

from gateway.backplane.contract import Outgoing
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.gateways import read_gateways
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import room_publish
from gateway.backplane.url import database
from wire.codec import encode_body
from wire.frames import LOBBY, OPERATOR, Msg

KEEP_ALL = 2**53
"""`history` for a caller that must not trim the log, since it does not know the gateways' limit."""


def publish_announcement(url: str, prefix: str, text: str) -> str | None:
    """Say something to everyone; it is stored like what people say.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        text: what to say.

    Returns:
        The message's id; None if no gateway is alive, so that nobody would hear it.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    at = datetime.now().astimezone().replace(microsecond=0)
    with reaching(url) as client:
        if not any(each.lease is not None for each in read_gateways(client, keys)[1]):
            return None
        body = encode_body(Msg(from_=OPERATOR, room=LOBBY, text=text, at=at))
        call = room_publish(
            keys,
            LOBBY,
            None,
            [Outgoing(body)],
            run(client, "run_find", [keys.users_epoch]).decode(),
            known=NOTHING,
            history=KEEP_ALL,
            kept_ms=1,
            until_ms=None,
        )
        ids = run(client, *call)
    id: bytes = ids[0]
    return id.decode()
