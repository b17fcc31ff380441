"""The chat rules for one peer. Pure: requests and clock readings in, effects out.

A session goes through these states, and never back:

    NEW     -- hello granted -->  ONLINE
    NEW     -- Close -->          CLOSED
    ONLINE  -- Close -->          CLOSED

Some effects ask a question (`Claim`, `Whisper`, `FindMentioned`, `CheckIdle`); whoever carries
them out answers by calling the method that the effect names. Until the answer is there (but for
`CheckIdle`) the peer's next request must wait: its messages stay in the order in which they were
sent.
"""

from __future__ import annotations

from enum import Enum

from gateway.chat.budget import Budget
from gateway.chat.effects import (
    CheckIdle,
    Claim,
    Close,
    Effect,
    FindMentioned,
    ListUsers,
    Tell,
    Whisper,
)
from gateway.chat.reserved import check_new_name
from gateway.chat.rules import Rules
from gateway.chat.sending import Delivery, mentioned, plan, whispered
from gateway.chat.signs_of_life import SignsOfLife
from wire.frames import (
    LOBBY,
    VERSION,
    Active,
    Error,
    Hello,
    Notice,
    Ping,
    Pong,
    Quit,
    Request,
    Send,
    Welcome,
    Who,
)
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
"""Refused requests that a session may cause before it is a flood: at once, and a second."""


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
    """

    __slots__ = (
        "_faults",
        "_rules",
        "budget",
        "deadline",
        "life",
        "name",
        "state",
    )

    def __init__(self, rules: Rules, now: float) -> None:
        self._rules = rules
        self.budget = Budget(rules.limits.burst, rules.limits.rate, now)
        self._faults: Budget | None = None
        self.life = SignsOfLife(rules.idle, now)
        self.state = State.NEW
        self.name = ""
        self.deadline: float | None = now + rules.limits.hello

    # What a peer sends.

    def receive(self, request: Request, now: float, ts: int) -> list[Effect]:
        """Take in one request.

        Args:
            request: what the peer asks.
            now: the monotonic clock, seconds.
            ts: the gateway's wall clock, milliseconds since 1970.
        """
        try:
            if self.state is not State.ONLINE:
                return self._receive_new(request, now)
            if type(request) is Ping:
                if self.life.pinged(now):
                    self._look_again()
            else:
                self.life.typed(now)
            # Whoever wants to go may go.
            if type(request) is not Quit and (wait := self.budget.take(now)):
                return self._fault(_slow_down(request, wait), now)
            if type(request) is Send:
                return [plan(request, self.name, self._rules, ts)]
            return self._receive_other(request)
        except WireError as error:
            if error.seq is None:
                error.seq = getattr(request, "seq", None)
            return self.refuse(error, now)

    def refuse(self, error: WireError, now: float) -> list[Effect]:
        """Answer a line that was no request; a flood of them ends the session."""
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
                    f"version {request.v} is not spoken here; {VERSION} is",
                )
            name = check_new_name(request.name, self._rules.limits.name)
            seen, seq = request.seen or {}, request.seq or 0
            return [Claim(name, request.client, request.resume, seen, seq, request.password)]
        if isinstance(request, Ping):
            if wait := self.budget.take(now):
                return self._fault(_slow_down(request, wait), now)
            return [Tell(Pong())]
        if isinstance(request, Quit):
            return self._close(QUIT)
        raise WireError(ErrorCode.HELLO_FIRST, "say hello first: who are you?")

    def _receive_other(self, request: Request) -> list[Effect]:
        match request:
            case Ping():
                return [Tell(Pong())]
            case Active():
                return []
            case Who():
                return [ListUsers(request.seq)]
            case Quit():
                return self._close(QUIT)
            case Hello():
                raise WireError(ErrorCode.HELLO_TWICE, f"you are {self.name} already")
            case _:
                raise AssertionError(f"send is handled before: {request!r}")

    def waited(self, seconds: float, now: float) -> None:
        """The peer had to wait so long for an answer of ours: that was no silence of its own."""
        if self.state is State.ONLINE:
            self.life.typed(now)
            self._look_again()
        elif self.deadline is not None:
            self.deadline += seconds

    def _look_again(self) -> None:
        if self.deadline is not None or self._rules.idle is None:
            self.deadline = self.life.next_look()  # else Redis is being asked

    # Answers to the questions that effects ask.

    def granted(
        self, name: str, resume: str, resumed: bool, seen: dict[str, str], now: float
    ) -> list[Effect]:
        """The name was claimed.

        Args:
            name: as it is shown.
            resume: the token that takes it back later.
            resumed: the peer's own token was good.
            seen: the id in each room behind which the session begins.
            now: the monotonic clock, seconds.
        """
        self.state = State.ONLINE
        self.name = name
        self.life.typed(now)
        self.deadline = self.life.next_look()
        rules = self._rules
        welcome = Welcome(
            v=VERSION,
            name=name,
            gateway=rules.gateway,
            resume=resume,
            idle=rules.idle,
            rooms=[LOBBY],
            limits=rules.limits,
            resumed=resumed,
            seen=seen,
        )
        return [Tell(welcome)]

    def whispered(self, whisper: Whisper, became: Delivery, now: float) -> list[Effect]:
        """It is known what became of a `Whisper`.

        Args:
            whisper: the effect.
            became: who was here for it.
            now: the monotonic clock, seconds.
        """
        if self.state is State.CLOSED:
            return []  # never acknowledged: a client that comes back sends it again
        try:
            return whispered(whisper, became)
        except WireError as error:
            return self.refuse(error, now)

    def mentioned(self, found: FindMentioned, here: list[str], now: float) -> list[Effect]:
        """It is known who (names as they are shown) is here for a `FindMentioned`."""
        if self.state is State.CLOSED:
            return []
        try:
            return mentioned(found, here)
        except WireError as error:
            return self.refuse(error, now)

    def idle_checked(self, left: float, now: float) -> list[Effect]:
        """Redis has said how many seconds of idleness the user has left; 0 or less: none."""
        if self.state is not State.ONLINE or self._rules.idle is None:
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
        if not life.idle(now):
            # The deadline is not moved by each request: it is looked at again when it is reached.
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

    def close(self, reason: Reason) -> list[Effect]:
        """End the session for a reason from outside; no effects if it has ended already."""
        return [] if self.state is State.CLOSED else self._close(reason)

    # Refusals and the end.

    def _fault(self, error: Error, now: float) -> list[Effect]:
        if self.state is State.CLOSED:
            return []
        if self._faults is None:
            self._faults = Budget(FAULT_BURST, FAULT_RATE, now)
        if self._faults.take(now):
            return [Tell(error), *self._close(FLOOD)]
        return [Tell(error)]

    def _close(self, reason: Reason) -> list[Effect]:
        self.state = State.CLOSED
        self.deadline = None
        return [Close(reason)]


def _slow_down(request: Request, wait: float) -> Error:
    """The refusal of a request that is over the budget for so many seconds more."""
    text = f"too many requests; this one was not accepted, try again in {wait:.1f} s"
    # Rounded up, so that whoever waits as long as told is not refused again.
    retry_after = round(wait + 0.05, 1)
    seq = getattr(request, "seq", None)
    return Error(code=ErrorCode.SLOW_DOWN, text=text, seq=seq, retry_after=retry_after)
