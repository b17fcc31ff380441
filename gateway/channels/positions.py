"""How far each channel has been heard here: nothing is lost unnoticed, and nothing comes twice.

What is published names the message before it. If that is not the one that was heard last, the
log has what is between: it is read before anything else is delivered. A quiet channel is
compared with its log from time to time, since what was lost may have been the last.

What is published on a room's channel and is not a message (somebody has come, the rules have
changed) goes to the rooms, at its place in the order. They may hold the channel until they know
who may still hear it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from gateway.backplane.contract import Backplane, Log
from gateway.backplane.ids import NOTHING, parse
from gateway.channels.reading import gap, read_on
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event
from gateway.meters import Meters
from wire.codec import encode

logger = logging.getLogger(__name__)

MOST_LATE = 1000
"""What may wait of a channel while a hole is being repaired; the log has the rest."""

MESSAGE = b'{"id":'
"""How the line of a message begins, and no other."""


NO_MESSAGE = (b"+", b"~", b"=")
"""What the head of a payload begins with that has no messages; an id begins with a digit."""


class Hears(Protocol):
    """What hears of a room's channel what is not a message: `gateway.rooms.rooms.Rooms`."""

    def heard(self, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        """It was published, and is told at its place in the order.

        Args:
            channel: where.
            kind: one of `NO_MESSAGE`.
            number: what stands behind it.
            lines: the events.
        """

    async def repaired(self, channel: bytes) -> None:
        """Some of the log has been read, since it was lost on the way: it is delivered next.

        Raises:
            BackplaneDown: Redis is away; then it is not delivered.
            BackplaneRefused: Redis refused, likewise.
        """


class _Followed:
    __slots__ = ("at", "before", "dropped", "held", "hole", "late", "log", "mending", "told")

    def __init__(self, log: Log) -> None:
        self.log = log
        self.at = NOTHING
        # The log is being read or compared, or it is not known yet from where on to follow.
        self.mending = False
        # Somebody has to know something before more is delivered.
        self.held = False
        # What comes while one of these is so; None while neither is.
        self.late: list[tuple[bytes, bytes, bytes]] | None = None
        # Some of that was dropped, since too much came.
        self.dropped = False
        # How much of it came before the log was read to its end.
        self.before = 0
        # A hole was found, and is not repaired yet: an attempt may have failed.
        self.hole = False
        # The position at which a gap was told.
        self.told = b""

    def mend(self, late: list[tuple[bytes, bytes, bytes]]) -> None:
        """From now on the log is being read or compared; these have come already."""
        self.mending, self.late = True, late


class Positions:
    """Stands between the backplane and the hub.

    Args:
        backplane: what to repair from.
        deliver: takes (channel, lines), without losses and in order.
        rooms: hear what is not a message.
        spawn: has a coroutine run.
        meters: where to count.
    """

    def __init__(
        self,
        backplane: Backplane,
        deliver: Callable[[bytes, bytes], None],
        rooms: Hears,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        meters: Meters,
    ) -> None:
        self._backplane = backplane
        self._deliver = deliver
        self._rooms = rooms
        self._spawn = spawn
        self._meters = meters
        self._followed: dict[bytes, _Followed] = {}
        self._waiting: dict[bytes, list[Callable[[bytes], bool]]] = {}

    def expect(self, channel: bytes, log: Log) -> None:
        """Keep what is published on a channel until it is known from where on to `follow` it."""
        if channel not in self._followed:
            followed = self._followed[channel] = _Followed(log)
            followed.mend([])

    def follow(self, channel: bytes, at: bytes) -> None:
        """Deliver what is published on an expected channel after an id."""
        followed = self._followed.get(channel)
        if followed is None:
            return  # nobody needs it now
        followed.at = max(followed.at, at, key=parse)
        self._mended(channel, followed)

    def forget(self, channel: bytes) -> None:
        """Deliver no more of a channel."""
        self._followed.pop(channel, None)
        self._waiting.pop(channel, None)

    def hold(self, channel: bytes) -> None:
        """Deliver nothing of a channel until `release`: what comes waits, in its order."""
        if (followed := self._followed.get(channel)) is not None:
            followed.held = True
            if followed.late is None:
                followed.late = []

    def release(self, channel: bytes) -> None:
        """Deliver what has waited."""
        followed = self._followed.get(channel)
        if followed is not None and followed.held:
            followed.held = False
            if not followed.mending:
                self._catch_up(channel, followed)

    def at(self, channel: bytes) -> bytes:
        """The id up to which a channel has been delivered."""
        return self._followed[channel].at

    def known(self, channel: bytes) -> bytes:
        """The same; `NOTHING` for a channel that is not followed."""
        followed = self._followed.get(channel)
        return NOTHING if followed is None else followed.at

    def logs(self) -> list[Log]:
        """The logs of all channels that are followed."""
        return [followed.log for followed in self._followed.values()]

    def skip(self, channel: bytes, upto: bytes) -> None:
        """Deliver nothing up to an id: it has been had another way."""
        followed = self._followed[channel]
        followed.at = max(followed.at, upto, key=parse)

    def watch(self, channel: bytes, passed: Callable[[bytes], bool]) -> None:
        """Have a function called at once when a channel has been delivered up to another id.

        Args:
            channel: which.
            passed: takes the id; returns whether it is done, and must not be called again.
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
        followed = self._followed.get(channel)
        if followed is None:
            return
        previous, _, last = head.partition(b" ")
        if followed.late is not None:
            if len(followed.late) < MOST_LATE:
                followed.late.append((previous, last, lines))
            else:
                followed.dropped = True
        elif previous == followed.at:
            self._advance(channel, followed, lines, last)
        else:
            self._deliver_out_of_order(channel, followed, previous, last, lines)

    def _deliver_out_of_order(
        self, channel: bytes, followed: _Followed, previous: bytes, last: bytes, lines: bytes
    ) -> None:
        if parse(last) > parse(followed.at):
            followed.mend([(previous, last, lines)])
            self._spawn(self._repair(channel, followed))
        elif previous.startswith(NO_MESSAGE):
            self._rooms.heard(channel, previous[:1], int(previous[1:]), lines)
        elif self._deliver_events(channel, lines):
            # These messages were had already, or the log gives ids again.
            self.compare(channel)

    def compare(self, channel: bytes) -> None:
        """Have a channel compared with its log now, as `check` does now and then with all."""
        followed = self._followed[channel]
        if followed.late is None:
            followed.mend([])
            self._spawn(self._compare(channel, followed))

    async def check(self) -> None:
        """Compare all channels with their logs, and repair those that are not where they are.

        Raises:
            BackplaneDown: Redis is away.
        """
        idle = [(c, f) for c, f in self._followed.items() if f.late is None]
        before = [f.at for _, f in idle]
        tails = await self._backplane.tails([f.log for _, f in idle])
        for (channel, followed), at, tail in zip(idle, before, tails, strict=True):
            # One that has moved meanwhile is alive, and no worry.
            if followed.late is None and followed.at == at and parse(tail) > parse(at):
                followed.mend([])
                self._spawn(self._repair(channel, followed))

    async def _compare(self, channel: bytes, followed: _Followed) -> None:
        """See whether a log has gone back: then it is in a new epoch now."""
        try:
            [tail] = await self._backplane.tails([followed.log])
        except (BackplaneDown, BackplaneRefused):
            tail = NOTHING  # the next comparison finds it
        except Exception:
            logger.exception("could not compare a channel with its log")
            tail = NOTHING
        if parse(tail) > parse(followed.at):
            await self._repair(channel, followed)
        else:
            self._mended(channel, followed)

    async def _repair(self, channel: bytes, followed: _Followed) -> None:
        self._meters.gaps_found += not followed.hole
        followed.hole = True
        of = {"room": followed.log.room, "after": followed.at.decode()}
        event(logger, logging.WARNING, "gap found", **of)
        try:
            repaired = await self._read_on(channel, followed)
        except (BackplaneDown, BackplaneRefused) as error:
            # The position stays where it is: the hole is found again.
            event(logger, logging.WARNING, "gap not repaired yet", why=error, **of)
            self._give_up(followed)
        except Exception:
            # A fault of ours: it must not silence the channel for good.
            logger.exception("could not repair a gap")
            self._give_up(followed)
        else:
            followed.hole = False
            if repaired:
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

    async def _read_on(self, channel: bytes, followed: _Followed) -> bool:
        more, before = True, 0
        while more:
            # What had come before the log was read to its end is in it, or nowhere.
            after, before = followed.at, len(followed.late or ())
            page = await read_on(self._backplane, followed.log, after)
            # Not before the page is read: a link that hears a part of it may hear all of it.
            await self._rooms.repaired(channel)
            if self._followed.get(channel) is not followed:
                return False
            if followed.at != after:
                continue  # skipped, or followed anew: some of this has been had another way
            self._advance(channel, followed, b"".join(page.lines), page.upto)
            if page.lines and not page.lines[-1].startswith(MESSAGE):
                followed.told = page.upto
            more = page.more
        self._mended(channel, followed, before)
        return True

    def _mended(self, channel: bytes, followed: _Followed, before: int = 0) -> None:
        """The log has been read to its end, or did not have to be read.

        Args:
            channel: which.
            followed: how far.
            before: how much of what waits came before that.
        """
        followed.mending, followed.before = False, before
        if not followed.held:
            self._catch_up(channel, followed)

    def _give_up(self, followed: _Followed) -> None:
        """Reading the log has failed: what waits is in it, or is found missing with it."""
        followed.mending = False
        followed.late = [] if followed.held else None

    def _catch_up(self, channel: bytes, followed: _Followed) -> None:
        """Deliver what has waited, as far as it is news."""
        late, followed.late = followed.late or [], None
        before, followed.before = followed.before, 0
        for number, (previous, last, lines) in enumerate(late):
            if followed.late is not None:
                # What was delivered just now has led to another wait.
                followed.late += late[number:]
                followed.before = 0 if followed.mending else max(0, before - number)
                return
            self._deliver_late(channel, followed, previous, last, lines, lost=number < before)
        if followed.dropped and followed.late is None:
            followed.dropped = False
            followed.mend([])
            self._spawn(self._repair(channel, followed))

    def _deliver_late(
        self,
        channel: bytes,
        followed: _Followed,
        previous: bytes,
        last: bytes,
        lines: bytes,
        *,
        lost: bool,
    ) -> None:
        """Deliver something that has waited, if it is news.

        Args:
            channel: which.
            followed: how far.
            previous: the head of the payload, up to the blank.
            last: the rest of it.
            lines: the payload's.
            lost: the log does not have what may be missing before it: to read it again is no use.
        """
        if previous.startswith(NO_MESSAGE):
            if lost or parse(last) <= parse(followed.at):
                self._rooms.heard(channel, previous[:1], int(previous[1:]), lines)
                return
        elif parse(last) <= parse(followed.at):
            self._deliver_events(channel, lines)
            return
        elif lost and previous != followed.at:
            if followed.told != followed.at:
                lines = encode(gap(followed.log.room, followed.at)) + lines
            self._advance(channel, followed, lines, last)
            return
        self.deliver(channel, previous + b" " + last + b"\n" + lines)

    def _deliver_events(self, channel: bytes, lines: bytes) -> bool:
        """Deliver what is in no log, joined and left, of what was published.

        Returns:
            Whether there were other messages.
        """
        every = lines.splitlines(keepends=True)
        events = [line for line in every if not line.startswith(MESSAGE)]
        if events:
            self._deliver(channel, b"".join(events))
        return len(events) < len(every)
