"""Gateways: their leases and reports, the names that they hold, and sweeps of dead ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from gateway.backplane.contract import LEASE
from gateway.backplane.keys import Keys
from gateway.backplane.readable import GATEWAY_INFO, UNREADABLE
from gateway.backplane.records import GatewayInfo, Registration
from gateway.backplane.redis.logs import Keeping
from gateway.backplane.redis.replies import registrations
from gateway.backplane.redis.store import Store
from gateway.errors import BackplaneDown, BackplaneRefused

SWEPT_AT_ONCE = 100
HELD_AT_ONCE = 200


class RedisGateways:
    """Implements `gateway.backplane.contract.Gateways`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        gateway: this gateway's id.
        info: returns this gateway's report, a `GatewayInfo` in JSON.
        resume_ms: milliseconds in which users can resume.
        keeping: how much logs keep; private messages of a registered name, too.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        gateway: str,
        info: Callable[[], bytes],
        *,
        resume_ms: int,
        keeping: Keeping,
    ) -> None:
        self._store = store
        self._keys = keys
        self._gateway = gateway
        self._info = info
        self._resume_ms = resume_ms
        self._keeping = keeping
        # When the lease ends, by Redis' clock: after that nothing is posted in our users' names.
        self._until_ms = 0

    async def renew_lease(self, seconds: float = LEASE) -> bool:
        keys, span = self._keys, round(seconds * 1000)
        until_ms, kept = await self._store.run(
            "gateway_renew",
            [keys.lease(self._gateway), keys.gateways],
            self._gateway,
            self._info(),
            span,
        )
        self._until_ms = int(until_ms)
        return bool(kept)

    def lease_ends(self) -> int:
        """When the lease ends, milliseconds since 1970 by Redis' clock."""
        return self._until_ms

    async def end_lease(self) -> None:
        """Give up the lease: from now on this gateway counts as dead."""
        keys, own = self._keys, self._gateway
        await self._store.call("DEL", keys.lease(own))
        # If names are left, the others must still know this gateway to sweep them.
        if not await self._store.call("SCARD", keys.held(own)):
            await self._store.call("HDEL", keys.gateways, own)

    async def neighbours(self) -> dict[str, GatewayInfo]:
        keys = self._keys
        _, *found = await self._store.run("gateway_list", [keys.gateways], keys.users)
        others = {}
        for id, info, lease in zip(found[::4], found[1::4], found[2::4], strict=True):
            if id.decode(errors="replace") != self._gateway and int(lease) >= 0:
                with contextlib.suppress(*UNREADABLE):  # a report of another version
                    others[id.decode()] = GATEWAY_INFO.decode(info)
        return others

    async def own_users(self, cursor: str) -> tuple[str, list[Registration]]:
        keys, own = self._keys, self._gateway
        cursor_, *records = await self._store.run(
            "gateway_held", [keys.held(own), keys.users], own, cursor, HELD_AT_ONCE
        )
        return cursor_.decode(), registrations(records)

    async def sweep(self) -> list[Registration]:
        gone: list[Registration] = []
        failure: BackplaneDown | BackplaneRefused | None = None
        for gateway in await self._store.call("HKEYS", self._keys.gateways):
            id = gateway.decode(errors="replace")
            try:
                if id != self._gateway:
                    await self._sweep_one(id, gone)
            except (BackplaneDown, BackplaneRefused) as error:
                failure = error  # a gateway that cannot be swept must not hold up the others
        # Names that were taken are gone from Redis: nobody else can announce them.
        if failure is not None and not gone:
            raise failure
        return gone

    async def _sweep_one(self, gateway: str, gone: list[Registration]) -> None:
        keys, left = self._keys, 1
        touched = [keys.lease(gateway), keys.users, keys.held(gateway), keys.gateways]
        touched.append(keys.accounts)
        while left:
            left, *records = await self._store.run(
                "gateway_sweep",
                touched,
                gateway,
                SWEPT_AT_ONCE,
                keys.users,
                self._resume_ms,
                self._keeping.age_ms,
            )
            gone += registrations(records)
