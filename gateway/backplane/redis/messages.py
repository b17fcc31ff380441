"""Messages: to a room, or to some people only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.backplane.contract import ABSENT, Found, Log, Outgoing, Posted, Whispered
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.calls import room_erase, room_publish, room_react
from gateway.backplane.redis.logs import Keeping
from gateway.backplane.redis.store import RUN_ID, Store
from gateway.errors import BackplaneDown, NameLost, RoomChanged, TooMuchWaits
from gateway.outcomes import How
from wire.codec import encode_body
from wire.frames import PRIVATE, Deleted, Reacted
from wire.reasons import ErrorCode, WireError

PRIVATE_HISTORY = 1000
"""The most messages that one person's log keeps, roughly."""


class RedisMessages:
    """Implements `gateway.backplane.contract.Messages`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        keeping: how much logs keep.
        seqs_ms: milliseconds that Redis remembers what was posted under which seq.
        known: returns the last id that this gateway knows of a log.
        until_ms: returns when the lease of this gateway ends, milliseconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        keeping: Keeping,
        seqs_ms: int,
        known: Callable[[Log], bytes],
        until_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._keys = keys
        self._keeping = keeping
        self._seqs_ms = seqs_ms
        self._known = known
        self._until_ms = until_ms

    async def publish(self, room: str, version: str, messages: list[Outgoing]) -> list[Posted]:
        call = room_publish(
            self._keys,
            room,
            version,
            messages,
            known=self._known(Log(room)),
            history=self._keeping.history,
            kept_ms=self._seqs_ms,
            until_ms=self._until_ms(),
        )
        reply = self._in_time(self._keys.room_log(room), await self._store.run(*call))
        if reply == b"CHANGED":
            raise RoomChanged(room)
        return [
            Posted("", each / 1000) if isinstance(each, int) else Posted(each.decode())
            for each in reply
        ]

    async def whisper(
        self, sender: Registration, names: list[str], body: bytes, *, seq: int | None
    ) -> Whispered:
        keys = self._keys
        reply = await self._store.run(
            "user_whisper",
            [keys.users, keys.users_epoch, keys.users_clock, keys.accounts],
            min(self._keeping.history, PRIVATE_HISTORY),
            RUN_ID,
            keys.users,
            keys.users_channel,
            sender.folded,
            sender.session,
            body,
            sender.origin,
            "" if seq is None else seq,
            self._seqs_ms,
            self._until_ms(),
            self._known(Log(PRIVATE, sender.folded)),
            self._keeping.age_ms,
            *(part for name in names for part in (name, self._known(Log(PRIVATE, name)))),
        )
        if self._in_time(keys.users, reply) == b"GONE":
            raise NameLost("the sender's session has lost its name")
        if not reply:
            return Whispered(None, [ABSENT] * len(names))
        id, *found = (part.decode() for part in reply)
        every = list(zip(found[::3], found[1::3], found[2::3], strict=True))
        if id == "FULL":
            raise TooMuchWaits(dict.fromkeys(name for name, how, _ in every if how == "full"))
        posted = [Found(name, How(how), away[1:] if away else None) for name, how, away in every]
        return Whispered(id, posted or [ABSENT] * len(names))

    async def erase(
        self,
        room: str,
        version: str,
        ids: list[str],
        by: str,
        *,
        author: str = "",
        within: float | None = None,
    ) -> str:
        call = room_erase(
            self._keys,
            room,
            version,
            ids,
            by,
            author=author,
            within_ms=None if within is None else round(within * 1000),
            known=self._known(Log(room)),
            history=self._keeping.history,
        )
        id, _ = self._done(room, await self._store.run(*call))
        return bytes(id).decode()

    async def react(self, room: str, version: str, reaction: Reacted, person: str) -> str:
        call = room_react(
            self._keys,
            room,
            version,
            reaction,
            person,
            known=self._known(Log(room)),
            history=self._keeping.history,
        )
        return bytes(self._done(room, await self._store.run(*call))).decode()

    async def mark_private(
        self,
        user: Registration,
        id: str,
        event: Deleted | Reacted,
        people: list[str],
        *,
        within: float,
    ) -> str:
        keys = self._keys
        reply = await self._store.run(
            "user_mark_message",
            [keys.users, keys.users_epoch, keys.users_clock],
            min(self._keeping.history, PRIVATE_HISTORY),
            RUN_ID,
            keys.users,
            keys.users_channel,
            user.folded,
            user.session,
            id,
            round(within * 1000),
            event.emoji if isinstance(event, Reacted) else "",
            "1" if isinstance(event, Reacted) and event.on else "",
            encode_body(event),
            *(part for name in people for part in (name, self._known(Log(PRIVATE, name)))),
        )
        return bytes(self._done(PRIVATE, reply)).decode()

    def _done(self, room: str, reply: Any) -> Any:
        """The reply of a script about a message, unless it refused to do anything."""
        match reply:
            case b"CHANGED":
                raise RoomChanged(room)
            case b"GONE":
                raise NameLost("the session has lost its name")
            case b"NONE":
                text = "there is no such message: it may be deleted already"
                raise WireError(ErrorCode.NO_SUCH_MESSAGE, text)
            case b"OLD":
                text = "the message is too old: you can delete your messages for an hour"
                raise WireError(ErrorCode.TOO_LATE, text)
            case b"OTHER":
                text = "that is somebody else's message: only its author or an operator of the room"
                raise WireError(ErrorCode.NOT_YOURS, f"{text} can delete it")
            case b"MANY":
                text = "the message has too many reactions already"
                raise WireError(ErrorCode.TOO_MANY_ENTRIES, text)
        return reply

    def _in_time(self, key: str, reply: Any) -> Any:
        """The reply of a script that posts, unless the call came to Redis after our lease."""
        if reply == b"LATE":
            # It was under way for so long that nothing is certain: reconnect.
            self._store.give_up(key)
            raise BackplaneDown("the call came to Redis after the lease had run out")
        return reply
