"""How far a session has read in each room, over all its connections."""

from __future__ import annotations

from collections.abc import Mapping

from wire.frames import LOBBY, PRIVATE, Changed, Deleted, Gap, Msg, Reacted

Logged = Msg | Changed | Deleted | Reacted
"""Events that have an id, and so a place in the order of their room."""


def place_of(event: Logged) -> str:
    """The room of such an event, or `PRIVATE`."""
    if isinstance(event, Msg) and event.to is not None:
        return PRIVATE
    if isinstance(event, Msg):
        return event.room or LOBBY
    return event.room or PRIVATE


def following(id: str) -> str:
    """The lowest id after this one: a history before it has everything up to this id."""
    epoch, _, n = id.partition("-")
    return f"{int(epoch) + 1}-0" if int(n) == 2**64 - 1 else f"{epoch}-{int(n) + 1}"


class Seen:
    """The last id that was seen in each room, and of the private messages."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._starts: dict[str, str] = {}  # of rooms in which nothing was seen yet
        self._gaps: set[tuple[str, str | None]] = set()
        self._anew: set[str] = set()
        self._returned: set[str] = set()

    @property
    def ids(self) -> dict[str, str]:
        """The id after which each room goes on, in the form that a hello needs."""
        return {**self._starts, **self._ids}

    def begin(self, ids: Mapping[str, str]) -> None:
        """The gateway said where a session begins."""
        for room, id in ids.items():
            self._advance(room, id)

    def entered(self, room: str, start: str, *, again: bool) -> None:
        """We have entered a room. Earlier messages of it may follow, and they are news.

        Args:
            room: which room.
            start: the last id before we came.
            again: we were in it before, and a gateway that did not know us has let us in again:
                so what we missed may follow, or be lost.
        """
        self._starts.setdefault(room, start)
        if again:
            self._returned.add(room)

    def restart(self, room: str, id: str) -> None:
        """A room, or the private messages, go on after another id: it is another log."""
        self.forget(room)
        self._ids[room] = id

    def forget(self, room: str) -> None:
        """We are no longer in a room. If we enter it again, everything in it is new."""
        self._ids.pop(room, None)
        self._starts.pop(room, None)
        self._gaps = {gap for gap in self._gaps if gap[0] != room}
        self._anew.discard(room)
        self._returned.discard(room)

    def gap_before(self, event: Logged) -> Gap | None:
        """The gap before the first news of a room that we have entered again; None for no gap.

        Ids within a room count up by one.
        """
        room = place_of(event)
        if room not in self._returned:
            return None
        last = self.ids.get(room, "")
        new, old = _parse(event.id), _parse(last)
        if new is None or old is None or new <= old:
            return None
        self._returned.discard(room)
        if new == (old[0], old[1] + 1):
            return None
        return Gap(room=room, after=last, text="messages may be missing here")

    def is_news(self, event: Logged | Gap) -> bool:
        """Whether we have not had this before. From now on we have."""
        if not isinstance(event, Gap):
            return self._advance(place_of(event), event.id)
        gap = (event.room, event.after)
        # A second gap without a message since the first tells the person nothing new.
        told = gap in self._gaps or event.room in self._anew
        self._gaps.add(gap)
        self._anew.add(event.room)
        return not told

    def _advance(self, room: str, id: str) -> bool:
        new, old = _parse(id), _parse(self._ids.get(room, ""))
        if new is None:
            return True  # not an id that can be compared
        # Epochs never fall, unless Redis lost everything; but then there was a gap first.
        went_back = old is not None and new[0] < old[0] and room in self._anew
        if old is not None and new <= old and not went_back:
            return False
        self._anew.discard(room)
        self._ids[room] = id
        return True


def is_later(id: str, than: str) -> bool:
    """Whether one id of a room comes after another; False if they cannot be compared."""
    new, old = _parse(id), _parse(than)
    return new is not None and old is not None and new > old


def _parse(id: str) -> tuple[int, int] | None:
    """The epoch and the number of an id: ids are compared by these."""
    epoch, _, n = id.partition("-")
    try:
        return int(epoch), int(n)
    except ValueError:
        return None
