"""Registered names: whether a peer that wants one knows its password."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gateway.addresses import Address, neighbourhood, site
from gateway.backplane.contract import Admission
from gateway.chat.effects import Claim
from gateway.door.passwords import verify
from gateway.door.turns import Full, Turns
from wire.names import fold
from wire.reasons import ErrorCode, WireError

AT_ONCE = 2
"""Passwords that are looked at at the same time: each costs 64 MiB, and some 200 ms of CPU
in four threads."""

TAKES = 0.3
"""Seconds that looking at one takes, before any was looked at."""


class Accounts:
    """Looks at passwords, away from the event loop.

    Args:
        admission: counts how often that is done, on all gateways.
        patience: seconds that one may have to wait until it is looked at.
    """

    def __init__(self, admission: Admission, patience: float) -> None:
        self._admission = admission
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._turns = Turns(AT_ONCE, patience, TAKES)

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
            BackplaneRefused: Redis refused.
        """
        if claim.password is None:
            raise WireError(
                ErrorCode.PASSWORD_REQUIRED, f"the name {claim.name} needs its password"
            )
        try:
            async with self._turns.turn(site(ip) or neighbourhood(ip)):
                await self._check(claim.name, claim.password, hash, ip)
        except Full as full:
            raise _too_many("passwords are being checked", full.after) from None

    async def _check(self, name: str, password: str, hash: str, ip: Address) -> None:
        who, where = fold(name), (neighbourhood(ip), site(ip))
        if wait := await self._admission.try_password(who, *where):
            raise _too_many("wrong passwords", wait)
        loop = asyncio.get_running_loop()
        began = loop.time()
        right = await loop.run_in_executor(self._threads, verify, hash, password)
        self._turns.took(loop.time() - began)
        if not right:
            raise WireError(ErrorCode.BAD_PASSWORD, f"this is not the password of {name}")
        await self._admission.forgive(who, *where)


def _too_many(what: str, wait: float) -> WireError:
    return WireError(
        ErrorCode.TOO_MANY_ATTEMPTS,
        f"too many {what}; try again in {max(1.0, wait):.0f} s",
        retry_after=round(wait + 0.05, 1),
    )
