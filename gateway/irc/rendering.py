"""What rooms bring, as lines of IRC: written once for all clients with the same capabilities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from gateway.irc.lines import MAX_REST, escape, format_line
from gateway.irc.multiline import CONCAT, MULTILINE
from gateway.irc.texts import parts, source, spoken
from wire.codec import decode_event
from wire.frames import OPERATOR, Changed, Deleted, Event, Joined, Msg, Reacted

Shape = frozenset[str]
"""The capabilities of a client that change how lines are written for it."""

_MODES = {"op": "+o", "deop": "-o", "voice": "+v", "devoice": "-v", "ban": "+b", "unban": "-b"}


class Segment(NamedTuple):
    """An event, and its lines for somebody who is not concerned personally."""

    event: Event
    data: bytes


class Rendered(NamedTuple):
    """What a room has brought.

    Attributes:
        plain: all lines, for everybody who is not among the authors; None if each client has to
            look at the events.
        authors: the names of those who said something.
        segments: the same, event by event.
    """

    plain: bytes | None
    authors: frozenset[str]
    segments: list[Segment]


class Rendering:
    """Writes events as lines, and keeps the newest for the next client with the same shape.

    Args:
        server: the name of the server.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self._lines = b""
        self._kept: dict[Shape, Rendered] = {}

    def of(self, lines: bytes, shape: Shape) -> Rendered:
        """What a room has brought, for a shape.

        Args:
            lines: as `gateway.channels.links.Speech.render` gets them.
            shape: whose.
        """
        # The hub hands the same object to one client after the other.
        if lines is not self._lines:
            self._lines, self._kept = lines, {}
        if (rendered := self._kept.get(shape)) is None:
            rendered = self._kept[shape] = self._render(lines, shape)
        return rendered

    def _render(self, lines: bytes, shape: Shape) -> Rendered:
        segments, authors, plain = [], set(), True
        for line in lines.splitlines():
            if (event := decode_event(line)) is None:
                continue  # of a newer gateway
            segments.append(Segment(event, self.write(event, shape)))
            if type(event) is Msg and event.room is not None:
                authors.add(event.from_)
            else:
                plain = False
        whole = b"".join(segment.data for segment in segments) if plain else None
        return Rendered(whole, frozenset(authors), segments)

    def write(self, event: Event, shape: Shape) -> bytes:
        """The lines of an event; none if it says nothing on IRC, or not to everybody the same."""
        match event:
            case Msg() if event.room is not None:
                return self.message(event, f"#{event.room}", shape)
            case Joined():
                joined = format_line("JOIN", f"#{event.room}", source=source(event.name))
                if "extended-join" in shape:
                    joined += f" {event.account or '*'} :{event.name}"
                return _ended([joined])
            case Changed():
                return self._changed(event, shape)
            case Deleted() if event.room is not None:
                return self._deleted(event, f"#{event.room}", shape)
            case Reacted() if event.room is not None:
                return self._reacted(event, f"#{event.room}", shape)
        return b""

    def by(self, name: str) -> str:
        """Somebody, or the operators of the chat, as the source of a line."""
        return self.server if name == OPERATOR else source(name)

    def message(self, message: Msg, target: str, shape: Shape, label: str = "") -> bytes:
        """A message.

        Args:
            message: the message.
            target: the channel or person that it is shown to be sent to.
            shape: of the client.
            label: of the client's own command, if this is its echo.
        """
        command = "NOTICE" if message.kind == "notice" else "PRIVMSG"
        by, text = self.by(message.from_), message.text
        lines = spoken(command, by, target, text, message.kind)
        first = rest = self._tags(message, shape)
        if "message-tags" in shape:
            first = _more(first, "msgid", msgid(message.room, message.key or message.id))
            if message.re is not None:
                first = _more(first, "+reply", msgid(message.room, message.re))
                first = _more(first, "+draft/reply", msgid(message.room, message.re))
        if label:
            first = _more(first, "label", label)
        # What somebody does is marked line by line, so it cannot be put together again.
        if MULTILINE in shape and message.kind != "me" and ("\n" in text or len(lines) > 1):
            # The same for everybody who is told this message, and for nothing else.
            reference = f"m{message.id}"
            begin = f":{by} BATCH +{reference} {MULTILINE} {target}"
            inside = _in_batch(reference, f":{by} {command} {target} :", text)
            end = f":{by} BATCH -{reference}"
            return _ended([f"@{first} {begin}" if first else begin, *inside, end])
        tagged = [(first if n == 0 else rest, line) for n, line in enumerate(lines)]
        return _ended([f"@{tags} {line}" if tags else line for tags, line in tagged])

    def _tags(self, event: Msg | Deleted | Reacted | Changed, shape: Shape) -> str:
        tags = ""
        if "server-time" in shape:
            tags = _more(tags, "time", iso(event.ts))
        if "account-tag" in shape and isinstance(event, Msg) and event.account:
            tags = _more(tags, "account", event.account)
        return tags

    def _changed(self, event: Changed, shape: Shape) -> bytes:
        channel, by = f"#{event.room}", self.by(event.by)
        tags = self._tags(event, shape)
        if "message-tags" in shape:
            tags = _more(tags, "msgid", msgid(event.room, event.id))
        name = event.name or "*"
        match event.change:
            case "topic":
                line = f":{by} TOPIC {channel} :{event.topic or ''}"
            case "kick":
                line = f":{by} KICK {channel} {name} :{event.reason or event.by}"
            case "mute" | "unmute" | "invite" | "uninvite" | "modes":
                return b""
            case action:
                line = f":{by} MODE {channel} {_MODES[action]} {name}"
        return _ended([f"@{tags} {line}" if tags else line])

    def _deleted(self, event: Deleted, target: str, shape: Shape) -> bytes:
        if "draft/message-redaction" not in shape:
            return b""
        by, tags = self.by(event.by), self._tags(event, shape)
        head = f"@{tags} :{by}" if tags else f":{by}"
        return _ended([f"{head} REDACT {target} {msgid(event.room, id)}" for id in event.targets])

    def _reacted(self, event: Reacted, target: str, shape: Shape) -> bytes:
        if "message-tags" not in shape:
            return b""
        of, kind = msgid(event.room, event.target), "react" if event.on else "unreact"
        tags = _more(self._tags(event, shape), "msgid", msgid(event.room, event.id))
        tags = _more(tags, f"+draft/{kind}", event.emoji)
        tags = _more(_more(tags, "+draft/reply", of), "+reply", of)
        return _ended([f"@{tags} :{source(event.from_)} TAGMSG {target}"])


def msgid(room: str | None, id: str) -> str:
    """The id of a message for all of the network: in the chat an id is good for one log."""
    return f"{room or '@'}/{id}"


def of_msgid(text: str) -> tuple[str | None, str]:
    """The room, None for private messages, and the id; the reverse of `msgid`."""
    room, _, id = text.rpartition("/")
    return (None if room == "@" else room), id


def iso(ms: int) -> str:
    """A time as tags have it.

    Args:
        ms: milliseconds since 1970.
    """
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _in_batch(reference: str, head: str, text: str) -> list[str]:
    """The lines of a text in a batch of their own."""
    most = MAX_REST - 2 - len(head.encode())
    return [
        f"@batch={reference}{f';{CONCAT}' if part.goes_on else ''} {head}{part.text}"
        for part in parts(text, most)
    ]


def _more(tags: str, key: str, value: str) -> str:
    return f"{tags}{';' if tags else ''}{key}={escape(value)}"


def _ended(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
