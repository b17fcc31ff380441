"""Where the Redis of a URL is now: of one that Sentinels watch over, whichever is master then."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.backplane import tls
from gateway.errors import BackplaneDown, RedisRefused, RedisUnreachable
from gateway.redis_url import RedisUrl, parse, without_password

ANSWER_WITHIN = 1.0
"""Seconds that a Sentinel is given before the next one is asked."""

PATIENCE = 3.0
"""Seconds that a command of `chatctl` waits for Redis."""

_HUNG_UP = (ConnectionResetError, BrokenPipeError, BackplaneDown, redis.InvalidResponse)
"""What may come of talking plainly to a port that speaks TLS."""

_MAY_BE_PLAIN = " (if TLS is not spoken there, write redis:// instead of rediss://)"
_MAY_BE_TLS = " (if TLS is spoken there, write rediss:// instead of redis://)"
_MAY_WANT_OURS = (
    " (if it wants a certificate of ours, name it in the URL: "
    "?ssl_certfile=/PATH/cert.pem&ssl_keyfile=/PATH/key.pem)"
)
_MORE_RIGHTS = (
    " (the user of Redis lacks a right: give it those that deploy/redis/users.conf has for it; "
    "its keys and channels begin with --prefix)"
)
_WRONG_PASSWORD = " (look at the user in --redis and at the password: --redis-password-file)"
_NO_ENTRY = ("invalid username-password", "WRONGPASS", "NOAUTH", "uthentication required")
"""How Redis and Valkey turn somebody away at the door; redis-py leaves the codes out."""
_NOT_PERMITTED = ("NOPERM", "o permissions to", "ACL failure", "The user executing the script")
"""How Redis 7.0 to 8 and Valkey say so, in scripts too; redis-py leaves the first of them out."""


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
    try:
        parsed = parse(url)
        context = tls.context(parsed)
        place = parsed.path or await _master(parsed) or parsed.hosts[0]
    except ValueError as error:
        raise RedisUnreachable(f"{without_password(url)}: {error}") from None
    except redis.RedisError as error:
        raise RedisUnreachable(f"{without_password(url)}: {_what_happened(error, url)}") from error
    return Found(place, context, parsed)


def client(url: str) -> redis.Redis:
    """A plain client, for the commands of `chatctl`. It does not retry: that makes answers late.

    Raises:
        RedisUnreachable: the URL is none that can be used, or no Sentinel knows a master.
    """
    place, _, who = asyncio.run(locate(url))
    known: dict[str, Any] = {
        "db": who.db,
        "username": who.username,
        "password": who.password,
        "retry": Retry(NoBackoff(), 0),
        **_patient(PATIENCE),
    }
    if isinstance(place, str):
        return redis.Redis(unix_socket_path=place, **known)
    host, port = place
    return redis.Redis(host=host, port=port, **known, **tls.options(who))


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
    except redis.RedisError as error:
        raise _kind(error)(f"{shown}: {_what_happened(error, url)}") from error


def describe(error: BaseException, url: str) -> str:
    """What is wrong with the Redis of a URL, in a few words, and what to do if that is known."""
    speaks_tls = url.startswith("rediss")
    text = str(error).rstrip(".")
    if isinstance(error, TimeoutError):
        return "no answer" + (_MAY_BE_PLAIN if speaks_tls else "")
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
        text += _MAY_WANT_OURS if speaks_tls else _MAY_BE_TLS if url.startswith("redis") else ""
    return text or type(error).__name__


def not_permitted(text: str) -> bool:
    """Whether Redis refuses since its user has not been given the right."""
    return any(sign in text for sign in _NOT_PERMITTED)


def _kind(error: redis.RedisError) -> type[RedisUnreachable]:
    answered = isinstance(error, redis.ResponseError | redis.AuthenticationError)
    return RedisRefused if answered else RedisUnreachable


def _what_happened(error: BaseException, url: str) -> str:
    if isinstance(error, redis.TimeoutError):
        return describe(TimeoutError(), url)
    # What the system said is clearer than what redis-py made of it.
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return describe(cause, url)


async def _master(url: RedisUrl) -> tuple[str, int] | None:
    """What the first Sentinel that knows it says; None where there are no Sentinels.

    Raises:
        redis.RedisError: none of them knows it.
    """
    if url.master is None:
        return None
    problem = redis.RedisError(f"its Sentinels know no {url.master!r} that is up")
    for host, port in url.hosts:
        watcher = redis.asyncio.Redis(
            host=host,
            port=port,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
            **_patient(ANSWER_WITHIN),
            **tls.options(url),
        )
        try:
            masters: Any = await watcher.sentinel_masters()
        except redis.RedisError as error:
            problem = error
        else:
            known = masters.get(url.master)
            if known and known["is_master"] and not (known["is_sdown"] or known["is_odown"]):
                return known["ip"], known["port"]
        finally:
            await watcher.aclose()
    raise problem


def _patient(seconds: float) -> dict[str, Any]:
    return {"protocol": 2, "socket_timeout": seconds, "socket_connect_timeout": seconds}
