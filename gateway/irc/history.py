"""CHATHISTORY and MARKREAD: what was said before, and how far somebody has read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.backplane.ids import parse_id
from gateway.irc.asking import Asks
from gateway.irc.lines import answer_line
from gateway.irc.refusals import Refused
from gateway.irc.rendering import iso, of_msgid
from gateway.irc.welcome import HISTORY_AT_ONCE
from wire.codec import decode_event
from wire.frames import MarkRead, Msg, ReadHistory

COMMAND = "CHATHISTORY"

FOREVER = 2**53 - 1
"""Later than any message, milliseconds since 1970."""

ROUNDS = 10
"""How often more is read, if not all that was read is shown."""


class _Bad(Exception):
    """A reference or a number that cannot be read."""


class _Place(NamedTuple):
    """A place in a history: a message, or a time.

    Attributes:
        id: the id of the message, in the log that is read; "" for a time.
        time: milliseconds since 1970; 0 for a message whose time is not known.
    """

    id: str
    time: int = 0

    def before(self) -> dict[str, Any]:
        """The bound of what came before it."""
        return {"before": self.id} if self.id else {"until": self.time}

    def after(self) -> dict[str, Any]:
        """The bound of what came after it."""
        return {"after": self.id} if self.id else {"since": self.time + 1}

    def on(self) -> dict[str, Any]:
        """Like `after`, with the message itself."""
        if not self.id:
            return {"since": self.time}
        epoch, number = parse_id(self.id.encode())
        return {"after": f"{epoch}-{number - 1}" if number else f"{epoch - 1}-{2**63}"}

    def is_after(self, event: Any) -> bool:
        """Whether this place comes after an event of the history."""
        if self.id:
            return parse_id(event.id.encode()) < parse_id(self.id.encode())
        return bool(event.ts < self.time)


class Shown(NamedTuple):
    """An event of a history, and its lines for one client."""

    event: Any
    lines: list[str]


async def chathistory(client: Asks, params: list[str]) -> None:
    """CHATHISTORY."""
    kind, target = params[0].upper(), params[1]
    try:
        if kind == "TARGETS":
            await _targets(client, params)
            return
        history = History(client, target)
        if not history.is_open():
            text = "there is no such history, or you may not read it"
            client.fail(COMMAND, "INVALID_TARGET", kind, target, text=text)
            return
        found = await _find(history, kind, params[2:])
    except _Bad as bad:
        client.fail(COMMAND, "INVALID_PARAMS", kind, text=str(bad))
        return
    except Refused as refused:
        client.fail(COMMAND, "MESSAGE_ERROR", kind, target, text=refused.error.text)
        return
    lines = [line for shown in found for line in shown.lines]
    if client.has("batch"):
        lines = client.batched(lines, "chathistory", target)
    client.put(*lines)


class History:
    """What was said in a room or with a person, as one client is shown it.

    Args:
        client: the client.
        target: the channel or the person; "" for everything that is private.
    """

    def __init__(self, client: Asks, target: str) -> None:
        self._client = client
        self._target = target
        self._room = target[1:].casefold() if target.startswith("#") else None
        self._of: dict[str, Any] = {"room": self._room}
        if self._room is None and target:
            self._of = {"with_": target}

    def is_open(self) -> bool:
        """Whether the client may read it."""
        return self._room is None or self._room in self._client.rooms

    async def back(self, limit: int, **bounds: Any) -> list[Shown]:
        """The newest events within some bounds, the oldest of them first.

        Args:
            limit: how many are shown at most.
            **bounds: as in `wire.frames.ReadHistory`.

        Raises:
            Refused: it cannot be read.
        """
        found: list[Shown] = []
        for count in _counts(limit):
            events, complete = await self._read(bounds, count)
            found = [*self.shown(events), *found][-limit:]
            if complete or not events or len(found) == limit:
                break
            bounds = {**bounds, "before": _id_of(events[0])}
        return found

    async def on(self, limit: int, end: _Place | None = None, **bounds: Any) -> list[Shown]:
        """Like `back`, with the oldest events within the bounds.

        Args:
            limit: as there.
            end: only what came before this place is shown.
            **bounds: as there.
        """
        found: list[Shown] = []
        for count in _counts(limit):
            events, complete = await self._read(bounds, count)
            inside = [event for event in events if end is None or end.is_after(event)]
            found = [*found, *self.shown(inside)][:limit]
            if complete or len(inside) < len(events) or not events or len(found) == limit:
                break
            bounds = {"after": _id_of(events[-1])}
        return found

    async def place(self, reference: str, with_time: bool = False) -> _Place:
        """Where a reference is in this history.

        Args:
            reference: of a client.
            with_time: whether the time is needed, whatever it is.

        Raises:
            Refused: it is of a message that is not there.
        """
        kind, _, value = reference.partition("=")
        if kind == "timestamp":
            return _Place("", _moment(value))
        room, id = of_msgid(value)
        if kind != "msgid" or not id:
            raise _Bad("this is neither a msgid nor a timestamp")
        if room != self._room:
            raise _Bad("this message is not in that history")
        if room is not None and not with_time:
            epoch, _, number = id.partition("-")
            if not (epoch.isdecimal() and number.isdecimal()):
                raise _Bad("this is not a msgid")
            return _Place(id)
        # A private message has an id for everybody, and another one in each person's log.
        answer = await self._client.ask(ReadHistory(room=room, id=id))
        for event in _events(answer):
            return _Place(_id_of(event), event.ts)
        raise _Bad("there is no such message")

    async def _read(self, bounds: dict[str, Any], count: int) -> tuple[list[Any], bool]:
        request = ReadHistory(**self._of, **bounds, limit=count)
        answer = await self._client.ask(request)
        return _events(answer), answer[-1].complete

    def shown(self, events: Iterable[Any]) -> Iterator[Shown]:
        """Those events that the client is shown, with their lines."""
        for event in events:
            if lines := self._lines(event):
                yield Shown(event, lines)

    def _lines(self, event: Any) -> list[str]:
        client = self._client
        rendering, shape = client.shared.rendering, client.capabilities.shape
        if getattr(event, "from_", None) in client.ignored:
            data = b""
        elif not isinstance(event, Msg):
            data = rendering.write(event, shape) if client.has("draft/event-playback") else b""
        elif event.room is not None:
            data = rendering.message(event, f"#{event.room}", shape)
        else:
            target = self._recipient(event)
            data = rendering.message(event, target, shape) if target else b""
        return [each for each in data.decode().split("\r\n") if each]

    def _recipient(self, message: Msg) -> str:
        """The recipient that a private message is shown with; "" if it is not of this history."""
        nick, other = self._client.nick, self._target.casefold()
        if message.from_ != nick:
            # The chat counts what a third person says to both as well.
            return nick if other in ("", message.from_.casefold()) else ""
        to = message.to or []
        return next((name for name in to if other in ("", name.casefold())), "")


def _counts(limit: int) -> list[int]:
    """How much is read in each round: not more than is asked for, unless some is not shown."""
    return [min(limit, HISTORY_AT_ONCE)] + [HISTORY_AT_ONCE] * (ROUNDS - 1)


def _events(parts: list[Any]) -> list[Any]:
    raw = (bytes(each) for part in parts for each in part.events)
    return [event for event in map(decode_event, raw) if event is not None]


def _id_of(event: Any) -> str:
    return str(event.id)


async def _find(history: History, kind: str, params: list[str]) -> list[Shown]:
    """What one of the ways to ask for history is answered with."""
    references, limit = params[:-1], _limit(params[-1])
    match kind, references:
        case "LATEST", ["*"]:
            return await history.back(limit)
        case "LATEST", [after]:
            bounds = (await history.place(after)).after()
            return await history.back(limit, **bounds, until=FOREVER)
        case "BEFORE", [before]:
            return await history.back(limit, **(await history.place(before)).before())
        case "AFTER", [after]:
            return await history.on(limit, **(await history.place(after)).after())
        case "AROUND", [middle]:
            place = await history.place(middle)
            half = limit // 2
            earlier = await history.back(half, **place.before()) if half else []
            return [*earlier, *await history.on(limit - len(earlier), **place.on())]
        case "BETWEEN", [one, other]:
            mixed = one.partition("=")[0] != other.partition("=")[0]
            first, last = [await history.place(each, mixed) for each in (one, other)]
            if _order(first, mixed) <= _order(last, mixed):
                return await history.on(limit, last, **first.after())
            return await history.back(limit, **last.after(), **first.before())
    raise _Bad("this is not a way to ask for history")


def _order(place: _Place, by_time: bool) -> tuple[int, int]:
    return (place.time, 0) if by_time or not place.id else parse_id(place.id.encode())


def _limit(number: str) -> int:
    if not (number.isascii() and number.isdecimal()):
        raise _Bad("the limit is not a number")
    return max(1, min(int(number[:9]), HISTORY_AT_ONCE))


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Bad("this is not a time") from None
    return max(0, round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))


def _time(reference: str) -> int:
    kind, _, value = reference.partition("=")
    if kind != "timestamp":
        raise _Bad("this is not a time")
    return _moment(value)


async def _targets(client: Asks, params: list[str]) -> None:
    """The rooms and people with which something was said last between two times."""
    if len(params) < 4:
        raise _Bad("two times and a limit are needed")
    one, other, limit = _time(params[1]), _time(params[2]), _limit(params[3])
    first, last = sorted((one, other))
    newest: dict[str, tuple[int, str]] = {}
    for room in sorted(client.rooms):
        for event, _ in await History(client, f"#{room}").back(1):
            newest[f"#{room}"] = (event.ts, f"#{room}")
    bounds: dict[str, Any] = {"since": first + 1, "until": FOREVER}
    for event, _ in await History(client, "").back(ROUNDS * HISTORY_AT_ONCE, **bounds):
        assert isinstance(event, Msg)
        others = event.to or [] if event.from_ == client.nick else [event.from_]
        newest |= {name.casefold(): (event.ts, name) for name in others}
    found = sorted(each for each in newest.values() if first < each[0] < last)
    found = found[:limit] if one <= other else found[-limit:]
    shown = [
        answer_line(COMMAND, "TARGETS", target, iso(at), source=client.shared.server)
        for at, target in found
    ]
    if client.has("batch"):
        shown = client.batched(shown, "draft/chathistory-targets")
    client.put(*shown)


async def markread(client: Asks, params: list[str]) -> None:
    """MARKREAD."""
    if not params:
        client.fail("MARKREAD", "NEED_MORE_PARAMS", text="Not enough parameters")
        return
    target = params[0]
    if len(params) > 1:
        key, _, stamp = params[1].partition("=")
        try:
            if key != "timestamp":
                raise _Bad("a mark is a timestamp")
            at = _moment(stamp)
        except _Bad as bad:
            client.fail("MARKREAD", "INVALID_PARAMS", target, text=str(bad))
            return
        if at > client.marks.get(target.casefold(), 0):
            client.marks[target.casefold()] = at
            room = target[1:].casefold()
            if target.startswith("#") and room in client.rooms and client.account:
                await _keep_mark(client, room, at)
    await show_mark(client, target)


async def _keep_mark(client: Asks, room: str, at: int) -> None:
    """Mark for the account what was said up to a time."""
    with suppress(Refused):
        for event in _events(await client.ask(ReadHistory(room=room, until=at + 1, limit=1))):
            await client.ask(MarkRead(room=room, id=event.id))


async def show_mark(client: Asks, target: str) -> None:
    """Say how far the person has read."""
    await _learn_mark(client, target)
    at = client.marks.get(target.casefold())
    client.line("MARKREAD", target, f"timestamp={iso(at)}" if at else "*")


async def tell_mark(client: Asks, room: str) -> None:
    """Say how far the person has read in another session, if that is news."""
    channel = f"#{room}"
    before = client.marks.get(channel, 0)
    await _learn_mark(client, channel)
    if (at := client.marks.get(channel, 0)) > before:
        client.line("MARKREAD", channel, f"timestamp={iso(at)}")


async def _learn_mark(client: Asks, target: str) -> None:
    """Find the time of the message up to which the account has read."""
    room, channel = target[1:].casefold(), target.casefold()
    if not target.startswith("#") or room not in client.rooms or room not in client.read_upto:
        return
    epoch, number = parse_id(client.read_upto[room].encode())
    # The message itself may be deleted.
    upto = ReadHistory(room=room, before=f"{epoch}-{number + 1}", limit=1)
    with suppress(Refused):
        for event in _events(await client.ask(upto)):
            client.marks[channel] = max(event.ts, client.marks.get(channel, 0))
