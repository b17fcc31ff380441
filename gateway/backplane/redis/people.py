"""People: whether they are away, their names, the people they ignore, and what they have read."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.backplane.contract import Listed, NewName
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.calls import IdleMs, account_put
from gateway.backplane.redis.logs import Keeping
from gateway.backplane.redis.replies import account_of, parse_user_list
from gateway.backplane.redis.store import RUN_ID, Store
from gateway.errors import NameLost
from gateway.outcomes import Put
from wire.frames import IGNORED
from wire.names import fold
from wire.reasons import ErrorCode, WireError

MOST_MARKS = 200
"""Rooms in which it is known how far an account has read; the oldest goes first."""

MARKS_KEPT_MS = 90 * 24 * 3600 * 1000
"""Milliseconds that the marks of an account are kept after the last one."""

REGISTERED_A_DAY = 5
"""Names that may be registered from one network within a day."""

DAY_MS = 24 * 3600 * 1000


class RedisPeople:
    """Implements `gateway.backplane.contract.People`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        gateway: this gateway's id.
        keeping: how much logs keep; private messages of a registered name, too.
        most_sessions: the most sessions of a registered name.
        idle: how long users may be inactive.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        gateway: str,
        *,
        keeping: Keeping,
        most_sessions: int,
        idle: IdleMs,
    ) -> None:
        self._store = store
        self._keys = keys
        self._gateway = gateway
        self._keeping = keeping
        self._most_sessions = most_sessions
        self._idle = idle

    async def set_away(self, user: Registration, away: str | None) -> tuple[str | None, str | None]:
        said = "" if away is None else f"={away}"
        limit = self._idle.here if away is None else self._idle.away
        keys = [self._keys.users, self._keys.alive(user.session)]
        reply = await self._store.run("user_away", keys, user.folded, user.session, said, limit)
        if reply == b"GONE":
            raise NameLost("the session has lost its name")
        before, now = (part.decode()[1:] if part else None for part in reply)
        return before, now

    async def rename(self, user: Registration, name: str) -> NewName:
        keys, folded = self._keys, fold(name)
        reply = await self._store.run(
            "user_rename",
            [keys.users, keys.held(self._gateway), keys.accounts, keys.users_epoch],
            user.folded,
            user.session,
            folded,
            name,
            keys.users,
            RUN_ID,
            self._keeping.age_ms,
            self._most_sessions,
        )
        match reply:
            case b"GONE":
                raise NameLost("the session has lost its name")
            case b"TAKEN":
                raise WireError(ErrorCode.NAME_TAKEN, f"the name {name} is taken")
            case b"REGISTERED" if user.account:
                text = f"{name} is not a name of your account: register it first"
                raise WireError(ErrorCode.NAME_REGISTERED, text)
            case b"REGISTERED":
                text = f"{name} is registered: log in as {name}, with its password"
                raise WireError(ErrorCode.NAME_REGISTERED, text)
        return NewName(*reply)

    async def sessions(self, folded: str) -> list[Listed]:
        users = self._keys.users
        reply = await self._store.run("user_show", [users], folded, users)
        return parse_user_list([b"0", *reply])[1]

    async def ignored(self, account: str) -> list[str]:
        names = await self._store.call("HVALS", self._keys.ignored(account))
        return sorted((name.decode(errors="replace") for name in names), key=str.casefold)

    async def ignore(self, account: str, name: str, *, on: bool) -> None:
        key, call, folded = self._keys.ignored(account), self._store.call, fold(name)
        if not on:
            await call("HDEL", key, folded)
            return
        if await call("HLEN", key) >= IGNORED and not await call("HEXISTS", key, folded):
            text = f"you ignore {IGNORED} people already: stop ignoring somebody first"
            raise WireError(ErrorCode.TOO_MANY_ENTRIES, text)
        await call("HSET", key, folded, name)

    async def marks(self, account: str) -> dict[str, str]:
        found = await self._store.call("HGETALL", self._keys.marks(account))
        texts = [each.decode(errors="replace") for each in found]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    async def mark(self, account: str, room: str, id: str) -> bool:
        keys = [self._keys.marks(account)]
        moved = await self._store.run("account_mark", keys, room, id, MOST_MARKS, MARKS_KEPT_MS)
        return bool(moved)

    async def tell(self, account: str, line: bytes) -> None:
        keys, call = self._keys, self._store.call
        record = account_of(await call("HGET", keys.accounts, account) or b"")
        names = dict.fromkeys([account, *(record.names if record else ())])
        channels = [keys.user_channel(name) for name in names]
        await asyncio.gather(*(call("SPUBLISH", each, b"!0 0-0\n" + line) for each in channels))

    async def tell_room(self, room: str, line: bytes) -> None:
        await self._store.call("SPUBLISH", self._keys.room_channel(room), b"!0 0-0\n" + line)

    async def count_registered(self, network: str) -> bool:
        key = self._keys.registered(network)
        return bool(await self._store.run("room_made", [key], REGISTERED_A_DAY, DAY_MS) == 1)

    async def hash_of(self, account: str) -> str:
        found = await self._store.call("HGET", self._keys.accounts, account)
        try:
            return str(msgspec.json.decode(found or b"{}").get("hash", ""))
        except (msgspec.MsgspecError, AttributeError):
            return ""

    async def register(
        self, user: Registration, name: str, hash: str, *, of: str = "", text: str = ""
    ) -> Put:
        call = account_put(self._keys, name, "add", hash=hash, text=text, owner=of, asks=user)
        return _put(await self._store.run(*call))

    async def change_password(self, user: Registration, hash: str, text: str) -> Put:
        call = account_put(self._keys, user.account, "change", hash=hash, text=text, asks=user)
        return _put(await self._store.run(*call))


def _put(reply: object) -> Put:
    return Put(reply.decode()) if isinstance(reply, bytes) else Put.DONE
