"""The URLs that name a Redis: what may stand in them, what it means, and how they may be shown.

Pure, and without redis-py: the help of a command and the check of an option need no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")

_SAME_AS = {"valkey": "redis", "valkeys": "rediss"}
"""What Valkey's own tools call the same thing."""

HOW_TO_WRITE = (
    "write redis://HOST:6379/0, unix:///PATH/redis.sock, or "
    "redis+sentinel://HOST:26379,HOST:26379/MASTER; for TLS rediss:// or rediss+sentinel://"
)

PORT = 6379

_WHO_AND_WHERE = ("db", "username", "password")

_TLS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile")

CHOICES = {"ssl_cert_reqs": ("required", "none"), "ssl_check_hostname": ("true", "false")}
"""Those of the options that are not the path of a file: the default, and the other value."""

# Any letter of an option's name may be written as %xx.
_PASSWORD = "".join(f"(?:{c}|%{ord(c):x}|%{ord(c.upper()):x})" for c in "password")

_SECRETS = (
    # Greedy up to the last @: a password that nobody escaped may hold anything.
    (r"://([^/?#:@]*):.*@", r"://\1:***@"),
    (f"({_PASSWORD}=)[^&]*", r"\1***"),
)

_LONELY_USER = r"(://)(?!/)[^?:]+@"
"""Somebody without a password: most often it is a password whose colon was forgotten."""


@dataclass(frozen=True)
class RedisUrl:
    """A URL, taken apart.

    Attributes:
        hosts: host names or IP addresses, and ports: of the Redis, or of the Sentinels that know
            where it is; none where there is a path.
        path: of its socket.
        master: what the Sentinels call it.
        db: number of the database.
        username: who one is; None for Redis' default user.
        password: None for none.
        tls: whether TLS is spoken, to the Sentinels too.
        tls_options: what is said of that, by the names that redis-py has for it.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    master: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_options: Mapping[str, str] = field(default_factory=dict)


def parse(url: str) -> RedisUrl:
    """Take a URL apart.

    Raises:
        ValueError: it cannot be used; the text says why, and shows nothing that may be secret.
    """
    scheme = _scheme(url)
    if scheme not in SCHEMES:
        raise ValueError(f"this is not a Redis URL: {HOW_TO_WRITE}")
    parts = _split(url)
    tls = speaks_tls(url)
    query = _query(parts, (*_WHO_AND_WHERE, *(_TLS if tls else ())), tls=tls)
    credentials, _, place = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    database = ""
    hosts: tuple[tuple[str, int], ...] = ()
    path = master = None
    if scheme == "unix":
        if place:
            raise ValueError("the path of a socket begins with a slash, the third of unix:///PATH")
        path = unquote(parts.path)
    elif scheme.endswith("sentinel"):
        hosts, master = _sentinels(place), unquote(parts.path.strip("/"))
    else:
        port = PORT if parts.port is None else parts.port
        hosts, database = ((parts.hostname or "", port),), parts.path.strip("/")
    if path == "" or master == "" or not all(host for host, _ in hosts):
        missing = "the path" if path == "" else "the master's name" if master == "" else "the host"
        raise ValueError(f"{missing} is missing in the Redis URL: {HOW_TO_WRITE}")
    if not all(0 < port <= 65535 for _, port in hosts):
        raise ValueError("a port in the Redis URL is none: ports are 1 to 65535")
    return RedisUrl(
        hosts=hosts,
        path=path,
        master=master,
        db=_database(database or query.get("db", "0")),
        username=unquote(username) or query.get("username") or None,
        password=unquote(password) or query.get("password") or None,
        tls=tls,
        tls_options={name: value for name, value in query.items() if name in _TLS},
    )


def speaks_tls(url: str) -> bool:
    """Whether a URL, right or wrong, asks for TLS."""
    return _scheme(url).startswith("rediss")


def database(url: str) -> int:
    """The number of the database that a URL names; 0 if the URL cannot be used."""
    try:
        return parse(url).db
    except ValueError:
        return 0


def has_password(url: str) -> bool:
    """Whether a URL, right or wrong, holds a password."""
    return any(re.search(pattern, url, re.IGNORECASE) for pattern, _ in _SECRETS)


def without_password(url: str) -> str:
    """A URL, right or wrong, as it may be shown: ``***`` in place of a password."""
    for pattern, shown in _SECRETS:
        url = re.sub(pattern, shown, url, flags=re.IGNORECASE)
    return url


def without_secrets(url: str) -> str:
    """As `without_password`, for a URL with which something may be wrong.

    A user who has no password is hidden too.
    """
    return re.sub(_LONELY_USER, r"\1***@", without_password(url))


def with_password(url: str, password: str) -> str:
    """A URL that has no password, with one."""
    scheme, _, rest = url.partition("://")
    user, at, _ = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")
    return f"{scheme}://{user}:{quote(password, safe='')}@{rest[len(user + at) :]}"


def _scheme(url: str) -> str:
    """In small letters, and by its usual name."""
    scheme = url.partition("://")[0].lower()
    return _SAME_AS.get(scheme, scheme)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if "," not in parts.netloc:  # several Sentinels
            _ = parts.port  # only reading it checks it
    except ValueError:
        # What was taken for a port, and is in the error, may be a part of the password.
        escaped = " (is the password %-encoded? / is %2F)" if has_password(url) else ""
        raise ValueError(f"this is not a Redis URL{escaped}: {HOW_TO_WRITE}") from None
    return parts


def _query(parts: SplitResult, known: tuple[str, ...], *, tls: bool) -> dict[str, str]:
    if parts.fragment:
        raise ValueError(
            "the Redis URL has a # that means nothing: leave out what is behind it, or, if it is a "
            "part of the password, write %23"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if any(name in _TLS for name in query) and not tls:
        raise ValueError(
            "the Redis URL's ssl_ options are for TLS: write rediss://, or leave them out"
        )
    if not query.keys() <= set(known):
        # Which one it is is not said: a ? may have been a part of the password.
        raise ValueError(
            f"the Redis URL has an unknown option behind its ?: known are {', '.join(known)}"
        )
    for name, choices in CHOICES.items():
        if query.get(name, choices[0]) not in choices:
            raise ValueError(f"the Redis URL's {name} is {' or '.join(choices)}")
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise ValueError("the Redis URL has an ssl_keyfile, but no ssl_certfile that it is for")
    return query


def _sentinels(place: str) -> tuple[tuple[str, int], ...]:
    found = []
    for address in place.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(
                "Sentinels are named like redis+sentinel://HOST:26379,HOST:26379/MASTER"
            )
        found.append((host.strip("[]"), int(port)))  # brackets: IPv6
    return tuple(found)


def _database(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("the Redis URL's database is a number, as in redis://HOST:6379/0")
    return int(text)
