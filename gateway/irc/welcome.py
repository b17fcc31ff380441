"""What a client gets when it is let in: the numerics from 001 on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from gateway.irc.asking import Asks
from gateway.irc.modes import CHANMODES
from gateway.irc.numerics import Err, Rpl
from wire.frames import Entered

TOKENS_IN_LINE = 12

TARGETS = 32
"""The most people that a message may name."""

MONITORED = 100
"""The most people that a client may watch."""

HISTORY_AT_ONCE = 100


def isupport(client: Asks) -> list[str]:
    """The tokens of 005."""
    assert client.welcomed is not None
    limits = client.welcomed.limits
    return [
        "CASEMAPPING=ascii",
        f"CHANLIMIT=#:{limits.rooms}",
        f"CHANMODES={CHANMODES}",
        f"CHANNELLEN={limits.room}",
        "CHANTYPES=#",
        f"CHATHISTORY={HISTORY_AT_ONCE}",
        "ELIST=",
        "AWAYLEN=200",
        "KICKLEN=200",
        "MAXLIST=b:100",
        "MODES",
        f"MONITOR={MONITORED}",
        "MSGREFTYPES=msgid,timestamp",
        f"NETWORK={client.shared.network}",
        f"NICKLEN={limits.name}",
        "PREFIX=(ov)@+",
        "SAFELIST",
        f"TARGMAX=JOIN:,KICK:1,NAMES:,NOTICE:{TARGETS},PART:,PRIVMSG:{TARGETS},WHOIS:1",
        "TOPICLEN=390",
        "UTF8ONLY",
        "WHOX",
    ]


def welcome(client: Asks) -> None:
    """Welcome a client that has its name."""
    assert client.welcomed is not None
    shared, server = client.shared, client.shared.server
    client.numeric(Rpl.WELCOME, f"Welcome to the {shared.network} chat, {client.nick}")
    client.numeric(Rpl.YOURHOST, f"Your host is {server}, running chatctl {shared.version}")
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(shared.started))
    client.numeric(Rpl.CREATED, f"This server was started {started}")
    client.numeric(Rpl.MYINFO, server, f"chatctl-{shared.version}", "i", "beIikmnostv", "beIkov")
    for part in _parts(isupport(client)):
        client.numeric(Rpl.ISUPPORT, *part, "are supported by this server")
    lusers(client)
    client.numeric(Err.NOMOTD, "There is no message of the day")
    client.numeric(Rpl.UMODEIS, "+")
    for room in client.welcomed.rooms:
        client.show(client.came_into.pop(room, Entered(room=room, seen="")))


def _parts(tokens: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tokens), TOKENS_IN_LINE):
        yield tokens[start : start + TOKENS_IN_LINE]


def lusers(client: Asks) -> None:
    """How many people are on this gateway."""
    people, nameless, rooms = client.shared.counts()
    most = client.shared.most(people)
    client.numeric(Rpl.LUSERCLIENT, f"There are {people} users and 0 invisible on 1 servers")
    client.numeric(Rpl.LUSEROP, "0", "operator(s) online")
    client.numeric(Rpl.LUSERUNKNOWN, str(nameless), "unregistered connections")
    client.numeric(Rpl.LUSERCHANNELS, str(rooms), "channels formed")
    client.numeric(Rpl.LUSERME, f"I have {people} clients and 0 servers")
    for number, where in ((Rpl.LOCALUSERS, "local"), (Rpl.GLOBALUSERS, "global")):
        text = f"Current {where} users {people}, max {most}"
        client.numeric(number, str(people), str(most), text)
