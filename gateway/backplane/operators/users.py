"""The people on all gateways, read straight from Redis, for `chatctl`."""

from __future__ import annotations

from gateway.backplane.contract import Listed, by_person
from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.names import LISTED_AT_ONCE
from gateway.backplane.redis.replies import parse_user_list


def list_users(url: str, prefix: str) -> list[list[Listed]]:
    """Everybody on all gateways, by name: for each person the sessions, the oldest first.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    # By name, since a hash that grows while it is read may show a user twice.
    users: dict[str, list[Listed]] = {}
    cursor = "0"
    with reaching(url) as client:
        while True:
            reply = run(client, "user_list", [keys.users], cursor, LISTED_AT_ONCE, keys.users)
            cursor, listed = parse_user_list(reply)
            users |= by_person(listed)
            if cursor == "0":
                return [users[name] for name in sorted(users)]
