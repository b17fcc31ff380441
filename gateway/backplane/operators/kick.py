"""End somebody's session, for `chatctl kick`: their gateway is asked to, through Redis."""

from __future__ import annotations

from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run, wait_until
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.replies import registration

CONFIRM_WITHIN = 5.0
"""Seconds that a gateway is given to end a session."""


class KickResult(NamedTuple):
    """What came of asking a gateway to end a session.

    Attributes:
        name: whose session it is, as the name is shown.
        session: id of the session.
        gateway: id of the gateway.
        heard: the gateway listens.
        ended: the session had ended when we stopped waiting.
    """

    name: str
    session: str
    gateway: str
    heard: bool
    ended: bool


def kick_user(url: str, prefix: str, folded: str, text: str) -> KickResult | None:
    """End somebody's session and wait until it has ended. None if nobody of that name is here.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        folded: the name, folded.
        text: for the person.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        reply = run(client, "user_kick", [keys.users], folded, text, keys.users)
        return wait_for_end(client, keys, folded, reply) if reply else None


def wait_for_end(client: redis.Redis, keys: Keys, folded: str, reply: list[bytes]) -> KickResult:
    """Wait for the end of a session that a script has asked a gateway to end.

    Args:
        client: of Redis.
        keys: of the chat.
        folded: the name, folded.
        reply: of the script: name, session, gateway, and how many heard it.
    """
    name, session, gateway, listening = (part.decode() for part in reply)
    heard = listening != "0"

    def has_ended() -> bool:
        record: Any = client.hget(keys.users, folded)
        user = registration(record or b"")
        return user is None or user.session != session

    ended = heard and wait_until(has_ended, CONFIRM_WITHIN)
    return KickResult(name, session, gateway, heard, ended)
