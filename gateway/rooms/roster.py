"""The members of a room, as a gateway knows them. Pure.

A gateway reads all members once. From then on it hears about each arrival and departure. These
moves are counted: if the count jumps, something was lost, and all members must be read again.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.backplane.contract import Attendance
from gateway.backplane.records import Member
from wire.codec import decode_event
from wire.frames import Joined, Left, Renamed
from wire.names import fold


class Named(NamedTuple):
    """What a gateway knows about a member.

    Attributes:
        name: as it is shown.
        account: the folded name of the account; empty for a guest.
    """

    name: str
    account: str


class Roster:
    """The members of one room.

    Attributes:
        members: folded name -> member. Out of date while `reading`.
        moves: the number of arrivals and departures that are included.
    """

    def __init__(self) -> None:
        self.members: dict[str, Named] = {}
        self.moves = 0
        self._last = 0
        self._pages: dict[str, list[Member]] | None = None
        self._base: int | None = None
        self._heard: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self.members)

    @property
    def reading(self) -> bool:
        """Whether all members are being read. What is heard meanwhile is kept for `finish`."""
        return self._pages is not None

    def begin(self) -> None:
        """Begin to read all members."""
        self._pages, self._base, self._heard = {}, None, []

    def page(self, page: Attendance) -> None:
        """Take in some of the members."""
        assert self._pages is not None, "not begun"
        if self._base is None:
            self._base = page.moves
        self._pages.update(page.members)

    def finish(self) -> dict[str, list[Member]] | None:
        """End reading, and return the members as they were read.

        A person who came or went meanwhile may be among them or not. The moves that were heard
        meanwhile put that right; it does no harm to take one in twice.

        Returns:
            The members; None if some moves were not heard: then begin again.
        """
        pages, base, heard = self._pages, self._base, self._heard
        assert pages is not None, "not begun"
        assert base is not None, "no page was read"
        self._pages, self._heard = None, []
        self.moves = base
        self.members = {
            folded: Named(member.name, member.account) for folded, [member, *_] in pages.items()
        }
        complete = [self._take_in(moves, lines) for moves, lines in heard]
        return pages if all(complete) else None

    def give_up(self) -> None:
        """The members could not be read."""
        heard, self._pages, self._heard = self._heard, None, []
        for moves, lines in heard:
            self._take_in(moves, lines)

    def hear(self, moves: int, lines: bytes) -> bool:
        r"""Take in arrivals and departures.

        Args:
            moves: the number of moves so far, including these.
            lines: a `Joined` or a `Left` for each, with its ``\n``.

        Returns:
            False if earlier moves were not heard, or if Redis has forgotten some.
        """
        went_back, self._last = moves <= self._last, moves
        if self._pages is not None:
            self._heard.append((moves, lines))
            return True
        return self._take_in(moves, lines) and not went_back

    def _take_in(self, moves: int, lines: bytes) -> bool:
        if moves <= self.moves:
            return True  # the members were read after this had happened
        every = lines.splitlines()
        complete = self.moves + len(every) == moves
        for line in every:
            match decode_event(line):
                case Joined(name=name, account=account):
                    self.members[fold(name)] = Named(name, account)
                case Renamed(name=name, to=to, account=account):
                    self.members.pop(fold(name), None)
                    self.members[fold(to)] = Named(to, account)
                case Left(name=name):
                    self.members.pop(fold(name), None)
        self.moves = moves
        return complete
