"""Where the Redis of a URL is now: of one that Sentinels watch over, whichever is master then."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
import redis.asyncio.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.backplane import tls
from gateway.errors import BackplaneDown, RedisUnreachable
from gateway.redis_url import RedisUrl, parse, without_password

ANSWER_WITHIN = 1.0
"""Seconds that a Sentinel is given before the next one is asked."""

PATIENCE = 3.0
"""Seconds that a command of `chatctl` waits for Redis."""

_HUNG_UP = (ConnectionResetError, BrokenPipeError, BackplaneDown, redis.InvalidResponse)
"""What may come of talking plainly to a port that speaks TLS."""

_MAY_BE_PLAIN = " (if TLS is not spoken there, write redis:// instead of rediss://)"
_MAY_BE_TLS = " (if TLS is spoken there, write rediss:// instead of redis://)"
_MORE_RIGHTS = (
    " (this user of Redis lacks rights that are needed: see Redis' users in docs/operations.md)"
)


class Found(NamedTuple):
    """What to connect to, and as whom.

    Attributes:
        place: host and port, or the path of a socket.
        context: what TLS is spoken with; None for no TLS.
        url: who one is, and which database.
    """

    place: tuple[str, int] | str
    context: ssl.SSLContext | None
    url: RedisUrl


async def locate(url: str) -> Found:
    """Find what to connect to; Sentinels are asked each time.

    Raises:
        RedisUnreachable: the URL is none that can be used, or no Sentinel knows a master.
    """
    parsed, context = _parse(url)
    if parsed.master is None:
        return Found(parsed.path or parsed.hosts[0], context, parsed)
    watchers = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        parsed.hosts, sentinel_kwargs=_async_once(ANSWER_WITHIN) | tls.options(parsed)
    )
    try:
        master = await watchers.discover_master(parsed.master)
    except redis.RedisError as error:
        raise RedisUnreachable(f"{without_password(url)}: {describe(error, url)}") from error
    finally:
        for watcher in watchers.sentinels:
            await watcher.aclose()
    return Found(master, context, parsed)


def client(url: str) -> redis.Redis:
    """A plain client, for the commands of `chatctl`. It does not retry: that makes answers late.

    Raises:
        RedisUnreachable: the URL is none that can be used, or no Sentinel knows a master.
    """
    parsed, _ = _parse(url)
    common: dict[str, Any] = {
        "db": parsed.db,
        "username": parsed.username,
        "password": parsed.password,
        **_once(PATIENCE),
    }
    if parsed.path is not None:
        return redis.Redis(unix_socket_path=parsed.path, **common)
    host, port = parsed.hosts[0]
    if parsed.master is not None:
        watchers = redis.Sentinel(  # type: ignore[no-untyped-call]
            parsed.hosts, sentinel_kwargs=_once(ANSWER_WITHIN) | tls.options(parsed)
        )
        try:
            host, port = watchers.discover_master(  # type: ignore[no-untyped-call]
                parsed.master
            )
        except redis.RedisError as error:
            raise RedisUnreachable(f"{without_password(url)}: {describe(error, url)}") from error
    return redis.Redis(host=host, port=port, **common, **tls.options(parsed))


@contextmanager
def reaching(url: str) -> Iterator[redis.Redis]:
    """A `client` for as long as the context lasts; whatever goes wrong with it has one type.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    shown = without_password(url)
    try:
        with client(url) as there:
            yield there
    except redis.TimeoutError as error:
        raise RedisUnreachable(f"{shown}: {describe(TimeoutError(), url)}") from error
    except redis.RedisError as error:
        # What the system said is clearer than what redis-py made of it.
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise RedisUnreachable(f"{shown}: {describe(cause, url)}") from error


def describe(error: BaseException, url: str) -> str:
    """What is wrong with the Redis of a URL, in a few words, and what to do if that is known."""
    speaks_tls = url.startswith("rediss")
    text = str(error)
    if isinstance(error, TimeoutError):
        return "no answer" + (_MAY_BE_PLAIN if speaks_tls else "")
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if meant := tls.meaning(text):
        return f"{meant} ({text})"
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    if text.startswith("NOPERM"):
        text += _MORE_RIGHTS
    if isinstance(error, _HUNG_UP) and url.startswith("redis") and not speaks_tls:
        text += _MAY_BE_TLS
    return text or type(error).__name__


def _once(timeout: float) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }


def _async_once(timeout: float) -> dict[str, Any]:
    return _once(timeout) | {"retry": redis.asyncio.retry.Retry(NoBackoff(), 0)}


def _parse(url: str) -> tuple[RedisUrl, ssl.SSLContext | None]:
    try:
        parsed = parse(url)
        return parsed, tls.context(parsed)
    except ValueError as error:
        raise RedisUnreachable(f"{without_password(url)}: {error}") from None
