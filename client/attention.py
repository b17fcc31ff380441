"""Whether the person looks at the chat, and what they missed while they did not.

A terminal that reports its focus tells it. With other terminals, somebody who has typed nothing
for a while is taken to be away.
"""

from __future__ import annotations

from collections.abc import Callable

from client.display.spans import shown_span

WITHOUT_FOCUS = 10.0
"""Seconds without the focus after which the person counts as away: a glance elsewhere does not."""

WITHOUT_KEYS = 120.0
"""Seconds without a key after which the person counts as away, if the focus is not known."""

WORTH_TELLING = 60.0
"""Seconds of absence from which on its length is told."""


class Attention:
    """The attention of one person.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._focused: bool | None = None
        self._looked = clock()
        self._missed = 0
        self._for_them = 0

    @property
    def is_focused(self) -> bool:
        """Whether the terminal says that the person looks at it."""
        return self._focused is True

    @property
    def missed_for_them(self) -> int:
        """How many messages that are meant for the person came while they did not look."""
        return self._for_them

    def focus(self, focused: bool) -> str:
        """The terminal has got or lost the focus. Returns what `returned` returns, or ""."""
        told = self.returned() if focused else ""
        self._focused, self._looked = focused, self._clock()
        return told

    def returned(self) -> str:
        """The person is there. Returns what they missed, as a text; "" if that was nothing."""
        seconds, missed, for_them = self._clock() - self._looked, self._missed, self._for_them
        self._looked, self._missed, self._for_them = self._clock(), 0, 0
        if not missed or seconds < WORTH_TELLING:
            return ""
        messages = f"{missed:,} message{'s' * (missed > 1)}"
        own = f", {for_them:,} for you" if for_them else ""
        return f"away {shown_span(int(seconds))}: {messages}{own}"

    def misses(self, *, for_them: bool) -> bool:
        """A message is shown now. Returns whether it is the first one that the person misses."""
        grace = WITHOUT_KEYS if self._focused is None else WITHOUT_FOCUS
        if self._focused or self._clock() - self._looked < grace:
            return False
        self._missed += 1
        self._for_them += for_them
        return self._missed == 1
