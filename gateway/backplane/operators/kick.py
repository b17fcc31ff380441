"""End somebody's sessions, for `chatctl kick`: their gateways are asked to, through Redis."""

from __future__ import annotations

from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run, wait_until
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.replies import sessions
from wire.names import fold

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


def kick_user(url: str, prefix: str, folded: str, text: str, session: str = "") -> list[KickResult]:
    """End somebody's sessions and wait until they have ended.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        folded: the name, folded.
        text: for the person.
        session: the only session to end; "" for all.

    Returns:
        One for each session; none if nobody of that name is here.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        reply = run(client, "user_kick", [keys.users], folded, text, keys.users, session)
        return wait_for_end(client, keys, reply)


def wait_for_end(client: redis.Redis, keys: Keys, reply: list[bytes]) -> list[KickResult]:
    """Wait for the end of sessions that a script has asked gateways to end.

    Args:
        client: of Redis.
        keys: of the chat.
        reply: of the script: four for each session: name, session, gateway, and how many heard it.
    """
    texts = [part.decode() for part in reply]
    asked = list(zip(texts[::4], texts[1::4], texts[2::4], texts[3::4], strict=True))

    def still_here() -> set[str]:
        names = list(dict.fromkeys(fold(name) for name, *_ in asked))
        found: Any = client.hmget(keys.users, names)
        return {each.session for text in found for each in sessions(text or b"")}

    heard = {session for _, session, _, listening in asked if listening != "0"}
    if heard:
        wait_until(lambda: heard.isdisjoint(still_here()), CONFIRM_WITHIN)
    here = still_here() if asked else set()
    return [
        KickResult(name, session, gateway, session in heard, session not in here)
        for name, session, gateway, _ in asked
    ]
