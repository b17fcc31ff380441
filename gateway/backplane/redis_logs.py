"""Reading the logs: the part of the backplane that repairs and replays."""

from __future__ import annotations

import asyncio

from gateway.backplane.ids import before, parse
from gateway.backplane.keys import Keys
from gateway.backplane.pair import Pair
from gateway.backplane.replies import whole
from wire.frames import PRIVATE


class RedisLogs:
    """Keeps what `gateway.backplane.Backplane` says of logs.

    Args:
        pair: the connections.
        keys: the names of the keys.
        age_ms: how long a message is kept, milliseconds.
    """

    def __init__(self, pair: Pair, keys: Keys, age_ms: int) -> None:
        self._pair = pair
        self._keys = keys
        self._age_ms = age_ms

    @property
    def epoch(self) -> str:
        return self._pair.epoch

    async def tails(self, rooms: list[str], users: list[str]) -> list[bytes]:
        keys = self._keys
        newest = await asyncio.gather(
            *(self._pair.call("XREVRANGE", keys.room_log(r), "+", "-", "COUNT", 1) for r in rooms)
        )
        start = before(self.epoch)
        # A message of an older epoch is none that the next one could be said to follow.
        tails = [max(start, entries[0][0], key=parse) if entries else start for entries in newest]
        if users:
            lasts = await self._pair.call("MGET", *(keys.last(folded) for folded in users))
            tails += [last or start for last in lasts]
        return tails

    async def said(self, room: str, after: bytes, count: int) -> list[tuple[bytes, bytes]]:
        log = self._keys.room_log(room)
        entries = await self._pair.call("XRANGE", log, b"(" + after, "+", "COUNT", count)
        return [(id, whole(id, fields[1])) for id, fields in entries]

    async def whispered(
        self, folded: str, after: bytes, count: int
    ) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        looked, *found = await self._pair.run(
            "user_missed", [self._keys.private_log], folded, after, count
        )
        pairs = zip(found[::2], found[1::2], strict=True)
        return looked, [(id, whole(id, line)) for id, line in pairs]

    async def oldest(self, room: str) -> bytes:
        entries = await self._pair.call("XRANGE", self._log(room), "-", "+", "COUNT", 1)
        return entries[0][0] if entries else before(self.epoch)

    async def trim(self, rooms: list[str]) -> None:
        for room in (PRIVATE, *rooms):
            await self._pair.run("log_trim", [self._log(room)], self._age_ms)

    def _log(self, room: str) -> str:
        return self._keys.private_log if room == PRIVATE else self._keys.room_log(room)
