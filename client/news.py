"""What a lasting chat tells about itself, between the events from its gateways."""

from __future__ import annotations

from dataclasses import dataclass

from client.display import render
from client.display.safe_text import clean_name
from client.display.view import View, info
from client.errors import Refused
from wire.reasons import ErrorCode, Reason


@dataclass(frozen=True)
class Lost:
    """The connection is over, and we are trying to come back."""

    reason: Reason


@dataclass(frozen=True)
class StillAway:
    """An attempt to come back failed, and another will follow. Told once for each reason.

    Attributes:
        why: why it failed.
        after: seconds until the next attempt, if the gateway told them and ``why`` does not.
    """

    why: str
    after: float | None = None


@dataclass(frozen=True)
class Back:
    """We are connected again.

    Attributes:
        gateway: id of the gateway that we are on.
        resumed: the gateway knew our session: what we missed follows.
    """

    gateway: str
    resumed: bool


@dataclass(frozen=True)
class Held:
    """The gateway cannot accept a message now. It will be sent again by itself.

    Told once, until a message is accepted again.

    Attributes:
        refused: what the gateway said.
        delay: seconds until the next attempt.
    """

    refused: Refused
    delay: float


@dataclass(frozen=True)
class SentAgain:
    """A message was not acknowledged, and is sent again; the gateways no longer know our session.

    So it is not lost, but others may read it twice.

    Attributes:
        text: the message.
    """

    text: str


@dataclass(frozen=True)
class NotRejoined:
    """We came back, the gateways no longer knew our session, and a room did not let us in again.

    Attributes:
        room: which room.
        why: the gateway's answer.
    """

    room: str
    why: str


@dataclass(frozen=True)
class SentAway:
    """The gateway ended our session because we did nothing. We wait to be called back."""

    reason: Reason


News = SentAway | Lost | StillAway | Back | Held | SentAgain | NotRejoined


def shown(news: News, view: View) -> list[str]:
    """News as lines for the person."""
    match news:
        case SentAway(reason):
            text = f"{reason.text} You did nothing for long. Enter brings you back"
        case Lost(reason):
            text = f"{reason.text} Reconnecting..."
        case StillAway(why, after):
            text = why if after is None else f"{why} Trying again in {after:.0f} s."
        case Back(gateway):
            text = f"back again, on {gateway}"
        case Held(refused, delay) if refused.code == ErrorCode.SLOW_DOWN:
            text = f"the gateway asks for a pause: what you sent follows in {delay:.1f} s, in order"
        case Held():
            text = "the gateway cannot take this now: it is sent as soon as possible, in order"
        case SentAgain(said):
            return render.sent_again(said, view)
        case NotRejoined(room, why):
            text = f"you are no longer in #{room}: {why}"
    return info(clean_name(text), view)
