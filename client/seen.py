"""How far a session has read in each room, over all its connections."""

from __future__ import annotations

from collections.abc import Mapping

from wire.frames import LOBBY, PRIVATE, Changed, Gap, Msg


class Seen:
    """The last id that was seen in each room, and of the private messages.

    Attributes:
        ids: by room, in the form that a hello needs.
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._gaps: set[tuple[str, str | None]] = set()
        self._anew: set[str] = set()

    def begin(self, ids: Mapping[str, str]) -> None:
        """The gateway said where a session or a room begins."""
        for room, id in ids.items():
            self._advance(room, id)

    def forget(self, room: str) -> None:
        """We are no longer in a room. If we enter it again, everything in it is new."""
        self.ids.pop(room, None)
        self._gaps = {gap for gap in self._gaps if gap[0] != room}
        self._anew.discard(room)

    def missed(self, room: str, start: str) -> Gap | None:
        """The gap between the last id seen in a room and where it goes on; None for no gap.

        Args:
            room: which room.
            start: the id after which the room goes on.
        """
        new, old = _parse(start), _parse(self.ids.get(room, ""))
        if new is None or old is None or new <= old:
            return None
        return Gap(room=room, after=self.ids[room], text="messages may be missing here")

    def is_news(self, event: Msg | Changed | Gap) -> bool:
        """Whether we have not had this before. From now on we have."""
        if isinstance(event, Msg):
            return self._advance(PRIVATE if event.to is not None else event.room or LOBBY, event.id)
        if isinstance(event, Changed):
            return self._advance(event.room, event.id)
        gap = (event.room, event.after)
        # A second gap without a message since the first tells the person nothing new.
        told = gap in self._gaps or event.room in self._anew
        self._gaps.add(gap)
        self._anew.add(event.room)
        return not told

    def _advance(self, room: str, id: str) -> bool:
        new, old = _parse(id), _parse(self.ids.get(room, ""))
        if new is None:
            return True  # not an id that can be compared
        # Epochs never fall, unless Redis lost everything; but then there was a gap first.
        went_back = old is not None and new[0] < old[0] and room in self._anew
        if old is not None and new <= old and not went_back:
            return False
        self._anew.discard(room)
        self.ids[room] = id
        return True


def _parse(id: str) -> tuple[int, int] | None:
    """The epoch and the number of an id: ids are compared by these."""
    epoch, _, n = id.partition("-")
    try:
        return int(epoch), int(n)
    except ValueError:
        return None
