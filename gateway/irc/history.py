"""CHATHISTORY and MARKREAD: what was said before, and how far somebody has read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.irc.asking import Asks
from gateway.irc.rendering import iso, of_msgid
from gateway.irc.welcome import HISTORY_AT_ONCE
from wire.codec import decode_event
from wire.frames import MarkRead, Msg, ReadHistory

COMMAND = "CHATHISTORY"


class _Bad(Exception):
    """A reference or a number that cannot be read."""


async def chathistory(client: Asks, params: list[str]) -> None:
    """CHATHISTORY."""
    kind, target = params[0].upper(), params[1]
    try:
        if kind == "TARGETS":
            await _targets(client, params)
            return
        request = _request(kind, target, params[2:])
    except _Bad as bad:
        client.fail(COMMAND, "INVALID_PARAMS", kind, text=str(bad))
        return
    if request.room is not None and request.room not in client.rooms:
        text = "there is no such history, or you may not read it"
        client.fail(COMMAND, "INVALID_TARGET", kind, target, text=text)
        return
    try:
        parts = await client.ask(request)
    except Exception as error:
        client.fail(COMMAND, "MESSAGE_ERROR", kind, target, text=str(error))
        return
    lines: list[str] = []
    for part in parts:
        for raw in part.events:
            event = decode_event(bytes(raw))
            if event is None or (
                not isinstance(event, Msg) and not client.has("draft/event-playback")
            ):
                continue
            lines += _line_of(client, event, target)
    if client.has("batch"):
        lines = client.batched(lines, "chathistory", target)
    client.put(*lines)


def _line_of(client: Asks, event: Any, target: str) -> list[str]:
    rendering, shape = client.shared.rendering, client.capabilities.shape
    if isinstance(event, Msg):
        if event.room is None:
            target = client.nick if event.from_ != client.nick else next(iter(event.to or [target]))
        data = rendering.message(event, target, shape)
    else:
        data = rendering.write(event, shape)
    return [each for each in data.decode().split("\r\n") if each]


def _request(kind: str, target: str, params: list[str]) -> ReadHistory:
    of: dict[str, Any] = {"with_": target}
    if target.startswith("#"):
        of = {"room": target[1:].casefold()}
    references, limit = params[:-1], params[-1]
    if not limit.isdecimal() or int(limit) < 0:
        raise _Bad("the limit is not a number")
    of["limit"] = max(1, min(int(limit), HISTORY_AT_ONCE))
    match kind, references:
        case "LATEST", ["*"]:
            pass
        case "LATEST", [after]:
            of |= _after(after) | {"until": 2**53 - 1}
        case "BEFORE", [before]:
            of |= _before(before)
        case "AFTER", [after]:
            of |= _after(after)
        case "AROUND", [around]:
            of |= _after(around)
        case "BETWEEN", [one, other]:
            of |= _between(one, other)
        case _:
            raise _Bad("this is not a way to ask for history")
    return ReadHistory(**of)


def _between(one: str, other: str) -> dict[str, Any]:
    first, second = _place(one), _place(other)
    if first > second:
        return _after(other) | _before(one)
    return _after(one) | _before(other)


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
    """The rooms in which something was said between two times."""
    if len(params) < 4:
        raise _Bad("two times and a limit are needed")
    first, last = sorted((_place(params[1])[0], _place(params[2])[0]))
    lines = []
    for room in sorted(client.rooms):
        parts = await client.ask(ReadHistory(room=room, limit=1, until=last))
        newest = [decode_event(bytes(raw)) for part in parts for raw in part.events]
        for event in newest:
            at = getattr(event, "ts", 0)
            if first < at < last:
                line = f":{client.shared.server} CHATHISTORY TARGETS #{room} {iso(at)}"
                lines.append((at, line))
    shown = [line for _, line in sorted(lines)]
    if client.has("batch"):
        shown = client.batched(shown, "draft/chathistory-targets")
    client.put(*shown)


async def markread(client: Asks, params: list[str]) -> None:
    """MARKREAD."""
    target = params[0]
    if len(params) == 1:
        client.line("MARKREAD", target, "*")
        return
    key, _, stamp = params[1].partition("=")
    try:
        if key != "timestamp":
            raise _Bad("a mark is a timestamp")
        at = _moment(stamp)
    except _Bad as bad:
        client.fail("MARKREAD", "INVALID_PARAMS", target, text=str(bad))
        return
    room = target[1:].casefold()
    if target.startswith("#") and room in client.rooms and client.account:
        await client.refusable("MARKREAD", target, MarkRead(room=room, id=f"{at}-0"))
    client.line("MARKREAD", target, f"timestamp={iso(at)}")
