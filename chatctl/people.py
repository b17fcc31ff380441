"""Names, networks and texts as operators write them."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_network
from typing import Literal, NamedTuple

import click

from chatctl.failure import Misuse
from chatctl.units import network

LONGEST = 128
"""Most characters of a name in any form."""

SHOWN = 80
"""How many characters of a wrong name an error repeats."""


class Subject(NamedTuple):
    """The target of a ban: a name as it is shown, or a network."""

    kind: Literal["name", "network"]
    text: str


def subject(text: str, *, by_name: bool = False) -> Subject:
    """A network if it is written like one, else a name.

    Args:
        text: as the operator wrote it.
        by_name: it is a name, even if it looks like an address.

    Raises:
        Misuse: it is neither a network nor a name that anybody could have.
    """
    if by_name or not _looks_like_network(text):
        return Subject("name", name(text))
    try:
        return Subject("network", str(network(text)))
    except click.BadParameter as error:
        hint = "" if set(text) & set("/:") else " If it is a name, add --by-name."
        raise Misuse(error.message + hint) from error


def name(text: str) -> str:
    """A name in the form in which it is shown.

    It may be a name that new people cannot get: somebody may have it from an older gateway, or may
    have registered it before.

    Raises:
        Misuse: nobody can have it.
    """
    from wire.limits import Limits
    from wire.names import in_names

    if 0 < len(text) <= LONGEST and all(map(in_names, text)):
        shown = unicodedata.normalize("NFC", text)
        # Once only what was sent was measured, and of some scripts NFC makes three of one.
        if sum(unicodedata.category(char)[0] != "M" for char in shown) <= Limits().name:
            return shown
    return new_name(text)


def new_name(text: str) -> str:
    """As `name`, for a name that somebody is about to get.

    Raises:
        Misuse: nobody can have such a name.
    """
    from gateway.chat.reserved import check_new_name
    from wire.limits import Limits
    from wire.reasons import WireError

    try:
        return check_new_name(text, Limits().name)
    except WireError as error:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise Misuse(f"{shown!r} cannot be a name: {error.text}.") from error


def said(text: str) -> str:
    """A text that can be said in the chat.

    Raises:
        Misuse: it is empty, too long, or has control characters.
    """
    from gateway.chat.texts import check_text
    from wire.limits import Limits
    from wire.reasons import WireError

    try:
        return check_text(text, Limits().text)
    except WireError as error:
        raise Misuse(f"{error.text}.") from error


def reason(text: str) -> str:
    """A reason, for the person it is about; may be empty.

    Raises:
        Misuse: it is longer than a line, or cannot be said in the chat.
    """
    if "\n" in text:
        raise Misuse("a reason must be one line.")
    return said(text).strip() if text.strip() else ""


def _looks_like_network(text: str) -> bool:
    # No name has a slash or a colon in it. An address with a typing error must not become a name,
    # since that ban would keep nobody out.
    if "/" in text or ":" in text or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text):
        return True
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
