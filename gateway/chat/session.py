"""The chat rules for one peer. Pure: requests and clock readings in, effects out.

A session goes through these states, and never back:

    NEW     -- hello granted -->  ONLINE
    NEW     -- Close -->          CLOSED
    ONLINE  -- Close -->          CLOSED

Some effects ask for an answer: their docstrings name the method that takes it. Until the answer has
come the peer's next request must wait, so that requests are carried out in the order in which they
were sent; only `CheckIdle` holds nothing up. The effects that show the peer something (`ShowRooms`
and the like) have no answer, but the next request waits for them, too.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from msgspec import UNSET
from msgspec.structs import replace

from gateway.chat.budget import Budget
from gateway.chat.effects import (
    ChangeRoom,
    CheckIdle,
    Claim,
    Close,
    DoToAccount,
    DoToMessage,
    DoToPeople,
    Effect,
    EnterRoom,
    FindMentioned,
    LeaveRoom,
    Publish,
    ShowMembers,
    ShowRoom,
    ShowRooms,
    ShowUsers,
    Tell,
    Whisper,
)
from gateway.chat.reserved import check_new_name
from gateway.chat.room_changes import Change, network_in
from gateway.chat.rules import Rules
from gateway.chat.sending import Delivery, after_lookup, after_whisper, not_in_room, plan
from gateway.chat.signs_of_life import SignsOfLife
from gateway.chat.texts import check_emoji, check_line
from wire.frames import (
    PRIVATE,
    VERSION,
    AboutRoom,
    Ack,
    Active,
    ChangePassword,
    Delete,
    Entered,
    Error,
    Hello,
    Ignore,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    MarkRead,
    Moderate,
    Notice,
    Out,
    Ping,
    Pong,
    Quit,
    React,
    ReadHistory,
    Register,
    Renamed,
    Request,
    Send,
    SetAway,
    SetBack,
    SetModes,
    SetName,
    SetTopic,
    Unignore,
    Welcome,
    Who,
    Whois,
)
from wire.names import check_name, check_room
from wire.reasons import (
    CONNECTION_LOST,
    FLOOD,
    HELLO_TIMEOUT,
    IDLE,
    QUIT,
    ErrorCode,
    NoticeCode,
    Reason,
    WireError,
)

FAULT_BURST, FAULT_RATE = 100, 10.0
"""Refused requests that a session may cause before it counts as a flood: at once, and a second."""

HISTORY_PER_REQUEST = 25
"""Earlier messages that a request may ask for before it costs more than one."""

BY_ITSELF = frozenset({SetAway, MarkRead})
"""Requests that do not show that the person is there: programs send them by themselves."""


class State(Enum):
    """Where a session stands."""

    NEW = "new"
    ONLINE = "online"
    CLOSED = "closed"


class Session:
    """One peer's conversation with the gateway.

    Args:
        rules: the gateway's.
        now: reading of a monotonic clock, seconds; all later readings are of the same clock.

    Attributes:
        name: the person's name, as it is shown; empty until it is granted.
        account: the name of the session's account; empty for a guest.
        rooms: the rooms that the session is in.
        deadline: when `tick` is due next; None for never.
    """

    __slots__ = (
        "_faults",
        "_rules",
        "account",
        "budget",
        "deadline",
        "life",
        "name",
        "rooms",
        "state",
    )

    def __init__(self, rules: Rules, now: float) -> None:
        self._rules = rules
        self.budget = Budget(rules.limits.burst, rules.limits.rate, now)
        self._faults: Budget | None = None
        self.life = SignsOfLife(rules.idle, now)
        self.state = State.NEW
        self.name = ""
        self.account = ""
        self.rooms: set[str] = set()
        self.deadline: float | None = now + rules.limits.hello

    # The requests of a peer.

    def receive(self, request: Request, now: float) -> list[Effect]:
        """Take in one request.

        Args:
            request: what the peer asks.
            now: the monotonic clock, seconds.
        """
        try:
            if self.state is not State.ONLINE:
                return self._receive_new(request, now)
            if type(request) is Ping:
                if self.life.pinged(now):
                    self._look_again()
            elif type(request) in BY_ITSELF:
                self.life.heard(now)
            else:
                self.life.typed(now)
            # A peer may always leave.
            if type(request) is not Quit and (wait := self.budget.take(now)):
                return self._fault(_slow_down(request, wait), now)
            if type(request) is Send:
                return [plan(request, self.name, self.rooms, self._rules, self.account)]
            return self._receive_other(request, now)
        except WireError as error:
            if error.seq is None:
                error.seq = getattr(request, "seq", None)
            return self.refuse(error, now)

    def refuse(self, error: WireError, now: float) -> list[Effect]:
        """Refuse a line or a request; a flood of refusals ends the session."""
        if self.state is State.ONLINE:
            self.life.typed(now)
        refusal = Error(
            code=error.code, text=error.text, seq=error.seq, retry_after=error.retry_after
        )
        return self._fault(refusal, now)

    def _receive_new(self, request: Request, now: float) -> list[Effect]:
        if self.state is State.CLOSED:
            return []
        if isinstance(request, Hello):
            if request.v != VERSION:
                raise WireError(
                    ErrorCode.BAD_VERSION,
                    f"this gateway speaks version {VERSION}, not {request.v}",
                )
            name = check_new_name(request.name, self._rules.limits.name)
            seen, seq = request.seen or {}, request.seq or 0
            quiet = request.quiet
            return [Claim(name, request.client, request.resume, seen, seq, request.password, quiet)]
        if isinstance(request, Ping):
            if wait := self.budget.take(now):
                return self._fault(_slow_down(request, wait), now)
            return [Tell(Pong())]
        if isinstance(request, Quit):
            return self._close(QUIT)
        raise WireError(ErrorCode.HELLO_FIRST, "say hello first: who are you?")

    def _receive_other(self, request: Request, now: float) -> list[Effect]:
        match request:
            case Ping():
                return [Tell(Pong())]
            case Active():
                return []
            case Who():
                return [ShowUsers(request.seq)]
            case Quit():
                return self._close(QUIT)
            case Hello():
                raise WireError(ErrorCode.HELLO_TWICE, f"you are {self.name} already")
            case Delete() | React() | ReadHistory():
                return [self._receive_of_message(request, now)]
            case SetAway() | SetBack() | SetName() | Ignore() | Unignore() | MarkRead() | Whois():
                return [self._receive_of_people(request)]
            case Register() | ChangePassword():
                return [self._receive_of_account(request)]
            case _:
                return [self._receive_of_room(request, now)]

    def _receive_of_message(self, request: Delete | React | ReadHistory, now: float) -> Effect:
        if isinstance(request, React):
            check_emoji(request.emoji)
        if isinstance(request, ReadHistory):
            self.budget.charge(request.limit // HISTORY_PER_REQUEST, now)
            if request.with_ is not None:
                if request.room is not None:
                    text = 'a history is of a "room" or "with" a person, not both'
                    raise WireError(ErrorCode.BAD_FIELD, text)
                check_name(request.with_, self._rules.limits.name)
        if request.room is not None:
            request = replace(request, room=self._inside(request.room))
        return DoToMessage(request)

    def _receive_of_people(
        self, request: SetAway | SetBack | SetName | Ignore | Unignore | MarkRead | Whois
    ) -> Effect:
        longest = self._rules.limits.name
        match request:
            case SetAway():
                check_line(request.reason, "reason")
            case SetName():
                request = replace(request, name=check_new_name(request.name, longest))
            case Ignore() | Unignore() | Whois():
                request = replace(request, name=check_name(request.name, longest))
            case MarkRead() if request.room != PRIVATE:
                request = replace(request, room=self._inside(request.room))
        return DoToPeople(request)

    def _receive_of_account(self, request: Register | ChangePassword) -> Effect:
        if isinstance(request, Register) and request.name is not None:
            name = check_new_name(request.name, self._rules.limits.name)
            request = replace(request, name=name)
        return DoToAccount(request)

    def _receive_of_room(self, request: Request, now: float) -> Effect:
        match request:
            case Join():
                return self._join(request, now)
            case Leave():
                return LeaveRoom(self._inside(request.room), request.seq)
            case ListRooms():
                return ShowRooms(request.seq)
            case ListMembers():
                return ShowMembers(self._inside(request.room), request.seq)
            case AboutRoom():
                return ShowRoom(self._room(request.room), request.seq)
            case SetTopic() | SetModes() | Moderate():
                return self._change(request)
            case _:
                raise AssertionError(f"a send is handled before: {request!r}")

    def _join(self, join: Join, now: float) -> EnterRoom:
        room, most = self._room(join.room), self._rules.limits.rooms
        already = room in self.rooms
        if not already and len(self.rooms) >= most:
            text = f"you are in {len(self.rooms)} rooms; {most} are allowed. Leave one first"
            raise WireError(ErrorCode.TOO_MANY_ROOMS, text)
        if already:
            return EnterRoom(room, None, 0, join.seq, already)
        self.budget.charge(join.history // HISTORY_PER_REQUEST, now)
        return EnterRoom(room, join.key, join.history, join.seq)

    def _change(self, change: Change) -> ChangeRoom:
        match change:
            case SetTopic():
                check_line(change.topic, "topic")
            case SetModes():
                check_line(change.key or "", "key")
            case Moderate():
                check_line(change.reason, "reason")
                if network_in(change) is None:
                    name = check_name(change.name, self._rules.limits.name)
                    change = replace(change, name=name)
        return ChangeRoom(replace(change, room=self._room(change.room)))

    def _room(self, name: str) -> str:
        """The one name of a room that a peer wrote in its own way."""
        return check_room(name, self._rules.limits.room)

    def _inside(self, name: str) -> str:
        """The same, of a room that the session has to be in."""
        room = self._room(name)
        if room not in self.rooms:
            raise not_in_room(room)
        return room

    def waited(self, seconds: float, now: float) -> None:
        """The peer had to wait for an answer of ours: that does not count as its own silence."""
        if self.state is State.ONLINE:
            self.life.typed(now)
            self._look_again()
        elif self.deadline is not None:
            self.deadline += seconds

    def _look_again(self) -> None:
        if self.deadline is not None or self.life.idle is None:
            self.deadline = self.life.next_look()  # else Redis is being asked

    # Answers to the questions that effects ask.

    def granted(
        self,
        name: str,
        resume: str,
        resumed: bool,
        seen: dict[str, str],
        now: float,
        rooms: Collection[str],
        *,
        account: str = "",
        sessions: int = 1,
        away: bool = False,
    ) -> list[Effect]:
        """The name was claimed.

        Args:
            name: as it is shown.
            resume: the token that takes it back later.
            resumed: the peer's own token was good.
            seen: for each room in which the hello named no id: the id that the session begins
                after.
            now: the monotonic clock, seconds.
            rooms: the rooms that the session is in from now on.
            account: as in `Welcome`.
            sessions: as in `Welcome`.
            away: the person is away in this session.
        """
        self.state = State.ONLINE
        self.name = name
        self.account = account
        self.rooms = set(rooms)
        self.life.typed(now)
        self.set_away(away)
        rules = self._rules
        welcome = Welcome(
            v=VERSION,
            name=name,
            gateway=rules.gateway,
            resume=resume,
            idle=rules.idle,
            away_idle=UNSET if rules.away_idle == rules.idle else rules.away_idle,
            rooms=list(rooms),
            limits=rules.limits,
            resumed=resumed,
            seen=seen,
            account=account,
            sessions=sessions,
        )
        return [Tell(welcome)]

    def set_away(self, away: bool) -> None:
        """The person is away from now on, or back: each has a limit of silence of its own."""
        idle = self._rules.away_idle if away else self._rules.idle
        if idle != self.life.idle:
            self.life.idle, self.life.warned = idle, False
        self.deadline = self.life.next_look()

    def whispered(self, whisper: Whisper, became: Delivery, now: float) -> list[Effect]:
        """A `Whisper` was carried out.

        Args:
            whisper: the effect.
            became: its outcome.
            now: the monotonic clock, seconds.
        """
        if self.state is State.CLOSED:
            return []  # never acknowledged: a client that comes back sends it again
        try:
            return self._still_inside(after_whisper(whisper, became))
        except WireError as error:
            return self.refuse(error, now)

    def mentioned(self, found: FindMentioned, here: list[str], now: float) -> list[Effect]:
        """A `FindMentioned` found the people in ``here`` (their names as they are shown)."""
        if self.state is State.CLOSED:
            return []
        try:
            return self._still_inside(after_lookup(found, here))
        except WireError as error:
            return self.refuse(error, now)

    def _still_inside(self, effects: list[Effect]) -> list[Effect]:
        """Refuse what would go to a room that the session has been put out of meanwhile."""
        for effect in effects:
            publish = effect.publish if isinstance(effect, FindMentioned) else effect
            if isinstance(publish, Publish) and publish.room not in self.rooms:
                error = not_in_room(publish.room)
                error.seq = publish.seq
                raise error
        return effects

    def entered(self, entered: Entered) -> list[Effect]:
        """The session is in a room: by an `EnterRoom`, or since its hello."""
        if self.state is not State.ONLINE:
            return []
        self.rooms.add(entered.room)
        return [Tell(entered)]

    def out(self, out: Out) -> list[Effect]:
        """The session is no longer in a room: by a `LeaveRoom`, or since it was put out."""
        self.rooms.discard(out.room)
        return [Tell(out)] if self.state is State.ONLINE else []

    def done(self, seq: int | None, id: str = "", room: str | None = None) -> list[Effect]:
        """What a request asked for was done.

        Args:
            seq: of the request.
            id: the id of the event that tells others about it; may be empty.
            room: the room of the request.
        """
        if self.state is not State.ONLINE or seq is None:
            return []
        return [Tell(Ack(seq=seq, id=id, room=room))]

    def renamed(
        self, name: str, *, account: str, seen: str | None, seq: int | None
    ) -> list[Effect]:
        """The session has another name from now on; the arguments are as in `Renamed`."""
        before, self.name, self.account = self.name, name, account
        if self.state is not State.ONLINE:
            return []
        return [Tell(Renamed(before, name, account=account, seen=seen, seq=seq))]

    def idle_checked(self, left: float, now: float) -> list[Effect]:
        """Redis has told how many seconds of idleness the user has left."""
        if self.state is not State.ONLINE:
            return []
        if self.life.idle is None:  # since the question was asked
            self.deadline = self.life.next_look()
            return []
        # Activity may have come here while the question was on its way, or elsewhere before it.
        if self.life.active_elsewhere(left, now):
            self.deadline = self.life.next_look()
            return []
        return self._close(IDLE)

    # The clock.

    def tick(self, now: float) -> list[Effect]:
        """The clock has reached `deadline`, or may have."""
        if self.deadline is None or now < self.deadline:
            return []
        if self.state is State.NEW:
            return self._close(HELLO_TIMEOUT)
        life = self.life
        if life.lost(now):
            return self._close(CONNECTION_LOST)
        if not life.is_idle(now):
            # A request does not move the deadline: when it is reached it is worked out again.
            self.deadline = life.next_look()
            return []
        if life.warned:
            self.deadline = None  # until the answer
            return [CheckIdle()]
        life.warned = True
        self.deadline = life.next_look()
        left = max(0.0, life.left(now))  # the clock may be late
        text = f"You will be disconnected in {left:.0f} s unless you type something."
        return [Tell(Notice(code=NoticeCode.IDLE_SOON, text=text, left=round(left, 1)))]

    def close(self, reason: Reason, *, keep_name: bool = False) -> list[Effect]:
        """End the session for a reason from outside; no effects if it has ended already.

        Args:
            reason: why.
            keep_name: as in `Close`.
        """
        if self.state is State.CLOSED:
            return []
        return self._close(reason, keep_name and self._rules.resumes)

    # Refusals and the end.

    def _fault(self, error: Error, now: float) -> list[Effect]:
        if self.state is State.CLOSED:
            return []
        if self._faults is None:
            self._faults = Budget(FAULT_BURST, FAULT_RATE, now)
        if self._faults.take(now):
            return [Tell(error), *self._close(FLOOD)]
        return [Tell(error)]

    def _close(self, reason: Reason, keep_name: bool = False) -> list[Effect]:
        self.state = State.CLOSED
        self.deadline = None
        return [Close(reason, keep_name)]


def _slow_down(request: Request, wait: float) -> Error:
    """The refusal of a request that is over the budget for another ``wait`` seconds."""
    text = f"too many requests: this one was not accepted. Try again in {wait:.1f} s"
    # Rounded up, so that a peer that waits as long as it is told is not refused again.
    retry_after = round(wait + 0.05, 1)
    seq = getattr(request, "seq", None)
    return Error(code=ErrorCode.SLOW_DOWN, text=text, seq=seq, retry_after=retry_after)
