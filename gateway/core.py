"""One gateway: its parts, and what the backplane tells it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from msgspec.structs import replace

from gateway.addresses import Address
from gateway.backplane.alike import settings_of
from gateway.backplane.contract import LEASE
from gateway.backplane.records import Registration
from gateway.backplane.redis.backplane import RedisBackplane
from gateway.channels.channels import Channels
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.outbox import Outbox
from gateway.channels.positions import Positions
from gateway.channels.replay import Replay
from gateway.chat.rules import Rules
from gateway.config import GatewayConfig
from gateway.door.accounts import Accounts
from gateway.door.bans import Bans
from gateway.door.visits import Door
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.balance import Balance
from gateway.fleet.everybody import Everybody
from gateway.fleet.neighbours import Neighbours
from gateway.fleet.orders import Orders
from gateway.fleet.presence import Presence, Present
from gateway.fleet.shutdown import Shutdown
from gateway.fleet.status import Status
from gateway.journal import event
from gateway.lag import watch_lag
from gateway.meters import Meters
from gateway.peer.about_accounts import AboutAccounts
from gateway.peer.about_messages import AboutMessages
from gateway.peer.about_people import AboutPeople
from gateway.peer.claims import Claims
from gateway.peer.membership import Membership, Parts
from gateway.peer.peer import Peer, Shared
from gateway.peer.questions import Questions
from gateway.rooms.changes import Changes
from gateway.rooms.directory import Directory
from gateway.rooms.rooms import Rooms
from gateway.tasks import Tasks, attempt, repeat
from wire.codec import encode
from wire.frames import Notice
from wire.names import fold
from wire.reasons import NoticeCode, Reason

log = logging.getLogger(__name__)

CHECK_EVERY = 10.0
"""Seconds between comparisons of quiet channels with their logs."""

ROOM_AWAY = "The storage of {room} is away. What you send there is kept, and sent once it is back."
ROOM_BACK = "The storage of {room} is back."

TRIM_EVERY = 60.0
"""Seconds between searches for messages that are too old to keep."""


class Gateway:
    """Makes the parts of a gateway, starts and stops them, and passes on the backplane's events.

    No part is given the whole gateway, only the parts that it needs.

    Args:
        config: the settings.
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
        self.version = config.version
        self.settings = settings_of(config)
        self.monotonic = monotonic
        self.peers: set[Peer] = set()
        self.online: dict[str, Membership] = {}
        self.http: tuple[str, int] | None = None
        self.irc: list[tuple[str, int]] = []
        self.meters = meters = Meters()
        self.tasks = Tasks()
        self.shutdown = Shutdown()
        self.rules = Rules(
            gateway=self.id,
            idle=config.idle,
            away_idle=config.away_idle,
            refuse_fallback=config.fallback == "refuse",
            limits=config.limits,
        )
        self.status = Status(
            f"{config.host}:{config.port}",
            config.version,
            self.settings,
            self.peers,
            self.online,
            self.shutdown,
            meters,
            wall,
        )
        self.backplane = RedisBackplane(
            self.id,
            self.status.read,
            self,
            meters,
            url=config.redis,
            prefix=config.prefix,
            idle=config.idle,
            away_idle=config.away_idle,
            resume_within=config.resume_within,
            history=config.history,
            history_age=config.history_age,
            sessions=config.limits.sessions,
        )
        self.bans = Bans()
        self.door = Door(config.address_limits, monotonic())
        self.accounts = Accounts(self.backplane.admission, config.limits.hello / 2)
        self.hub = Hub(asyncio.get_running_loop().call_soon, meters)
        self.positions = Positions(self.backplane, self.hub.deliver, self, self.tasks.spawn, meters)
        replay = Replay(self.backplane, self.positions, self.hub)
        self.channels = Channels(self.backplane, self.positions, self.hub, replay)
        self.presence = Presence(
            self.backplane, config.idle, self.online.values, self, monotonic, meters
        )
        self.rooms = Rooms(
            self.id,
            self.backplane,
            self.channels,
            self.presence.ready,
            self.tasks.spawn,
            anybody_makes=config.rooms == "open",
            most_made=config.limits.rooms,
            quiet_above=config.limits.quiet_room,
            monotonic=monotonic,
        )
        self.outbox = Outbox(
            self.backplane.publish,
            self.presence.ready,
            self.rooms,
            config.outbox,
            self._stored,
            monotonic,
        )
        self.orders = Orders(
            self.backplane,
            self.presence,
            self.bans,
            self.peers,
            self.online,
            self.tasks.spawn,
            monotonic,
        )
        self._balance = None
        if config.rebalance is not None:
            self._balance = Balance(
                self.backplane,
                self.presence,
                self.shutdown,
                self.online,
                config.rebalance,
                monotonic,
                wall,
            )
        self._neighbours = Neighbours(self.backplane, self.settings, self.positions.logs)
        self._shared = Shared(
            rules=self.rules,
            hub=self.hub,
            outbox=self.outbox,
            claims=Claims(
                self.id,
                config.lobby,
                config.auth,
                self.backplane,
                self.channels,
                self.presence,
                self.accounts,
                meters,
                wall,
            ),
            parts=Parts(
                backplane=self.backplane,
                channels=self.channels,
                hub=self.hub,
                rooms=self.rooms,
                presence=self.presence,
                online=self.online,
                by_name={},
                resume_within=config.resume_within,
                spawn=self.tasks.spawn,
                wall=wall,
            ),
            rooms=self.rooms,
            questions=Questions(
                self.backplane,
                self.presence,
                Everybody(self.backplane),
                Directory(self.backplane, self.rooms),
                Changes(self.backplane, self.rooms, config.limits.name),
                self.positions,
                config.limits.name,
                monotonic,
            ),
            about_messages=AboutMessages(self.backplane, self.rooms, monotonic),
            about_people=AboutPeople(
                self.backplane,
                self.channels,
                self.rooms,
                self.bans,
                config.limits.quiet_room,
                monotonic,
            ),
            about_accounts=AboutAccounts(config.accounts, self.backplane, self.accounts, monotonic),
            presence=self.presence,
            orders=self.orders,
            bans=self.bans,
            shutdown=self.shutdown,
            tasks=self.tasks,
            meters=meters,
            monotonic=monotonic,
            gone=self._forget,
        )
        own_limits = replace(config.limits, rate=None)
        rules = dataclasses.replace(
            self.rules, idle=None, away_idle=None, limits=own_limits, resumes=False
        )
        self._shared_by_irc = dataclasses.replace(self._shared, rules=rules)
        self._numbers = itertools.count(1)
        self._drain = config.drain
        self._away = False
        self._lost = set[bytes]()
        self._empty = asyncio.Event()

    async def start(self) -> None:
        """Connect to Redis, and register the gateway there.

        Raises:
            RedisUnreachable: the text says why.
        """
        await self.backplane.start()
        await self.presence.verify()
        await self.orders.read_bans()
        await self._neighbours.meet()
        self.tasks.spawn(self.presence.run())
        self.tasks.spawn(watch_lag(self.meters))
        self.tasks.spawn(repeat(CHECK_EVERY, self.positions.check))
        self.tasks.spawn(repeat(CHECK_EVERY, self.rooms.check))
        self.tasks.spawn(repeat(CHECK_EVERY, self.orders.read_bans))
        self.tasks.spawn(repeat(TRIM_EVERY, self._neighbours.trim))
        if self._balance is not None:
            self.tasks.spawn(self._balance.run())

    def connect(self, link: Link) -> Peer:
        """Make the peer of a new connection."""
        return self._connect(link, self._shared)

    def connect_irc(self, link: Link) -> Peer:
        """Make the peer of a client of IRC, whose door has its own limits of silence and rate."""
        return self._connect(link, self._shared_by_irc)

    def _connect(self, link: Link, shared: Shared) -> Peer:
        peer = Peer(link, next(self._numbers), shared)
        self.peers.add(peer)
        return peer

    async def prove(self, name: str, password: str, ip: Address) -> str:
        """The account of a name, as it is shown, if this is its password.

        Raises:
            WireError: it is not.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        known = await self.backplane.look_up(fold(name))
        account = known.account if known is not None else ""
        hash = await self.backplane.people.hash_of(account) if account else ""
        await self.accounts.prove(account or name, password, hash, ip)
        return known.name if known is not None else name

    async def stop(self, reason: Reason, patience: float) -> None:
        """Take nothing more, finish what is under way, end every connection and disconnect Redis.

        With a drain, names are kept for the people who are still here: each is told when to
        reconnect, and nobody is told that they left.

        Args:
            reason: what the peers are told.
            patience: seconds to wait in all.
        """
        shutdown = self.shutdown
        shutdown.draining = self._drain > 0
        shutdown.spread = self._drain if self.peers else 0.0
        shutdown.stopping = True
        for peer in self.peers:
            peer.link.read(False)
        await self._within(patience / 2, self.outbox.settle())
        await self._within(patience / 2, self._say_goodbye(reason))
        self.outbox.stop()
        await self.tasks.end()
        for peer in list(self.peers):
            self._forget(peer)  # it could not be ended in time
            after = shutdown.come_back_after() if shutdown.draining else None
            self.hub.close(peer.link, reason, after)
        self.accounts.close()
        await self.backplane.close(shutdown.spread + LEASE if shutdown.draining else 0.0)

    async def _say_goodbye(self, reason: Reason) -> None:
        self._empty.clear()
        for peer in list(self.peers):
            peer.end(reason, keep_name=self.shutdown.draining)
        if self.peers:
            await self._empty.wait()
        await self.rooms.settle()

    async def _within(self, seconds: float, work: Coroutine[Any, Any, object]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except TimeoutError:
            event(
                log,
                logging.WARNING,
                "Redis too slow at the end: messages without an ack may be lost",
            )

    def _forget(self, peer: Peer) -> None:
        """Forget a peer that has gone for good."""
        self.peers.discard(peer)
        if not self.peers:
            self._empty.set()

    # From the presence.

    def arrived(self, who: Present) -> None:
        """Somebody is here after the rooms were told that they had gone."""
        if (member := self.online.get(who.registration.session)) is not None:
            self.rooms.enter_again(member)

    def departed(self, registration: Registration, reason: Reason) -> None:
        """Somebody has gone, for good or for now."""
        self.rooms.depart(registration, reason.code)

    def replaced(self, registration: Registration) -> None:
        """A session has gone, and a newer one has its name."""
        self.rooms.replaced(registration)

    # From the positions.

    def heard(self, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        """Something other than a message was published on a room's channel."""
        self.rooms.heard(channel, kind, number, lines)

    async def repaired(self, channel: bytes) -> None:
        """Lost messages of a channel are about to be delivered from its log."""
        await self.rooms.repaired(channel)

    # From the backplane.

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Something was published on a channel."""
        self.positions.deliver(channel, payload)

    def known(self, channel: bytes) -> bytes:
        """The last id delivered on a channel."""
        return self.positions.known(channel)

    def control(self, verb: str, rest: str) -> None:
        """An order for this gateway came."""
        self.orders.take(verb, rest)

    def away(self) -> None:
        """Redis is away."""
        event(log, logging.WARNING, "Redis is away")
        self.presence.doubt()
        if self._away:
            return  # everybody has been told
        self._away = True
        text = "The chat's storage is away. What you send is kept, and sent once it is back."
        self._tell_everybody(Notice(code=NoticeCode.REDIS_AWAY, text=text))

    def back(self) -> None:
        """Redis is back."""
        event(log, logging.WARNING, "Redis is back")
        self.tasks.spawn(self._back())

    async def _back(self) -> None:
        try:
            await self.presence.verify()
        except (BackplaneDown, BackplaneRefused) as error:
            # It has gone again, or is not ready yet. The next renewal of the lease tries again.
            event(log, logging.WARNING, "Redis is not back for good", why=error)
            await self.presence.ready()
        except Exception:
            log.exception("an unexpected error")
            await self.presence.ready()
        if self._away:
            self._away = False
            text = "The chat's storage is back."
            self._tell_everybody(Notice(code=NoticeCode.REDIS_BACK, text=text))
        await attempt(self.orders.read_bans)
        await attempt(self.positions.check)
        await attempt(partial(self.rooms.check, thoroughly=True))

    def lost(self, channels: set[bytes]) -> None:
        """One server of a cluster is away, and with it some rooms."""
        event(log, logging.WARNING, "a server of Redis is away", channels=len(channels))
        self._lost |= channels
        for channel in channels:
            self._tell_room(channel, NoticeCode.REDIS_AWAY, ROOM_AWAY)

    def regained(self, channels: set[bytes]) -> None:
        """Channels of a cluster are heard again."""
        event(log, logging.WARNING, "channels of Redis are heard again", channels=len(channels))
        for channel in channels & self._lost:
            self._tell_room(channel, NoticeCode.REDIS_BACK, ROOM_BACK)
        self._lost -= channels
        for channel in channels:
            self.positions.compare(channel)
        self.tasks.spawn(attempt(partial(self.rooms.check, thoroughly=True)))

    def _tell_room(self, channel: bytes, code: NoticeCode, text: str) -> None:
        if (room := self.positions.room(channel)) is not None:
            notice = Notice(code=code, room=room, text=text.format(room=room))
            self.hub.deliver(channel, encode(notice))

    def _stored(self, room: str, id: str, since: float) -> None:
        """Messages were stored: measure when they are delivered here, if anybody is in the room."""
        channel, note = self.backplane.room(room), self.meters.publish_to_deliver.note
        self.positions.reached(channel.key, id.encode(), lambda: note(self.monotonic() - since))

    def _tell_everybody(self, notice: Notice) -> None:
        for member in self.online.values():
            self.hub.tell(member.link, notice)
