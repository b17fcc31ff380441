"""Where a message goes: to the room, or to some people only."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from gateway.chat.effects import Effect, FindMentioned, Publish, Tell, Whisper
from gateway.chat.rules import Rules
from gateway.chat.texts import check_text
from wire.frames import LOBBY, Ack, Msg, Notice, Send
from wire.mentions import EVERYONE, plain, read_mentions
from wire.names import fold, may_be_held
from wire.reasons import ErrorCode, NoticeCode, WireError

SHOWN = 64
"""Characters of a name that are repeated to whoever wrote it: a name can be as long as a line."""


def plan(send: Send, sender: str, rules: Rules, ts: int) -> Publish | FindMentioned | Whisper:
    """Decide where a send goes.

    Args:
        send: the request.
        sender: the sender's name, as it is shown.
        rules: the gateway's.
        ts: the gateway's wall clock, milliseconds since 1970.

    Raises:
        WireError: it is refused.
    """
    limits = rules.limits
    text = check_text(send.text, limits.text)
    if send.room != LOBBY:
        raise WireError(ErrorCode.NO_SUCH_ROOM, f"there is no room {send.room[:32]!r}")
    if send.to is None:
        names, others = read_mentions(text)
        text, fallback = plain(text), None if rules.refuse_fallback else send.room
    else:
        # Said outright, so nothing is read out of the text, and it never becomes public.
        names, others, fallback = send.to, [], None
        if not names:
            raise WireError(ErrorCode.NOBODY_HERE, 'the field "to" names nobody')
    if len(names) > limits.to:
        raise WireError(
            ErrorCode.TOO_MANY_RECIPIENTS,
            f"the message has {len(names)} recipients; {limits.to} are allowed",
        )
    others = [name for name in others if may_be_held(name, limits.name)][: limits.to]
    if names:
        message = Msg(from_=sender, text=text, at=send.at, ts=ts)
        return Whisper(names, message, send.seq, fallback, others)
    message = Msg(from_=sender, room=send.room, text=text, at=send.at, ts=ts)
    publish = Publish(send.room, message, send.seq)
    return FindMentioned(others, publish, rules.refuse_fallback) if others else publish


class Delivery(NamedTuple):
    """What became of a private message.

    Attributes:
        id: the message's id; None if it went to nobody and was not published; "" if its seq is
            not new, and what became of it is not known any more.
        to: the recipients who are here, as their names are shown.
        later: those whose connection broke, likewise: for them it waits.
        absent: the names of whom nobody is here, as they were written.
    """

    id: str | None
    to: list[str]
    later: list[str]
    absent: list[str]


def whispered(whisper: Whisper, became: Delivery) -> list[Effect]:
    """Tell the sender to whom a message went, and let it go to the room if it went to nobody.

    Args:
        whisper: what was asked for.
        became: what became of it.

    Raises:
        WireError: it went to nobody, and must not go to the room; or its seq is `stale`.
    """
    message, seq = whisper.message, whisper.seq
    id, to, later, absent = became
    nobody = f"nobody named {', '.join(f'@{name[:SHOWN]}' for name in absent)} is here"
    if id == "":
        raise stale(seq)
    if id is None and whisper.room is None:
        raise WireError(ErrorCode.NOBODY_HERE, f"{nobody}: not sent{_hint(absent)}", seq)
    effects: list[Effect] = []
    if absent and seq is None:  # with a seq, the ack says it
        went = ", ".join(to + later) if id else f"everyone{_hint(absent)}"
        text = f"{nobody}: sent to {went}"
        effects.append(Tell(Notice(code=NoticeCode.ABSENT, text=text, absent=absent)))
    if later and seq is None:
        text = f"{', '.join(later)} lost the connection: it is kept for them until they are back"
        effects.append(Tell(Notice(code=NoticeCode.LATER, text=text, later=later)))
    if id is None:
        assert whisper.room is not None
        public = Msg(
            from_=message.from_, room=whisper.room, text=message.text, at=message.at, ts=message.ts
        )
        publish = Publish(whisper.room, public, seq, absent)
        others = whisper.others
        effects.append(FindMentioned(others, publish, refuse=False) if others else publish)
    elif seq is not None:
        effects.append(Tell(Ack(seq=seq, id=id, to=to, absent=absent or None, later=later or None)))
    return effects


def mentioned(found: FindMentioned, here: list[str]) -> list[Effect]:
    """Publish a message that names people, and tell its sender if that may be a slip.

    Args:
        found: what was asked for.
        here: who of them is here, or may come back, as their names are shown.

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
            f"everyone would read this, {', '.join(here)} too: not sent. With {at} at its end "
            "it is private, and with \\@ in place of @ it is for everyone",
            publish.seq,
        )
    publish = replace(publish, mentioned=here)
    if publish.seq is not None:  # then the ack says it
        return [publish]
    text = f"everyone reads this, {', '.join(here)} too: names count at the end of a text only"
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
    """What may help somebody who wrote "@all"."""
    if not any(len(name) <= SHOWN and fold(name) in EVERYONE for name in absent):
        return ""
    return ". What names nobody is for everyone"


def stale(seq: int | None) -> WireError:
    """A send comes again, or out of turn, and what became of the first one is not known."""
    text = "the seq is not higher than an earlier one, and what became of it is not known any more"
    return WireError(ErrorCode.STALE_SEQ, text, seq)
