"""What was said before, for clients that do not ask with CHATHISTORY.

A client that joins a room is shown the end of it. With ``znc.in/playback`` it asks ``*playback``
instead, as it would ask ZNC: from which time on it wants to see what it missed.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from gateway.backplane.ids import parse_id
from gateway.irc.asking import Asks
from gateway.irc.history import FOREVER, History, Shown
from gateway.irc.refusals import Refused
from wire.codec import decode_event
from wire.frames import HISTORY, Entered, Msg

PLAYBACK = "znc.in/playback"
"""The name of the capability, and of the kind of batch."""

SERVICE = "*playback"
"""Who is asked. Nobody can be called that."""

SHOWN = 20
"""Earlier messages that are shown in a room if it is not known how far the person has read."""

PLAYED = 500
"""The most messages of one room, and the most private ones, that one question brings."""

FAR = f"{2**64 - 1}-0"
"""Stands for the id of what has none: later than every message."""

USAGE = "Write PLAY <targets> [from] [to]: the times are seconds since 1970."


def wanted(client: Asks) -> int:
    """How many earlier messages a client gets when it joins a room."""
    if client.capabilities.chosen & {"draft/chathistory", PLAYBACK}:
        return 0  # it asks for them
    # Without the time they would look as if they were said just now.
    return HISTORY if client.has("server-time") else 0


def on_joining(client: Asks, entered: Entered, lines: bytes) -> list[str] | None:
    """What a client is shown of what was said before it came in.

    Args:
        client: the client.
        entered: says that it is in the room.
        lines: what came after that, as `gateway.channels.links.Speech.render` gets it.

    Returns:
        Lines; None if this was not said before.
    """
    events = [event for each in lines.splitlines() if (event := decode_event(each)) is not None]
    upto = parse_id(entered.seen.encode())
    if any(
        getattr(event, "room", None) != entered.room
        or parse_id(getattr(event, "id", FAR).encode()) > upto
        for event in events
    ):
        return None
    # What else happened in the room must not look as if it happened now.
    said = [event for event in events if isinstance(event, Msg)]
    read = client.read_upto.get(entered.room)
    if read is None:
        said = said[-SHOWN:]
    else:
        said = [event for event in said if parse_id(event.id.encode()) > parse_id(read.encode())]
    history = History(client, f"#{entered.room}")
    shown = [line for each in history.shown(said) for line in each.lines]
    if shown and client.has("batch"):
        return client.batched(shown, "chathistory", f"#{entered.room}")
    return shown


def is_asked(target: str) -> bool:
    """Whether a message is a question to the service, and so not for anybody else."""
    return SERVICE in target.lower().split(",")


async def ask(client: Asks, text: str) -> None:
    """A message to the service."""
    command, *words = text.split() or [""]
    if command.upper() != "PLAY" or not 1 <= len(words) <= 3:
        _say(client, USAGE)
        return
    try:
        begin, end = [_moment(word) for word in (*words[1:], *("0", "0")[len(words) - 1 :])]
    except InvalidOperation:
        _say(client, USAGE)
        return
    # A client names the time of the last message that it has. Neither time is inside.
    bounds = {"since": begin + 1 if begin else 0, "until": end or FOREVER}
    masks = [mask.casefold() for mask in words[0].split(",") if mask]
    for room in sorted(client.rooms):
        channel = f"#{room}"
        if any(fnmatchcase(channel, mask) for mask in masks):
            await _play(client, channel, await _read(client, channel, bounds))
    names = [mask for mask in masks if not mask.startswith("#")]
    if not any("*" in name or "?" in name for name in names):
        for name in names:
            await _play(client, name, await _read(client, name, bounds))
        return
    found: dict[str, list[Shown]] = {}
    for shown in await _read(client, "", bounds):
        other = _other(client, shown)
        if any(fnmatchcase(other.casefold(), name) for name in names):
            found.setdefault(other, []).append(shown)
    for other, some in found.items():
        await _play(client, other, some)


async def _read(client: Asks, target: str, bounds: dict[str, int]) -> list[Shown]:
    try:
        return await History(client, target).back(PLAYED, **bounds)
    except Refused:
        return []  # it has left the room meanwhile


async def _play(client: Asks, target: str, found: list[Shown]) -> None:
    lines = [line for shown in found for line in shown.lines]
    if lines and client.has("batch"):
        lines = client.batched(lines, PLAYBACK, target)
    for line in lines:
        client.write_line(line)
    await client.drained()


def _other(client: Asks, shown: Shown) -> str:
    """The other one of a private message."""
    message: Msg = shown.event
    return message.from_ if message.from_ != client.nick else next(iter(message.to or [""]))


def _moment(text: str) -> int:
    """Milliseconds since 1970, of seconds."""
    seconds = min(max(Decimal(text), Decimal(0)), Decimal(FOREVER // 1000))
    return int(seconds * 1000)


def _say(client: Asks, text: str) -> None:
    client.line("NOTICE", client.nick, text, by=f"{SERVICE}!{client.shared.server}")
