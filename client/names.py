"""The names that completion offers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from wire.frames import OPERATOR
from wire.names import fold


class KnownNames:
    """The names of the other people here, the latest speakers first.

    Args:
        me: our own name, which is never offered.

    Attributes:
        complete: we know everybody who is here.
    """

    def __init__(self, me: str) -> None:
        self._me = fold(me)
        self._names: dict[str, str] = {}
        self._spoke: dict[str, int] = {}
        self._turns = count(1)
        self.complete = False

    def are(self, names: Iterable[str], *, for_good: bool = True) -> None:
        """Replace all names.

        Args:
            names: everybody who is here.
            for_good: events will tell about everybody who comes or leaves.
        """
        self.complete = for_good
        self._names = {fold(name): name for name in names}
        self._spoke = {key: turn for key, turn in self._spoke.items() if key in self._names}

    def i_am(self, name: str) -> None:
        """We have another name."""
        self._names.pop(self._me, None)
        self._me = fold(name)

    @property
    def count(self) -> int | None:
        """How many people are here, the person included; None if that is not known."""
        return len(self._names.keys() | {self._me}) if self.complete else None

    def doubt(self) -> None:
        """Somebody may have come or left without an event."""
        self.complete = False

    def joined(self, name: str) -> None:
        """Somebody came."""
        self._names[fold(name)] = name

    def left(self, name: str) -> None:
        """Somebody left."""
        self._names.pop(fold(name), None)
        self._spoke.pop(fold(name), None)

    def spoke(self, name: str) -> None:
        """Somebody said something.

        An announcement does not count. Somebody who is not here, though we know everybody who is,
        has said it without coming in.
        """
        if name == OPERATOR or (self.complete and fold(name) not in self._names):
            return
        self.joined(name)
        self._spoke[fold(name)] = next(self._turns)

    def matching(self, prefix: str) -> list[str]:
        """The names with this beginning, in any case; latest speakers first, then A to Z."""
        start = fold(prefix)
        keys = [key for key in self._names if key.startswith(start) and key != self._me]
        keys.sort(key=lambda key: (-self._spoke.get(key, 0), key))
        return [self._names[key] for key in keys]
