"""CHATHISTORY and MARKREAD: what was said before, and how far somebody has read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

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


class _Bad(Exception):
    """A reference or a number that cannot be read."""


async def chathistory(client: Asks, params: list[str]) -> None:
    """CHATHISTORY."""
    kind, target = params[0].upper(), params[1]
    try:
        if kind == "TARGETS":
            await _targets(client, params)
            return
        requests, wanted = _requests(kind, target, params[2:])
    except _Bad as bad:
        client.fail(COMMAND, "INVALID_PARAMS", kind, text=str(bad))
        return
    if requests[0].room is not None and requests[0].room not in client.rooms:
        text = "there is no such history, or you may not read it"
        client.fail(COMMAND, "INVALID_TARGET", kind, target, text=text)
        return
    found: list[Any] = []
    for request in requests:
        try:
            found += _events(await client.ask(request))
        except Refused as refused:
            client.fail(COMMAND, "MESSAGE_ERROR", kind, target, text=refused.error.text)
            return
    lines: list[str] = []
    for event in found:
        if wanted(event) and (isinstance(event, Msg) or client.has("draft/event-playback")):
            lines += _line_of(client, event, target)
    if client.has("batch"):
        lines = client.batched(lines, "chathistory", target)
    client.put(*lines)


def _events(parts: list[Any]) -> list[Any]:
    raw = (bytes(each) for part in parts for each in part.events)
    return [event for event in map(decode_event, raw) if event is not None]


def _line_of(client: Asks, event: Any, target: str) -> list[str]:
    rendering, shape = client.shared.rendering, client.capabilities.shape
    if isinstance(event, Msg):
        if event.room is None:
            target = client.nick if event.from_ != client.nick else next(iter(event.to or [target]))
        data = rendering.message(event, target, shape)
    else:
        data = rendering.write(event, shape)
    return [each for each in data.decode().split("\r\n") if each]


Wanted = Callable[[Any], bool]


def _requests(kind: str, target: str, params: list[str]) -> tuple[list[ReadHistory], Wanted]:
    """What to read, and which of it to show."""
    references, limit = params[:-1], _limit(params[-1])

    def read(**given: Any) -> ReadHistory:
        of = {"room": target[1:].casefold()} if target.startswith("#") else {"with_": target}
        return ReadHistory(**{"limit": limit, **of, **given})

    match kind, references:
        case "LATEST", ["*"]:
            return [read()], _any
        case "LATEST", [after]:
            return [read(**_after(after), until=FOREVER)], _any
        case "BEFORE", [before]:
            return [read(**_before(before))], _any
        case "AFTER", [after]:
            return [read(**_after(after))], _any
        case "AROUND", [middle]:
            half = limit // 2
            earlier = [read(**_before(middle), limit=half)] if half else []
            return [*earlier, read(**_from(middle), limit=limit - half)], _any
        case "BETWEEN", [one, other] if _place(one) > _place(other):
            return [read(**_after(other), **_before(one))], _any
        case "BETWEEN", [one, other]:
            end = _before(other)
            return [read(**_after(one))], lambda event: _is_before(event, end)
    raise _Bad("this is not a way to ask for history")


def _limit(number: str) -> int:
    if not number.isdecimal():
        raise _Bad("the limit is not a number")
    return max(1, min(int(number), HISTORY_AT_ONCE))


def _any(_event: Any) -> bool:
    return True


def _is_before(event: Any, end: dict[str, Any]) -> bool:
    if "until" in end:
        return bool(event.ts < end["until"])
    return parse_id(event.id.encode()) < parse_id(end["before"].encode())


def _place(reference: str) -> tuple[int, int]:
    kind, _, value = reference.partition("=")
    if kind == "timestamp":
        return (_moment(value), 0)
    epoch, _, number = of_msgid(value)[1].partition("-")
    if kind != "msgid" or not (epoch.isdecimal() and number.isdecimal()):
        raise _Bad("this is neither a msgid nor a timestamp")
    return int(epoch), int(number)


def _after(reference: str) -> dict[str, Any]:
    kind, _, value = reference.partition("=")
    _place(reference)
    if kind == "msgid":
        return {"after": of_msgid(value)[1]}
    return {"since": _moment(value) + 1}


def _from(reference: str) -> dict[str, Any]:
    """Like `_after`, with the message itself."""
    kind, _, value = reference.partition("=")
    epoch, number = _place(reference)
    if kind == "timestamp":
        return {"since": _moment(value)}
    if number:
        return {"after": f"{epoch}-{number - 1}"}
    return {"after": f"{epoch - 1}-{2**63}"}


def _before(reference: str) -> dict[str, Any]:
    kind, _, value = reference.partition("=")
    _place(reference)
    if kind == "msgid":
        return {"before": of_msgid(value)[1]}
    return {"until": _moment(value)}


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Bad("this is not a time") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


async def _targets(client: Asks, params: list[str]) -> None:
    """The rooms and people with which something was said last between two times."""
    if len(params) < 4:
        raise _Bad("two times and a limit are needed")
    first, last = sorted((_place(params[1])[0], _place(params[2])[0]))
    newest: dict[str, int] = {}
    for room in sorted(client.rooms):
        for event in _events(await client.ask(ReadHistory(room=room, limit=1))):
            newest[f"#{room}"] = event.ts
    for event in _events(await client.ask(ReadHistory(limit=HISTORY_AT_ONCE))):
        if isinstance(event, Msg):
            others = event.to or [] if event.from_ == client.nick else [event.from_]
            newest |= dict.fromkeys(others, event.ts)
    found = sorted((at, target) for target, at in newest.items() if first < at < last)
    server = client.shared.server
    shown = [
        answer_line("CHATHISTORY", "TARGETS", target, iso(at), source=server)
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
                await client.refusable("MARKREAD", target, MarkRead(room=room, id=f"{at}-0"))
    show_mark(client, target)


def show_mark(client: Asks, target: str) -> None:
    """Say how far the person has read."""
    at = client.marks.get(target.casefold())
    client.line("MARKREAD", target, f"timestamp={iso(at)}" if at else "*")
