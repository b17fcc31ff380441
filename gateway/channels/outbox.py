"""The outbox: messages on their way to rooms, collected per turn of the loop and sent in one call.

A room has one call under way at a time. While Redis works on it the next batch grows, so that
the busier a room is, the less each message costs. If the connection is lost, only the messages of
one call are in doubt.

While Redis is away messages wait here, in order and in bounded memory.

A message goes out with the version of the room's rules that allowed it, and Redis refuses it if the
room has changed since. Then, or if the rules are known to have changed while it waited, the sender
is asked again whether it may still be sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from msgspec.structs import replace

from gateway.backplane.contract import Outgoing, Posted
from gateway.chat.effects import Publish
from gateway.errors import BackplaneDown, BackplaneRefused, RoomChanged
from gateway.journal import event
from wire.reasons import WireError

log = logging.getLogger(__name__)

BATCH = 512
"""The most messages in one call: it keeps Redis busy for a few milliseconds at worst."""

PAUSE = 1.0
"""Seconds to wait after Redis refused to return a room's rules."""

NOT_TOLD = "could not tell a sender the outcome of a message"
"""A fault of ours, in the log: it must not keep the others from their answers."""

Allowed = tuple[Outgoing, str]
"""A message as the backplane takes it, and the version of the rules by which it is allowed."""


class Sender(Protocol):
    """The sender of a message, who is told its outcome."""

    lost: bool
    """The sender has lost its name: nothing more may be sent in it."""

    network: str
    """The sender's network: all senders of one network have a share of what may wait."""

    def allowed(self, publish: Publish) -> Allowed:
        """A message in the backplane's form, by the room's rules as they are known now.

        Raises:
            WireError: the rules do not allow it.
        """

    def published(self, publish: Publish, posted: Posted) -> None:
        """The message was stored and published, or Redis says why not."""

    def refused(self, publish: Publish, error: WireError) -> None:
        """The message was not published, because the room's rules have changed."""

    def in_doubt(self, publish: Publish, why: str = "") -> None:
        """The message was not published, or that is not known.

        Args:
            publish: the effect.
            why: why it was not, for people; "" if that is not known.
        """


class KnowsRules(Protocol):
    """The rules of rooms, as this gateway knows them."""

    def version(self, room: str) -> str | None:
        """The version of a room's rules; None if they are not known here."""

    async def refresh(self, room: str) -> None:
        """Read a room's rules again.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    """A message that waits.

    Attributes:
        message: the message in the backplane's form.
        publish: the effect.
        sender: is told the outcome.
        version: the version of the rules that allowed it; None if they have changed since.
        since: when it was handed in, by the monotonic clock.
    """

    message: Outgoing
    publish: Publish
    sender: Sender
    version: str | None
    since: float


class _Queue:
    __slots__ = ("entries", "sending")

    def __init__(self) -> None:
        self.entries: list[_Waiting] = []
        self.sending: asyncio.Task[None] | None = None


class Outbox:
    """The rooms' outgoing messages.

    Args:
        publish: `gateway.backplane.contract.Backplane.publish`.
        ready: returns once this gateway may act for its users.
        rules: the rules of rooms.
        limit: the most bytes that may wait; half of them from one network.
        stored: called for each batch that was published, with the room, the last id, and when the
            oldest message was handed in.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        publish: Callable[[str, str, list[Outgoing]], Awaitable[list[Posted]]],
        ready: Callable[[], Awaitable[None]],
        rules: KnowsRules,
        limit: int,
        stored: Callable[[str, str, float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._publish = publish
        self._ready = ready
        self._rules = rules
        self._limit = limit
        self._stored = stored
        self._monotonic = monotonic
        self._bytes = 0
        self._bytes_from: dict[str, int] = {}
        self._rooms: dict[str, _Queue] = {}
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def send(self, publish: Publish, sender: Sender) -> bool:
        """Publish a message, and tell its sender the outcome.

        Args:
            publish: the effect.
            sender: the sender.

        Returns:
            False if too much is waiting already; then it was not accepted.

        Raises:
            WireError: the room's rules do not allow it.
        """
        message, version = sender.allowed(publish)
        size, from_there = len(message.body), self._bytes_from.get(sender.network, 0)
        if self._bytes + size > self._limit or from_there + size > self._limit // 2:
            return False
        self._bytes += size
        self._bytes_from[sender.network] = from_there + size
        name = publish.room
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = _Queue()
        room.entries.append(_Waiting(message, publish, sender, version, self._monotonic()))
        if room.sending is None:
            # It runs at the end of this turn of the loop, with all messages of the turn.
            room.sending = self._loop.create_task(self._send_all(name, room))
        return True

    async def settle(self) -> None:
        """Wait until everything that was handed in is published."""
        sending = [room.sending for room in self._rooms.values() if room.sending is not None]
        if sending:
            await asyncio.wait(sending)

    def stop(self) -> None:
        """Publish nothing more."""
        for room in self._rooms.values():
            if room.sending is not None:
                room.sending.cancel()

    async def _send_all(self, name: str, room: _Queue) -> None:
        while room.entries:
            await self._ready()
            batch, room.entries = room.entries[:BATCH], room.entries[BATCH:]
            # If nobody here is in the room now, use the last known version.
            version = self._rules.version(name) or batch[0].version or ""
            if not all(entry.version == version and not entry.sender.lost for entry in batch):
                batch = [e for entry in batch if (e := self._checked(entry, version)) is not None]
            if not batch:
                continue
            try:
                posted = await self._publish(name, version, [entry.message for entry in batch])
                if len(posted) != len(batch):
                    raise RuntimeError(f"{len(posted)} ids came for {len(batch)} messages")
            except RoomChanged:
                room.entries = [replace(entry, version=None) for entry in batch] + room.entries
                await self._read_rules(name)
            except BackplaneDown:
                # It may have been stored. With a seq it is not stored twice: send it again first.
                room.entries = [e for e in batch if e.publish.seq is not None] + room.entries
                self._doubt([entry for entry in batch if entry.publish.seq is None])
            except BackplaneRefused as error:
                event(log, logging.ERROR, "Redis refused to publish", lines=len(batch), why=error)
                self._doubt(batch, error.not_sent)
            except Exception:
                # Our own error must not silence the room for good.
                log.exception("could not publish %d messages", len(batch))
                self._doubt(batch)
            else:
                self._answer(name, batch, posted)
        del self._rooms[name]

    async def _read_rules(self, name: str) -> None:
        try:
            await self._rules.refresh(name)
        except BackplaneDown:
            pass  # the next attempt waits until Redis is back
        except BackplaneRefused as error:
            event(log, logging.ERROR, "Redis refused", why=error)
            await asyncio.sleep(PAUSE)
        except Exception:
            log.exception("could not read the rules of a room")
            await asyncio.sleep(PAUSE)

    def _checked(self, entry: _Waiting, version: str) -> _Waiting | None:
        """The entry, checked by this version of the rules; None if it may not be published."""
        if entry.sender.lost:
            self._doubt([entry])
            return None
        if entry.version == version:
            return entry
        try:
            message, version = entry.sender.allowed(entry.publish)
        except WireError as error:
            self._refuse(entry, error)
            return None
        except Exception:
            log.exception("could not check a message")
            self._doubt([entry])
            return None
        return replace(entry, message=message, version=version)

    def _refuse(self, entry: _Waiting, error: WireError) -> None:
        self._let_go([entry])
        try:
            entry.sender.refused(entry.publish, error)
        except Exception:
            log.exception(NOT_TOLD)

    def _doubt(self, batch: list[_Waiting], why: str = "") -> None:
        self._let_go(batch)
        for entry in batch:
            try:
                entry.sender.in_doubt(entry.publish, why)
            except Exception:
                log.exception(NOT_TOLD)

    def _answer(self, name: str, batch: list[_Waiting], posted: list[Posted]) -> None:
        self._let_go(batch)
        for entry, each in zip(batch, posted, strict=True):
            try:
                entry.sender.published(entry.publish, each)
            except Exception:
                log.exception(NOT_TOLD)
        # A message that was posted before has its old id, or none.
        if last := posted[-1].id:
            self._stored(name, last, batch[0].since)

    def _let_go(self, batch: list[_Waiting]) -> None:
        """These messages no longer wait."""
        bytes_from = self._bytes_from
        for entry in batch:
            size, network = len(entry.message.body), entry.sender.network
            self._bytes -= size
            bytes_from[network] -= size
            if not bytes_from[network]:
                del bytes_from[network]
