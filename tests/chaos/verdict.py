"""Were the promises kept? Reads the records of all bots after a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.bots import Record
from tests.chaos.lapses import COURT, PEOPLE, PLAZA, VAULT, Lapse
from tests.chaos.reading import Reading, parsed, read
from wire.frames import LOBBY, PRIVATE, Msg

AROUND = 3
"""Lines to show before and after a violation."""


class Violation(NamedTuple):
    """A broken promise.

    Attributes:
        what: a description for people.
        excerpt: the records around it.
    """

    what: str
    excerpt: list[str]


def judge(records: Sequence[Record], lapses: Sequence[Lapse]) -> Iterator[Violation]:
    """Look for broken promises.

    Args:
        records: the records of all bots; all of them were there before the first message.
        lapses: when Redis lost data.
    """
    yield from _one_meaning(records)
    forgotten = any(lapse.of == PEOPLE for lapse in lapses)
    for record in records:
        yield from _answers(record)
        if record.strange and not forgotten:
            yield Violation(f"{record.name} reconnected and was no longer known", [])
        for room in (LOBBY, PLAZA, PRIVATE):
            reading = read(record, room, records, lapses)
            for check in (_one_order, _once, _nothing_of_others, _nothing_missed, _few_gaps):
                yield from check(reading)
        for room in (COURT, VAULT):
            # People come and go there: see `moderating.misheard`.
            yield from _nothing_of_others(read(record, room, records, lapses))


def excused(records: Sequence[Record]) -> int:
    """The number of messages missed in gaps, in the rooms that all bots are in, of all bots."""
    rooms = (LOBBY, PLAZA)
    acks = [said.ack for record in records for said in record.said if said.ack is not None]
    posted = {(ack.room, ack.id) for ack in acks if ack.room in rooms}
    heard = [{(e.room, e.id) for e in r.heard if isinstance(e, Msg)} for r in records]
    return sum(len(posted - ids) for ids in heard)


def _one_order(reading: Reading) -> Iterator[Violation]:
    for earlier, later in pairwise(message.id for message in reading.messages):
        if parsed(later) < parsed(earlier):
            what = f"{reading.reader.name} heard {later} after {earlier}"
            yield Violation(what, _around(reading, earlier))


def _once(reading: Reading) -> Iterator[Violation]:
    """One copy, and one more for each time its sender was forgotten while it was under way."""
    copies: dict[str, list[str]] = defaultdict(list)
    for message in reading.messages:
        copies[message.text].append(message.id)
    for text, ids in copies.items():
        if len(ids) > _chances(reading, text, ids):
            what = f"{reading.reader.name} heard {text!r} more than once: {', '.join(ids)}"
            yield Violation(what, _around(reading, ids[1]))


def _chances(reading: Reading, text: str, ids: list[str]) -> int:
    """How often a message may have been posted: once for each loss of data and each origin."""
    if (said := reading.meant.get(text)) is None:
        return 1
    memories = sum(
        lapse.lost and said.asked <= lapse.over and lapse.began <= said.answered
        for lapse in reading.lapses
    )
    if reading.room != PRIVATE:
        memories = min(memories, len({_memory(reading, id) for id in ids}) - 1)
    return 1 + memories + sum(said.asked <= back <= said.answered for back in said.strange)


def _memory(reading: Reading, id: str) -> int:
    """How often Redis had lost data when it gave this id."""
    return sum(lapse.lost and parsed(id)[0] > lapse.epoch for lapse in reading.lapses)


def _nothing_of_others(reading: Reading) -> Iterator[Violation]:
    for message in reading.messages:
        if message.text not in reading.meant:
            what = f"{reading.reader.name} heard {message.text!r}: refused, or not for it"
            yield Violation(what, _around(reading, message.id))


def _nothing_missed(reading: Reading) -> Iterator[Violation]:
    heard = {message.text for message in reading.messages}
    for said in reading.due:
        if said.text not in heard and not reading.excuse(said):
            id = said.ack and said.ack.id
            what = f"{reading.reader.name} missed {id} {said.text!r}, and no gap was told"
            yield Violation(what, _around(reading, id or "0-0"))


def _few_gaps(reading: Reading) -> Iterator[Violation]:
    """No more gaps than there are reasons for."""
    reasons = len(reading.lapses) + len(reading.reader.strange)
    if len(reading.gaps) > reasons:
        what = (
            f"{reading.reader.name} was told about {len(reading.gaps)} gaps in {reading.room}, "
            f"with {reasons} reasons"
        )
        yield Violation(what, [f"gap from {start} to {end}" for start, end, _ in reading.gaps])


def _one_meaning(records: Sequence[Record]) -> Iterator[Violation]:
    """An id means the same message to everybody who got it and to the sender who got the ack.

    Each reader of a private message has a copy in their own log.
    """
    meant: dict[tuple[str, str], str] = {}
    for record in records:
        own = f"{PRIVATE} {record.name}"
        heard = [(e.room or own, e.id, e.text) for e in record.heard if isinstance(e, Msg)]
        acks = [(s.ack.room or own, s.ack.id, s.text) for s in record.said if s.ack is not None]
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
    near = [m for m in reading.messages if parsed(m.id) <= parsed(id)][-AROUND - 1 :]
    near += [m for m in reading.messages if parsed(m.id) > parsed(id)][:AROUND]
    gaps = [f"gap from {start} to {end}" for start, end, _ in reading.gaps]
    return [f"{m.id} {m.from_} to {m.to or m.room}: {m.text}" for m in near] + gaps
