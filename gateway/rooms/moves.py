"""Arrivals and departures of rooms, on their way to Redis.

A room has one call under way at a time. While Redis works on it the next batch grows. So the more
people come at once, the less each of them costs, and everything in one room happens in order.

A departure is never lost: while Redis is away it waits here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, NamedTuple, Protocol

from gateway.backplane.contract import Arrival, Attended, Departure, Rename, Rooms
from gateway.chat.rooms import no_such_room
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from gateway.journal import event
from wire.reasons import CONNECTION_LOST, WireError

log = logging.getLogger(__name__)

BATCH = 200
"""Most arrivals and departures in one call. Redis does nothing else during a call, which takes a
few milliseconds."""

PAUSE = 1.0
"""Seconds to wait after Redis has refused or failed."""


class Picture(Protocol):
    """What is known here about a room that somebody wants to enter."""

    @property
    def version(self) -> str:
        """The version of its state."""

    @property
    def exists(self) -> bool:
        """Whether there is such a room."""

    async def refresh(self) -> None:
        """Read the state again."""

    def came(self, attended: Attended, version: str, comings: list[Coming]) -> None:
        """Redis has let these people in. They are told once this gateway hears of it."""


class LetIn(NamedTuple):
    """Redis has let somebody in, and this gateway has heard of it.

    Attributes:
        version: the version of the state that allowed it.
        at: the position of the room's channel when this gateway heard of it. Who spoke after
            hearing of the arrival spoke after this.
    """

    version: str
    at: bytes


class Coming(NamedTuple):
    """An arrival on its way.

    Attributes:
        arrival: the arrival.
        picture: what is known about the room.
        version: the version of the state that allows it; "" if that is not decided yet.
        decide: returns why the person may not enter, by what is known now.
        create: make the room if it does not exist.
        is_here: the person is in the room already, and Redis has forgotten it.
        done: gets the result.
    """

    arrival: Arrival
    picture: Picture
    version: str
    decide: Callable[[], WireError | None]
    create: bool
    is_here: bool
    done: asyncio.Future[LetIn]

    def departure(self) -> Departure:
        """The departure that takes the person out again."""
        folded, member, _ = self.arrival
        return Departure(folded, member.name, member.session, CONNECTION_LOST.code)


_Item = Coming | Departure | Rename


class _Queue:
    __slots__ = ("empty", "waiting")

    def __init__(self) -> None:
        self.waiting: list[_Item] = []
        self.empty = asyncio.Event()


class Moves:
    """Takes arrivals and departures to Redis.

    Args:
        backplane: what all gateways share.
        ready: returns once this gateway may speak for its users.
        spawn: runs a coroutine.
    """

    def __init__(
        self,
        backplane: Rooms,
        ready: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._backplane = backplane
        self._ready = ready
        self._spawn = spawn
        self._queues: dict[str, _Queue] = {}

    def arrive(self, room: str, coming: Coming) -> None:
        """Somebody wants to enter; ``coming.done`` gets the result."""
        self._add(room, coming)

    def depart(self, room: str, departure: Departure) -> None:
        """Somebody leaves."""
        self._add(room, departure)

    def rename(self, room: str, rename: Rename) -> None:
        """Somebody in the room has another name."""
        self._add(room, rename)

    async def settle(self, room: str | None = None) -> None:
        """Return once Redis has everything, for one room or for all."""
        rooms = list(self._queues) if room is None else [room]
        for each in rooms:
            if (queue := self._queues.get(each)) is not None:
                await queue.empty.wait()

    def _add(self, room: str, item: _Item) -> None:
        queue = self._queues.get(room)
        if queue is None:
            queue = self._queues[room] = _Queue()
            self._spawn(self._work(room, queue))
        queue.waiting.append(item)

    async def _work(self, room: str, queue: _Queue) -> None:
        waiting = queue.waiting
        try:
            while waiting:
                await self._ready()
                batch, waiting[:BATCH] = waiting[:BATCH], []
                if not await self._write_down(room, batch, waiting):
                    await asyncio.sleep(PAUSE)
        finally:
            del self._queues[room]
            queue.empty.set()

    async def _write_down(self, room: str, batch: list[_Item], waiting: list[_Item]) -> bool:
        """Write a batch down. What must be tried again goes back to the waiting ones.

        Returns:
            Whether to go on at once.
        """
        batch = [item for item in batch if not isinstance(item, Coming) or _may_come(item)]
        if not batch:
            return True
        comings = [item for item in batch if isinstance(item, Coming)]
        version = comings[0].picture.version if comings else ""
        items = [item.arrival if isinstance(item, Coming) else item for item in batch]
        create = any(coming.create for coming in comings)
        # If it is known here and not in Redis, Redis has forgotten who its operators are.
        founding = not any(coming.picture.exists for coming in comings)
        try:
            attended = await self._backplane.attend(
                room, version, items, create=create, founding=founding
            )
            if comings:
                await self._came(attended, version, comings)
        except RoomChanged:
            waiting[:0] = batch
            return await self._look_again(comings)
        except (BackplaneDown, BackplaneRefused) as error:
            waiting[:0] = list(_again(batch))
            _fail(comings, error)
            if isinstance(error, BackplaneRefused):
                event(
                    log,
                    logging.ERROR,
                    "Redis refused arrivals and departures",
                    room=room,
                    why=error,
                )
            return False
        except NoSuchRoom:
            waiting[:0] = [item for item in batch if not isinstance(item, Coming)]
            _fail(comings, no_such_room(room))
        except Exception as error:
            # A fault of ours: it must not keep everybody else out for good.
            log.exception("could not write down arrivals and departures")
            _fail(comings, error)
        return True

    async def _came(self, attended: Attended, version: str, comings: list[Coming]) -> None:
        picture = comings[0].picture
        if attended.founder:
            # Now the room has an operator: the person who made it is told.
            with contextlib.suppress(BackplaneDown, BackplaneRefused):
                await picture.refresh()
        picture.came(attended, version, comings)

    async def _look_again(self, comings: list[Coming]) -> bool:
        try:
            await comings[0].picture.refresh()
        except (BackplaneDown, BackplaneRefused):
            return False
        except Exception:
            # A fault of ours, as above. The people still wait, so try again.
            log.exception("could not read the state of a room")
            return False
        return True


def _may_come(coming: Coming) -> bool:
    if coming.done.done():
        return False  # nobody waits for it any longer
    if coming.version == coming.picture.version:
        return True
    if (refusal := coming.decide()) is not None:
        _fail([coming], refusal)
        return False
    return True


def _again(batch: list[_Item]) -> Iterator[Departure | Rename]:
    """What remains to be done of a batch, if nobody knows whether it was written down."""
    for item in batch:
        if not isinstance(item, Coming):
            yield item
        elif not item.is_here:
            # The person may be in the room by now, but is told otherwise. So take them out.
            yield item.departure()


def _fail(comings: list[Coming], error: Exception) -> None:
    """These people do not enter."""
    for coming in comings:
        if not coming.done.done():
            coming.done.set_exception(error)
