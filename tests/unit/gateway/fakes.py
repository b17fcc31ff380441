"""Stand-ins for what surrounds a gateway: a clock that tests move, links that record, and a
backplane in memory that several gateways share.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from gateway.backplane.contract import (
    ABSENT,
    KNOWN,
    LEASE,
    Channel,
    Claimed,
    Events,
    Found,
    Known,
    Listed,
    Log,
    LogPage,
    Outgoing,
    Posted,
    Proof,
    Touch,
    Whispered,
)
from gateway.backplane.ids import NOTHING, before, epoch_of, is_beginning, parse_id
from gateway.backplane.records import Audited, Ban, GatewayInfo, Registration
from gateway.backplane.redis.logs import PAGE_BYTES
from gateway.config import GatewayConfig
from gateway.core import Gateway
from gateway.errors import BackplaneDown, NameLost, RoomChanged, TooMuchWaits
from gateway.listeners.json_lines import JSON_LINES
from gateway.meters import Meters
from gateway.outcomes import How, Outcome
from tests.support.deadlines import within
from tests.support.settings import settings
from tests.unit.gateway.fake_rooms import FakeRooms, KeptRoom
from wire.codec import decode_event
from wire.frames import LOBBY, PRIVATE, Event
from wire.limits import Limits
from wire.reasons import SLOW, Reason


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
    """Records what is written to it.

    Attributes:
        after: what it was told to wait before it comes back.
        slow: nothing is read until this event is set.
        backlog: bytes that may wait until then.
        end: told that too much waited, as a peer is.
    """

    def __init__(self, address: str = "192.0.2.7:50000") -> None:
        self.speech = JSON_LINES
        self.address = address
        self.ip = ip_address(address.rpartition(":")[0])
        self.writes: list[bytes] = []
        self.closed: Reason | None = None
        self.after: float | None = None
        self.reading = True
        self.slow: asyncio.Event | None = None
        self.backlog = 1024 * 1024
        self.end: Callable[[Reason], None] = lambda reason: None
        self._waiting = 0
        self._deaf = False

    def write(self, lines: bytes) -> None:
        if self._deaf:
            return
        if self.slow is not None and not self.slow.is_set():
            self._waiting += len(lines)
            if self._waiting > self.backlog:
                self._write_no_more()
                asyncio.get_running_loop().call_soon(self.end, SLOW)
                return
        self.writes.append(lines)

    def close(self, reason: Reason, after: float | None = None) -> None:
        assert self.closed is None, "closed twice"
        self.closed, self.after = reason, after
        self._write_no_more()

    def _write_no_more(self) -> None:
        self._deaf = True
        if self.slow is not None:
            self.slow.set()

    def read(self, on: bool) -> None:
        self.reading = on

    async def drained(self) -> None:
        if self.slow is not None:
            await self.slow.wait()

    @property
    def lines(self) -> list[bytes]:
        return b"".join(self.writes).splitlines()

    @property
    def events(self) -> list[Event]:
        """What it was told so far."""
        return [event for line in self.lines if (event := decode_event(line)) is not None]

    def told(self, kind: type[Event]) -> list[Any]:
        """The events of one kind that it was told."""
        return [event for event in self.events if type(event) is kind]


REMEMBERED = 32
"""Seqs of each origin whose results are known."""


class Kept(NamedTuple):
    """A message in a log."""

    id: bytes
    line: bytes
    found: tuple[Found, ...] = ()
    at: float = 0.0


class Memory:
    """What all gateways share: what Redis remembers, and who listens.

    Attributes:
        now: what new epochs are at least.
        clock: the time of what is stored, milliseconds since 1970.
        run: which start of Redis this is.
        logs: the messages of each log.
        last: the last id that each log gave.
        trimmed: the last id of each log that was trimmed from its front.
        users: folded name -> the oldest session that has the name.
        beside: folded name -> the other sessions of the same account.
        resumable: folded name -> the session that left last, and may come back.
        full: folded names with too much waiting for them, apart from those where it really does.
        idle: seconds of inactivity that users are given; None: each has what is in `left`.
        age: seconds for which logs keep a message; None for no limit.
        accounts: folded name -> hash of its password.
        owners: folded name -> the account that it belongs to, if that has another name.
        most: the most sessions of a registered name.
        audit: what operators did.
        bans: those that hold.
        rooms: what holds in each, and who is in it.
        made: folded name -> how many rooms the account has made today.
    """

    def __init__(self) -> None:
        self.now = 7
        self.clock = 1795428000123
        self.run = 1
        self.users: dict[str, Registration] = {}
        self.beside: dict[str, list[Registration]] = {}
        self.owners: dict[str, str] = {}
        self.most = 10
        self.audit: list[Audited] = []
        self.left: dict[str, float] = {}
        self.dead: set[str] = set()
        self.logs: dict[Log, list[Kept]] = {}
        self.last: dict[Log, bytes] = {}
        self.trimmed: dict[Log, bytes] = {}
        self.resumable: dict[str, Registration] = {}
        self.full: set[str] = set()
        self.idle: float | None = None
        self.age: float | None = None
        self.accounts: dict[str, str] = {}
        self.bans: list[Ban] = []
        self.rooms: dict[str, KeptRoom] = {}
        self.made: Counter[str] = Counter()
        self._slow: dict[tuple[str, str], float] = {}
        self.backplanes: list[FakeBackplane] = []
        self._newest: dict[str, int] = {}
        self._runs: dict[Log, int] = {}
        self._slots: dict[str, tuple[int, int]] = {}
        self._posted: dict[tuple[str, str], dict[int, str]] = {}
        self._active: dict[str, float] = {}
        self._waiting: dict[str, list[tuple[str, int]]] = {}

    # What tests do.

    def say(self, text: str, room: str = LOBBY) -> bytes:
        """Somebody elsewhere says something; returns its id."""
        body = b'{"op":"msg","from":"dad","room":"%s","text":"%s"}\n'
        [posted] = self.post(room, [Outgoing(body % (room.encode(), text.encode()))])
        return posted.id.encode()

    def whisper(self, text: str, *names: str) -> bytes:
        """Somebody elsewhere says something to these people; returns the id of the last copy."""
        body = b'{"op":"msg","from":"dad","text":"%s"}\n' % text.encode()
        return [self._whisper(name, list(names), body, NOTHING) for name in names][-1]

    def forget(self, log: Log, count: int) -> None:
        """A log is trimmed: it loses its oldest messages, and knows its last id still."""
        self.trimmed[log] = self.logs[log][count - 1].id
        del self.logs[log][:count]

    def erase(self, log: Log, number: int) -> None:
        """A message is deleted, and its id is missing from then on."""
        del self.logs[log][number]

    def is_whole(self, log: Log, after: bytes) -> bool:
        """Whether what is missing in a log after an id was deleted, and not trimmed."""
        trimmed = self.trimmed.get(log, before(epoch_of(self.tail_of(log))))
        return parse_id(after) >= parse_id(trimmed)

    def delete(self, log: Log) -> None:
        """A log is deleted."""
        del self.logs[log], self.last[log]
        self.trimmed.pop(log, None)

    def restart(self, *, empty: bool = True) -> None:
        """Redis is another one, and may have lost everything."""
        self.run, self.now = self.run + 1, self.now + 1
        if empty:
            of: Any
            for of in (
                self.users,
                self.beside,
                self.rooms,
                self.logs,
                self.last,
                self.resumable,
                self._posted,
                self._newest,
            ):
                of.clear()

    # What the scripts do.

    def start(self, log: Log) -> bytes:
        """The position of a reader who comes before there is a log."""
        return before(self._first_of(log.room))

    def tail(self, log: Log, known: bytes = NOTHING) -> bytes:
        if parse_id(known) > parse_id(self.tail_of(log)):
            self._begin(log, known)
        return self.tail_of(log)

    def tail_of(self, log: Log) -> bytes:
        """The same, for a caller that knows nothing about the log."""
        is_ours = log in self.last and self._runs[log] == self.run
        return self.last[log] if is_ours else self.start(log)

    def _first_of(self, slot: str) -> int:
        if self._slots.get(slot, (0, 0))[0] != self.run:
            self._slots[slot] = (self.run, max(self.now, self._newest.get(slot, 0) + 1))
        return self._slots[slot][1]

    def post(self, room: str, messages: list[Outgoing], known: bytes = NOTHING) -> list[Posted]:
        log = Log(room)
        results: list[Posted] = []
        whole, previous = [], b""
        for message in messages:
            posted = self._posted.setdefault((room, message.origin), {})
            if message.seq is not None and message.seq <= max(posted, default=-1):
                results.append(Posted(posted.get(message.seq, "")))
                continue
            if wait := self._must_wait(room, message):
                results.append(Posted("", wait))
                continue
            before, kept = self._store(log, message.body, NOTHING if previous else known)
            previous = previous or before
            results.append(Posted(kept.id.decode()))
            if message.seq is not None:
                _remember(posted, message.seq, kept.id.decode())
            whole.append(kept.line)
        if whole:
            head = previous + b" " + self.tail_of(log)
            self.publish(f"room:{room}", head + b"\n" + b"".join(whole))
        return results

    def _must_wait(self, room: str, message: Outgoing) -> float:
        """Seconds that the sender has to wait; from now on there are some, if there were none."""
        if not message.slow:
            return 0.0
        now, until = time.monotonic(), self._slow.get((room, message.name), 0.0)
        if until <= now:
            self._slow[room, message.name] = now + message.slow
        return max(0.0, until - now)

    def whispered(
        self,
        sender: Registration,
        names: list[str],
        body: bytes,
        seq: int | None,
        known: Callable[[Log], bytes],
    ) -> Whispered:
        if self.session(sender.folded, sender.session) is None:
            raise NameLost("the sender has lost its name")
        posted = self._posted.setdefault((PRIVATE, sender.origin), {})
        nobody = Whispered(None, [ABSENT] * len(names))
        own = Log(PRIVATE, sender.folded)
        if seq is not None and seq <= max(posted, default=-1):
            if posted.get(seq) == "-":
                return nobody
            for entry in self.logs.get(own, []):
                if entry.id.decode() == posted.get(seq):
                    return Whispered(entry.id.decode(), list(entry.found))
            return Whispered("", [ABSENT] * len(names))
        found = [self._find(name) for name in names]
        if full := [
            each.name
            for name, each in zip(names, found, strict=True)
            if each.how == How.LATER and self._is_full(name, sender.folded)
        ]:
            raise TooMuchWaits(full)
        readers = [n for n, each in zip(names, found, strict=True) if each.how != How.ABSENT]
        if not readers:
            if seq is not None:
                _remember(posted, seq, "-")
            return nobody
        shown = list(dict.fromkeys(each.name for each in found if each.name))
        id = self._whisper(sender.folded, shown, body, known(own), tuple(found))
        for name in dict.fromkeys(readers):
            if name != sender.folded:
                self._whisper(name, shown, body, known(Log(PRIVATE, name)))
            if self._find(name).how == How.LATER or self._is_read_by_none(name):
                self._waiting.setdefault(name, []).append((sender.folded, len(body)))
        if seq is not None:
            _remember(posted, seq, id.decode())
        return Whispered(id.decode(), found)

    def sessions(self, folded: str) -> list[Registration]:
        """The sessions of a name, the oldest first."""
        first = self.users.get(folded)
        return [] if first is None else [first, *self.beside.get(folded, [])]

    def session(self, folded: str, session: str) -> Registration | None:
        return next((each for each in self.sessions(folded) if each.session == session), None)

    def every_session(self) -> list[Registration]:
        return [each for folded in list(self.users) for each in self.sessions(folded)]

    def put(self, folded: str, sessions: list[Registration]) -> None:
        """A name has these sessions."""
        self.users.pop(folded, None)
        self.beside.pop(folded, None)
        if sessions:
            self.users[folded] = sessions[0]
            self.beside[folded] = sessions[1:]

    def account(self, folded: str) -> str:
        """The account that a name belongs to; "" if it is not registered."""
        return self.owners.get(folded, folded if folded in self.accounts else "")

    def hash(self, folded: str) -> str:
        return self.accounts.get(self.account(folded), "")

    def came(self, user: Registration, ago: float) -> None:
        """A session has a name, beside others of the same account."""
        folded = user.folded
        others = self.sessions(folded) if user.account else []
        self.put(folded, [each for each in others if each.session != user.session] + [user])
        self.resumable.pop(folded, None)
        if not user.quiet:
            self._waiting.pop(folded, None)
        self.was_active(user.session, ago)

    def gone(self, user: Registration) -> None:
        """A session no longer has its name."""
        rest = [each for each in self.sessions(user.folded) if each.session != user.session]
        self.put(user.folded, rest)

    def swept(self, by: str) -> list[Registration]:
        """The sessions on dead gateways, whose names are taken from them."""
        gone = [u for u in self.every_session() if u.gateway in self.dead and u.gateway != by]
        for user in gone:
            self.gone(user)
            self.resumable[user.folded] = user
        return gone

    def was_active(self, session: str, ago: float) -> None:
        self._active[session] = time.monotonic() - ago

    def silent(self, session: str) -> float:
        """Seconds since somebody was active in a session."""
        return time.monotonic() - self._active.get(session, time.monotonic())

    def has_left(self, user: Registration) -> float:
        """Seconds of inactivity that a session has left."""
        if self.idle is None:
            return self.left.get(user.folded, 0.0)
        return max(0.0, self.idle - self.silent(user.session))

    def control(self, verb: str, user: Registration, rest: str = "") -> None:
        for backplane in self.backplanes:
            if backplane.gateway == user.gateway and backplane.events is not None:
                backplane.events.control(verb, user.session + rest)

    def publish(self, channel: str, payload: bytes) -> None:
        for backplane in self.backplanes:
            backplane.hear(channel, payload)

    def _whisper(
        self, name: str, shown: list[str], body: bytes, known: bytes, found: tuple[Found, ...] = ()
    ) -> bytes:
        to = ",".join(f'"{each}"' for each in shown)
        line = f'{{"to":[{to}],'.encode() + body[1:]
        previous, kept = self._store(Log(PRIVATE, name), line, known, found)
        self.publish(f"to:{name}", previous + b" " + kept.id + b"\n" + kept.line)
        return kept.id

    def _is_read_by_none(self, name: str) -> bool:
        alive = [each for each in self.sessions(name) if each.gateway not in self.dead]
        return all(each.quiet and each.account for each in alive)

    def _is_full(self, name: str, sender: str) -> bool:
        waiting = self._waiting.get(name, [])
        return (
            name in self.full
            or len(waiting) >= 500
            or sum(size for _, size in waiting) >= 1024 * 1024
            or [who for who, _ in waiting].count(sender) >= 100
        )

    def _find(self, name: str) -> Found:
        sessions = self.sessions(name)
        for user in sessions:
            if user.gateway not in self.dead:
                reasons = [each.away for each in sessions]
                return Found(user.name, How.HERE, None if None in reasons else reasons[-1])
        left = sessions[0] if sessions else self.resumable.get(name)
        if left is not None:
            return Found(left.name, How.LATER)
        return Found(name, How.LATER) if self.account(name) else ABSENT

    def _store(
        self, log: Log, line: bytes, known: bytes, found: tuple[Found, ...] = ()
    ) -> tuple[bytes, Kept]:
        """Returns the id before it, and it."""
        begun = (
            log not in self.last
            or self._runs[log] != self.run
            or parse_id(self._next(log)) <= parse_id(known)
        )
        if begun:
            self._begin(log, known)
        previous, id = self.last[log], self._next(log)
        self.last[log] = id
        line = b'{"id":"%s","ts":%d,%s' % (id, self.clock, line[1:])
        kept = Kept(id, line, found, time.monotonic())
        self.logs.setdefault(log, []).append(kept)
        return self.start(log) if begun else previous, kept

    def _next(self, log: Log) -> bytes:
        last = self.last[log]
        return b"%d-%d" % (epoch_of(last), 0 if is_beginning(last) else parse_id(last)[1] + 1)

    def _begin(self, log: Log, known: bytes) -> None:
        first, last = self._first_of(log.room), self.last.get(log, NOTHING)
        epoch = max(first, self._newest.get(log.room, 0) + 1, epoch_of(last) + 1)
        if parse_id(known) > parse_id(before(epoch)):
            epoch = epoch_of(known) + 1
        self._newest[log.room], self._runs[log] = epoch, self.run
        self.last[log] = before(epoch)
        self.logs.setdefault(log, [])


def _remember(posted: dict[int, str], seq: int, id: str) -> None:
    posted[seq] = id
    if len(posted) > REMEMBERED:
        del posted[min(posted)]


def _proves(user: Registration, resume: str | None, older: Registration) -> bool:
    if not resume:
        return False
    return resume == older.resume or (resume == older.shown and user.hello > older.hello)


def _is_locked(hash: str, auth: Proof) -> bool:
    if auth.mode == "known" or not (hash or auth.mode == "required"):
        return False
    return not hash or auth.hash != hash


class FakeAdmission:
    """Keeps `gateway.backplane.Admission` in memory.

    Attributes:
        wait: seconds that anyone who tries a password is told to wait.
        tried: names and places for which passwords were tried, and not forgiven.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.wait = 0.0
        self.tried: list[tuple[str, str]] = []

    async def bans(self) -> tuple[int, list[Ban]]:
        return self.memory.clock, list(self.memory.bans)

    async def try_password(self, folded: str, subnet: str, site: str = "") -> float:
        if not self.wait:
            self.tried.append((folded, subnet))
        return self.wait

    async def forgive(self, folded: str, subnet: str, site: str = "") -> None:
        self.tried.remove((folded, subnet))


class FakeAudit:
    """Keeps `gateway.backplane.contract.Audit` in memory."""

    def __init__(self, backplane: Any) -> None:
        self._backplane = backplane

    async def note(self, entry: Audited) -> None:
        await self._backplane.asked_for("note", entry)
        self._backplane.memory.audit.append(entry)


class FakeBackplane:
    """Keeps `gateway.backplane.contract.Backplane` in memory, and does as it is told.

    Attributes:
        calls: what was asked, as (method, first argument), in order.
        failing: method -> the error that it raises.
        held: method -> an event that its calls wait for before they have their effect.
        others: the other gateways, and what they tell.
        deaf: what is published is not heard, as if it had been lost on the way.
        down: Redis is away, as far as is known.
    """

    def __init__(self, memory: Memory, gateway: str, events: Events | None) -> None:
        self.memory = memory
        self.gateway = gateway
        self.events = events
        self.calls: list[tuple[str, Any]] = []
        self.failing: dict[str, Exception] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.channels: list[str] = []
        self.lease = True
        self.found_dead: list[Registration] = []
        self.others: dict[str, GatewayInfo] = {}
        self.deaf = False
        self.down = False
        self.closed = False
        self.kept_for: float | None = None
        self.admission = FakeAdmission(memory)
        self.rooms = FakeRooms(self)
        self.audit = FakeAudit(self)
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

    def hear(self, channel: str, payload: bytes) -> None:
        if channel in self.channels and not self.deaf and self.events is not None:
            self.events.deliver(channel.encode(), payload)

    async def asked_for(self, method: str, argument: Any = None) -> None:
        self.calls.append((method, argument))
        if (held := self.held.get(method)) is not None:
            await held.wait()
        await asyncio.sleep(0)
        if (error := self.failing.get(method)) is not None:
            raise error

    # The contract.

    async def start(self) -> None:
        await self.asked_for("start")

    async def close(self, lease: float = 0.0) -> None:
        self.closed, self.kept_for = True, lease

    @property
    def up(self) -> bool:
        return not self.down

    async def probe(self) -> float:
        await self.asked_for("probe")
        return 0.001

    async def answer_probe(self, nonce: str) -> None:
        await self.asked_for("answer_probe", nonce)

    @property
    def run_id(self) -> str:
        return str(self.memory.run)

    def room(self, room: str) -> Channel:
        name = f"room:{room}"
        return Channel(name, name.encode(), Log(room))

    def user(self, folded: str) -> Channel:
        name = f"to:{folded}"
        return Channel(name, name.encode(), Log(PRIVATE, folded))

    async def subscribe(self, channel: str) -> None:
        await self.asked_for("subscribe", channel)
        self.channels.append(channel)

    def unsubscribe(self, channel: str) -> None:
        self.calls.append(("unsubscribe", channel))
        if channel in self.channels:
            self.channels.remove(channel)

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Proof = KNOWN
    ) -> Claimed:
        await self.asked_for("claim", (user, ago, resume))
        memory, folded = self.memory, user.folded
        sessions, left = memory.sessions(folded), memory.resumable.get(folded)
        account = memory.account(folded)
        known = auth.mode == "known"
        claimed, older = Claimed(Outcome.GRANTED), memory.session(folded, user.session)
        if older is None:
            older = next((each for each in sessions if _proves(user, resume, each)), None)
            if older is not None:
                claimed = Claimed(Outcome.RESUMED)
                memory.control("replaced", older)
        returns = left is not None and (
            (left.session == user.session and known) or _proves(user, resume, left)
        )
        if older is None and returns:
            claimed, older = Claimed(Outcome.RETURNED), left
        if older is None and _is_locked(memory.hash(folded), auth):
            return Claimed(Outcome.LOCKED, hash=memory.hash(folded))
        if known:
            has_account = bool(account) and user.account == account
        else:
            has_account = bool(account) and (older is None or older.account == account)
        gone = [] if older is None or older.session == user.session else [older]
        others = [each for each in sessions if each.session != user.session and each not in gone]
        if older is None and others and not has_account:
            if others[0].gateway not in memory.dead:
                return Claimed(Outcome.TAKEN, former=others[0] if known else None)
            claimed, gone = Claimed(Outcome.INHERITED, former=others[0]), others
        elif older is None and others:
            claimed = Claimed(Outcome.JOINED)
            alive = [each for each in others if each.gateway not in memory.dead]
            if not known and len(alive) >= memory.most:
                idlest = max(alive, key=lambda each: memory.silent(each.session))
                memory.control("replaced", idlest)
                claimed, gone = Claimed(Outcome.TAKEN_OVER), [idlest]
        for each in gone:
            memory.gone(each)
        last = memory.tail(Log(PRIVATE, folded))
        began = {PRIVATE: last.decode(), **(older.began if older else user.began)}
        rooms = user.rooms
        if older is not None and older.session != user.session:
            rooms = older.rooms
        elif older is None and others and has_account and not known:
            rooms = list(dict.fromkeys(room for each in others for room in each.rooms))
        origin = older.origin if older is not None else user.origin
        away = user.away if older is None or user.away is not None else older.away
        user = msgspec.structs.replace(
            user,
            origin=origin,
            began=began,
            rooms=rooms,
            account=account if has_account else "",
            away=away,
        )
        memory.came(user, ago)
        unheard = older is not None and user.session != older.session and resume != older.resume
        return claimed._replace(
            origin=origin if older is not None else "",
            last=last,
            tail=last,
            began=began,
            unheard=unheard,
            rooms=rooms,
            account=user.account,
            away=away,
            sessions=len(memory.sessions(folded)),
        )

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        await self.asked_for("release", list(users))
        self.calls.append(("release for good", for_good))
        held = [user for user in users if self._holds(user.folded, user.session)]
        for user in held:
            was = self.memory.session(user.folded, user.session)
            assert was is not None, "it holds its name"
            self.memory.gone(was)
            if not for_good:
                self.memory.resumable[user.folded] = was
            elif not self.memory.sessions(user.folded) and not self.memory.account(user.folded):
                self.memory.last.pop(Log(PRIVATE, user.folded), None)
                self.memory.logs.pop(Log(PRIVATE, user.folded), None)
        return [user.session for user in held]

    async def touch(self, touches: list[Touch]) -> list[str]:
        await self.asked_for("touch", list(touches))
        for touch in touches:
            if self._holds(touch.folded, touch.session):
                self.memory.was_active(touch.session, touch.ago)
        return [t.session for t in touches if not self._holds(t.folded, t.session)]

    async def idle_left(self, session: str) -> float:
        await self.asked_for("idle_left", session)
        found = [each for each in self.memory.every_session() if each.session == session]
        return self.memory.has_left(found[0]) if found else 0.0

    async def order(self, folded: str, verb: str, rest: str, but: str = "") -> None:
        await self.asked_for(verb, folded)
        for user in self.memory.sessions(folded):
            if user.session != but:
                self.memory.control(verb, user, f" {rest}")

    async def publish(self, room: str, version: str, messages: list[Outgoing]) -> list[Posted]:
        await self.asked_for("publish", list(messages))
        if version != str(self.memory.rooms.get(room, KeptRoom()).version):
            raise RoomChanged(room)
        return self.memory.post(room, messages, self._known(Log(room)))

    async def whisper(
        self,
        sender: Registration,
        names: list[str],
        body: bytes,
        *,
        seq: int | None,
    ) -> Whispered:
        await self.asked_for("whisper", list(names))
        return self.memory.whispered(sender, names, body, seq, self._known)

    async def present(self, names: list[str]) -> list[str]:
        await self.asked_for("present", list(names))
        memory = self.memory
        users = [memory.users.get(name) or memory.resumable.get(name) for name in names]
        return [user.name if user else "" for user in users]

    async def tails(self, logs: list[Log]) -> list[bytes]:
        await self.asked_for("tails", list(logs))
        return [self.memory.tail(log, self._known(log)) for log in logs]

    async def read_log(self, log: Log, after: bytes, count: int) -> LogPage:
        await self.asked_for("read_log", (log, after))
        behind = [e for e in self.memory.logs.get(log, []) if parse_id(e.id) > parse_id(after)]
        found: list[tuple[bytes, bytes]] = []
        for entry in behind[:count]:
            if sum(len(line) for _, line in found) >= PAGE_BYTES:
                break
            found.append((entry.id, entry.line))
        return LogPage(
            self.memory.tail_of(log),
            self.memory.start(log),
            len(behind) > len(found),
            found,
            self.memory.is_whole(log, after),
        )

    async def look_up(self, folded: str) -> Known | None:
        await self.asked_for("look_up", folded)
        user, account = self.memory.users.get(folded), self.memory.account(folded)
        if user is None:
            return Known(folded, "", True, account) if account else None
        return Known(user.name, user.origin, bool(account), account)

    async def trim(self, logs: list[Log]) -> None:
        await self.asked_for("trim", list(logs))
        oldest = time.monotonic() - (self.memory.age or time.monotonic())
        for log in logs:
            if gone := sum(entry.at < oldest for entry in self.memory.logs.get(log, [])):
                self.memory.forget(log, gone)

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        await self.asked_for("users", cursor)
        memory, start = self.memory, int(cursor)
        everybody = [user for user in memory.every_session() if user.gateway not in memory.dead]
        after = start + 120 if len(everybody) > start + 120 else 0
        return str(after), [self._listed(user) for user in everybody[start : start + 120]]

    def _listed(self, user: Registration) -> Listed:
        if self.memory.idle is None:
            return Listed(user, 1.26, None)
        return Listed(user, self.memory.silent(user.session), self.memory.has_left(user))

    async def renew_lease(self, seconds: float = LEASE) -> bool:
        await self.asked_for("renew_lease", seconds)
        was, self.lease = self.lease and self.gateway not in self.memory.dead, True
        self.memory.dead.discard(self.gateway)
        return was

    async def neighbours(self) -> dict[str, GatewayInfo]:
        await self.asked_for("neighbours")
        return self.others

    def keep(self, history: int, age: float) -> None:
        self.calls.append(("keep", (history, age)))

    async def own_users(self, cursor: str) -> tuple[str, list[Registration]]:
        await self.asked_for("own_users", cursor)
        held = [each for each in self.memory.every_session() if each.gateway == self.gateway]
        return "0", held

    async def sweep(self) -> list[Registration]:
        await self.asked_for("sweep")
        found, self.found_dead = self.found_dead, []
        return found + self.memory.swept(self.gateway)

    def _known(self, log: Log) -> bytes:
        if self.events is None:
            return NOTHING
        channel = f"to:{log.reader}" if log.room == PRIVATE else f"room:{log.room}"
        return self.events.known(channel.encode())

    def _holds(self, folded: str, session: str) -> bool:
        return self.memory.session(folded, session) is not None


def registration(name: str, session: str = "", gateway: str = "g-1", **fields: Any) -> Registration:
    return Registration(
        name=name,
        folded=name.casefold(),
        session=session or f"session of {name}",
        gateway=gateway,
        address="192.0.2.7:50000",
        since=1795428000123,
        **{"origin": name.encode().hex(), "resume": "", "rooms": ["lobby"]} | fields,
    )


def config(**fields: Any) -> GatewayConfig:
    own = {"limits": Limits(), "history": 100, "resume_within": 600.0, "outbox": 1_000_000}
    return replace(settings("redis://nowhere.invalid", "test"), **own | fields)


def gateway_with(
    memory: Memory, clock: Callable[[], float] | None = None, **fields: Any
) -> Gateway:
    """A gateway on a fake backplane: `gateway.backplane` is the `FakeBackplane`."""

    def backplane(
        id: str, info: Any, events: Events, meters: Meters, **settings: Any
    ) -> FakeBackplane:
        return FakeBackplane(memory, id, events)

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
