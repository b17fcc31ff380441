"""Registered names: does a peer that wants one know its password?"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gateway.addresses import Address, site, subnet
from gateway.backplane.contract import Admission
from gateway.chat.effects import Claim
from gateway.door.passwords import flaw, hash_password, verify
from gateway.door.turns import Full, Turns
from wire.names import fold
from wire.reasons import ErrorCode, WireError

AT_ONCE = 2
"""Passwords that are checked at the same time: each check costs 64 MiB and about 200 ms of CPU
in four threads."""

FIRST_ESTIMATE = 0.3
"""Seconds that a check is assumed to take before any has been measured."""


class Accounts:
    """Checks passwords, away from the event loop.

    Args:
        admission: counts the attempts on all gateways.
        patience: the most seconds that a password may wait for its check.
    """

    def __init__(self, admission: Admission, patience: float) -> None:
        self._admission = admission
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._turns = Turns(AT_ONCE, patience, FIRST_ESTIMATE)

    def close(self) -> None:
        """Check no more passwords."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, claim: Claim, hash: str, ip: Address) -> None:
        """Return if a peer may have the name it asks for.

        Args:
            claim: what it asks for.
            hash: the hash of the name's password. "" means that the name is not registered and
                only registered names are let in: the answer is the same as to a wrong password,
                and takes as long.
            ip: the peer's address.

        Raises:
            WireError: it may not have the name.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        if claim.password is None:
            raise WireError(
                ErrorCode.PASSWORD_REQUIRED, f"the name {claim.name} needs its password"
            )
        await self.prove(claim.name, claim.password, hash, ip)

    async def prove(self, name: str, password: str, hash: str, ip: Address) -> None:
        """Return if a password is an account's; raises what `check` raises.

        Args:
            name: the name, or the account.
            password: what the peer gave.
            hash: as in `check`.
            ip: likewise.
        """
        try:
            async with self._turns.turn(site(ip) or subnet(ip)):
                await self._check(name, password, hash, ip)
        except Full as full:
            raise _too_many("passwords are being checked", full.after) from None

    async def hash(self, password: str, ip: Address) -> str:
        """The hash of a new password.

        Raises:
            WireError: the password cannot be used, or too many are being checked.
        """
        if (wrong := flaw(password)) is not None:
            raise WireError(ErrorCode.BAD_PASSWORD, wrong)
        try:
            async with self._turns.turn(site(ip) or subnet(ip)):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, hash_password, password)
        except Full as full:
            raise _too_many("passwords are being checked", full.after) from None

    async def _check(self, name: str, password: str, hash: str, ip: Address) -> None:
        folded, networks = fold(name), (subnet(ip), site(ip))
        if wait := await self._admission.try_password(folded, *networks):
            raise _too_many("wrong passwords", wait)
        loop = asyncio.get_running_loop()
        began = loop.time()
        correct = await loop.run_in_executor(self._threads, verify, hash, password)
        self._turns.took(loop.time() - began)
        if not correct:
            raise WireError(ErrorCode.BAD_PASSWORD, f"this is not the password for {name}")
        await self._admission.forgive(folded, *networks)


def _too_many(what: str, wait: float) -> WireError:
    return WireError(
        ErrorCode.TOO_MANY_ATTEMPTS,
        f"too many {what}; try again in {max(1.0, wait):.0f} s",
        retry_after=round(wait + 0.05, 1),
    )
