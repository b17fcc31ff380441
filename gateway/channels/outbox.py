"""What is on its way to a room: collected for a turn of the loop, published by one call.

A room has one call under way at a time. While Redis works on it the next batch grows, so that
the busier a room is, the less each message costs; and when the connection is lost it is known
which messages are in doubt: those of one call.

While Redis is away what is to be said waits here, in order and in bounded memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.backplane.contract import Outgoing, Posted
from gateway.chat.effects import Publish
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event

log = logging.getLogger(__name__)

BATCH = 512
"""Lines in one call, at most: Redis does nothing else meanwhile, a few milliseconds at worst."""

LINGER = 0.1
"""Seconds that a joined or left may wait for company. When a thousand people come at once,
telling each of the others at once is a million lines in a hundred thousand writes."""


class Sender(Protocol):
    """Who is told what became of a message."""

    lost: bool
    """The sender's name was given away: nothing more may be said in it."""

    place: str
    """Where the sender is: those of one place have a share of what may wait."""

    def published(self, publish: Publish, id: str | None, why: str = "") -> None:
        """It was stored and published under this id; None if it was not, or that is not known.

        Args:
            publish: what was handed in.
            id: the message's.
            why: it was not, for people; "" if that is not known.
        """


# Of a message: who is told, what of, and when it was handed in.
_Said = tuple[Sender, Publish, float]
_Entry = tuple[Outgoing, _Said | None]


class _Room:
    __slots__ = ("entries", "sender", "timer")

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.sender: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Outbox:
    """The rooms' outgoing lines.

    Args:
        publish: `gateway.backplane.contract.Backplane.publish`.
        ready: returns once this gateway may speak for its users.
        limit: bytes that may wait; half of them from one place.
        stored: told of each batch of messages that was published: the room, the last id, and when
            the oldest was handed in.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        publish: Callable[[str, str | None, list[Outgoing]], Awaitable[list[Posted]]],
        ready: Callable[[], Awaitable[None]],
        limit: int,
        stored: Callable[[str, str, float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._publish = publish
        self._ready = ready
        self._limit = limit
        self._stored = stored
        self._monotonic = monotonic
        self._bytes = 0
        self._bytes_from: dict[str, int] = {}
        self._rooms: dict[str, _Room] = {}
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def send(self, publish: Publish, message: Outgoing, sender: Sender) -> bool:
        """Publish a message, and tell its sender what became of it.

        Args:
            publish: the effect.
            message: as the backplane takes it.
            sender: who is told.

        Returns:
            False if too much is waiting already; then it was not taken.
        """
        size, from_there = len(message.body), self._bytes_from.get(sender.place, 0)
        if self._bytes + size > self._limit or from_there + size > self._limit // 2:
            return False
        self._bytes_from[sender.place] = from_there + size
        room = self._add(publish.room, message, (sender, publish, self._monotonic()))
        if room.sender is None:
            self._start(publish.room, room)
        return True

    def announce(self, name: str, line: bytes) -> None:
        """Publish an event that nobody waits for: soon, and before what is sent after it."""
        room = self._add(name, Outgoing(line, event=True), None)
        if room.sender is None and room.timer is None:
            room.timer = self._loop.call_later(LINGER, self._start, name, room)

    async def settle(self) -> None:
        """Return when all is published that has been handed in."""
        for name, room in self._rooms.items():
            if room.sender is None:
                self._start(name, room)
        senders = [room.sender for room in self._rooms.values() if room.sender is not None]
        if senders:
            await asyncio.wait(senders)

    def stop(self) -> None:
        """Publish nothing more."""
        for room in self._rooms.values():
            if room.timer is not None:
                room.timer.cancel()
            if room.sender is not None:
                room.sender.cancel()

    def _add(self, name: str, message: Outgoing, entry: _Said | None) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = _Room()
        room.entries.append((message, entry))
        self._bytes += len(message.body)
        return room

    def _start(self, name: str, room: _Room) -> None:
        if room.timer is not None:
            room.timer.cancel()
            room.timer = None
        # It runs at the end of this turn of the loop, with all that the turn brought.
        room.sender = self._loop.create_task(self._send_all(name, room))

    async def _send_all(self, name: str, room: _Room) -> None:
        while room.entries:
            await self._ready()
            batch, room.entries = room.entries[:BATCH], room.entries[BATCH:]
            batch = [entry for entry in batch if self._may_be_said(entry)]
            if not batch:
                continue
            try:
                posted = await self._publish(name, None, [message for message, _ in batch])
                ids = [each.id for each in posted]
                count = sum(said is not None for _, said in batch)
                if len(ids) != count:
                    raise RuntimeError(f"{len(ids)} ids came for {count} messages")
            except BackplaneDown:
                # It may have been stored. What has a seq is not stored twice: it goes first again.
                batch, doubtful = _split(batch)
                room.entries = batch + room.entries
                self._tell(doubtful, [None] * len(doubtful))
            except BackplaneRefused as error:
                event(log, logging.ERROR, "Redis refused to publish", lines=len(batch), why=error)
                said = [entry for entry in batch if entry[1] is not None]
                if said:
                    # A full Redis stores nothing more, and tells people who comes and goes.
                    room.entries = [entry for entry in batch if entry[1] is None] + room.entries
                self._tell(said or batch, [None] * len(batch), error.not_sent)
            except Exception:
                # A fault of ours: it must not silence the room for good.
                log.exception("could not publish %d lines", len(batch))
                self._tell(batch, [None] * len(batch))
            else:
                self._tell(batch, ids)
                self._note(name, batch, ids)
        del self._rooms[name]

    def _may_be_said(self, entry: _Entry) -> bool:
        said = entry[1]
        if said is not None and said[0].lost:
            self._tell([entry], [None])
            return False
        return True

    def _tell(self, batch: list[_Entry], ids: list[str] | list[None], why: str = "") -> None:
        of = self._bytes_from
        answers = iter(ids)
        for message, said in batch:
            size = len(message.body)
            self._bytes -= size
            if said is None:
                continue
            sender, publish, _ = said
            of[sender.place] -= size
            if not of[sender.place]:
                del of[sender.place]
            try:
                sender.published(publish, next(answers), why)
            except Exception:
                # A fault of ours: the others wait for their answers.
                log.exception("could not tell a sender what became of a message")

    def _note(self, name: str, batch: list[_Entry], ids: list[str]) -> None:
        oldest = next((said[2] for _, said in batch if said is not None), None)
        # What had been posted before has an id of before, or none.
        if oldest is not None and (last := ids[-1]):
            self._stored(name, last, oldest)


def _split(batch: list[_Entry]) -> tuple[list[_Entry], list[_Entry]]:
    """What can be published again, and what would perhaps be said twice."""
    again: list[_Entry] = []
    doubtful: list[_Entry] = []
    for entry in batch:
        safe = entry[1] is None or entry[1][1].seq is not None
        (again if safe else doubtful).append(entry)
    return again, doubtful
