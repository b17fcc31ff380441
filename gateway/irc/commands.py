"""The commands of a client that has been welcomed, as requests to its peer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from gateway.irc import history, modes, people, playback
from gateway.irc.asking import Asks
from gateway.irc.capabilities import NO_NAMES
from gateway.irc.lines import MAX_REST, Line, format_line
from gateway.irc.multiline import Broken
from gateway.irc.numerics import Err, Rpl
from gateway.irc.refusals import Refused
from gateway.irc.rendering import of_msgid
from gateway.irc.texts import said
from gateway.irc.welcome import TOKENS_IN_LINE, isupport, lusers
from wire.frames import (
    AboutRoom,
    Active,
    Delete,
    Join,
    Leave,
    ListRooms,
    Moderate,
    Quit,
    React,
    Register,
    RoomInfo,
    Send,
    SetAway,
    SetBack,
    SetModes,
    SetName,
    SetTopic,
)
from wire.reasons import ErrorCode
from wire.unseen import without_blank_end

Handler = Callable[[Asks, list[str]], Awaitable[None] | None]

FEW = "Not enough parameters"

LONGEST_REASON = 200

REDACT: dict[str, str] = {
    ErrorCode.NO_SUCH_MESSAGE: "UNKNOWN_MSGID",
    ErrorCode.BAD_FIELD: "UNKNOWN_MSGID",
    ErrorCode.TOO_LATE: "REDACT_WINDOW_EXPIRED",
}
"""How IRCv3 names the refusals of a deletion."""

MORE = ("BATCH", "NOTICE", "PRIVMSG", "TAGMSG")
"""Commands that are not in `COMMANDS`, since they need more than their parameters."""


def handle(client: Asks, line: Line) -> Awaitable[None] | None:
    """Carry out a command; returns something to await if it takes time."""
    command, params = line.command, line.params
    if command == "BATCH" or ("batch" in line.tags and client.capabilities.multiline):
        return batch(client, line)
    if command in ("PRIVMSG", "NOTICE"):
        return message(client, line)
    if command == "TAGMSG":
        return tagmsg(client, line)
    if (known := COMMANDS.get(command)) is None:
        client.numeric(Err.UNKNOWNCOMMAND, command, "Unknown command")
        return None
    handler, needed = known
    if len(params) < needed:
        client.numeric(Err.NEEDMOREPARAMS, command, FEW)
        return None
    return handler(client, params)


# Messages.


def batch(client: Asks, line: Line) -> Awaitable[None] | None:
    """BATCH, and the lines of a batch: all of it is one message."""
    if not client.capabilities.multiline:
        client.numeric(Err.UNKNOWNCOMMAND, line.command, "Unknown command")
        return None
    opens = line.command == "BATCH" and line.params and line.params[0].startswith("+")
    try:
        whole = client.multiline.take(line, client.take_label() if opens else "")
    except Broken as broken:
        client.give_label(broken.label)
        client.fail("BATCH", broken.code, *broken.params, text=broken.text)
        return None
    if whole is None:
        return None
    client.give_label(whole.label)
    return message(client, whole.line, is_whole=True)


def message(client: Asks, line: Line, is_whole: bool = False) -> Awaitable[None] | None:
    """PRIVMSG and NOTICE.

    Args:
        client: the client.
        line: the command.
        is_whole: the text is put together of several lines, and so may have any length.
    """
    command, params = line.command, line.params
    if not params or not params[0]:
        client.numeric(Err.NORECIPIENT, f"No recipient given ({command})")
        return None
    if len(params) < 2 or not params[1]:
        client.numeric(Err.NOTEXTTOSEND, "No text to send")
        return None
    if playback.is_asked(params[0]):
        return playback.ask(client, params[1]) if command == "PRIVMSG" else None
    if params[0].lower() == "nickserv":
        _nickserv(client, params[1])
        return None
    if (text := said(command, params[1])) is None:
        if params[0].startswith("#"):
            client.numeric(Err.CANNOTSENDTOCHAN, params[0], "CTCP to a channel is not passed on")
        return None
    if not is_whole and not _fits(client, line):
        client.numeric(Err.INPUTTOOLONG, "with your name before it, the text does not fit")
        return None
    # The chat leaves these lines out, too: the client's own copy is known by its text.
    words = without_blank_end(text.text)
    re = _reply(line)
    targets = list(dict.fromkeys(params[0].split(",")))
    names = [target for target in targets if not target.startswith(("#", "@#", "+#"))]
    label = client.take_label() if client.has("labeled-response") else ""
    for channel in (target for target in targets if target not in names):
        room = channel.lstrip("@+#").casefold()
        request = Send(words, room=room, kind=text.kind, re=re)
        client.send_message(command, request, channel, label)
        label = ""
    if names:
        request = Send(words, to=names, kind=text.kind, re=re)
        client.send_message(command, request, names[0], label)
    return None


def _fits(client: Asks, line: Line) -> bool:
    """Whether a message fits into a line when it is passed on: no text of IRC is cut."""
    longest = max(line.params[0].split(","), key=len)
    whole = format_line(line.command, longest, f"{line.params[1]} ", source=client.source)
    return len(whole.encode()) - 1 <= MAX_REST - 2


def _reply(line: Line) -> str | None:
    tag = line.tags.get("+reply") or line.tags.get("+draft/reply")
    return of_msgid(tag)[1] if tag else None


async def tagmsg(client: Asks, line: Line) -> None:
    """TAGMSG: a reaction, or a sign that somebody types."""
    if not line.params:
        client.numeric(Err.NEEDMOREPARAMS, "TAGMSG", FEW)
        return
    target, tags = line.params[0], line.tags
    of = tags.get("+draft/reply") or tags.get("+reply")
    for tag, on in (("+draft/react", True), ("+draft/unreact", False)):
        if of and (emoji := tags.get(tag)):
            room, id = of_msgid(of)
            await client.refusable("TAGMSG", target, React(id=id, emoji=emoji, room=room, on=on))
    if tags.get("+typing") == "active":
        client.tell(Active())


async def redact(client: Asks, params: list[str]) -> None:
    """REDACT."""
    target, message = params[0], params[1]
    room, id = of_msgid(message)
    if target.startswith("#") and room != target[1:].casefold():
        code, text = "UNKNOWN_MSGID", "there is no such message in this channel"
        if target[1:].casefold() not in client.rooms:
            code, text = "INVALID_TARGET", "you are not in this channel"
        client.fail("REDACT", code, target, message, text=text)
        return
    try:
        await client.ask(Delete(id=id, room=room))
    except Refused as refused:
        code = REDACT.get(refused.error.code, "REDACT_FORBIDDEN")
        client.fail("REDACT", code, target, message, text=refused.error.text)


def _nickserv(client: Asks, text: str) -> Awaitable[None] | None:
    """What people's fingers know of NickServ."""
    word = text.split()[0].upper() if text.split() else ""
    if word == "IDENTIFY":
        said = "Log in with SASL, or connect with the server password NAME:PASSWORD."
    elif word == "REGISTER":
        said = "Write /quote REGISTER * * PASSWORD to register your name."
    else:
        said = "Names are registered with REGISTER, and proved with SASL or the server password."
    client.line("NOTICE", client.nick, said, by=f"NickServ!{client.shared.server}")
    return None


# Rooms.


async def join(client: Asks, params: list[str]) -> None:
    """JOIN."""
    if params[0] == "0":
        for each in sorted(client.rooms):
            await client.refusable("PART", f"#{each}", Leave(each))
        return
    keys = params[1].split(",") if len(params) > 1 else []
    for number, channel in enumerate(params[0].split(",")):
        key = keys[number] if number < len(keys) else None
        if (room := _room(client, channel)) is None or room in client.rooms:
            continue
        if await client.refusable(
            "JOIN", channel, Join(room, key or None, playback.wanted(client))
        ):
            await greet(client, room)


async def greet(client: Asks, room: str) -> None:
    """Show the topic of a room that was entered just now, and who is there."""
    about = await client.ask(AboutRoom(room))
    info: RoomInfo = about[0]
    if info.topic:
        _show_topic(client, info)
    if client.has("draft/read-marker"):
        await history.show_mark(client, f"#{room}")
    if not client.capabilities.chosen & NO_NAMES:
        await people.names(client, [f"#{room}"])


def _show_topic(client: Asks, info: RoomInfo) -> None:
    channel = f"#{info.room}"
    client.numeric(Rpl.TOPIC, channel, info.topic)
    by, at = info.topic_by or "*", info.topic_at // 1000
    client.numeric(Rpl.TOPICWHOTIME, channel, by, str(at))


async def part(client: Asks, params: list[str]) -> None:
    """PART."""
    for channel in params[0].split(","):
        if (room := _room(client, channel)) is None:
            continue
        if room not in client.rooms:
            client.numeric(Err.NOTONCHANNEL, channel, "You're not on that channel")
            continue
        await client.refusable("PART", channel, Leave(room))


async def topic(client: Asks, params: list[str]) -> None:
    """TOPIC."""
    channel = params[0]
    if (room := _room(client, channel)) is None:
        return
    if len(params) > 1:
        await client.refusable("TOPIC", channel, SetTopic(room, params[1]))
        return
    if answer := await client.refusable("TOPIC", channel, AboutRoom(room)):
        if answer[0].topic:
            _show_topic(client, answer[0])
        else:
            client.numeric(Rpl.NOTOPIC, f"#{room}", "No topic is set")


async def list_rooms(client: Asks, params: list[str]) -> None:
    """LIST."""
    wanted = {name.lstrip("#").casefold() for name in (params[0].split(",") if params else ())}
    client.numeric(Rpl.LISTSTART, "Channel", "Users  Name")
    for part in await client.ask(ListRooms()):
        for room in part.rooms:
            # The lobby is there even if nobody is in it, which no channel is.
            if room.people and (not wanted or room.room in wanted):
                client.numeric(Rpl.LIST, f"#{room.room}", str(room.people), room.topic)
    client.numeric(Rpl.LISTEND, "End of /LIST")


async def invite(client: Asks, params: list[str]) -> None:
    """INVITE."""
    name, channel = params[0], params[1]
    if (room := _room(client, channel)) is None:
        return
    if room not in client.rooms:
        client.numeric(Err.NOTONCHANNEL, channel, "You're not on that channel")
        return
    if await client.refusable("INVITE", channel, Moderate(room, "invite", name), name):
        client.numeric(Rpl.INVITING, name, channel)


async def kick(client: Asks, params: list[str]) -> None:
    """KICK."""
    channel, reason = params[0], (params[2] if len(params) > 2 else "")[:LONGEST_REASON]
    if (room := _room(client, channel)) is None:
        return
    if room not in client.rooms:
        client.numeric(Err.NOTONCHANNEL, channel, "You're not on that channel")
        return
    for name in params[1].split(","):
        request = Moderate(room, "kick", name, reason)
        await client.refusable("KICK", channel, request, name)


async def mode(client: Asks, params: list[str]) -> None:
    """MODE."""
    if not params[0].startswith("#"):
        _own_mode(client, params)
        return
    channel = params[0]
    if (room := _room(client, channel)) is None:
        return
    asked = modes.parse_modes(params[1:])
    for letter in asked.unknown:
        client.numeric(Err.UNKNOWNMODE, letter, "is not a mode of channels here")
    if len(params) == 1 or asked.lists:
        answer = await client.refusable("MODE", channel, AboutRoom(room))
        for info in answer:
            _show_modes(client, info, asked.lists)
        return
    if asked.fields:
        await client.refusable("MODE", channel, SetModes(room, **asked.fields))
    for action, name in asked.people:
        request = Moderate(room, action, name)  # type: ignore[arg-type]
        await client.refusable("MODE", channel, request, name)


def _own_mode(client: Asks, params: list[str]) -> None:
    """MODE of a person: there are none, but programs set some."""
    if params[0].casefold() != client.nick.casefold():
        client.numeric(Err.USERSDONTMATCH, "Can't change mode for other users")
    elif len(params) == 1:
        client.numeric(Rpl.UMODEIS, "+")
    elif params[1].strip("+-i"):
        client.numeric(Err.UMODEUNKNOWNFLAG, "Unknown MODE flag")


def _show_modes(client: Asks, info: RoomInfo, lists: list[str]) -> None:
    channel = f"#{info.room}"
    if not lists:
        client.numeric(Rpl.CHANNELMODEIS, channel, modes.shown(info.modes))
        client.numeric(Rpl.CREATIONTIME, channel, "0")
    for letter in lists:
        match letter:
            case "b":
                for ban in info.bans:
                    client.numeric(Rpl.BANLIST, channel, f"{ban.name}!*@*", ban.by or "*", "0")
                client.numeric(Rpl.ENDOFBANLIST, channel, "End of channel ban list")
            case "I":
                for name in info.invited:
                    client.numeric(Rpl.INVITELIST, channel, f"{name}!*@*", "*", "0")
                client.numeric(Rpl.ENDOFINVITELIST, channel, "End of channel invite list")
            case "e":
                client.numeric(Rpl.ENDOFEXCEPTLIST, channel, "End of channel exception list")


def _room(client: Asks, channel: str) -> str | None:
    """The room of a channel; refuses what cannot be one."""
    if not channel.startswith("#") or channel == "#":
        client.numeric(Err.NOSUCHCHANNEL, channel or "*", "No such channel")
        return None
    return channel[1:].casefold()


# The client itself.


async def nick(client: Asks, params: list[str]) -> None:
    """NICK."""
    if not params or not params[0]:
        client.numeric(Err.NONICKNAMEGIVEN, "No nickname given")
    elif params[0] == client.nick:
        return
    elif "." in params[0]:
        client.numeric(Err.ERRONEUSNICKNAME, params[0], "a name with a dot is for servers")
    else:
        await client.refusable("NICK", "", SetName(params[0]), params[0])


async def away(client: Asks, params: list[str]) -> None:
    """AWAY."""
    if params and params[0]:
        client.away = True
        await client.refusable("AWAY", "", SetAway(params[0][:LONGEST_REASON]))
        client.numeric(Rpl.NOWAWAY, "You have been marked as being away")
    else:
        client.away = False
        await client.refusable("AWAY", "", SetBack())
        client.numeric(Rpl.UNAWAY, "You are no longer marked as being away")


def ping(client: Asks, params: list[str]) -> None:
    """PING."""
    if not params or not params[0]:
        client.numeric(Err.NEEDMOREPARAMS, "PING", FEW)
        return
    server = client.shared.server
    client.put(client.stamped(format_line("PONG", server, params[-1], source=server)))


def quit_chat(client: Asks, params: list[str]) -> None:
    """QUIT."""
    client.tell(Quit())


async def register(client: Asks, params: list[str]) -> None:
    """REGISTER: the account is the name, and no e-mail is asked for."""
    if params[0] not in ("*", client.nick):
        client.fail(
            "REGISTER", "ACCOUNT_NAME_MUST_BE_NICK", params[0], text="register your own name"
        )
        return
    if await client.refusable("REGISTER", "", Register(params[2])):
        client.account = client.nick
        text = f"The name {client.nick} is registered"
        client.line("REGISTER", "SUCCESS", client.nick, text)
        if client.has("account-notify"):
            client.line("ACCOUNT", client.nick, by=client.source)


# The server.


def cap(client: Asks, params: list[str]) -> None:
    """CAP."""
    client.registration.cap(params)


def authenticate(client: Asks, params: list[str]) -> Awaitable[None] | None:
    """AUTHENTICATE."""
    return client.registration.authenticate(params)


def already(client: Asks, params: list[str]) -> None:
    """USER and PASS."""
    client.numeric(Err.ALREADYREGISTERED, "You may not reregister")


def motd(client: Asks, params: list[str]) -> None:
    """MOTD."""
    client.numeric(Err.NOMOTD, "There is no message of the day")


def show_lusers(client: Asks, params: list[str]) -> None:
    """LUSERS."""
    lusers(client)


def version(client: Asks, params: list[str]) -> None:
    """VERSION."""
    shared = client.shared
    client.numeric(Rpl.VERSION, f"chatctl-{shared.version}", shared.server, "")
    tokens = isupport(client)
    for start in range(0, len(tokens), TOKENS_IN_LINE):
        part = tokens[start : start + TOKENS_IN_LINE]
        client.numeric(Rpl.ISUPPORT, *part, "are supported by this server")


def show_time(client: Asks, params: list[str]) -> None:
    """TIME."""
    now = time.strftime("%A %B %d %Y -- %H:%M:%S +00:00", time.gmtime())
    client.numeric(Rpl.TIME, client.shared.server, now)


def info(client: Asks, params: list[str]) -> None:
    """INFO."""
    client.numeric(Rpl.INFO, f"chatctl {client.shared.version}")
    client.numeric(Rpl.INFO, "Rooms, people and history are the same on every server of this chat.")
    client.numeric(Rpl.ENDOFINFO, "End of INFO list")


def show_help(client: Asks, params: list[str]) -> None:
    """HELP."""
    subject = params[0] if params else "*"
    if subject != "*" and subject.upper() not in (*COMMANDS, *MORE):
        client.numeric(Err.HELPNOTFOUND, subject, "There is no help on this")
        return
    client.numeric(Rpl.HELPSTART, subject, "Commands of this server")
    names = sorted([*COMMANDS, *MORE])
    for start in range(0, len(names), 10):
        client.numeric(Rpl.HELPTXT, subject, " ".join(names[start : start + 10]))
    client.numeric(Rpl.ENDOFHELP, subject, "End of /HELP")


def nothing(client: Asks, params: list[str]) -> None:
    """PONG and the like: they need no answer."""


def no_privileges(client: Asks, params: list[str]) -> None:
    """What operators of other networks may do: here they use ``chatctl``."""
    client.numeric(Err.NOPRIVILEGES, "Permission denied: operators of this chat use chatctl")


COMMANDS: dict[str, tuple[Handler, int]] = {
    "AUTHENTICATE": (authenticate, 0),
    "AWAY": (away, 0),
    "CAP": (cap, 0),
    "CHATHISTORY": (history.chathistory, 3),
    "HELP": (show_help, 0),
    "HELPOP": (show_help, 0),
    "INFO": (info, 0),
    "INVITE": (invite, 2),
    "ISON": (people.ison, 1),
    "JOIN": (join, 1),
    "KICK": (kick, 2),
    "KILL": (no_privileges, 0),
    "LIST": (list_rooms, 0),
    "LUSERS": (show_lusers, 0),
    "MARKREAD": (history.markread, 0),
    "MODE": (mode, 1),
    "MONITOR": (people.monitor, 1),
    "MOTD": (motd, 0),
    "NAMES": (people.names, 0),
    "NICK": (nick, 0),
    "OPER": (no_privileges, 2),
    "PART": (part, 1),
    "PASS": (already, 0),
    "PING": (ping, 0),
    "PONG": (nothing, 0),
    "QUIT": (quit_chat, 0),
    "REDACT": (redact, 2),
    "REGISTER": (register, 3),
    "TIME": (show_time, 0),
    "TOPIC": (topic, 1),
    "USER": (already, 0),
    "USERHOST": (people.userhost, 1),
    "VERSION": (version, 0),
    "WHO": (people.who, 0),
    "WHOIS": (people.whois, 1),
    "WHOWAS": (people.whowas, 1),
}
