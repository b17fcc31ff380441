"""Turns events into lines of text. Pure, so tests can read what a person sees without a terminal.

Every function returns rows without line ends, broken by `display.rows` to fit the window if there
is one. All text from other people has gone through `display.safe_text`. The only escape sequences
come from the `Style`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from client.display import people, rooms
from client.display.rooms import shown_room
from client.display.safe_text import clean_name, clean_text
from client.display.spans import shown_span
from client.display.times import said_at, written
from client.display.view import View, broken, info
from wire.codec import decode_event
from wire.frames import (
    LOBBY,
    OPERATOR,
    PRIVATE,
    Ack,
    Changed,
    Deleted,
    Earlier,
    Entered,
    Error,
    Event,
    Gap,
    Joined,
    Left,
    Modes,
    Msg,
    Notice,
    Out,
    Reacted,
    User,
    Users,
)
from wire.mentions import EVERYONE
from wire.reasons import NoticeCode

QUOTED = 60
"""Characters of a message that are shown above an answer to it."""

MOST_QUOTED = 200
"""Characters of our own unsent message that are shown if there is no window: enough to find it
again in the place that it came from."""

_WHY_LEFT = {
    "quit": "",
    "left": "",
    "connection_lost": "connection lost",
    "flood": "too many bad requests",
    "gateway_lost": "gateway lost",
    "name_lost": "gateway was away",
    "shutdown": "gateway shut down",
    "slow": "read too slowly",
}


def event(event: Event, view: View, before: Modes | None = None) -> list[str]:
    """The lines for an event; none if the event is not for people.

    Args:
        event: what happened.
        view: who looks at it, and how.
        before: for a change of modes: the modes before it, if they are known.
    """
    match event:
        case Changed() | Entered() | Out():
            return _of_room(event, view, before)
        case Msg():
            return message(event, view)
        case Gap():
            return gap(event, view)
        case Joined():
            return info(f"{clean_name(event.name)} joined{_in_room(event.room, view)}", view)
        case Left():
            return left(event, view)
        case Users():
            return users(event.users, view)
        case Notice():
            return notice(event, view)
        case Error():
            return error(event.text, view)
        case _:
            return _of_others(event, view)


def _of_others(event: Event, view: View) -> list[str]:
    match event:
        case Deleted():
            return deleted(event, view)
        case Reacted():
            return reacted(event, view)
        case _:
            return people.event(event, view)


def _of_room(event: Changed | Entered | Out, view: View, before: Modes | None) -> list[str]:
    match event:
        case Changed():
            return rooms.changed(event, view, before)
        case Entered():
            return rooms.entered(event, view)
        case Out():
            return rooms.out(event, view)


def message(msg: Msg, view: View) -> list[str]:
    """A message: ``10:00:05 sis: hello``, or ``10:00:05 sis → you, mom: hello``.

    In a room other than the current one: ``10:00:05 #dev sis: hello``. What somebody does:
    ``10:00:05 * sis waves``. An answer has a row above it with what it answers.

    An announcement by the operators: ``10:00:05 *** announcement: back at six``. Nobody can have a
    name that makes a message look like that.
    """
    sender = clean_name(msg.from_)
    if msg.from_ == OPERATOR:
        who = view.style.warning("*** announcement") + _in_room(msg.room or LOBBY, view)
    elif msg.to is None:
        who = _elsewhere(msg.room or LOBBY, view) + _speaker(sender, sender, view)
    else:
        who = " → ".join(
            (_name(sender, view), ", ".join(_name(clean_name(name), view) for name in msg.to))
        )
    text = clean_text(msg.text)
    begin = "\n" if _is_block(text) else " "
    if not view.is_me(msg.from_):
        text = _highlight(text, view)
    if msg.to is not None:
        text = "\n".join(map(view.style.private, text.split("\n")))
    said = f"* {who} {text}" if msg.kind == "me" else f"{who}:{begin}{text}"
    answered = [] if msg.re is None else _quote(msg.re, view)
    at = view.style.time(said_at(msg, view.now, view.clock))
    return [*answered, *broken(f"{at} {said}", view)]


def _is_block(text: str) -> bool:
    """Whether a text looks like code: then all its lines begin in the same column."""
    _, *later = text.split("\n")
    return bool(later) and (text.startswith((" ", "```")) or any(x[:1] == " " for x in later))


def _quote(message: str, view: View) -> list[str]:
    known = view.recall(message)
    text = "an earlier message" if known is None else f"{clean_name(known.from_)}: {_begin(known)}"
    return broken(view.style.info(f"> {text}"), view)


def _begin(msg: Msg) -> str:
    """The beginning of a message, in one line."""
    text = " ".join(clean_text(msg.text).split())
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def deleted(event: Deleted, view: View) -> list[str]:
    """Messages were deleted: ``· sis deleted a message from 10:42:05``. Their text is not shown."""
    by, where = _actor(event.by, view), _place(event.room, view)
    if event.upto is not None:
        return info(f"{by} deleted everything that was said before{where}", view)
    if len(event.targets) != 1:
        return info(f"{by} deleted {len(event.targets)} messages{where}", view)
    known = view.recall(event.targets[0])
    at = "" if known is None else f" from {said_at(known, view.now, view.clock)}"
    whose = "" if event.from_ in ("", event.by) else f" of {_actor(event.from_, view)}"
    return info(f"{by} deleted a message{whose}{at}{where}", view)


def reacted(event: Reacted, view: View) -> list[str]:
    """Somebody reacted: ``· sis reacted 👍 to mom: lunch?``."""
    known, by = view.recall(event.target), _actor(event.from_, view)
    emoji = " ".join(clean_text(event.emoji).split())
    to = "an earlier message" if known is None else f"{_actor(known.from_, view)}: {_begin(known)}"
    where = _place(event.room, view)
    if event.on:
        return info(f"{by} reacted {emoji}{where} to {to}", view)
    return info(f"{by} took {emoji} back{where} from {to}", view)


def is_for(msg: Msg, view: View) -> bool:
    """Whether a message of somebody else is for the person: private, or with a word of theirs.

    Their words are their name and what they chose to highlight.
    """
    if view.is_me(msg.from_):
        return False
    return msg.to is not None or _called(view).search(clean_text(msg.text)) is not None


END_OF_BACKLOG = "earlier messages end here"


def backlog(found: Sequence[Earlier], view: View) -> list[str]:
    """What was said before the person came, and a line in which it ends."""
    return _past(found, view) + info(END_OF_BACKLOG, view)


def missed(found: Sequence[Earlier], view: View) -> list[str]:
    """What was said in a room while the person was away."""
    whole = found[-1].complete
    return ([] if whole else info("more was said before this: /history", view)) + _past(found, view)


def history(found: Sequence[Earlier], view: View, *, onwards: bool = False) -> list[str]:
    """Earlier messages, between two lines that say so.

    Args:
        found: the answer, part by part.
        view: who looks at it, and how.
        onwards: what else there may be was said after these messages, not before.
    """
    first = found[0]
    where = f"with {clean_name(first.with_)}" if first.with_ else ""
    if first.room is not None:
        where = f"in {shown_room(first.room)}"
    what = f"earlier messages {where}".rstrip() if where else "earlier private messages"
    if not any(part.events for part in found):
        return info(f"there are no {what}", view)
    whole = found[-1].complete
    begins = "; there are none before them" if whole and not onwards else ""
    shown = info(f"{what}{begins}:", view) + _past(found, view)
    if whole or not onwards:
        return shown + info(END_OF_BACKLOG, view)
    last = decode_event(bytes(found[-1].events[-1]))
    assert isinstance(last, Msg | Changed)
    more = written(last.ts, view.now)
    return shown + info(f"more was said after this: /history since {more}", view)


def _past(found: Sequence[Earlier], view: View) -> list[str]:
    reactions = {ref: all for part in found for ref, all in part.reactions.items()}
    rows: list[str] = []
    for each in (decode_event(bytes(raw)) for part in found for raw in part.events):
        if isinstance(each, Msg):
            rows += message(each, view)
            if all := reactions.get(each.key or each.id):
                counted = (f"{clean_text(e)} {_list(names)}" for e, names in all.items())
                rows += broken(view.style.info(f"    {'; '.join(counted)}"), view)
        elif isinstance(each, Changed):
            rows += rooms.changed(each, view)
    return rows


def _place(room: str | None, view: View) -> str:
    """The room's name, or that it is private, to be put in a line; empty for the current room."""
    return "" if room is None else _in_room(room, view)


def _actor(name: str, view: View) -> str:
    if name == OPERATOR:
        return "an operator of the chat"
    return "you" if view.is_me(name) else clean_name(name)


def gap(event: Gap, view: View) -> list[str]:
    """A line in the place of messages that are lost."""
    if event.room == PRIVATE:
        return broken(view.style.warning("··· private messages may be missing here ···"), view)
    where = _in_room(event.room, view)
    return broken(view.style.warning(f"··· some messages are missing here{where} ···"), view)


def left(event: Left, view: View) -> list[str]:
    """Somebody left, and why: ``· sis left (idle)``."""
    why = _WHY_LEFT.get(event.code, clean_name(event.code).replace("_", " "))
    reason = f" ({why})" if why else ""
    return info(f"{clean_name(event.name)} left{_in_room(event.room, view)}{reason}", view)


def users(found: Sequence[User], view: View) -> list[str]:
    """The people in the chat: ``· 2 here: dana (you), sis (idle 3 min)``."""
    shown = sorted(found, key=lambda user: user.name.casefold())
    return info(f"{len(shown)} here: {', '.join(_user(user, view) for user in shown)}", view)


def ack(ack: Ack, view: View) -> list[str]:
    """What a sender should know about where a message went; nothing if it went as it should."""
    absent = [f"@{clean_name(name)}" for name in ack.absent or ()]
    mentioned, later = _list(ack.mentioned or ()), _list(ack.later or ())
    if ack.room is not None:
        where = "" if ack.room == LOBBY else f" in {shown_room(ack.room)}"
        said = []
        if absent:
            hint = ". To reach everyone, name nobody" if _means_everyone(ack.absent or ()) else ""
            said.append(
                f"nobody named {' or '.join(absent)} is here: sent to everyone{where}{hint}"
            )
        if mentioned:
            said.append(f"everyone{where} reads this, {mentioned} too: names count at the end only")
        return [row for text in said for row in broken(view.style.warning(f"· {text}"), view)]
    said = [f"sent to {_list(ack.to)}"] if ack.to and (absent or later) else []
    if later:
        one = len(ack.later or ()) == 1
        said.append(f"{later} {'gets' if one else 'get'} it when they are here again")
    for name, reason in (ack.away or {}).items():
        why = f": {' '.join(clean_text(reason).split())}" if reason else ""
        said.append(f"{clean_name(name)} is away{why}")
    if absent:
        said.append(f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not here")
    return info("; ".join(said), view) if said else []


def notice(event: Notice, view: View) -> list[str]:
    """What the gateway says without being asked. The warning before an idle goodbye stands out."""
    if event.code in (NoticeCode.IDLE_SOON, NoticeCode.MENTIONED):
        return broken(view.style.warning(f"· {clean_name(event.text)}"), view)
    how = f": /join {event.room}" if event.code == NoticeCode.INVITED and event.room else ""
    return info(clean_name(f"{event.text}{how}"), view)


def error(text: str, view: View) -> list[str]:
    """A line about something that was refused, or went wrong."""
    return broken(view.style.error(f"! {clean_name(text)}"), view)


def not_sent(text: str, why: str, view: View, *, to: Sequence[str] | None = None) -> list[str]:
    """Our own message that was certainly not sent, and why."""
    return error(why, view) + _with_text(f"· not sent{_for(to)}: ", text, view)


def unconfirmed(text: str, view: View, *, to: Sequence[str] | None = None) -> list[str]:
    """Our own message that may or may not have been sent."""
    return _with_text(f"· not confirmed, may not have been sent{_for(to)}: ", text, view)


def sent_again(text: str, view: View) -> list[str]:
    """Our own message that was not confirmed, and was sent again: others may read it twice."""
    return _with_text("· not confirmed, so sent again; others may read it twice: ", text, view)


def _for(to: Sequence[str] | None) -> str:
    return f" to {_list(to)}" if to else ""


def _means_everyone(names: Sequence[str]) -> bool:
    return any(name.casefold() in EVERYONE for name in names)


def _list(names: Sequence[str]) -> str:
    return ", ".join(clean_name(name) for name in names)


def _with_text(label: str, text: str, view: View) -> list[str]:
    text = clean_text(text)
    if view.width is None and len(text) > MOST_QUOTED:
        text = f"{text[:MOST_QUOTED]}…"
    return broken(view.style.error(label) + text, view)


def _name(name: str, view: View) -> str:
    return _speaker("you" if view.is_me(name) else name, name, view)


def _speaker(shown: str, name: str, view: View) -> str:
    return view.style.own(shown) if view.is_me(name) else view.style.name(shown, of=name)


def _in_room(room: str, view: View) -> str:
    """The room's name, to be put at the end of a line; empty if it is the current room."""
    return "" if room == view.room else f" {shown_room(room)}"


def _elsewhere(room: str, view: View) -> str:
    return "" if room == view.room else view.style.info(shown_room(room)) + " "


def _highlight(text: str, view: View) -> str:
    return _called(view).sub(lambda found: view.style.mention(found[0]), text)


def _called(view: View) -> re.Pattern[str]:
    return _any_of(view.me, view.highlight)


@lru_cache(maxsize=8)
def _any_of(me: str, words: tuple[str, ...]) -> re.Pattern[str]:
    own, *others = (re.escape(clean_name(word)) for word in (me, *words))
    return re.compile(rf"(?<!\w)(?:@?{'|'.join([own, *others])})(?!\w)", re.IGNORECASE)


def _user(user: User, view: View) -> str:
    you = " (you)" if view.is_me(user.name) else ""
    idle = f" (idle {shown_span(int(user.idle))})" if user.idle >= 60 and not you else ""
    away = "" if user.away is None else " (away)"
    more = f" ({user.sessions} sessions)" if user.sessions > 1 else ""
    return f"{clean_name(user.name)}{you}{more}{away or idle}"
