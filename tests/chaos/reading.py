"""What one bot got in one room, and what it should have got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.backplane.ids import parse_id
from tests.chaos.bots import Record, Said
from tests.chaos.lapses import Lapse
from wire.frames import PRIVATE, Gap, Msg

NOT_POSTED = {"nobody_here", "outbox_full", "slow_down"}
"""Refusals after which a message was certainly not posted; after others it is unknown."""


class Reading(NamedTuple):
    """What one bot got in one room.

    Attributes:
        reader: the bot's record.
        room: the room.
        messages: the messages that it got, in order.
        gaps: the ids before and after each gap (None if nothing followed), and when it was told.
        due: the messages that it should have got.
        meant: the messages that it may get, by text.
        lapses: when Redis lost data of this room.
    """

    reader: Record
    room: str
    messages: list[Msg]
    gaps: list[tuple[str, str | None, float]]
    due: list[Said]
    meant: dict[str, Said]
    lapses: list[Lapse]

    def excuse(self, said: Said) -> bool:
        """Whether a missed message lies in a gap that was told for a reason."""
        if self.room == PRIVATE:
            return self._excuse_private(said)
        assert said.ack is not None
        id = said.ack.id
        lost = any(lapse.lost and said.epoch <= lapse.epoch for lapse in self.lapses)
        missed_as_stranger = any(said.asked < back for back in self.reader.strange)
        return (lost or missed_as_stranger) and any(
            parsed(start) < parsed(id) and (end is None or parsed(id) < parsed(end))
            for start, end, _ in self.gaps
        )

    def _excuse_private(self, said: Said) -> bool:
        # Nobody knows which id it would have had in its reader's log.
        if any(said.asked < back for back in self.reader.strange):
            return True
        return any(
            lapse.lost
            and said.asked <= lapse.over
            and any(told >= lapse.began for _, _, told in self.gaps)
            for lapse in self.lapses
        )


def read(record: Record, room: str, records: Sequence[Record], lapses: Sequence[Lapse]) -> Reading:
    """Collect what one bot got in one room.

    Args:
        record: the bot's.
        room: the room, or `PRIVATE`.
        records: the records of all bots.
        lapses: when Redis lost data.
    """
    due: list[Said] = []
    meant: dict[str, Said] = {}
    for other in records:
        for said in other.said:
            among = record is other or record.name in (said.to or ())
            if said.refused not in NOT_POSTED and (
                among if room == PRIVATE and said.to else room == said.room and not said.to
            ):
                meant[said.text] = said
            if said.ack is not None and _goes_to(said, record, other, room):
                due.append(said)
    messages: list[Msg] = []
    gaps: list[tuple[str, str | None, float]] = []
    last = "0-0"
    for event, told in zip(record.heard, record.when, strict=True):
        if isinstance(event, Gap):
            if event.room == room:
                gaps.append((last, None, told))
        elif (event.room or PRIVATE) == room:
            # A gap ends at the next message.
            gaps = [(start, end or event.id, told) for start, end, told in gaps]
            last = event.id
            messages.append(event)
    of_this = [lapse for lapse in lapses if lapse.of == room]
    return Reading(record, room, messages, gaps, due, meant, of_this)


def parsed(id: str) -> tuple[int, int]:
    """An id as numbers, which can be compared."""
    return parse_id(id.encode())


def _goes_to(said: Said, reader: Record, sender: Record, room: str) -> bool:
    assert said.ack is not None
    if said.ack.to is None and said.ack.later is None:
        return said.ack.room == room
    to = [*(said.ack.to or ()), *(said.ack.later or ())]
    return room == PRIVATE and (reader is sender or reader.name in to)
