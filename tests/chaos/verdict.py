"""Were the promises kept? Reads the records of all bots after a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.backplane.ids import parse
from tests.chaos.bots import Record, Said
from wire.frames import LOBBY, PRIVATE, Gap, Msg

AROUND = 3
"""Lines that are shown before and after the place of a violation."""

NOT_POSTED = {"nobody_here", "outbox_full", "slow_down"}
"""Refusals that mean: it was not posted. After any other it is not known."""


class Violation(NamedTuple):
    """A promise that was broken.

    Attributes:
        what: for a person.
        excerpt: the records around it.
    """

    what: str
    excerpt: list[str]


class Reading(NamedTuple):
    """What one bot heard in one room.

    Attributes:
        reader: the bot's record.
        messages: in order.
        gaps: each as the ids between which it lies; None for no end.
        due: what it should have heard, by id.
        meant: the texts of which it may hear.
        forgotten: the last epoch of which Redis lost its memory; 0 if it never did.
    """

    reader: Record
    messages: list[Msg]
    gaps: list[tuple[str, str | None]]
    due: dict[str, Said]
    meant: set[str]
    forgotten: int


def judge(records: Sequence[Record], forgotten: int) -> Iterator[Violation]:
    """Look for broken promises.

    Args:
        records: of everybody; nobody came after the first message.
        forgotten: the last epoch of which Redis lost its memory; 0 if it never did.
    """
    yield from _one_meaning(records)
    for record in records:
        yield from _answers(record)
        if record.stranger and not forgotten:
            yield Violation(f"{record.name} came back and was not known any more", [])
        for room in (LOBBY, PRIVATE):
            reading = _reading(record, room, records, forgotten)
            for check in (_one_order, _once, _nothing_of_others, _nothing_missed):
                yield from check(reading)


def excused(records: Sequence[Record]) -> int:
    """How many public messages were missed in gaps that were told, added up over all bots."""
    posted = {s.ack.id for r in records for s in r.said if s.ack is not None and s.ack.room}
    heard = [{e.id for e in r.heard if isinstance(e, Msg) and e.room} for r in records]
    return sum(len(posted - ids) for ids in heard)


def _reading(record: Record, room: str, records: Sequence[Record], forgotten: int) -> Reading:
    due: dict[str, Said] = {}
    meant: set[str] = set()
    for other in records:
        for said in other.said:
            among = record is other or record.name in (said.to or ())
            if said.refused not in NOT_POSTED and (room == LOBBY or (said.to and among)):
                meant.add(said.text)
            if said.ack is not None and _goes_to(said, record, other, room):
                due[said.ack.id] = said
    messages: list[Msg] = []
    gaps: list[tuple[str, str | None]] = []
    last = "0-0"
    for event in record.heard:
        if isinstance(event, Gap):
            if event.room == room:
                gaps.append((last, None))
        elif (event.room or PRIVATE) == room:
            # A gap ends where the next message stands.
            gaps = [(start, end or event.id) for start, end in gaps]
            last = event.id
            messages.append(event)
    return Reading(record, messages, gaps, due, meant, forgotten)


def _goes_to(said: Said, reader: Record, sender: Record, room: str) -> bool:
    assert said.ack is not None
    if said.ack.to is None:
        return said.ack.room == room
    return room == PRIVATE and (reader is sender or reader.name in said.ack.to)


def _one_order(reading: Reading) -> Iterator[Violation]:
    for earlier, later in pairwise(message.id for message in reading.messages):
        if _parse(later) < _parse(earlier):
            what = f"{reading.reader.name} heard {later} after {earlier}"
            yield Violation(what, _around(reading, earlier))


def _once(reading: Reading) -> Iterator[Violation]:
    """One copy; one in each memory, if it was on its way when Redis forgot."""
    copies: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for message in reading.messages:
        forgotten = _parse(message.id)[0] <= reading.forgotten
        copies[message.text, forgotten].append(message.id)
    for (text, _), ids in copies.items():
        if len(ids) > 1:
            what = f"{reading.reader.name} heard {text!r} more than once: {', '.join(ids)}"
            yield Violation(what, _around(reading, ids[1]))


def _nothing_of_others(reading: Reading) -> Iterator[Violation]:
    for message in reading.messages:
        if message.text not in reading.meant:
            what = f"{reading.reader.name} heard {message.text!r}: refused, or not for it"
            yield Violation(what, _around(reading, message.id))


def _nothing_missed(reading: Reading) -> Iterator[Violation]:
    missed = reading.due.keys() - {message.id for message in reading.messages}
    for id in sorted(missed, key=_parse):
        if not _owned_up(reading, id):
            what = (
                f"{reading.reader.name} missed {id} {reading.due[id].text!r}, and no gap was told"
            )
            yield Violation(what, _around(reading, id))


def _owned_up(reading: Reading, id: str) -> bool:
    """Whether it lies in a gap that was told, and that there was a reason for."""
    if _parse(id)[0] > reading.forgotten and not reading.reader.stranger:
        return False
    return any(
        _parse(start) < _parse(id) and (end is None or _parse(id) < _parse(end))
        for start, end in reading.gaps
    )


def _one_meaning(records: Sequence[Record]) -> Iterator[Violation]:
    """An id is one message, to everybody who heard it and to who was told it in an ack."""
    meant: dict[tuple[str, str], str] = {}
    for record in records:
        heard = [(e.room or PRIVATE, e.id, e.text) for e in record.heard if isinstance(e, Msg)]
        acks = [(s.ack.room or PRIVATE, s.ack.id, s.text) for s in record.said if s.ack is not None]
        for room, id, text in heard + acks:
            if meant.setdefault((room, id), text) != text:
                what = f"{id} is {meant[room, id]!r}, and to {record.name} it is {text!r}"
                yield Violation(what, [])


def _answers(record: Record) -> Iterator[Violation]:
    for said in record.said:
        if said.ack is None and said.refused is None:
            yield Violation(f"{record.name} got no answer to {said.text!r}", [])
        if said.ack is not None and said.to is not None and said.ack.room:
            yield Violation(f"{said.text!r} was private and became public: {said.ack}", [])


def _around(reading: Reading, id: str) -> list[str]:
    near = [m for m in reading.messages if _parse(m.id) <= _parse(id)][-AROUND - 1 :]
    near += [m for m in reading.messages if _parse(m.id) > _parse(id)][:AROUND]
    gaps = [f"gap from {start} to {end}" for start, end in reading.gaps]
    return [f"{m.id} {m.from_} to {m.to or m.room}: {m.text}" for m in near] + gaps


def _parse(id: str) -> tuple[int, int]:
    return parse(id.encode())
