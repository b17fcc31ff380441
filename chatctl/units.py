"""Values of options as people write them: durations, times, sizes, rates, addresses, URLs.

Each function is a click type: it takes the text and returns the value, or raises
``click.BadParameter`` with a text that shows how to write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

import click

from gateway.backplane.url import parse_url

DEFAULT_PORT = 2428
"""CHAT on the keys of a telephone."""

MOST = 1_000_000_000
"""The largest count that an option takes; every computer can still work with it."""

COUNT = click.IntRange(min=1, max=MOST)
"""A whole number, at least 1."""

LONGEST = 100 * 365 * 86400.0
"""The longest duration: the seconds of a hundred years."""

NOBODY = "it names nobody: write NAME, or NAME,NAME."

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_PER_SECOND = {"": 1.0, "/s": 1.0, "/m": 1 / 60}


class Address(NamedTuple):
    """Where to listen or to connect: a host name or IP address, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def duration(text: str) -> float:
    """Seconds, more than 0: ``60s``, ``1.5s``, ``500ms``, ``15m``, ``2h``, ``7d``, or ``60``."""
    seconds = _quantity(text, _SECONDS)
    if not seconds:
        raise click.BadParameter(
            f"{_short(text)!r} is not a duration: write 60s, 1.5s, 15m, 2h or 7d."
        )
    if seconds > LONGEST:
        raise click.BadParameter(f"{_short(text)!r} is too long: at most {LONGEST / 86400:.0f}d.")
    return seconds


def duration_or_off(text: str) -> float | None:
    """As `duration`, or None for ``off``."""
    if _is_off(text):
        return None
    try:
        return duration(text)
    except click.BadParameter as error:
        raise click.BadParameter(f"{error.message[:-1]}, or off.") from None


def moment(text: str) -> datetime:
    """A time in the past: ``10m`` ago, ``14:30`` today, ``2026-11-23``, or RFC 3339.

    Without an offset it is by this machine's clock, and so is what is returned.
    """
    from client.display import times

    try:
        return times.moment(text, datetime.now().astimezone())
    except ValueError:
        raise click.BadParameter(f"{_short(text)!r} is not a time: {times.HOW_TO_WRITE}.") from None


def rate_or_off(text: str) -> float | None:
    """Times per second, more than 0: ``5/s``, ``30/m`` or ``5``; None for ``off``."""
    if _is_off(text):
        return None
    rate = _quantity(text, _PER_SECOND)
    if not rate or rate > MOST:
        raise click.BadParameter(f"{_short(text)!r} is not a rate: write 5/s, 30/m, or off.")
    return rate


def size(text: str) -> int:
    """Bytes, at least 1 KiB so that a frame fits in: ``16KiB``, ``1MiB``, or ``16384``."""
    count = _quantity(text, _BYTES)
    if count is None:
        raise click.BadParameter(
            f"{_short(text)!r} is not a size: write 16KiB, 1MiB, or a count of bytes."
        )
    if not 1024 <= count <= MOST * 1024:
        size = "small: at least 1KiB" if count < 1024 else "large: at most 900GiB"
        raise click.BadParameter(f"{_short(text)!r} is too {size}.")
    return int(count)


def address(text: str) -> Address:
    """``HOST:PORT``, ``[::1]:2428``, or a host alone for port 2428."""
    if text.isdecimal():
        raise click.BadParameter(f"{_short(text)!r} has no host: write 127.0.0.1:{text}.")
    if text.startswith(":"):
        raise click.BadParameter(
            f"{_short(text)!r} has no host: write 127.0.0.1{text} for this machine only, "
            f"0.0.0.0{text} for every interface, or [::1]:{DEFAULT_PORT} for IPv6."
        )
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/]+))(?::([0-9]{1,5}))?", text)
    if match is None:
        raise click.BadParameter(
            f"{_short(text)!r} is not an address: write HOST:PORT, "
            f"such as 127.0.0.1:{DEFAULT_PORT} or [::1]:{DEFAULT_PORT}."
        )
    host, port = match[1] or match[2], int(match[3] or DEFAULT_PORT)
    try:
        host.encode("idna")
    except UnicodeError:
        raise click.BadParameter(
            f"{_short(text)!r} is not an address: between dots, a host's name has 1 to 63 letters."
        ) from None
    if port > 65535:
        raise click.BadParameter(f"{_short(text)!r} has no such port: 65535 is the last.")
    return Address(host, port)


def address_or_off(text: str) -> Address | None:
    """As `address`, but with its port; None for ``off``."""
    if _is_off(text):
        return None
    found = address(text)
    if not re.search(r":[0-9]+$", text):
        raise click.BadParameter(
            f"{_short(text)!r} has no port: write {Address(found.host, 8080)}, or off."
        )
    return found


def count_or_off(text: str) -> int | None:
    """A whole number, at least 1; None for ``off``."""
    if _is_off(text):
        return None
    digits = text.strip()
    if not digits.isdecimal() or len(digits) > 30 or not 1 <= int(digits) <= MOST:
        raise click.BadParameter(
            f"{_short(text)!r} is not a count: write a number such as 100, or off."
        )
    return int(digits)


def network(text: str) -> IPv4Network | IPv6Network:
    """``192.0.2.0/24``, ``2001:db8::/32``, or an address. IPv4 may be written as IPv6."""
    try:
        if "%" in text:
            raise ValueError("a zone has no place in it")
        found = ip_network(text.strip())
    except ValueError as error:
        raise click.BadParameter(
            f"{_short(text)!r} is not a network: write 192.0.2.0/24, 2001:db8::/32, or one address "
            f"({error})."
        ) from None
    inner = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if inner and found.prefixlen >= 96:
        return IPv4Network((inner, found.prefixlen - 96))
    return found


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Any number of networks, with commas between them."""
    return tuple(network(part) for part in text.split(",") if part.strip())


def room_name(text: str) -> str:
    """The one name of a room, whether there is such a room or not: ``#Dev`` is ``dev``."""
    from wire.limits import Limits
    from wire.names import check_room
    from wire.reasons import WireError

    try:
        return check_room(text.removeprefix("#"), Limits().room)
    except WireError as error:
        raise click.BadParameter(f"{_short(text)!r} cannot be a room: {error.text}.") from None


def names(text: str) -> tuple[str, ...]:
    """Names of people, with commas between them."""
    found = tuple(name.strip().removeprefix("@") for name in text.split(","))
    if not all(found):
        raise click.BadParameter(NOBODY)
    return found


def prefix_word(text: str) -> str:
    """What keys and channels begin with. Only plain characters, so that no two look alike."""
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", text):
        raise click.BadParameter(
            f"{_short(text)!r} is not a prefix: it has 1 to 64 characters, of A-Z a-z 0-9 _ - . :"
        )
    return text


def redis_url(text: str) -> str:
    """A Redis URL. It may hold a password, so no text here ever shows it."""
    try:
        parse_url(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None
    return text


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}..."


def _is_off(text: str) -> bool:
    return text.strip().lower() == "off"


def _quantity(text: str, units: Mapping[str, float]) -> float | None:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([a-z/]*)", text.strip().lower())
    if match is None or match[2] not in units or len(match[1]) > 30:
        return None
    return float(match[1]) * units[match[2]]
