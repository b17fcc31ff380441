"""What a person can choose about their client, at its start or with ``/set`` later. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from client.display.spans import read_span
from client.display.style import theme_named

SECONDS = "%H:%M:%S"
"""How the time of a message is written, unless the person chooses another way."""

LONGEST_TIME = 16
"""The longest that a time may become, in characters: the text needs the rest of the row."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of one person.

    Attributes:
        bell: ring for private messages, and for messages with the person's name in them.
        notify: how to ask the terminal for a notification of the same: ``osc9``, ``osc777`` or
            ``off``.
        highlight: words that count like the person's name.
        joins: show who comes and leaves, and who is away.
        elsewhere: what is shown of messages in other rooms: ``inline`` the message, ``hint`` a
            line for the first one.
        status: show a line with the state of the chat above the prompt.
        time: how times are written, as `datetime.strftime` has it.
        theme: the colours, as `display.style.theme_named` reads them.
        confirm_public: ask before a message goes to everyone because nobody it names is here.
        away_after: seconds without a key after which others are told that the person is away; None
            for never.
        title: show the room, and how much is new for the person, in the title of the window.
    """

    bell: bool = True
    notify: str = "off"
    highlight: tuple[str, ...] = ()
    joins: bool = True
    elsewhere: str = "inline"
    status: bool = True
    time: str = SECONDS
    theme: str = "dark"
    confirm_public: bool = False
    away_after: int | None = None
    title: bool = False


VALUES: dict[str, tuple[str, ...]] = {
    "bell": ("on", "off"),
    "notify": ("off", "osc9", "osc777"),
    "highlight": ("off",),
    "joins": ("on", "off"),
    "elsewhere": ("inline", "hint"),
    "status": ("on", "off"),
    "time": (SECONDS, "%H:%M"),
    "theme": ("dark", "light", "plain"),
    "confirm-public": ("on", "off"),
    "away-after": ("off", "5m", "15m"),
    "title": ("on", "off"),
}
"""The options by their names, each with values that completion offers."""


def read_option(name: str, text: str) -> Any:
    """The value that a text means.

    Raises:
        ValueError: it means none; the text says what to write.
    """
    match name:
        case "highlight":
            words = [word.strip() for word in text.split(",")]
            return () if text == "off" else tuple(word for word in words if word)
        case "time":
            return _time(text)
        case "away-after":
            seconds = read_span(text)
            if seconds is None and text.casefold() != "off":
                raise ValueError("away-after is a time like 30s or 5m, or off")
            return seconds
        case "theme":
            theme_named(text)
            return text
    known = VALUES[name]
    value = text.casefold()
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}")
    return value == "on" if known == ("on", "off") else value


def with_option(options: Options, name: str, text: str) -> Options:
    """The options with another value for one of them. Raises what `read_option` raises."""
    return replace(options, **{name.replace("-", "_"): read_option(name, text)})


def shown_options(options: Options) -> str:
    """All options with their values, as a text."""
    return ", ".join(
        f"{field.name.replace('_', '-')} {_shown(getattr(options, field.name))}"
        for field in fields(options)
    )


def _shown(value: Any) -> str:
    if value is None:
        return "off"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}s"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) or "off" if isinstance(value, tuple) else str(value)


def _time(text: str) -> str:
    try:
        shown = datetime(2026, 12, 31, 23, 59, 59).strftime(text)
    except (ValueError, UnicodeError):
        shown = ""
    if not 0 < len(shown) <= LONGEST_TIME or not shown.isprintable() or "%" not in text:
        raise ValueError("time is a format such as %H:%M:%S, %H:%M or %I:%M %p")
    return text
