"""Positions: how far each channel has been delivered, so that nothing is missed or comes twice.

Each published message names the one before it. If that is not the last one delivered, the messages
in between are read from the log before anything else is delivered. A quiet channel is compared with
its log from time to time, because the lost message may have been the last.

Other things on a room's channel (somebody has joined, the rules have changed) go to the rooms, at
their place in the order. The rooms may hold the channel until they know who may still get it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from gateway.backplane.contract import Backplane, Log
from gateway.backplane.ids import NOTHING, parse_id
from gateway.channels.reading import gap, read_on
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event
from gateway.meters import Meters
from wire.codec import encode
from wire.frames import PRIVATE

logger = logging.getLogger(__name__)

MAX_LATE = 1000
"""The most payloads that wait while a hole is repaired; the log has the rest."""

MESSAGE = b'{"id":'
"""The beginning of a message's line, and of no other line."""


EVENTS = b"!"
"""The beginning of a payload with events that nothing counts; they go to clients as they are."""

NO_MESSAGE = (b"+", b"~", b"=", b"!")
"""The beginnings of a payload without messages; an id begins with a digit."""


class Hears(Protocol):
    """Gets everything on rooms' channels that is not a message: `gateway.rooms.rooms.Rooms`."""

    def heard(self, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        """Take something that was published, at its place in the order.

        Args:
            channel: the channel.
            kind: one of `NO_MESSAGE`.
            number: the number after the kind.
            lines: the events.
        """

    async def repaired(self, channel: bytes) -> None:
        """Lost messages have been read from the log, and will be delivered next.

        Raises:
            BackplaneDown: Redis is away; they are not delivered.
            BackplaneRefused: Redis refused; they are not delivered.
        """


class _Followed:
    __slots__ = (
        "at",
        "before",
        "dropped",
        "expected",
        "held",
        "hole",
        "late",
        "log",
        "mending",
        "told",
    )

    def __init__(self, log: Log) -> None:
        self.log = log
        self.at = NOTHING
        # `follow` has not said yet where to start.
        self.expected = True
        # The log is being read or compared, or the first position is not known yet.
        self.mending = False
        # The rooms must read something before more is delivered.
        self.held = False
        # What comes while mending or held; None at other times.
        self.late: list[tuple[bytes, bytes, bytes]] | None = None
        # Some of that was dropped, because there was too much.
        self.dropped = False
        # How much of it came before the log was read to its end.
        self.before = 0
        # A hole was found and is not repaired yet: an attempt may have failed.
        self.hole = False
        # The position at which a gap was told.
        self.told = b""

    def mend(self, late: list[tuple[bytes, bytes, bytes]]) -> None:
        """Start mending: the log is being read or compared. These have come already."""
        self.mending, self.late = True, late


class Positions:
    """Delivers what the backplane brings to the hub, without losses and in order.

    Args:
        backplane: what to repair from.
        deliver: called with (channel, lines), without losses and in order.
        rooms: get what is not a message.
        spawn: runs a coroutine in the background.
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
        """Keep what is published on a channel until `follow` says where to start."""
        if channel not in self._followed:
            followed = self._followed[channel] = _Followed(log)
            followed.mend([])

    def follow(self, channel: bytes, at: bytes) -> None:
        """Deliver what is published on an expected channel after an id.

        Does nothing if the channel is delivered already.
        """
        followed = self._followed.get(channel)
        if followed is not None and followed.expected:
            followed.expected, followed.at = False, at
            self._mended(channel, followed)

    def is_followed(self, channel: bytes) -> bool:
        """Whether a channel is delivered already."""
        followed = self._followed.get(channel)
        return followed is not None and not followed.expected

    def forget(self, channel: bytes) -> None:
        """Stop delivering a channel."""
        self._followed.pop(channel, None)
        self._waiting.pop(channel, None)

    def hold(self, channel: bytes) -> None:
        """Stop delivering a channel until `release`; what comes waits in order."""
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

    def room(self, channel: bytes) -> str | None:
        """The room of a channel that is followed; None for any other channel."""
        followed = self._followed.get(channel)
        return followed.log.room if followed is not None and followed.log.room != PRIVATE else None

    def logs(self) -> list[Log]:
        """The logs of all channels that are followed."""
        return [followed.log for followed in self._followed.values()]

    def watch(self, channel: bytes, passed: Callable[[bytes], bool]) -> None:
        """Call a function each time a channel's position has moved.

        Args:
            channel: the channel.
            passed: called with the id; returns True when it should not be called again.
        """
        self._waiting.setdefault(channel, []).append(passed)

    def reached(self, channel: bytes, id: bytes, then: Callable[[], None]) -> None:
        """Call a function once, when a channel has been delivered up to an id."""
        followed = self._followed.get(channel)
        if followed is None:
            return

        def passed(upto: bytes) -> bool:
            if done := parse_id(upto) >= parse_id(id):
                then()
            return done

        if not passed(followed.at):
            self.watch(channel, passed)

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Deliver what was published. The hot path."""
        head, _, lines = payload.partition(b"\n")
        followed = self._followed.get(channel)
        if followed is None:
            return
        previous, _, last = head.partition(b" ")
        if followed.late is not None:
            if len(followed.late) < MAX_LATE:
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
        if parse_id(last) > parse_id(followed.at):
            followed.mend([(previous, last, lines)])
            self._spawn(self._repair(channel, followed))
        elif previous.startswith(NO_MESSAGE):
            self._hear(channel, previous, lines)
        else:
            # These messages were delivered already, or the log gives ids a second time.
            self.compare(channel)

    def _hear(self, channel: bytes, head: bytes, lines: bytes) -> None:
        """Take something that is not a message."""
        if head.startswith(EVENTS):
            self._deliver(channel, lines)
        else:
            self._rooms.heard(channel, head[:1], int(head[1:]), lines)

    def compare(self, channel: bytes) -> None:
        """Compare a channel with its log now, as `check` does with all from time to time."""
        followed = self._followed.get(channel)
        if followed is not None and followed.late is None:
            followed.mend([])
            self._spawn(self._compare(channel, followed))

    async def check(self) -> None:
        """Compare all channels with their logs, and repair those that are behind.

        Raises:
            BackplaneDown: Redis is away.
        """
        idle = [(c, f) for c, f in self._followed.items() if f.late is None]
        before = [f.at for _, f in idle]
        tails = await self._backplane.tails([f.log for _, f in idle])
        for (channel, followed), at, tail in zip(idle, before, tails, strict=True):
            # A channel that has moved in the meantime is alive.
            if followed.late is None and followed.at == at and parse_id(tail) > parse_id(at):
                followed.mend([])
                self._spawn(self._repair(channel, followed))

    async def _compare(self, channel: bytes, followed: _Followed) -> None:
        """Check whether a log has lost messages; then it is in a new epoch now."""
        try:
            [tail] = await self._backplane.tails([followed.log])
        except (BackplaneDown, BackplaneRefused):
            tail = NOTHING  # the next comparison finds it
        except Exception:
            logger.exception("could not compare a channel with its log")
            tail = NOTHING
        if parse_id(tail) > parse_id(followed.at):
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
            # The position stays where it is, so the hole will be found again.
            event(logger, logging.WARNING, "gap not repaired yet", why=error, **of)
            self._give_up(followed)
        except Exception:
            # Our own error must not silence the channel for good.
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
            # What came before the log was read to its end is in the log, or nowhere.
            after, before = followed.at, len(followed.late or ())
            page = await read_on(self._backplane, followed.log, after)
            # After the page is read: everybody who is still in the room may get all of it.
            await self._rooms.repaired(channel)
            if self._followed.get(channel) is not followed:
                return False
            if followed.at != after:
                continue  # the position was moved: some of this was delivered in another way
            self._advance(channel, followed, b"".join(page.lines), page.upto)
            if page.lines and not page.lines[-1].startswith(MESSAGE):
                followed.told = page.upto
            more = page.more
        self._mended(channel, followed, before)
        return True

    def _mended(self, channel: bytes, followed: _Followed, before: int = 0) -> None:
        """End the mending: the log has been read to its end, or does not have to be read.

        Args:
            channel: the channel.
            followed: its position.
            before: how much of what waits came before that.
        """
        followed.mending, followed.before = False, before
        if not followed.held:
            self._catch_up(channel, followed)

    def _give_up(self, followed: _Followed) -> None:
        """Reading the log has failed: what waits will be read from it, or found missing, later."""
        followed.mending = False
        followed.late = [] if followed.held else None

    def _catch_up(self, channel: bytes, followed: _Followed) -> None:
        """Deliver what has waited and is new."""
        late, followed.late = followed.late or [], None
        before, followed.before = followed.before, 0
        for number, (previous, last, lines) in enumerate(late):
            if followed.late is not None:
                # What was just delivered has led to another wait.
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
        """Deliver something that has waited, if it is new.

        Args:
            channel: the channel.
            followed: its position.
            previous: the head of the payload, up to the blank.
            last: the rest of the head.
            lines: the lines of the payload.
            lost: the log does not have what may be missing before it, so reading again is useless.
        """
        if previous.startswith(NO_MESSAGE):
            if lost or parse_id(last) <= parse_id(followed.at):
                self._hear(channel, previous, lines)
                return
        elif parse_id(last) <= parse_id(followed.at):
            return
        elif lost and previous != followed.at:
            if followed.told != followed.at:
                lines = encode(gap(followed.log.room, followed.at)) + lines
            self._advance(channel, followed, lines, last)
            return
        self.deliver(channel, previous + b" " + last + b"\n" + lines)
