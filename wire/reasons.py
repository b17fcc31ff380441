"""Why a connection ends, and why a request is refused: the wire's vocabulary as data.

``reconnect`` is all that a client has to know to decide whether to come back.
``docs/protocol.md`` has both tables; a test compares them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a connection ends.

    Attributes:
        code: stable word for programs.
        text: sentence for people.
        reconnect: whether the client should come back by itself.
    """

    code: str
    text: str
    reconnect: bool


QUIT = Reason("quit", "Bye!", reconnect=False)
HUNG_UP = Reason("hung_up", "You hung up without a word.", reconnect=True)
IDLE = Reason("idle", "Bye!", reconnect=False)
FLOOD = Reason("flood", "Too many bad or refused requests.", reconnect=False)
HELLO_TIMEOUT = Reason("hello_timeout", "No hello came in time.", reconnect=False)
REPLACED = Reason("replaced", "You came back over another connection.", reconnect=False)
NAME_LOST = Reason(
    "name_lost", "This gateway was away for too long and your name was given away.", reconnect=True
)
SLOW = Reason("slow", "You read too slowly: too much was waiting for you.", reconnect=True)
INTERRUPTED = Reason(
    "interrupted", "Redis went away while you were told what you had missed.", reconnect=True
)
SHUTDOWN = Reason("shutdown", "This gateway is shutting down.", reconnect=True)
REBALANCE = Reason(
    "rebalance", "This gateway has many people, and sends some on to others.", reconnect=True
)
KICKED = Reason("kicked", "An operator disconnected you.", reconnect=False)
BANNED = Reason("banned", "You are banned.", reconnect=False)
FOREIGN = Reason("foreign", "This is the port of a chat, and not what you take it for.", False)
CROWDED = Reason("crowded", "Too many connections come from your address.", reconnect=True)
# The others in a room are told these two. A bye seldom has the first, since hardly anybody is left
# to read it, and never the second.
CONNECTION_LOST = Reason("connection_lost", "The connection was lost.", reconnect=True)
GATEWAY_LOST = Reason("gateway_lost", "The gateway was lost.", reconnect=True)

REASONS = (
    QUIT,
    HUNG_UP,
    IDLE,
    FLOOD,
    HELLO_TIMEOUT,
    REPLACED,
    NAME_LOST,
    SLOW,
    INTERRUPTED,
    SHUTDOWN,
    REBALANCE,
    KICKED,
    BANNED,
    FOREIGN,
    CROWDED,
    CONNECTION_LOST,
    GATEWAY_LOST,
)


class ErrorCode(StrEnum):
    """Why a request was refused. The connection goes on."""

    BAD_JSON = "bad_json"
    BAD_UTF8 = "bad_utf8"
    BAD_FRAME = "bad_frame"
    BAD_FIELD = "bad_field"
    UNKNOWN_OP = "unknown_op"
    LINE_TOO_LONG = "line_too_long"
    BAD_VERSION = "bad_version"
    BAD_NAME = "bad_name"
    NAME_TAKEN = "name_taken"
    PASSWORD_REQUIRED = "password_required"
    BAD_PASSWORD = "bad_password"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    HELLO_FIRST = "hello_first"
    HELLO_TWICE = "hello_twice"
    BAD_TEXT = "bad_text"
    TEXT_TOO_LONG = "text_too_long"
    EMPTY_TEXT = "empty_text"
    BAD_ROOM = "bad_room"
    NO_SUCH_ROOM = "no_such_room"
    NOT_IN_ROOM = "not_in_room"
    TOO_MANY_ROOMS = "too_many_rooms"
    INVITE_ONLY = "invite_only"
    BAD_KEY = "bad_key"
    BANNED_HERE = "banned_here"
    MUTED = "muted"
    READ_ONLY = "read_only"
    NOT_OPERATOR = "not_operator"
    NO_SUCH_PERSON = "no_such_person"
    TOO_MANY_ENTRIES = "too_many_entries"
    NO_SUCH_MESSAGE = "no_such_message"
    TOO_LATE = "too_late"
    NOT_YOURS = "not_yours"
    NOT_ALLOWED = "not_allowed"
    NOT_REGISTERED = "not_registered"
    NAME_REGISTERED = "name_registered"
    MAILBOX_FULL = "mailbox_full"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    NOBODY_HERE = "nobody_here"
    WOULD_BE_PUBLIC = "would_be_public"
    SLOW_DOWN = "slow_down"
    STALE_SEQ = "stale_seq"
    OUTBOX_FULL = "outbox_full"
    UNAVAILABLE = "unavailable"


class OutCode(StrEnum):
    """Why a session is no longer in a room."""

    LEFT = "left"
    KICKED = "kicked"
    BANNED = "banned"
    REFUSED = "refused"
    RENAMED = "renamed"


class NoticeCode(StrEnum):
    """What a session is told without asking."""

    IDLE_SOON = "idle_soon"
    ABSENT = "absent"
    LATER = "later"
    MENTIONED = "mentioned"
    INVITED = "invited"
    REDIS_AWAY = "redis_away"
    REDIS_BACK = "redis_back"


class WireError(Exception):
    """A line or a request that is refused.

    Attributes:
        code: which refusal.
        text: what was wrong, for a person.
        seq: the request's seq, if it could be read.
        retry_after: seconds until the request would be accepted, if that is known.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        seq: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.seq = seq
        self.retry_after = retry_after
