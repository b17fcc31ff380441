"""Where Redis is: what a URL means.

``redis://[user:password@]host:port/db``, ``unix:///path``, or for a Redis that Sentinels watch over
``redis+sentinel://[user:password@]host:port,host:port/master-name``: whichever is master then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

import redis
import redis.asyncio.sentinel
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from gateway.errors import RedisUnreachable

SENTINEL = "redis+sentinel://"

ANSWER_WITHIN = 1.0
"""Seconds that a Sentinel is given before the next one is asked."""

PATIENCE = 3.0
"""Seconds that a command of `chatctl` waits for Redis."""


class Sentinels(NamedTuple):
    """A URL of the third kind, taken apart."""

    addresses: list[tuple[str, int]]
    master: str
    username: str | None
    password: str | None


async def locate(url: str) -> dict[str, Any]:
    """Find what to connect to: ``host`` and ``port`` or ``path``, ``db``, and who one is.

    Raises:
        RedisUnreachable: the URL is none that can be used, or no Sentinel knows a master.
    """
    if not url.startswith(SENTINEL):
        return _parse(url)
    sentinels = _parse_sentinels(url)
    watchers = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        sentinels.addresses, sentinel_kwargs=_async_once(ANSWER_WITHIN)
    )
    try:
        host, port = await watchers.discover_master(sentinels.master)
    except redis.RedisError as error:
        raise RedisUnreachable(f"{safe_url(url)}: {error}") from error
    finally:
        for watcher in watchers.sentinels:
            await watcher.aclose()
    who = {"username": sentinels.username, "password": sentinels.password}
    return {"host": host, "port": port, **who}


def client(url: str) -> redis.Redis:
    """A plain client, for the commands of `chatctl`. It does not retry: that makes answers late.

    Raises:
        RedisUnreachable: the URL is none that can be used, or no Sentinel knows a master.
    """
    if not url.startswith(SENTINEL):
        _parse(url)
        return redis.Redis.from_url(url, **_once(PATIENCE))
    sentinels = _parse_sentinels(url)
    watchers = redis.Sentinel(  # type: ignore[no-untyped-call]
        sentinels.addresses, sentinel_kwargs=_once(ANSWER_WITHIN)
    )
    try:
        host, port = watchers.discover_master(  # type: ignore[no-untyped-call]
            sentinels.master
        )
    except redis.RedisError as error:
        raise RedisUnreachable(f"{safe_url(url)}: {error}") from error
    return redis.Redis(
        host=host,
        port=port,
        username=sentinels.username,
        password=sentinels.password,
        **_once(PATIENCE),
    )


@contextmanager
def reaching(url: str) -> Iterator[redis.Redis]:
    """A `client` for as long as the context lasts; whatever goes wrong with it has one type.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    try:
        with client(url) as there:
            yield there
    except redis.TimeoutError as error:
        raise RedisUnreachable(f"{safe_url(url)}: no answer in {PATIENCE:.0f} s") from error
    except redis.RedisError as error:
        # What the system said is clearer than what redis-py made of it.
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise RedisUnreachable(f"{safe_url(url)}: {describe(cause)}") from error


def safe_url(url: str) -> str:
    """A URL as it may be shown: without its password."""
    scheme, separator, rest = re.sub(r"password=[^&]*", "password=***", url).partition("://")
    credentials, at, place = rest.rpartition("@")
    if not at:
        return f"{scheme}{separator}{rest}"
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}:***@{place}"


def describe(error: BaseException) -> str:
    """What is wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _once(timeout: float) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }


def _async_once(timeout: float) -> dict[str, Any]:
    return _once(timeout) | {"retry": redis.asyncio.retry.Retry(NoBackoff(), 0)}


def _parse(url: str) -> dict[str, Any]:
    if not url.startswith(("redis://", "unix://")):
        raise RedisUnreachable(
            f"{safe_url(url)}: a Redis URL begins with redis://, unix:// or {SENTINEL}, "
            "as in redis://127.0.0.1:6379"
        )
    try:
        return dict(parse_url(url))  # type: ignore[no-untyped-call]
    except ValueError as error:
        safe = safe_url(url)
        # What parse_url took for a port, and says, may be a part of the password.
        flaw = str(error) if safe == url else "is the password %-encoded (/ is %2F)?"
        raise RedisUnreachable(f"{safe}: not a URL of Redis: {flaw}") from None


def _parse_sentinels(url: str) -> Sentinels:
    credentials, _, place = url.removeprefix(SENTINEL).rpartition("@")
    hosts, _, master = place.partition("/")
    username, _, password = credentials.partition(":")
    addresses = []
    for address in hosts.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise RedisUnreachable(
                f"{safe_url(url)}: Sentinels are named like {SENTINEL}host:port,host:port/master"
            )
        addresses.append((host.strip("[]"), int(port)))  # brackets: IPv6
    if not master:
        raise RedisUnreachable(f"{safe_url(url)}: the master's name is missing at its end")
    return Sentinels(addresses, master, unquote(username) or None, unquote(password) or None)
