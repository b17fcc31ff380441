"""Up to where a session has been read, over all its connections."""

from __future__ import annotations

from collections.abc import Mapping

from wire.frames import LOBBY, PRIVATE, Changed, Gap, Msg


class Seen:
    """The last id of each room, and of the private messages.

    Attributes:
        ids: by room, as a hello tells them.
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._gaps: set[tuple[str, str | None]] = set()
        self._anew: set[str] = set()

    def begin(self, ids: Mapping[str, str]) -> None:
        """A welcome said where a session begins."""
        for room, id in ids.items():
            self._advance(room, id)

    def forget(self, room: str) -> None:
        """We are in a room no longer. Whatever is told of it when we enter it again is new."""
        self.ids.pop(room, None)
        self._gaps = {gap for gap in self._gaps if gap[0] != room}
        self._anew.discard(room)

    def missed(self, room: str, start: str) -> Gap | None:
        """The gap, if what follows in a room begins later than what was seen of it ended."""
        new, old = _parse(start), _parse(self.ids.get(room, ""))
        if new is None or old is None or new <= old:
            return None
        return Gap(room=room, after=self.ids[room], text="messages may be missing here")

    def is_news(self, event: Msg | Changed | Gap) -> bool:
        """Whether something was not told before; from now on it was."""
        if isinstance(event, Msg):
            return self._advance(PRIVATE if event.to is not None else event.room or LOBBY, event.id)
        if isinstance(event, Changed):
            return self._advance(event.room, event.id)
        gap = (event.room, event.after)
        # With no message since, a second one says what the first said: that a connection broke
        # in between is nothing to a person.
        told = gap in self._gaps or event.room in self._anew
        self._gaps.add(gap)
        self._anew.add(event.room)
        return not told

    def _advance(self, room: str, id: str) -> bool:
        new, old = _parse(id), _parse(self.ids.get(room, ""))
        if new is None:
            return True  # no id of ours to compare
        # Epochs only grow, but where all that remembers them is lost: there a gap is told first.
        went_back = old is not None and new[0] < old[0] and room in self._anew
        if old is not None and new <= old and not went_back:
            return False
        self._anew.discard(room)
        self.ids[room] = id
        return True


def _parse(id: str) -> tuple[int, int] | None:
    """Epoch and n: ids are compared as these."""
    epoch, _, n = id.partition("-")
    try:
        return int(epoch), int(n)
    except ValueError:
        return None
