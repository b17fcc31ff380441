"""The probe: checks that a frame really gets through Redis.

It claims a name, sends a message and waits to hear it, in a small chat of the gateway's own, by the
same scripts and connections as everybody's messages. If it is cut short, its keys expire after a
minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Coroutine
from typing import Any

import msgspec

from gateway.backplane.contract import KNOWN, Outgoing
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.calls import IdleMs, room_publish, user_claim, user_release
from gateway.backplane.redis.store import Store
from gateway.chat.rooms import NEVER
from gateway.errors import BackplaneDown, BackplaneRefused, ProbeFailed
from gateway.outcomes import Outcome
from wire.codec import encode_body
from wire.frames import LOBBY, Msg

DEADLINE = 2.0
"""Seconds after which a probe fails: checks of readiness have deadlines of a few seconds."""

FRESH = 1.0
"""Seconds that an answer is reused, so that a flood of checks costs Redis nothing."""

KEPT_MS = 60_000
"""The most milliseconds that a probe's keys live, and its answer to a command."""

FULL = "Redis' memory is full, so no messages can be sent"

NAME = "probe"
WELCOME = (Outcome.GRANTED, Outcome.INHERITED)
"""The good outcomes of a claim; it is inherited after a probe that was cut short."""


def probe_channel(keys: Keys, gateway: str) -> str:
    """The channel of a gateway's probe, which the gateway subscribes to at its start.

    Args:
        keys: the chat's keys.
        gateway: the gateway's id.
    """
    return keys.probe(gateway).room_channel(LOBBY)


class Probe:
    """Sends a frame and waits for it to come back.

    Args:
        keys: the chat's keys.
        gateway: this gateway's id.
        store: where the data is.
    """

    def __init__(self, keys: Keys, gateway: str, store: Store) -> None:
        self._probed = keys.probed
        self._keys = keys.probe(gateway)
        self._gateway = gateway
        self._store = store
        self._step = ""
        self._nonce = b""
        self._heard: asyncio.Future[None] | None = None
        self._trying: asyncio.Task[float] | None = None
        self._began = 0.0

    def heard(self, payload: bytes) -> None:
        """Take what was published on the probe's channel."""
        if self._heard is not None and not self._heard.done() and self._nonce in payload:
            self._heard.set_result(None)

    async def fresh(self) -> float:
        """The seconds that a probe took, now or a moment ago; callers share one probe.

        Raises:
            ProbeFailed: the text says in which step.
        """
        now = time.monotonic()
        if self._trying is None or (self._trying.done() and now - self._began >= FRESH):
            self._began = now
            self._trying = asyncio.get_running_loop().create_task(self._try())
            # The caller may be gone by then: mark the exception as read.
            self._trying.add_done_callback(lambda tried: tried.cancelled() or tried.exception())
        return await asyncio.shield(self._trying)

    async def answer(self, nonce: str) -> None:
        """Probe, and leave the answer in Redis under this nonce, for a command."""
        try:
            found: dict[str, Any] = {"ok": True, "seconds": await self.fresh(), "text": ""}
        except ProbeFailed as error:
            found = {"ok": False, "seconds": time.monotonic() - self._began, "text": str(error)}
        with contextlib.suppress(BackplaneDown, BackplaneRefused):
            found_json = msgspec.json.encode(found)
            await self._store.call("SET", self._probed(nonce), found_json, "PX", KEPT_MS)

    async def close(self) -> None:
        """End a probe that is under way."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)

    async def _try(self) -> float:
        began = time.monotonic()
        try:
            async with asyncio.timeout(DEADLINE):
                await self._steps()
        except TimeoutError:
            took = f"Redis was too slow: given up after {DEADLINE:.0f} s"
            raise ProbeFailed(f"{took}, while {self._step}") from None
        except (BackplaneDown, BackplaneRefused) as error:
            if isinstance(error, BackplaneRefused) and error.is_full:
                raise ProbeFailed(f"{FULL}: {error}") from None
            raise ProbeFailed(f"Redis failed while {self._step}: {error}") from None
        return time.monotonic() - began

    async def _steps(self) -> None:
        session = secrets.token_hex(8)
        self._nonce = session.encode()
        self._heard = asyncio.get_running_loop().create_future()
        self._step = "claiming a name"
        if (outcome := await self._claim(session)) not in WELCOME:
            raise ProbeFailed(f"the name of the probe was not free: {outcome}")
        self._step = "publishing"
        await self._publish(session)
        self._step = "waiting to hear what was published"
        await self._heard
        self._step = "releasing the name"
        if await self._release(session) != [self._nonce]:
            raise ProbeFailed("somebody else had the name of the probe when it was released")

    async def _claim(self, session: str) -> Outcome:
        keys, store = self._keys, self._store
        user = self._user(session)
        call = user_claim(
            keys,
            user,
            self._gateway,
            ago_ms=0,
            idle=IdleMs(KEPT_MS, KEPT_MS),
            resume="",
            auth=KNOWN,
            most_sessions=1,
            mail_ms=KEPT_MS,
        )
        made = (keys.users, keys.held(self._gateway), keys.users_epoch)
        outcome, *_ = await self._run_expiring(store.run(*call), *made)
        return Outcome(outcome.decode())

    def _user(self, session: str) -> Registration:
        return Registration(
            name=NAME,
            folded=NAME,
            session=session,
            gateway=self._gateway,
            address="",
            since=0,
            origin=session,
            resume="",
            rooms=[LOBBY],
        )

    async def _publish(self, session: str) -> None:
        keys, store = self._keys, self._store
        message = Outgoing(encode_body(Msg(from_=NAME, room=LOBBY, text=session)))
        call = room_publish(
            keys,
            LOBBY,
            NEVER,
            [message],
            known=NOTHING,
            history=1,
            kept_ms=KEPT_MS,
            until_ms=None,
        )
        await self._run_expiring(store.run(*call), *self._made_by_publishing())

    def _made_by_publishing(self) -> list[str]:
        keys = self._keys
        return [keys.room_log(LOBBY), keys.room_epoch(LOBBY), keys.room_clock(LOBBY)]

    async def _release(self, session: str) -> Any:
        keys, store = self._keys, self._store
        call = user_release(keys, self._gateway, [self._user(session)], kept_ms=0, mail_ms=0)
        released, *_ = await asyncio.gather(
            store.run(*call),
            store.call("DEL", *self._made_by_publishing()),
            store.call("DEL", keys.users_epoch),  # in another slot
        )
        return released

    async def _run_expiring(self, call: Coroutine[Any, Any, Any], *keys: str) -> Any:
        """Run a script; in the same write, make its keys expire in case the probe ends here."""
        ends = (self._store.call("PEXPIRE", key, KEPT_MS) for key in keys)
        result, *_ = await asyncio.gather(call, *ends)
        return result
