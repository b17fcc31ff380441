"""What a message's text may hold."""

from __future__ import annotations

import re

from wire.reasons import ErrorCode, WireError
from wire.unseen import shows_nothing, without_blank_end

# C0 but for newline and tab, DEL, and C1: a terminal obeys them. (A line of JSON can carry them
# as escapes.) What else can mislead a reader, bidi controls say, is for clients to show safely:
# people need some of it to write their language.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def check_text(text: str, limit: int) -> str:
    """A text as it is passed on, without blank lines at its end.

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
