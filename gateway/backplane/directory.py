"""Who is here, read straight from Redis, for `chatctl`: no gateway need be alive."""

from __future__ import annotations

from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.backplane.connection import describe, parse_redis_url, safe_url
from gateway.backplane.keys import Keys
from gateway.backplane.redis import LISTED_AT_ONCE, parse_user_list
from gateway.backplane.scripts import Script
from gateway.errors import RedisUnreachable

TIMEOUT = 3.0
"""Seconds that a command waits for Redis."""


@dataclass(frozen=True)
class UserRecord:
    """One user.

    Attributes:
        name: as it is shown.
        gateway: id of the gateway that holds the connection.
        address: the peer's, ``host:port``.
        since: when the session began, milliseconds since 1970.
        idle: seconds since the last activity.
        left: seconds until the user is evicted; None for never.
        client: program and version, if told.
    """

    name: str
    gateway: str
    address: str
    since: int
    idle: float
    left: float | None
    client: str | None


def list_users(url: str, prefix: str) -> list[UserRecord]:
    """Everybody on all gateways, by name.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    parse_redis_url(url)
    keys = Keys(prefix)
    # A retry would only make the answer late.
    patience = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    client = redis.Redis.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), **patience)
    users: dict[str, UserRecord] = {}
    try:
        with client:
            script = client.register_script(Script("user_list").source)
            cursor = "0"
            while True:
                reply = script(keys=[keys.users], args=[cursor, LISTED_AT_ONCE, keys.users])
                cursor, listed = parse_user_list(reply)
                for user, idle, left in listed:
                    # By name, since a hash that grows meanwhile may show one twice.
                    users[user.folded] = UserRecord(
                        name=user.name,
                        gateway=user.gateway,
                        address=user.address,
                        since=user.since,
                        idle=idle,
                        left=left,
                        client=user.client,
                    )
                if cursor == "0":
                    return [users[name] for name in sorted(users)]
    except redis.TimeoutError as error:
        raise RedisUnreachable(f"{safe_url(url)}: no answer in {TIMEOUT:.0f} s") from error
    except redis.RedisError as error:
        # What the system said is clearer than what redis-py made of it.
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        raise RedisUnreachable(f"{safe_url(url)}: {describe(cause)}") from error
