"""One gateway: its parts, and what the backplane tells it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.backplane import Registration
from gateway.backplane.redis import RedisBackplane
from gateway.chat.rules import Rules
from gateway.config import GatewayConfig
from gateway.errors import BackplaneDown
from gateway.hub import Hub
from gateway.outbox import Outbox
from gateway.presence import Presence
from gateway.subscriptions import Subscriptions
from wire.codec import encode
from wire.frames import Joined, Left, Notice
from wire.reasons import REPLACED, NoticeCode, Reason

if TYPE_CHECKING:
    from gateway.peer import Peer

log = logging.getLogger(__name__)


class Gateway:
    """Hub, backplane, outbox and presence, and everybody who is connected.

    Args:
        config: its settings.
        monotonic: a clock in seconds that never goes back.
        wall: a clock in seconds since 1970.
    """

    def __init__(
        self,
        config: GatewayConfig,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.id = f"g-{secrets.token_hex(4)}"
        self.monotonic = monotonic
        self.wall = wall
        self.rules = Rules(
            gateway=self.id,
            idle=config.idle,
            refuse_fallback=config.fallback == "refuse",
            limits=config.limits,
        )
        info = {"listen": f"{config.host}:{config.port}", "since": round(wall() * 1000)}
        self.backplane = RedisBackplane(
            config.redis,
            config.prefix,
            self.id,
            msgspec.json.encode(info),
            config.idle,
            config.history,
            self,
        )
        self.hub = Hub(asyncio.get_running_loop().call_soon)
        self.deliver = self.hub.deliver
        self.subscriptions = Subscriptions(self.backplane.subscribe, self.backplane.unsubscribe)
        self.outbox = Outbox(self.backplane.publish)
        self.online: dict[str, Peer] = {}
        self.peers: set[Peer] = set()
        self.presence = Presence(
            self.backplane,
            config.idle,
            lambda: self.online.values(),
            self.announce_left,
            monotonic,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._empty = asyncio.Event()

    async def start(self) -> None:
        """Connect to Redis, and be known there.

        Raises:
            RedisUnreachable: the text says why.
        """
        await self.backplane.start()
        await self.backplane.renew_lease()
        self.spawn(self.presence.run())

    async def stop(self, reason: Reason, patience: float) -> None:
        """End every connection, give the names back, and let go of Redis.

        Args:
            reason: what the peers are told.
            patience: seconds to wait for it.
        """
        self._empty.clear()
        for peer in list(self.peers):
            peer.end(reason)
        try:
            async with asyncio.timeout(patience):
                if self.peers:
                    await self._empty.wait()
                await self.outbox.settle()
        except TimeoutError:
            log.warning("stopped without having told everybody: Redis did not answer in time")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.backplane.close()

    def forget(self, peer: Peer) -> None:
        """A peer is gone for good."""
        self.peers.discard(peer)
        if not self.peers:
            self._empty.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done; if it fails, that is a fault of ours, and logged as one."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def announce_joined(self, registration: Registration) -> None:
        """Tell the rooms that somebody came."""
        for room in registration.rooms:
            self.outbox.announce(room, encode(Joined(room=room, name=registration.name)))

    def announce_left(self, registration: Registration, reason: Reason) -> None:
        """Tell the rooms that somebody left."""
        for room in registration.rooms:
            left = Left(room=room, name=registration.name, code=reason.code)
            self.outbox.announce(room, encode(left))

    # What the backplane tells.

    def replaced(self, session: str) -> None:
        """A session's user has come back over another connection."""
        if (peer := self.online.get(session)) is not None:
            peer.end(REPLACED)

    def away(self) -> None:
        """Redis is away."""
        log.warning("Redis is away")
        text = "The chat's memory is away for the moment: nothing can be sent or received."
        self._tell_everybody(Notice(code=NoticeCode.REDIS_AWAY, text=text))

    def back(self) -> None:
        """Redis is back."""
        log.warning("Redis is back")
        self.spawn(self._back())

    async def _back(self) -> None:
        try:
            await self.presence.register_all()
        except BackplaneDown:
            return  # it comes back again, and so do we
        text = "The chat's memory is back. What others said meanwhile may be missing here."
        self._tell_everybody(Notice(code=NoticeCode.REDIS_BACK, text=text))

    def _tell_everybody(self, notice: Notice) -> None:
        line = encode(notice)
        for peer in self.online.values():
            self.hub.tell(peer.link, line)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an unexpected error", exc_info=error)
