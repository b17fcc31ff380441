"""Who is here, read straight from Redis, for `chatctl`: no gateway need be alive."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.backplane.keys import Keys
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.backplane import LISTED_AT_ONCE
from gateway.backplane.redis.replies import parse_user_list
from gateway.backplane.scripts import Script


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
    keys = Keys(prefix)
    users: dict[str, UserRecord] = {}
    with reaching(url) as there:
        script = there.register_script(Script("user_list").source)
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
