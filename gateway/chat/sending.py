"""Where a message goes: to the room, or to some people only."""

from __future__ import annotations

from gateway.chat.effects import Effect, Publish, Tell, Whisper
from gateway.chat.rules import Rules
from gateway.chat.texts import check_text
from wire.frames import LOBBY, Ack, Msg, Notice, Send
from wire.mentions import plain, recipients
from wire.reasons import ErrorCode, NoticeCode, WireError


def plan(send: Send, sender: str, rules: Rules, ts: int) -> Publish | Whisper:
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
    check_text(send.text, limits.text)
    if send.room != LOBBY:
        raise WireError(ErrorCode.NO_SUCH_ROOM, f"there is no room {send.room[:32]!r}")
    if send.to is None:
        names, text = recipients(send.text), plain(send.text)
        fallback = None if rules.refuse_fallback else send.room
    else:
        # Said outright, so nothing is read out of the text, and it never becomes public.
        names, text, fallback = send.to, send.text, None
        if not names:
            raise WireError(ErrorCode.NOBODY_HERE, 'the field "to" names nobody')
    if len(names) > limits.to:
        raise WireError(
            ErrorCode.TOO_MANY_RECIPIENTS,
            f"the message has {len(names)} recipients; {limits.to} are allowed",
        )
    if not names:
        message = Msg(from_=sender, room=send.room, text=text, at=send.at, ts=ts)
        return Publish(send.room, message, send.seq)
    message = Msg(from_=sender, text=text, at=send.at, ts=ts)
    return Whisper(names, message, send.seq, fallback)


def whispered(whisper: Whisper, id: str | None, to: list[str], absent: list[str]) -> list[Effect]:
    """Tell the sender to whom a message went, and let it go to the room if it went to nobody.

    Args:
        whisper: what was asked for.
        id: the message's id; None if nobody was here and it was not published; "" if its seq is
            not new, and no message of that seq is in the log.
        to: the recipients, as their names are shown.
        absent: the names of whom nobody is here, as they were written.

    Raises:
        WireError: it went to nobody, and must not go to the room; or its seq is `stale`.
    """
    message, seq = whisper.message, whisper.seq
    nobody = f"nobody named {', '.join(f'@{name}' for name in absent)} is here"
    if id == "":
        raise stale(seq)
    if id is None and whisper.room is None:
        raise WireError(ErrorCode.NOBODY_HERE, f"{nobody}: not sent", seq)
    effects: list[Effect] = []
    if absent and seq is None:  # with a seq, the ack says it
        text = f"{nobody}: sent to {', '.join(to) if id else 'everyone'}"
        effects.append(Tell(Notice(code=NoticeCode.ABSENT, text=text, absent=absent)))
    if id is None:
        assert whisper.room is not None
        public = Msg(
            from_=message.from_, room=whisper.room, text=message.text, at=message.at, ts=message.ts
        )
        effects.append(Publish(whisper.room, public, seq, absent))
    elif seq is not None:
        effects.append(Tell(Ack(seq=seq, id=id, to=to, absent=absent or None)))
    return effects


def stale(seq: int | None) -> WireError:
    """A send comes again, or out of turn, and what became of the first one is not known."""
    text = "the seq is not higher than an earlier one, and no message of that seq is in the log"
    return WireError(ErrorCode.STALE_SEQ, text, seq)
