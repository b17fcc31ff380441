"""The modes of a room, as operators read and write them: ``invite-only=on slow=10s``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from chatctl.failure import Misuse
from chatctl.units import duration_or_off

if TYPE_CHECKING:
    from wire.frames import Modes

SWITCHES = ("invite-only", "secret", "read-only")
"""The modes that are on or off."""

HISTORY = ("all", "joined")

SLOWEST = 86_400
"""The most seconds between two messages of one person."""

LONGEST_KEY = 64

MODES = (*SWITCHES, "key", "slow", "history")
"""All modes, by the names under which they are set."""


def written(modes: Modes) -> Iterator[str]:
    """The modes that are not as they are in a new room."""
    for name in (*SWITCHES, "key"):
        if getattr(modes, name.replace("-", "_")):
            yield name
    if modes.slow:
        yield f"slow={modes.slow}s"
    if modes.history != "all":
        yield f"history={modes.history}"


def read(words: Sequence[str]) -> dict[str, Any]:
    """What to set, as a `wire.frames.SetModes` takes it.

    Args:
        words: ``MODE=VALUE`` each.

    Raises:
        Misuse: one of them cannot be set so.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if not equals or name not in MODES:
            raise Misuse(
                f"{word!r} is not possible: write MODE=VALUE; the modes are {', '.join(MODES)}"
            )
        found[name.replace("-", "_")] = _value(name, value)
    return found


def _value(name: str, value: str) -> Any:
    if name in SWITCHES:
        if value not in ("on", "off"):
            raise Misuse(f"{name}={value!r} is not possible: write on or off")
        return value == "on"
    if name == "history":
        if value not in HISTORY:
            raise Misuse(f"history={value!r} is not possible: write {' or '.join(HISTORY)}")
        return value
    if name == "key":
        return _key(value)
    try:
        seconds = duration_or_off(value)
    except click.BadParameter as error:
        raise Misuse(error.message) from error
    if seconds is not None and seconds > SLOWEST:
        raise Misuse(f"slow={value} is too long: at most {SLOWEST // 3600}h")
    return 0 if seconds is None else max(1, round(seconds))


def _key(value: str) -> str:
    if not value:
        raise Misuse("a key cannot be empty: to remove the key write key=off")
    if len(value) > LONGEST_KEY:
        raise Misuse(f"the key is too long: at most {LONGEST_KEY} characters")
    return "" if value == "off" else value
