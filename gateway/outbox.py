"""What is on its way to a room: collected for a turn of the loop, published by one call.

A room has one call under way at a time. While Redis works on it the next batch grows, so that
the busier a room is, the less each message costs; and when the connection is lost it is known
which messages are in doubt: those of one call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.backplane.connection import RedisError
from gateway.chat.effects import Publish
from gateway.errors import BackplaneDown

log = logging.getLogger(__name__)

BATCH = 512
"""Lines in one call, at most: Redis does nothing else meanwhile, a few milliseconds at worst."""


LINGER = 0.1
"""Seconds that a joined or left may wait for company. When a thousand people come at once,
telling each of the others at once is a million lines in a hundred thousand writes."""


class Sender(Protocol):
    """Who is told what became of a message."""

    def published(self, publish: Publish, id: str | None) -> None:
        """It was stored and published under this id; None if that is not known."""


class _Room:
    __slots__ = ("lines", "sender", "timer")

    def __init__(self) -> None:
        self.lines: list[tuple[bytes, tuple[Sender, Publish] | None]] = []
        self.sender: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Outbox:
    """The rooms' outgoing lines.

    Args:
        publish: `gateway.backplane.Backplane.publish`.
    """

    def __init__(self, publish: Callable[[str, list[bytes]], Awaitable[list[str]]]) -> None:
        self._publish = publish
        self._rooms: dict[str, _Room] = {}
        self._loop = asyncio.get_running_loop()

    def send(self, publish: Publish, body: bytes, sender: Sender) -> None:
        """Publish a message, and tell its sender what became of it."""
        room = self._room(publish.room)
        room.lines.append((body, (sender, publish)))
        if room.sender is None:
            self._start(publish.room, room)

    def announce(self, room: str, line: bytes) -> None:
        """Publish an event that nobody waits for: soon, and before what is sent after it."""
        waiting = self._room(room)
        waiting.lines.append((line, None))
        if waiting.sender is None and waiting.timer is None:
            waiting.timer = self._loop.call_later(LINGER, self._start, room, waiting)

    async def settle(self) -> None:
        """Return when all is published that has been handed in."""
        for name, room in self._rooms.items():
            if room.sender is None:
                self._start(name, room)
        senders = [room.sender for room in self._rooms.values() if room.sender is not None]
        if senders:
            await asyncio.wait(senders)

    def _room(self, name: str) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = _Room()
        return room

    def _start(self, name: str, room: _Room) -> None:
        if room.timer is not None:
            room.timer.cancel()
            room.timer = None
        # It runs at the end of this turn of the loop, with all that the turn brought.
        room.sender = self._loop.create_task(self._send_all(name, room))

    async def _send_all(self, name: str, room: _Room) -> None:
        while room.lines:
            batch, room.lines = room.lines[:BATCH], room.lines[BATCH:]
            waiting = [entry for _, entry in batch if entry is not None]
            ids: list[str] | list[None]
            try:
                ids = await self._publish(name, [line for line, _ in batch])
            except (BackplaneDown, RedisError) as error:
                log.warning("could not publish %d lines: %s", len(batch), error)
                ids = [None] * len(waiting)
            except Exception:
                # A fault of ours: it must not silence the room for good.
                log.exception("could not publish %d lines", len(batch))
                ids = [None] * len(waiting)
            for (sender, publish), id in zip(waiting, ids, strict=True):
                sender.published(publish, id)
        del self._rooms[name]
