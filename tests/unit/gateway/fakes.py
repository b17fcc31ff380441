"""Stand-ins for what surrounds a gateway: a clock that tests move, links that record, and a
backplane in memory that several gateways share.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

from gateway.backplane import Claimed, Events, Listed, Registration, Touch, Whispered
from gateway.config import GatewayConfig
from gateway.core import Gateway
from gateway.errors import BackplaneDown
from tests.support.deadlines import within
from wire.codec import decode_event
from wire.frames import Event
from wire.limits import Limits
from wire.reasons import Reason


async def until(true: Callable[[], Any], what: str = "it") -> Any:
    """Let the loop turn until something is true; returns what it was."""
    try:
        async with asyncio.timeout(within()):
            while not (found := true()):  # noqa: ASYNC110 - for anything, not only for events
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen") from None
    return found


async def quiet() -> None:
    """Let the loop turn until all that needs no time is done."""
    for _ in range(30):
        await asyncio.sleep(0)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeLink:
    """Records what is written to it."""

    def __init__(self, address: str = "192.0.2.7:50000") -> None:
        self.address = address
        self.writes: list[bytes] = []
        self.closed: Reason | None = None
        self.reading = True

    def write(self, lines: bytes) -> None:
        if self.closed is None:
            self.writes.append(lines)

    def close(self, reason: Reason) -> None:
        assert self.closed is None, "closed twice"
        self.closed = reason

    def read(self, on: bool) -> None:
        self.reading = on

    @property
    def lines(self) -> list[bytes]:
        return b"".join(self.writes).splitlines()

    @property
    def events(self) -> list[Event]:
        """What it was told so far."""
        return [event for line in self.lines if (event := decode_event(line)) is not None]

    def told(self, kind: type[Event]) -> list[Any]:
        """What it was told of one kind."""
        return [event for event in self.events if type(event) is kind]


class Memory:
    """What all gateways share."""

    def __init__(self) -> None:
        self.users: dict[str, Registration] = {}
        self.left: dict[str, float] = {}
        self.dead: set[str] = set()
        self.log: list[bytes] = []
        self.backplanes: list[FakeBackplane] = []

    def publish(self, channel: str, lines: bytes) -> None:
        for backplane in self.backplanes:
            backplane.hear(channel, lines)

    def next_id(self) -> str:
        self.log.append(b"")
        return f"7-{len(self.log)}"


class FakeBackplane:
    """Keeps `gateway.backplane.Backplane` in memory, and does as it is told.

    Attributes:
        calls: what was asked, as (method, first argument), in order.
        failing: method -> the error that it raises.
        held: method -> an event that its calls wait for before they have their effect.
    """

    def __init__(self, memory: Memory, gateway: str, events: Events) -> None:
        self.memory = memory
        self.gateway = gateway
        self.events = events
        self.calls: list[tuple[str, Any]] = []
        self.failing: dict[str, Exception] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.channels: list[str] = []
        self.lease = True
        self.found_dead: list[Registration] = []
        self.closed = False
        memory.backplanes.append(self)

    # What tests do.

    def count(self, method: str) -> int:
        return sum(called == method for called, _ in self.calls)

    def asked(self, method: str) -> list[Any]:
        return [argument for called, argument in self.calls if called == method]

    def hold(self, method: str) -> asyncio.Event:
        """Let calls of a method wait until the event is set."""
        self.held[method] = asyncio.Event()
        return self.held[method]

    def fail(self, error: Exception, *methods: str) -> None:
        self.failing.update(dict.fromkeys(methods, error))

    def hear(self, channel: str, lines: bytes) -> None:
        if channel in self.channels:
            self.events.deliver(channel.encode(), lines)

    async def _asked(self, method: str, argument: Any = None) -> None:
        self.calls.append((method, argument))
        if (held := self.held.get(method)) is not None:
            await held.wait()
        await asyncio.sleep(0)
        if (error := self.failing.get(method)) is not None:
            raise error

    # The contract.

    async def start(self) -> None:
        await self._asked("start")

    async def close(self) -> None:
        self.closed = True

    def user_channel(self, folded: str) -> str:
        return f"to:{folded}"

    def room_channel(self, room: str) -> str:
        return f"room:{room}"

    async def subscribe(self, channel: str) -> None:
        await self._asked("subscribe", channel)
        self.channels.append(channel)

    def unsubscribe(self, channel: str) -> None:
        self.calls.append(("unsubscribe", channel))
        if channel in self.channels:
            self.channels.remove(channel)

    async def claim(self, user: Registration, ago: float, resume: str | None) -> Claimed:
        await self._asked("claim", (user, ago, resume))
        holder = self.memory.users.get(user.folded)
        claimed = Claimed("granted")
        if holder is not None and holder.session != user.session:
            if resume is not None and holder.resume == resume:
                claimed = Claimed("resumed")
                for backplane in self.memory.backplanes:
                    if backplane.gateway == holder.gateway:
                        backplane.events.replaced(holder.session)
            elif holder.gateway in self.memory.dead:
                claimed = Claimed("inherited", holder)
            else:
                return Claimed("taken")
        self.memory.users[user.folded] = user
        return claimed

    async def release(self, users: list[Registration]) -> list[str]:
        await self._asked("release", list(users))
        held = [user for user in users if self._holds(user.folded, user.session)]
        for user in held:
            del self.memory.users[user.folded]
        return [user.session for user in held]

    async def touch(self, touches: list[Touch]) -> list[str]:
        await self._asked("touch", list(touches))
        return [t.session for t in touches if not self._holds(t.folded, t.session)]

    async def idle_left(self, folded: str, session: str) -> float:
        await self._asked("idle_left", folded)
        return self.memory.left.get(folded, 0.0) if self._holds(folded, session) else 0.0

    async def publish(self, room: str, lines: list[bytes]) -> list[str]:
        await self._asked("publish", list(lines))
        ids, whole = [], []
        for line in lines:
            if line.startswith(b'"'):
                ids.append(self.memory.next_id())
                line = b'{"id":"%s",%s' % (ids[-1].encode(), line)
            whole.append(line)
        self.memory.publish(self.room_channel(room), b"".join(whole))
        return ids

    async def whisper(self, sender: str, names: list[str], body: bytes) -> Whispered:
        await self._asked("whisper", list(names))
        users = [self.memory.users.get(name) for name in names]
        found = [user.name if user else "" for user in users]
        shown = [name for name in dict.fromkeys(found) if name]
        if not shown:
            return Whispered(None, found)
        id = self.memory.next_id()
        to = ",".join(f'"{name}"' for name in shown)
        line = f'{{"id":"{id}","to":[{to}],'.encode() + body
        for folded in {sender, *(user.folded for user in users if user)}:
            self.memory.publish(self.user_channel(folded), line)
        return Whispered(id, found)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        await self._asked("users", cursor)
        pages = [list(self.memory.users.values())[i : i + 120] for i in range(0, 1000, 120)]
        page = int(cursor)
        after = page + 1 if pages[page + 1] else 0
        return str(after), [Listed(user, 1.26, None) for user in pages[page]]

    async def renew_lease(self) -> bool:
        await self._asked("renew_lease")
        was, self.lease = self.lease, True
        return was

    async def sweep(self) -> list[Registration]:
        await self._asked("sweep")
        found, self.found_dead = self.found_dead, []
        return found

    def _holds(self, folded: str, session: str) -> bool:
        user = self.memory.users.get(folded)
        return user is not None and user.session == session


def registration(name: str, session: str = "", gateway: str = "g-1", **fields: Any) -> Registration:
    return Registration(
        name=name,
        folded=name.casefold(),
        session=session or f"session of {name}",
        gateway=gateway,
        address="192.0.2.7:50000",
        since=1795428000123,
        resume="",
        rooms=["lobby"],
        **fields,
    )


def config(**fields: Any) -> GatewayConfig:
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "redis": "redis://nowhere.invalid",
        "prefix": "test",
        "idle": None,
        "fallback": "public",
        "limits": Limits(),
        "history": 100,
    }
    return GatewayConfig(**settings | fields)


def gateway_with(
    memory: Memory, clock: Callable[[], float] | None = None, **fields: Any
) -> Gateway:
    """A gateway on a fake backplane: `gateway.backplane` is the `FakeBackplane`."""

    def backplane(url: str, prefix: str, id: str, *rest: Any) -> FakeBackplane:
        return FakeBackplane(memory, id, rest[-1])

    with patch("gateway.core.RedisBackplane", backplane):
        if clock is None:
            return Gateway(config(**fields))
        return Gateway(config(**fields), clock, lambda: 1795428000.123)


def backplane_of(gateway: Gateway) -> FakeBackplane:
    assert isinstance(gateway.backplane, FakeBackplane)
    return gateway.backplane


AWAY = BackplaneDown("Redis is away")


def joined(events: Iterable[Event]) -> list[str]:
    """The kinds of events, in order."""
    return [type(event).__name__.lower() for event in events]
