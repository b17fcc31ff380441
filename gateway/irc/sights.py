"""What a client sees of the others: events that mean something else for each client.

IRC shows the end of a session once, however many rooms two people share, and so it is with a new
name. The chat tells both for each room.
"""

from __future__ import annotations

from functools import partial

from gateway.irc.asking import Asks
from gateway.irc.commands import greet
from gateway.irc.history import tell_mark
from gateway.irc.lines import answer_line
from gateway.irc.modes import changes
from gateway.irc.numerics import Err, Rpl
from gateway.irc.refusals import numeric_of
from gateway.irc.texts import source
from wire.frames import (
    PRIVATE,
    Ack,
    Away,
    Bye,
    Changed,
    Deleted,
    Entered,
    Error,
    Event,
    Gap,
    Ignored,
    Joined,
    Left,
    Marks,
    Modes,
    Msg,
    Notice,
    Out,
    Reacted,
    Renamed,
)
from wire.reasons import REASONS, NoticeCode, OutCode

REMEMBERED = 500
"""People whose going was shown, so that it is not shown again for the next room."""

_TEXTS = {reason.code: reason.text for reason in REASONS}


class Sights:
    """Shows one client what happens.

    Args:
        client: the client.

    Attributes:
        rooms: the modes of each room that it is in, as it was told.
        ignored: the names of the people that it ignores.
    """

    def __init__(self, client: Asks) -> None:
        self._client = client
        self.rooms: dict[str, Modes] = {}
        self.ignored: frozenset[str] = frozenset()
        self._gone: dict[str, None] = {}
        self._renamed: dict[tuple[str, str], None] = {}
        self._away: dict[str, tuple[bool, str]] = {}

    # What rooms bring.

    def see(self, event: Event, data: bytes) -> bytes:
        """An event of a room or of the person's own channel.

        Args:
            event: the event.
            data: its lines for somebody who is not concerned personally.
        """
        match event:
            case Msg():
                return self._message(event, data)
            case Joined(name=name):
                self._gone.pop(name, None)
                return b"" if name == self._client.nick else data
            case Left():
                return self._left(event)
            case Renamed():
                return self._renames(event)
            case Away():
                return self._is_away(event)
            case Changed():
                return self._changed(event, data)
            case Deleted() | Reacted() if event.room is None:
                return b""
            case Gap() | Notice() | Error() | Marks() | Ignored():
                return self.told(event)
        return data

    def _message(self, message: Msg, data: bytes) -> bytes:
        client = self._client
        if message.from_ in self.ignored:
            return b""
        mine = message.from_ == client.nick
        own, label = client.echo(message) if mine else (False, "")
        to_oneself = own and client.nick in (message.to or ())
        if own and not to_oneself and not client.has("echo-message"):
            return b""
        if message.room is not None and not label:
            return data
        target = f"#{message.room}" if message.room is not None else client.nick
        if mine and message.room is None:
            target = next(iter(message.to or [client.nick]))
        rendering, shape = client.shared.rendering, client.capabilities.shape
        shown = rendering.message(message, target, shape, label)
        if to_oneself and client.has("echo-message"):
            # One is the echo, and the other what was sent.
            shown += rendering.message(message, client.nick, shape)
        return shown

    def _left(self, left: Left) -> bytes:
        name, channel = left.name, f"#{left.room}"
        if name == self._client.nick or left.code in (OutCode.KICKED, OutCode.RENAMED):
            return b""
        if left.code == OutCode.LEFT:
            return _line("PART", channel, by=source(name))
        if left.code in (OutCode.BANNED, OutCode.REFUSED):
            return _line("KICK", channel, name, left.code, by=self._client.shared.server)
        if name in self._gone:
            return b""
        _remember(self._gone, name)
        return _line("QUIT", _TEXTS.get(left.code, left.code), by=source(name))

    def _renames(self, renamed: Renamed) -> bytes:
        pair = (renamed.name, renamed.to)
        if renamed.name == self._client.nick or renamed.to == self._client.nick:
            return b""
        if pair in self._renamed:
            return b""
        self._renamed.pop(pair[::-1], None)
        _remember(self._renamed, pair)
        return _line("NICK", renamed.to, by=source(renamed.name))

    def _is_away(self, away: Away) -> bytes:
        state = (away.away, away.reason)
        if not self._client.has("away-notify") or self._away.get(away.name) == state:
            return b""
        if away.name == self._client.nick:
            return b""
        self._away.pop(away.name, None)
        _remember(self._away, away.name, state)
        params = [away.reason or "away"] if away.away else []
        return _line("AWAY", *params, by=source(away.name))

    def _changed(self, changed: Changed, data: bytes) -> bytes:
        client, channel = self._client, f"#{changed.room}"
        by = client.shared.rendering.by(changed.by)
        match changed.change:
            case "modes" if changed.modes is not None:
                before = self.rooms.get(changed.room, Modes())
                if changed.room in self.rooms:
                    self.rooms[changed.room] = changed.modes
                words = changes(before, changed.modes)
                return _line("MODE", channel, *words, by=by) if words else b""
            case "kick" | "ban" if changed.name == client.nick:
                if self.rooms.pop(changed.room, None) is None:
                    return b""
                reason = changed.reason or changed.by
                return _line("KICK", channel, client.nick, reason, by=by)
            case "mute" | "unmute":
                text = f"{changed.name} is {changed.change}d" + (
                    f": {changed.reason}" if changed.reason else ""
                )
                return _line("NOTICE", channel, text, by=by)
            case "invite" if client.has("invite-notify"):
                return _line("INVITE", changed.name or "*", channel, by=by)
        return data

    # What the client itself is told.

    def told(self, event: Event) -> bytes:
        """An event for this client alone."""
        client = self._client
        server, nick = client.shared.server, client.nick or "*"
        match event:
            case Entered():
                return self._entered(event)
            case Out():
                return self._out(event)
            case Renamed():
                return self._is_called(event)
            case Ignored(names=names):
                self.ignored = frozenset(names)
            case Marks(marks=marks):
                self._marked(marks)
            case Notice() | Error() | Gap():
                return self._noted(event, server, nick)
            case Bye():
                return _line("ERROR", f"Closing Link: {event.text} ({event.code})")
            case Msg() | Joined() | Left() | Away() | Changed() | Deleted() | Reacted():
                shape = client.capabilities.shape
                return self.see(event, client.shared.rendering.write(event, shape))
        return b""

    def _noted(self, event: Notice | Error | Gap, server: str, nick: str) -> bytes:
        target = nick
        if isinstance(event, Notice):
            if event.code == NoticeCode.INVITED and event.room:
                by = source(event.text.split(" ")[0])
                return _line("INVITE", nick, f"#{event.room}", by=by)
            if event.code in (NoticeCode.ABSENT, NoticeCode.MENTIONED):
                return b""  # the acknowledgement says it, too
        elif isinstance(event, Gap) and event.room != PRIVATE:
            target = f"#{event.room}"
        return _line("NOTICE", target, event.text, by=server)

    def _entered(self, entered: Entered) -> bytes:
        room = entered.room
        if room in self.rooms:
            return b""
        self.rooms[room] = entered.modes
        client, channel = self._client, f"#{room}"
        params = [channel]
        if client.has("extended-join"):
            params += [client.account or "*", client.nick]
        if entered.seq is None:
            client.later(lambda: greet(client, room))
        return _line("JOIN", *params, by=client.source)

    def _out(self, out: Out) -> bytes:
        if self.rooms.pop(out.room, None) is None:
            return b""
        client, channel = self._client, f"#{out.room}"
        if out.code == OutCode.LEFT:
            return _line("PART", channel, by=client.source)
        return _line("KICK", channel, client.nick, out.text, by=client.shared.server)

    def _is_called(self, renamed: Renamed) -> bytes:
        client = self._client
        if renamed.name != client.nick:
            return self._renames(renamed)
        before, client.nick, client.account = client.source, renamed.to, renamed.account
        return _line("NICK", renamed.to, by=before)

    def _marked(self, marks: dict[str, str]) -> None:
        """How far the person has read, in this session or another one."""
        client = self._client
        for room, id in marks.items():
            client.read_upto[room] = id
            if room in self.rooms and client.has("draft/read-marker"):
                client.later(partial(tell_mark, client, room))

    # Answers to messages.

    def refusal(self, command: str, error: Error, target: str, person: str = "") -> list[str]:
        """The lines of a refusal.

        Args:
            command: what was refused.
            error: why.
            target: the channel or person that it was about; "" for none.
            person: the person, if it was about a person in a channel.
        """
        client = self._client
        number = numeric_of(command, error.code)
        if number is None:
            if client.has("standard-replies"):
                code = str(error.code).upper()
                return [answer_line("FAIL", command, code, error.text, source=client.shared.server)]
            return [answer_line("NOTICE", client.nick, error.text, source=client.shared.server)]
        about = (
            [person, target] if number in (Err.USERNOTINCHANNEL, Err.USERONCHANNEL) else [target]
        )
        if number in (Err.NOSUCHNICK, Err.NICKNAMEINUSE, Err.ERRONEUSNICKNAME) and person:
            about = [person]
        params = [client.nick or "*", *filter(None, about), error.text]
        return [answer_line(number, *params, source=client.shared.server)]

    def acknowledged(self, ack: Ack, target: str) -> list[str]:
        """What there is to say about a message that was sent."""
        client = self._client
        server, nick = client.shared.server, client.nick
        lines = []
        for name, reason in (ack.away or {}).items():
            lines.append(answer_line(Rpl.AWAY, nick, name, reason or "away", source=server))
        if ack.to is not None:
            private = target.startswith("#")
            lines += (
                answer_line(Err.NOSUCHNICK, nick, name, "not here", source=server)
                for name in ([] if private else ack.absent or [])
            )
            if ack.later:
                text = f"{', '.join(ack.later)} will get it when they are back"
                lines.append(answer_line("NOTICE", nick, text, source=server))
            if private:
                text = f"only {', '.join(ack.to) or 'nobody'} got this"
                if ack.absent:
                    text += f"; {', '.join(ack.absent)} is not here"
                lines.append(answer_line("NOTICE", target, text, source=server))
        return lines


def _line(command: str, *params: str, by: str = "") -> bytes:
    return f"{answer_line(command, *params, source=by)}\r\n".encode()


def _remember(known: dict, key: object, value: object = None) -> None:  # type: ignore[type-arg]
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
