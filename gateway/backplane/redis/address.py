"""Finding the Redis of a URL; with Sentinels, the server that is master at the moment."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from gateway.backplane.redis import sentinels, tls
from gateway.backplane.url import RedisUrl, parse_url, speaks_tls, without_secrets
from gateway.errors import BackplaneDown, RedisRefused, RedisUnreachable
from wire.connecting import certificate_name, open_socket

CLUSTER_ATTEMPTS = 3
"""How often a command of `chatctl` is sent that a cluster redirects."""

PATIENCE = 3.0
"""Seconds that a command of `chatctl` waits for Redis."""

_HUNG_UP = (ConnectionResetError, BrokenPipeError, BackplaneDown, redis.InvalidResponse)
"""Errors that can mean that a plain connection reached a TLS port."""

_MAY_BE_PLAIN = " (if that port does not speak TLS, write redis:// instead of rediss://)"
_MAY_BE_TLS = " (if that port speaks TLS, write rediss:// instead of redis://)"
_MAY_WANT_OURS = (
    " (if it wants a client certificate, name yours in the URL: "
    "?ssl_certfile=/PATH/cert.pem&ssl_keyfile=/PATH/key.pem)"
)
_MORE_RIGHTS = (
    " (the Redis user lacks a right: give it the rights in deploy/redis/users.conf; "
    "its keys and channels begin with --prefix)"
)
_WRONG_PASSWORD = " (check the user in --redis and the password in --redis-password-file)"
_NO_ENTRY = ("invalid username-password", "WRONGPASS", "NOAUTH", "uthentication required")
"""How Redis and Valkey refuse a login; redis-py leaves the codes out."""
_NOT_PERMITTED = ("NOPERM", "o permissions to", "ACL failure", "The user executing the script")
"""How Redis 7.0 to 8 and Valkey refuse a command, in scripts too; redis-py leaves out the first."""


class RedisTarget(NamedTuple):
    """What to connect to, and how to log in.

    Attributes:
        place: host and port, or the path of a socket.
        context: the TLS context; None for no TLS.
        url: the URL, with user, password and database.
    """

    place: tuple[str, int] | str
    context: ssl.SSLContext | None
    url: RedisUrl


async def locate(url: str) -> RedisTarget:
    """Find what to connect to; asks the Sentinels each time.

    Raises:
        RedisUnreachable: the URL cannot be used, or no Sentinel knows a master.
    """
    try:
        parsed = parse_url(url)
        context = tls.context(parsed)
        place: tuple[str, int] | str = parsed.path or parsed.hosts[0]
        if parsed.master:
            place = await sentinels.master(parsed, context)
    except (OSError, LookupError, ValueError) as error:
        raise RedisUnreachable(f"{without_secrets(url)}: {describe(error, url)}") from error
    return RedisTarget(place, context, parsed)


def client(url: str) -> redis.Redis:
    """A redis-py client for the commands of `chatctl`. It does not retry, to answer sooner.

    Raises:
        RedisUnreachable: the URL cannot be used, or no Sentinel knows a master.
    """
    place, context, login = asyncio.run(locate(url))
    if login.cluster:
        return _cluster_client(login, context)
    known: dict[str, Any] = {
        "db": login.db,
        "username": login.username,
        "password": login.password,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
    }
    if isinstance(place, str):
        return redis.Redis(unix_socket_path=place, **known)
    host, port = place
    pool = redis.ConnectionPool(_Connection, host=host, port=port, tls=context, **known)
    return redis.Redis.from_pool(pool)


def _cluster_client(url: RedisUrl, context: ssl.SSLContext | None) -> redis.Redis:
    known: dict[str, Any] = {
        "startup_nodes": [ClusterNode(*host) for host in url.hosts],  # type: ignore[no-untyped-call]
        "connection_class": partial(_Connection, tls=context),
        "username": url.username,
        "password": url.password,
        "retry": Retry(NoBackoff(), CLUSTER_ATTEMPTS),
        "protocol": 2,
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
    }
    # It takes the class of its connections only together with a URL.
    host, port = url.hosts[0]
    shown = f"[{host}]" if ":" in host else host
    cluster: Any = redis.RedisCluster(url=f"redis://{shown}:{port}", **known)
    return cast(redis.Redis, cluster)  # it has the same methods


def servers_of(client: redis.Redis) -> list[redis.Redis]:
    """A client for each server that a client writes to: for a cluster, its masters."""
    return [server for _, server in servers_by_name(client)]


def servers_by_name(client: redis.Redis) -> list[tuple[str, redis.Redis]]:
    """The same, with how to name each: for a cluster a blank, host and port; else nothing."""
    if not isinstance(client, redis.RedisCluster):
        return [("", client)]
    return [
        (f" {node.host}:{node.port}", client.get_redis_connection(node))
        for node in client.get_primaries()
    ]


def server_of(client: redis.Redis, key: str) -> redis.Redis:
    """A client for the server that has a key."""
    if not isinstance(client, redis.RedisCluster):
        return client
    return client.get_redis_connection(client.get_node_from_key(key))


class _Connection(redis.Connection):
    """Like redis-py's, but connects to the first of the host's addresses that answers.

    Args:
        tls: the TLS context; None for no TLS.
        known: the arguments of redis-py's connection.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, **known: Any) -> None:
        super().__init__(**known)  # type: ignore[no-untyped-call]
        self._tls = tls

    def _connect(self) -> socket.socket:
        link = asyncio.run(self._connected())
        link.settimeout(self.socket_timeout)
        if self._tls is None:
            return link
        return self._tls.wrap_socket(link, server_hostname=certificate_name(self.host))

    async def _connected(self) -> socket.socket:
        async with asyncio.timeout(self.socket_connect_timeout):
            return await open_socket(self.host, self.port)


@contextmanager
def reaching(url: str) -> Iterator[redis.Redis]:
    """A `client`, closed at the end of the context; all its errors become one type.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    shown = without_secrets(url)
    try:
        with client(url) as connection:
            yield connection
    except redis.RedisError as error:
        raise _kind(error)(f"{shown}: {_explain(error, url)}") from error


def describe(error: BaseException, url: str) -> str:
    """What is wrong with the Redis of a URL, in a few words, and what to do about it if known."""
    encrypted = speaks_tls(url)
    text = str(error).rstrip(".")
    if isinstance(error, TimeoutError):
        return "no answer" + (_MAY_BE_PLAIN if encrypted else "")
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if meant := tls.meaning(text):
        return f"{meant} ({text})"
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    if not_permitted(text):
        text += _MORE_RIGHTS
    if any(sign in text for sign in _NO_ENTRY):
        text += _WRONG_PASSWORD
    if isinstance(error, _HUNG_UP) or text.startswith("Connection closed by"):
        unix = url.lower().startswith("unix")
        text += _MAY_WANT_OURS if encrypted else "" if unix else _MAY_BE_TLS
    return text or type(error).__name__


def not_permitted(text: str) -> bool:
    """Whether Redis refuses because its user lacks a right."""
    return any(sign in text for sign in _NOT_PERMITTED)


def _kind(error: redis.RedisError) -> type[RedisUnreachable]:
    answered = isinstance(error, redis.ResponseError | redis.AuthenticationError)
    return RedisRefused if answered else RedisUnreachable


def _explain(error: BaseException, url: str) -> str:
    if isinstance(error, redis.TimeoutError):
        return describe(TimeoutError(), url)
    # The system's error is clearer than what redis-py makes of it.
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return describe(cause, url)
