"""Redis URLs: what may be in them, what it means, and how to show them without secrets.

Pure, and without redis-py: the help of a command and the check of an option need nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SCHEMES = (
    *("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"),
    *("redis+cluster", "rediss+cluster"),
)

_SAME_AS = {"valkey": "redis", "valkeys": "rediss"}
"""Valkey's own names for the same schemes."""

HOW_TO_WRITE = (
    "write redis://HOST:6379/0, unix:///PATH/redis.sock, "
    "redis+sentinel://HOST:26379,HOST:26379/MASTER or redis+cluster://HOST:6379,HOST:6379; "
    "for TLS write rediss instead of redis"
)

PORT = 6379

_WHO_AND_WHERE = ("db", "username", "password")

_TLS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile")

CHOICES = {"ssl_cert_reqs": ("required", "none"), "ssl_check_hostname": ("true", "false")}
"""The options that are not paths of files: the default, and the other value."""

# Any letter of an option's name may be written as %xx.
_PASSWORD = "".join(f"(?:{c}|%{ord(c):x}|%{ord(c.upper()):x})" for c in "password")

_SECRETS = (
    # Greedy up to the last @: an unescaped password may contain anything.
    (r"://([^/?#:@]*):.*@", r"://\1:***@"),
    (f"({_PASSWORD}=)[^&]*", r"\1***"),
)

_LONELY_USER = r"(://)(?!/)[^?:]+@"
"""A user without a password: most often a password whose colon was forgotten."""


@dataclass(frozen=True)
class RedisUrl:
    """A parsed URL.

    Attributes:
        hosts: host names or IP addresses with ports: of the Redis, of its Sentinels, or of some
            servers of the cluster; empty if there is a path.
        path: the path of its socket.
        master: its name among the Sentinels.
        cluster: whether it is a Redis Cluster.
        db: the number of the database.
        username: the user; None for Redis' default user.
        password: the password; None for none.
        tls: whether to use TLS, to the Sentinels too.
        tls_options: the options of TLS, by redis-py's names.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    master: str | None = None
    cluster: bool = False
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_options: Mapping[str, str] = field(default_factory=dict)


def parse_url(url: str) -> RedisUrl:
    """Parse a URL.

    Raises:
        ValueError: it cannot be used; the text says why, and contains nothing secret.
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
    cluster = False
    if scheme == "unix":
        if place:
            raise ValueError("the path of a socket begins with a slash, the third of unix:///PATH")
        path = unquote(parts.path)
    elif scheme.endswith("sentinel"):
        hosts, master = _several(place, _SENTINELS), unquote(parts.path.strip("/"))
    elif cluster := scheme.endswith("cluster"):
        hosts, database = _several(place, _CLUSTER), parts.path.strip("/")
    else:
        port = PORT if parts.port is None else parts.port
        hosts, database = ((parts.hostname or "", port),), parts.path.strip("/")
    if path == "" or master == "" or not all(host for host, _ in hosts):
        missing = "the path" if path == "" else "the master's name" if master == "" else "the host"
        raise ValueError(f"{missing} is missing in the Redis URL: {HOW_TO_WRITE}")
    if not all(0 < port <= 65535 for _, port in hosts):
        raise ValueError("a port in the Redis URL is not valid: ports are 1 to 65535")
    db = _database(database or query.get("db", "0"))
    if cluster and db:
        raise ValueError("a Redis Cluster has only database 0: leave the number out")
    return RedisUrl(
        hosts=hosts,
        path=path,
        master=master,
        cluster=cluster,
        db=db,
        username=unquote(username) or query.get("username") or None,
        password=unquote(password) or query.get("password") or None,
        tls=tls,
        tls_options={name: value for name, value in query.items() if name in _TLS},
    )


def speaks_tls(url: str) -> bool:
    """Whether a URL, valid or not, asks for TLS."""
    return _scheme(url).startswith("rediss")


def database(url: str) -> int:
    """The number of the database in a URL; 0 if the URL cannot be used."""
    try:
        return parse_url(url).db
    except ValueError:
        return 0


def is_cluster(url: str) -> bool:
    """Whether a URL names a Redis Cluster; not if it cannot be used."""
    try:
        return parse_url(url).cluster
    except ValueError:
        return False


def has_password(url: str) -> bool:
    """Whether a URL, valid or not, contains a password."""
    return any(re.search(pattern, url, re.IGNORECASE) for pattern, _ in _SECRETS)


def without_password(url: str) -> str:
    """A URL, valid or not, with ``***`` in place of its password, so that it can be shown."""
    for pattern, shown in _SECRETS:
        url = re.sub(pattern, shown, url, flags=re.IGNORECASE)
    return url


def without_secrets(url: str) -> str:
    """Like `without_password`, for a URL that may be wrong.

    A user without a password is hidden too.
    """
    return re.sub(_LONELY_USER, r"\1***@", without_password(url))


def with_password(url: str, password: str) -> str:
    """Add a password to a URL that has none."""
    scheme, _, rest = url.partition("://")
    user, at, _ = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")
    return f"{scheme}://{user}:{quote(password, safe='')}@{rest[len(user + at) :]}"


def _scheme(url: str) -> str:
    """The scheme in lower case, by its usual name."""
    scheme = url.partition("://")[0].lower()
    return _SAME_AS.get(scheme, scheme)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if "," not in parts.netloc:  # several servers
            _ = parts.port  # only reading it checks it
    except ValueError:
        # The error contains what was taken for a port, and that may be part of the password.
        escaped = " (is the password %-encoded? / is %2F)" if has_password(url) else ""
        raise ValueError(f"this is not a Redis URL{escaped}: {HOW_TO_WRITE}") from None
    return parts


def _query(parts: SplitResult, known: tuple[str, ...], *, tls: bool) -> dict[str, str]:
    if parts.fragment:
        raise ValueError(
            "the Redis URL has a # that has no meaning: remove it and what follows, or, if it is "
            "part of the password, write %23"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if any(name in _TLS for name in query) and not tls:
        raise ValueError(
            "the Redis URL's ssl_ options are for TLS: write rediss://, or leave them out"
        )
    if not query.keys() <= set(known):
        # The text does not name the option: a ? may have been part of the password.
        raise ValueError(
            f"the Redis URL has an unknown option after its ?: known options are {', '.join(known)}"
        )
    for name, choices in CHOICES.items():
        if query.get(name, choices[0]) not in choices:
            raise ValueError(f"the Redis URL's {name} must be {' or '.join(choices)}")
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise ValueError("the Redis URL has an ssl_keyfile but no ssl_certfile")
    return query


_SENTINELS = "Sentinels are written like redis+sentinel://HOST:26379,HOST:26379/MASTER"
_CLUSTER = "the servers of a cluster are written like redis+cluster://HOST:6379,HOST:6379"


def _several(place: str, how: str) -> tuple[tuple[str, int], ...]:
    found = []
    for address in place.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(how)
        found.append((host.strip("[]"), int(port)))  # brackets: IPv6
    return tuple(found)


def _database(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("the Redis URL's database must be a number, as in redis://HOST:6379/0")
    return int(text)
