"""Names: who has which name, and when they were last active."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.backplane.contract import KNOWN, Claimed, Known, Listed, Proof, Touch
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.calls import IdleMs, user_claim, user_release
from gateway.backplane.redis.logs import Keeping
from gateway.backplane.redis.replies import (
    account_of,
    left_sessions,
    parse_user_list,
    registration,
    sessions,
)
from gateway.backplane.redis.store import Store
from gateway.outcomes import Outcome

LISTED_AT_ONCE = 200


class RedisNames:
    """Implements `gateway.backplane.contract.Names`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        gateway: this gateway's id.
        idle: how long users may be inactive.
        resume_ms: milliseconds in which users can resume.
        keeping: how much logs keep; private messages of a registered name, too.
        most_sessions: the most sessions of a registered name.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        gateway: str,
        *,
        idle: IdleMs,
        resume_ms: int,
        keeping: Keeping,
        most_sessions: int,
    ) -> None:
        self._store = store
        self._keys = keys
        self._gateway = gateway
        self._idle = idle
        self._resume_ms = resume_ms
        self._keeping = keeping
        self._most_sessions = most_sessions

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Proof = KNOWN
    ) -> Claimed:
        call = user_claim(
            self._keys,
            user,
            self._gateway,
            ago_ms=round(ago * 1000),
            idle=self._idle,
            resume=resume or "",
            auth=auth,
            most_sessions=self._most_sessions,
            mail_ms=self._keeping.age_ms,
        )
        reply = await self._store.run(*call)
        (
            outcome,
            origin,
            last,
            former,
            hash,
            began,
            waits,
            unheard,
            rooms,
            account,
            away,
            count,
        ) = reply
        return Claimed(
            Outcome(outcome.decode()),
            origin.decode(),
            last,
            waits or last,
            registration(former),
            msgspec.json.decode(began, type=dict[str, str]) if began else None,
            hash.decode(),
            bool(waits),
            bool(unheard),
            msgspec.json.decode(rooms, type=list[str]) if rooms else None,
            account.decode(),
            msgspec.json.decode(away, type=str) if away else None,
            int(count),
        )

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        kept_ms = 0 if for_good else self._resume_ms
        call = user_release(
            self._keys, self._gateway, users, kept_ms=kept_ms, mail_ms=self._keeping.age_ms
        )
        return [session.decode() for session in await self._store.run(*call)]

    async def touch(self, touches: list[Touch]) -> list[str]:
        parts = [part for t in touches for part in (t.folded, t.session, round(t.ago * 1000))]
        keys = self._keys
        touched = [keys.users, keys.held(self._gateway)]
        reply = await self._store.run("user_touch", touched, *self._idle, keys.users, *parts)
        return [session.decode() for session in reply]

    async def idle_left(self, session: str) -> float:
        left = int(await self._store.call("PTTL", self._keys.alive(session)))
        return max(0.0, left / 1000)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        keys = self._keys
        reply = await self._store.run("user_list", [keys.users], cursor, LISTED_AT_ONCE, keys.users)
        return parse_user_list(reply)

    async def look_up(self, folded: str) -> Known | None:
        keys, call = self._keys, self._store.call
        here, away, registered = await asyncio.gather(
            call("HGET", keys.users, folded),
            call("GET", keys.resume(folded)),
            call("HGET", keys.accounts, folded),
        )
        user = next(iter(sessions(here or b"") or left_sessions(away or b"")), None)
        account = account_of(registered or b"")
        of = "" if account is None else account.owner or folded
        if user is None:
            return None if account is None else Known(account.name, "", True, of)
        return Known(user.name, user.origin, account is not None, of)

    async def order(self, folded: str, verb: str, rest: str, but: str = "") -> None:
        users = self._keys.users
        await self._store.run("user_order", [users], folded, verb, rest, but, users)

    async def present(self, names: list[str]) -> list[str]:
        keys = self._keys
        reply = await self._store.run("user_find", [keys.users], keys.users, *names)
        return [name.decode() for name in reply]
