"""What texts may hold."""

from __future__ import annotations

import re

from wire.reasons import ErrorCode, WireError
from wire.unseen import shows_nothing, without_blank_end

# C0 except newline and tab, DEL, and C1: a terminal obeys them. (A line of JSON can carry them
# as escapes.) Other characters can mislead a reader, for example bidi controls. Clients have to
# show those safely, since people need some of them to write their language.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_IN_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_text(text: str, limit: int) -> str:
    """Return a message's text as it is passed on: without blank lines at its end.

    Args:
        text: as the peer sent it.
        limit: most characters.

    Raises:
        WireError: it shows nothing (``empty_text``), is too long (``text_too_long``), or has
            control characters (``bad_text``).
    """
    if len(text) > limit:
        raise WireError(
            ErrorCode.TEXT_TOO_LONG, f"the text has {len(text)} characters; {limit} are allowed"
        )
    # The cheap test first: it is the one that every message pays for.
    if not text.isprintable() and (found := _CONTROL.search(text)):
        raise WireError(
            ErrorCode.BAD_TEXT,
            f"the text has a control character, U+{ord(found[0]):04X}, at {found.start() + 1}",
        )
    if shows_nothing(text):
        raise WireError(ErrorCode.EMPTY_TEXT, "the text is empty: nothing in it can be seen")
    return without_blank_end(text) if "\n" in text else text


def check_line(text: str, what: str) -> None:
    """Check a short text that is shown in one line: a topic, a reason or a key.

    Args:
        text: as the peer sent it.
        what: what it is, for the refusal.

    Raises:
        WireError: ``bad_text``: it has control characters, line ends among them.
    """
    if not text.isprintable() and (found := _NOT_IN_LINE.search(text)):
        code = f"U+{ord(found[0]):04X}"
        raise WireError(ErrorCode.BAD_TEXT, f"the {what} has a control character, {code}")


def check_emoji(text: str) -> None:
    """Check a reaction.

    Raises:
        WireError: ``bad_text``: it has white space or control characters, or shows nothing.
    """
    check_line(text, "emoji")
    if any(char.isspace() for char in text) or shows_nothing(text):
        raise WireError(ErrorCode.BAD_TEXT, "the emoji is empty or has a space in it")
