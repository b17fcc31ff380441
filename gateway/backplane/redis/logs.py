"""Reading the logs: the part of the backplane that repairs and replays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.backplane.contract import Log, LogPage
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.readable import UNREADABLE, readable
from gateway.backplane.redis.replies import whole
from gateway.backplane.redis.store import RUN_ID, Store, some_of
from gateway.errors import BackplaneDown
from wire.frames import PRIVATE

PAGE_BYTES = 65536
"""Bytes after which one call stops reading; the last message may go beyond."""

TAILS_AT_ONCE = 100
"""People's logs that one call checks."""

TRIMMED_AT_ONCE = 1000
"""The most messages that one call deletes: it keeps Redis busy for a few milliseconds."""

_object = msgspec.json.Decoder(dict)
_REACTIONS = msgspec.json.Decoder(dict[str, dict[str, str]])


@dataclass
class Keeping:
    """How much logs keep.

    Attributes:
        history: roughly how many messages.
        age_ms: milliseconds that each message is kept.
    """

    history: int
    age_ms: int


class RedisLogs:
    """Implements `gateway.backplane.contract.Logs`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        keeping: how much logs keep.
        known: `gateway.backplane.contract.Events.known`.
    """

    def __init__(
        self, store: Store, keys: Keys, keeping: Keeping, known: Callable[[bytes], bytes]
    ) -> None:
        self._store = store
        self._keys = keys
        self._keeping = keeping
        self._known_on = known

    async def tails(self, logs: list[Log]) -> list[bytes]:
        private = [log for log in logs if log.room == PRIVATE]
        # People's logs share a slot, and each room's log has its own.
        some = [private[i : i + TAILS_AT_ONCE] for i in range(0, len(private), TAILS_AT_ONCE)]
        some += [[log] for log in logs if log.room != PRIVATE]
        found = await some_of(self._tails_of(each) for each in some)
        tails = {log: tail for each in found if each for log, tail in each.items()}
        return [tails.get(log, NOTHING) for log in logs]

    async def read_log(self, log: Log, after: bytes, count: int) -> LogPage:
        keys = [self._keys.log(log), self._keys.epoch(log), self._keys.front(log)]
        tail, start, more, is_whole, *found = await self._store.run(
            "log_read", keys, after, count, PAGE_BYTES, RUN_ID
        )
        messages = zip(found[::3], found[1::3], found[2::3], strict=True)
        lines = [(each[0], _readable(*each)) for each in messages]
        return LogPage(tail, start, bool(more), lines, bool(is_whole))

    async def read_back(
        self, log: Log, before: bytes | None, count: int
    ) -> tuple[list[bytes], bool]:
        at_front, *found = await self._store.run(
            "log_read_back", [self._keys.log(log)], before or b"", count, PAGE_BYTES
        )
        every = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [line for each in every if (line := _readable(*each))], bool(at_front)

    async def reactions(self, log: Log, messages: list[str]) -> dict[str, dict[str, list[str]]]:
        if not messages:
            return {}
        found = await self._store.call("HMGET", self._keys.reactions(log), *messages)
        every = {}
        for message, text in zip(messages, found, strict=True):
            for people in readable(_REACTIONS, filter(None, [text]), "the reactions to a message"):
                every[message] = {emoji: sorted(who.values()) for emoji, who in people.items()}
        return every

    async def trim(self, logs: list[Log]) -> None:
        failure: BackplaneDown | None = None
        for log in logs:
            try:
                await self._trim(log)
            except BackplaneDown as error:
                failure = error  # other logs may be within reach
        if failure is not None:
            raise failure

    async def _trim(self, log: Log) -> None:
        forgotten = TRIMMED_AT_ONCE
        while forgotten == TRIMMED_AT_ONCE:
            forgotten = await self._store.run(
                "log_trim", [self._keys.log(log)], self._keeping.age_ms, TRIMMED_AT_ONCE
            )

    def known(self, log: Log) -> bytes:
        """The last id of a log that this gateway knows."""
        return self._known_on(self._keys.channel(log).encode())

    async def _tails_of(self, logs: list[Log]) -> dict[Log, bytes]:
        keys = [self._keys.epoch(logs[0]), *(self._keys.log(log) for log in logs)]
        known = [self.known(log) for log in logs]
        found = await self._store.run("log_tails", keys, RUN_ID, *known)
        return dict(zip(logs, found, strict=True))


def _readable(id: bytes, ts: bytes, body: bytes) -> bytes:
    """A line of a log; empty if it is not a valid frame, because another program wrote it."""
    line = whole(id, ts, body)
    try:
        _object.decode(line)
    except UNREADABLE:
        return b""
    return line if body[:1] == b"{" and line.find(b"\n") == len(line) - 1 else b""
