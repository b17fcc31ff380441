"""Registered names: whether a peer that wants one knows its password."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gateway.addresses import Address, neighbourhood
from gateway.backplane import Admission
from gateway.chat.effects import Claim
from gateway.chat.names import fold
from gateway.passwords import verify
from wire.reasons import ErrorCode, WireError

AT_ONCE = 2
"""Passwords that are looked at at the same time: each costs 64 MiB and a core for some 50 ms."""

MOST_WAITING = 100
"""Passwords that may wait for that: some three seconds' worth."""


class Accounts:
    """Looks at passwords, away from the event loop.

    Args:
        admission: counts how often that is done, on all gateways.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0

    def close(self) -> None:
        """Look at nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, claim: Claim, hash: str, ip: Address) -> None:
        """Return if a peer may have a name.

        Args:
            claim: what it wants.
            hash: of the name's password; "" if the name is not registered, where only registered
                ones are let in. The answer to that is that of a wrong password, and takes as long.
            ip: where the peer is.

        Raises:
            WireError: it may not.
            BackplaneDown: Redis is away.
            RedisError: Redis refused.
        """
        if claim.password is None:
            raise WireError(
                ErrorCode.PASSWORD_REQUIRED, f"the name {claim.name} needs its password"
            )
        who, where = fold(claim.name), neighbourhood(ip)
        wait = 1.0 if self._waiting >= MOST_WAITING else 0.0
        wait = wait or await self._admission.try_password(who, where)
        if wait:
            raise WireError(
                ErrorCode.TOO_MANY_ATTEMPTS,
                f"too many wrong passwords; try again in {wait:.0f} s",
                retry_after=round(wait + 0.05, 1),
            )
        if not await self._verify(hash, claim.password):
            raise WireError(ErrorCode.BAD_PASSWORD, f"this is not the password of {claim.name}")
        await self._admission.forgive(who, where)

    async def _verify(self, hash: str, password: str) -> bool:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, verify, hash, password)
        finally:
            self._waiting -= 1
