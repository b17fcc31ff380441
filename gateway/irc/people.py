"""Commands about people: who is in a room, who is here, and what is known of one."""

from __future__ import annotations

from contextlib import suppress

from gateway.irc.asking import Asks
from gateway.irc.lines import MAX_REST
from gateway.irc.numerics import Err, Rpl
from gateway.irc.refusals import Refused
from gateway.irc.texts import HOST, USER, source
from gateway.irc.welcome import MONITORED
from wire.frames import ListMembers, Person, RoomMember, User, Who, Whois

PREFIXES = {"operator": "@", "voice": "+", "": ""}

FEW = 20
"""The most people that one USERHOST or ISON is answered for."""

WHOX_FIELDS = "tcuihsnfdlaor"
"""The fields of WHOX, in the order in which they are always answered."""


async def names(client: Asks, params: list[str]) -> None:
    """NAMES."""
    for channel in params[0].split(",") if params else []:
        room = channel[1:].casefold()
        if room in client.rooms:
            with_host = client.has("userhost-in-names")
            shown = [
                PREFIXES[member.role] + (source(member.name) if with_host else member.name)
                for member in await members(client, room)
            ]
            head = f":{client.shared.server} 353 {client.nick} = {channel} :"
            for part in _filled(shown, MAX_REST - 2 - len(head.encode())):
                client.numeric(Rpl.NAMREPLY, "=", channel, part)
        client.numeric(Rpl.ENDOFNAMES, channel, "End of /NAMES list")
    if not params:
        client.numeric(Rpl.ENDOFNAMES, "*", "End of /NAMES list")


async def members(client: Asks, room: str) -> list[RoomMember]:
    """Who is in a room that the client is in."""
    return [each for part in await client.ask(ListMembers(room)) for each in part.members]


def _filled(words: list[str], most: int) -> list[str]:
    """Words in parts that are not too long: ``most`` in bytes."""
    parts: list[str] = []
    for word in words:
        if parts and len(f"{parts[-1]} {word}".encode()) <= most:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


async def everybody(client: Asks) -> dict[str, User]:
    """Everybody who is here, by name in lower case."""
    parts = await client.ask(Who())
    return {user.name.casefold(): user for part in parts for user in part.users}


async def who(client: Asks, params: list[str]) -> None:
    """WHO and WHOX."""
    mask = params[0] if params else "*"
    fields, _, token = (params[1] if len(params) > 1 else "").partition(",")
    users = await everybody(client)
    found: list[tuple[str, str, User]] = []
    if mask.startswith("#"):
        room = mask[1:].casefold()
        if room in client.rooms:
            for member in await members(client, room):
                user = users.get(member.name.casefold())
                if user is not None:
                    found.append((mask, PREFIXES[member.role], user))
    else:
        wanted = mask.partition("!")[0].casefold()
        some = users.values() if wanted in ("*", "0") else filter(None, [users.get(wanted)])
        found = [("*", "", user) for user in some]
    for channel, prefix, user in found:
        _who_line(client, channel, prefix, user, fields, token)
    client.numeric(Rpl.ENDOFWHO, mask, "End of /WHO list")


def _who_line(client: Asks, channel: str, prefix: str, user: User, fields: str, token: str) -> None:
    server, flags = client.shared.server, ("H" if user.away is None else "G") + prefix
    if not fields.startswith("%"):
        client.numeric(
            Rpl.WHOREPLY, channel, USER, HOST, server, user.name, flags, f"0 {user.name}"
        )
        return
    values = {
        "t": token or "0",
        "c": channel,
        "u": USER,
        "i": "255.255.255.255",
        "h": HOST,
        "s": server,
        "n": user.name,
        "f": flags,
        "d": "0",
        "l": str(round(user.idle)),
        "a": user.account or "0",
        "o": "n/a",
        "r": user.name,
    }
    client.numeric(Rpl.WHOSPCRPL, *(values[f] for f in WHOX_FIELDS if f in fields[1:]))


async def whois(client: Asks, params: list[str]) -> None:
    """WHOIS."""
    name = params[-1].split(",")[0]
    answer = await client.refusable("WHOIS", name, Whois(name))
    if not answer or not answer[0].here:
        if answer:
            client.numeric(Err.NOSUCHNICK, name, "No such nick/channel")
        client.numeric(Rpl.ENDOFWHOIS, name, "End of /WHOIS list")
        return
    person: Person = answer[0]
    shown, server = person.name, client.shared.server
    client.numeric(Rpl.WHOISUSER, shown, USER, HOST, "*", shown)
    if person.rooms:
        rooms = " ".join(f"#{room}" for room in person.rooms)
        client.numeric(Rpl.WHOISCHANNELS, shown, rooms)
    client.numeric(Rpl.WHOISSERVER, shown, server, client.shared.network)
    if person.away is not None:
        client.numeric(Rpl.AWAY, shown, person.away or "away")
    if person.registered:
        client.numeric(Rpl.WHOISACCOUNT, shown, shown, "is logged in as")
    if person.sessions:
        idle = round(min(each.idle for each in person.sessions))
        since = person.sessions[0].since // 1000
        client.numeric(Rpl.WHOISIDLE, shown, str(idle), str(since), "seconds idle, signon time")
    client.numeric(Rpl.ENDOFWHOIS, shown, "End of /WHOIS list")


def whowas(client: Asks, params: list[str]) -> None:
    """WHOWAS: the chat keeps nothing of people who have left."""
    name = params[0]
    client.numeric(Err.WASNOSUCHNICK, name, "There was no such nickname")
    client.numeric(Rpl.ENDOFWHOWAS, name, "End of WHOWAS")


async def here(client: Asks, names: list[str]) -> dict[str, Person]:
    """The people among some who are here: name in lower case -> what is known of them."""
    found = {}
    for name in names:
        # A name that nobody can have is refused.
        with suppress(Refused):
            [person] = await client.ask(Whois(name))
            if person.here:
                found[name.casefold()] = person
    return found


async def ison(client: Asks, params: list[str]) -> None:
    """ISON."""
    found = await here(client, [name for param in params for name in param.split()][:FEW])
    client.numeric(Rpl.ISON, " ".join(person.name for person in found.values()))


async def userhost(client: Asks, params: list[str]) -> None:
    """USERHOST."""
    found = await here(client, params[:FEW])
    shown = [
        f"{person.name}={'+' if person.away is None else '-'}{USER}@{HOST}"
        for person in found.values()
    ]
    client.numeric(Rpl.USERHOST, " ".join(shown))


async def monitor(client: Asks, params: list[str]) -> None:
    """MONITOR."""
    sign, names = params[0], params[1].split(",") if len(params) > 1 else []
    watched = client.monitored
    match sign.upper():
        case "+":
            new = [name for name in names if name]
            if len({*watched, *(name.casefold() for name in new)}) > MONITORED:
                text = "Monitor list is full"
                client.numeric(Err.MONLISTFULL, str(MONITORED), ",".join(new), text)
                return
            watched.update({name.casefold(): name for name in new})
            await _states(client, new)
        case "-":
            for name in names:
                watched.pop(name.casefold(), None)
        case "C":
            watched.clear()
        case "L":
            for part in _joined(list(watched.values())):
                client.numeric(Rpl.MONLIST, part)
            client.numeric(Rpl.ENDOFMONLIST, "End of MONITOR list")
        case "S":
            await _states(client, list(watched.values()))


async def watch(client: Asks) -> None:
    """Tell the client who of those that it watches has come or gone."""
    found = await here(client, list(client.monitored.values()))
    changed = [
        name
        for folded, name in client.monitored.items()
        if (folded in found) is not (folded in client.seen_here)
    ]
    await _states(client, changed)


async def _states(client: Asks, names: list[str]) -> None:
    found = await here(client, names)
    client.seen_here -= {name.casefold() for name in names}
    client.seen_here |= set(found)
    on = [source(person.name) for person in found.values()]
    off = [name for name in names if name.casefold() not in found]
    for number, some in ((Rpl.MONONLINE, on), (Rpl.MONOFFLINE, off)):
        for part in _joined(some):
            client.numeric(number, part)


def _joined(words: list[str]) -> list[str]:
    return [part.replace(" ", ",") for part in _filled(words, 400)]
