"""How far each channel has been heard here: nothing is lost unnoticed, and nothing comes twice.

What is published names the message before it. If that is not the one that was heard last, the
log has what is between: it is read before anything else is delivered. A quiet channel is
compared with its log from time to time, since what was lost may have been the last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.backplane import Backplane
from gateway.backplane.connection import RedisError
from gateway.backplane.ids import parse
from gateway.errors import BackplaneDown
from gateway.journal import event
from gateway.logs import Log, read_on
from gateway.meters import Meters
from wire.frames import PRIVATE

logger = logging.getLogger(__name__)


class _Followed:
    __slots__ = ("at", "hole", "late", "log")

    def __init__(self, log: Log, at: bytes) -> None:
        self.log = log
        self.at = at
        # One was found, and is not repaired yet: an attempt may have failed.
        self.hole = False
        # What came while a hole is being repaired; None while there is none.
        self.late: list[tuple[bytes, bytes, bytes]] | None = None


class Positions:
    """Stands between the backplane and the hub.

    Args:
        backplane: what to repair from.
        deliver: takes (channel, lines), without losses and in order.
        spawn: has a coroutine run.
        meters: where to count.
    """

    def __init__(
        self,
        backplane: Backplane,
        deliver: Callable[[bytes, bytes], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        meters: Meters,
    ) -> None:
        self._backplane = backplane
        self._deliver = deliver
        self._spawn = spawn
        self._meters = meters
        self._followed: dict[bytes, _Followed] = {}
        self._waiting: dict[bytes, list[Callable[[bytes], bool]]] = {}

    def expect(self, channel: bytes, log: Log) -> None:
        """Keep what is published on a channel until it is known from where on to `follow` it."""
        if channel not in self._followed:
            followed = self._followed[channel] = _Followed(log, b"0-0")
            followed.late = []

    def follow(self, channel: bytes, at: bytes) -> None:
        """Deliver what is published on an expected channel behind an id."""
        followed = self._followed[channel]
        followed.at = at
        self._catch_up(channel, followed)

    def forget(self, channel: bytes) -> None:
        """Deliver no more of a channel."""
        self._followed.pop(channel, None)
        self._waiting.pop(channel, None)

    def at(self, channel: bytes) -> bytes:
        """The id up to which a channel has been delivered."""
        return self._followed[channel].at

    def skip(self, channel: bytes, upto: bytes) -> None:
        """Deliver nothing up to an id: it has been had another way."""
        followed = self._followed[channel]
        followed.at = max(followed.at, upto, key=parse)

    def watch(self, channel: bytes, passed: Callable[[bytes], bool]) -> None:
        """Have a function called at once when a channel has been delivered up to another id.

        Args:
            channel: which.
            passed: takes the id; returns whether it need not be called again.
        """
        self._waiting.setdefault(channel, []).append(passed)

    def reached(self, channel: bytes, id: bytes, then: Callable[[], None]) -> None:
        """Have a function called once a channel has been delivered up to an id, if it ever is."""
        followed = self._followed.get(channel)
        if followed is None:
            return

        def passed(upto: bytes) -> bool:
            if there := parse(upto) >= parse(id):
                then()
            return there

        if not passed(followed.at):
            self.watch(channel, passed)

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Something was published. The hot path."""
        head, _, lines = payload.partition(b"\n")
        if not head:
            self._deliver(channel, lines)  # joined, left: not in the log
            return
        followed = self._followed.get(channel)
        if followed is None:
            return
        previous, _, last = head.partition(b" ")
        if followed.late is not None:
            followed.late.append((previous, last, lines))
        elif previous == followed.at:
            self._advance(channel, followed, lines, last)
        elif parse(last) > parse(followed.at):
            followed.late = [(previous, last, lines)]
            self._spawn(self._repair(channel, followed))

    async def check(self) -> None:
        """Compare all channels with their logs, and repair those that are behind.

        Raises:
            BackplaneDown: Redis is away.
        """
        idle = [(c, f) for c, f in self._followed.items() if f.late is None]
        rooms = [(c, f) for c, f in idle if f.log.room != PRIVATE]
        users = [(c, f) for c, f in idle if f.log.room == PRIVATE]
        before = [f.at for _, f in rooms + users]
        tails = await self._backplane.tails(
            [f.log.room for _, f in rooms], [f.log.reader for _, f in users]
        )
        for (channel, followed), at, tail in zip(rooms + users, before, tails, strict=True):
            # One that has moved meanwhile is alive, and no worry.
            if followed.late is None and followed.at == at and parse(tail) > parse(at):
                followed.late = []
                self._spawn(self._repair(channel, followed))

    async def _repair(self, channel: bytes, followed: _Followed) -> None:
        self._meters.gaps_found += not followed.hole
        followed.hole = True
        of = {"room": followed.log.room, "after": followed.at.decode()}
        event(logger, logging.WARNING, "gap found", **of)
        try:
            await self._read_on(channel, followed)
        except (BackplaneDown, RedisError) as error:
            # The position stays where it is: the hole is found again.
            event(logger, logging.WARNING, "gap not repaired yet", why=error, **of)
            followed.late = None
        else:
            followed.hole = False
            self._meters.gaps_repaired += 1
            event(logger, logging.INFO, "gap repaired", **of)

    def _advance(self, channel: bytes, followed: _Followed, lines: bytes, upto: bytes) -> None:
        if lines:
            self._deliver(channel, lines)
        followed.at = upto
        if self._waiting and (waiting := self._waiting.pop(channel, None)) is not None:
            self._waiting[channel] = [passed for passed in waiting if not passed(upto)]
            if not self._waiting[channel]:
                del self._waiting[channel]

    async def _read_on(self, channel: bytes, followed: _Followed) -> None:
        more = True
        while more:
            after = followed.at
            page = await read_on(self._backplane, followed.log, after)
            if self._followed.get(channel) is not followed:
                return
            if followed.at != after:
                continue  # skipped, or followed anew: some of this has been had another way
            self._advance(channel, followed, b"".join(page.lines), page.upto)
            more = page.more
        self._catch_up(channel, followed)

    def _catch_up(self, channel: bytes, followed: _Followed) -> None:
        """Deliver what came meanwhile, as far as it is news."""
        late, followed.late = followed.late or [], None
        for previous, last, lines in late:
            self.deliver(channel, previous + b" " + last + b"\n" + lines)
