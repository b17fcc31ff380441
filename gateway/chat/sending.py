"""Where a message goes: to a room, or to some people only."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from gateway.chat.effects import Effect, FindMentioned, Publish, Tell, Whisper
from gateway.chat.rules import Rules
from gateway.chat.texts import check_text
from wire.frames import Ack, Msg, Notice, Send
from wire.mentions import EVERYONE, read_mentions, unescaped
from wire.names import check_room, fold, may_be_held
from wire.reasons import ErrorCode, NoticeCode, WireError

SHOWN = 64
"""The most characters of a name that a refusal repeats: a name can be as long as a line."""


def plan(
    send: Send, sender: str, rooms: Collection[str], rules: Rules, account: str = ""
) -> Publish | FindMentioned | Whisper:
    """Decide where a send goes.

    Args:
        send: the request.
        sender: the sender's name, as it is shown.
        rooms: the rooms that the sender is in.
        rules: the gateway's.
        account: the folded name of the sender's account; empty for a guest.

    Raises:
        WireError: it is refused.
    """
    limits = rules.limits
    text = check_text(send.text, limits.text)
    # A name that is folded already needs no check: most sends have one.
    room = send.room if send.room in rooms else check_room(send.room, limits.room)
    inside = room in rooms
    if send.to is None:
        names, others = read_mentions(text)
        text, fallback = unescaped(text), room if inside and not rules.refuse_fallback else None
    else:
        # The field names the recipients, so the text is not searched, and never becomes public.
        names, others, fallback = send.to, [], None
        if not names:
            raise WireError(ErrorCode.NOBODY_HERE, 'the field "to" names nobody')
    if len(names) > limits.to:
        raise WireError(
            ErrorCode.TOO_MANY_RECIPIENTS,
            f"the message has {len(names)} recipients; {limits.to} are allowed",
        )
    if others:
        others = [name for name in others if may_be_held(name, limits.name)][: limits.to]
    if names:
        message = Msg(
            from_=sender, text=text, at=send.at, kind=send.kind, re=send.re, account=account
        )
        return Whisper(names, message, send.seq, fallback, others)
    if not inside:
        raise not_in_room(room)
    message = Msg(
        from_=sender,
        room=room,
        text=text,
        at=send.at,
        kind=send.kind,
        re=send.re,
        account=account,
    )
    publish = Publish(room, message, send.seq)
    return FindMentioned(others, publish, rules.refuse_fallback) if others else publish


def no_longer_in_room(room: str) -> WireError:
    """The refusal of a request about a room that the session has left or been put out of."""
    return WireError(ErrorCode.NOT_IN_ROOM, f"you are not in the room {room} any longer")


def not_in_room(room: str) -> WireError:
    """A request is for the members of a room only."""
    return WireError(ErrorCode.NOT_IN_ROOM, f"you are not in the room {room}: join it first")


class Delivery(NamedTuple):
    """What became of a private message.

    Attributes:
        id: the message's id; None if it went to nobody and was not published; "" if its seq is
            not new, and the outcome of the first send with that seq has been forgotten.
        to: the recipients who are here, as their names are shown.
        later: the recipients whose connection broke, likewise: the message waits for them.
        absent: the other recipients, as they were written.
        away: recipients who are here and have said that they are away: name -> reason.
    """

    id: str | None
    to: list[str]
    later: list[str]
    absent: list[str]
    away: dict[str, str]


def after_whisper(whisper: Whisper, became: Delivery) -> list[Effect]:
    """Tell the sender who got a private message; if nobody did, let it go to the room.

    Args:
        whisper: the effect.
        became: its outcome.

    Raises:
        WireError: it went to nobody, and must not go to the room; or its seq is `stale`.
    """
    message, seq = whisper.message, whisper.seq
    id, to, later, absent, away = became
    nobody = f"nobody named {', '.join(f'@{name[:SHOWN]}' for name in absent)} is here"
    if id == "":
        raise stale(seq)
    if id is None and whisper.room is None:
        raise WireError(ErrorCode.NOBODY_HERE, f"{nobody}: not sent{_hint(absent)}", seq)
    effects: list[Effect] = []
    if absent and seq is None:  # with a seq the ack tells it
        went = ", ".join(to + later) if id else f"everyone{_hint(absent)}"
        text = f"{nobody}: sent to {went}"
        effects.append(Tell(Notice(code=NoticeCode.ABSENT, text=text, absent=absent)))
    if later and seq is None:
        text = f"{', '.join(later)} will get it when they are here again"
        effects.append(Tell(Notice(code=NoticeCode.LATER, text=text, later=later)))
    if id is None:
        assert whisper.room is not None
        public = replace(message, room=whisper.room)
        publish = Publish(whisper.room, public, seq, absent)
        others = whisper.others
        effects.append(FindMentioned(others, publish, refuse=False) if others else publish)
    elif seq is not None:
        ack = Ack(
            seq=seq,
            id=id,
            to=to,
            absent=absent or None,
            later=later or None,
            away=away or None,
        )
        effects.append(Tell(ack))
    return effects


def after_lookup(found: FindMentioned, here: list[str]) -> list[Effect]:
    """Publish a message that names people, and tell its sender if that may be a mistake.

    Args:
        found: the effect.
        here: the people among them who are here or may come back, as their names are shown.

    Raises:
        WireError: it must not be public.
    """
    publish = found.publish
    here = [name for name in dict.fromkeys(here) if name != publish.message.from_]
    if not here:
        return [publish]
    if found.refuse:
        at = " ".join(f"@{name}" for name in here)
        raise WireError(
            ErrorCode.WOULD_BE_PUBLIC,
            f"everyone would read this, not only {', '.join(here)}: not sent. Put {at} at its end "
            "to make it private, or write \\@ in place of @ to send it to everyone",
            publish.seq,
        )
    publish = replace(publish, mentioned=here)
    if publish.seq is not None:  # then the ack tells it
        return [publish]
    names = ", ".join(here)
    text = f"everyone reads this, not only {names}: only names at its end make a message private"
    return [Tell(Notice(code=NoticeCode.MENTIONED, text=text, mentioned=here)), publish]


def acknowledged(publish: Publish, id: str) -> Ack:
    """A public message with a seq is stored."""
    assert publish.seq is not None
    return Ack(
        seq=publish.seq,
        id=id,
        room=publish.room,
        absent=publish.absent,
        mentioned=publish.mentioned,
    )


def _hint(absent: list[str]) -> str:
    """Help for somebody who wrote "@all"."""
    if not any(len(name) <= SHOWN and fold(name) in EVERYONE for name in absent):
        return ""
    return ". A message without names is for everyone"


def too_fast(room: str, wait: float) -> WireError:
    """A room lets nobody send so often: slow mode."""
    text = f"the room {room} is in slow mode: not sent. Try again in {wait:.1f} s"
    # Rounded up, so that a peer that waits as long as it is told is not refused again.
    return WireError(ErrorCode.SLOW_DOWN, text, retry_after=round(wait + 0.05, 1))


def stale(seq: int | None) -> WireError:
    """A send came again, or out of turn, and the outcome of the first one has been forgotten."""
    text = "the seq is not higher than an earlier one, and it is no longer known what became of it"
    return WireError(ErrorCode.STALE_SEQ, text, seq)
