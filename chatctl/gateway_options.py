"""The options of ``chatctl gateway``, and the settings that they make."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatctl import __version__, options
from chatctl.failure import Misuse
from chatctl.given import ExistingFile
from chatctl.options import option
from chatctl.units import (
    COUNT,
    address,
    address_or_off,
    count_or_off,
    duration,
    duration_or_off,
    networks,
    rate_or_off,
    size,
)

if TYPE_CHECKING:
    from gateway.config import GatewayConfig

Decorator = Callable[[Any], Any]


def _limit(text: str) -> float:
    """As `duration_or_off`, but infinite for ``off``: here None means that nothing was said."""
    found = duration_or_off(text)
    return math.inf if found is None else found


def _workers(text: str) -> int:
    """How many processes: ``4``, or ``auto`` for as many as we have cores."""
    if text.strip().lower() == "auto":
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if not text.strip().isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise click.BadParameter(
            f"{text[:20]!r} is not a count of processes: write 1 to {MOST_WORKERS}, or auto."
        )
    return int(text)


def _best_loop() -> str:
    return "uvloop" if find_spec("uvloop") else "asyncio"


MOST_WORKERS = 256

_FILE = ExistingFile()

CHAT: tuple[Decorator, ...] = (
    option(
        "listen",
        type=address,
        default="127.0.0.1:2428",
        metavar="HOST[:PORT]",
        help="Where to listen; 0.0.0.0 is every interface, port 0 any free port.",
    ),
    option(
        "reuse-port",
        is_flag=True,
        help="Share the port with other gateways here; the kernel distributes the clients.",
    ),
    option(
        "workers",
        type=_workers,
        default="1",
        metavar="COUNT|auto",
        help="Serve with several processes that share the port, one for each core with auto. One "
        "that dies is started again.",
    ),
    options.redis("Without it, the gateway starts one that ends with it."),
    option(
        "data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Private directory in which the gateway's own Redis keeps what was said, and names, "
        "rooms and bans, for the next start. Without it they end with the gateway.",
    ),
    options.prefix,
    option(
        "idle",
        type=duration_or_off,
        default="60s",
        metavar="DURATION|off",
        help="After this time of silence a user is told Bye! and disconnected.",
    ),
    option(
        "away-idle",
        type=_limit,
        metavar="DURATION|off",
        show_default="as --idle",
        help="The same for people who are away: by /away, or because their client says so.",
    ),
    option(
        "fallback",
        type=click.Choice(["public", "refuse"]),
        default="public",
        help="What to do with a message when none of its @names is online: send it to the whole "
        "room, or refuse it. refuse also refuses a message that names somebody who is online, if "
        "the name is not at the end.",
    ),
    option(
        "rooms",
        type=click.Choice(["open", "closed"]),
        default="open",
        help="open: joining a room that does not exist makes it. closed: only you make rooms, "
        "with `chatctl room ROOM create`.",
    ),
    option(
        "lobby",
        type=click.Choice(["on", "off"]),
        default="on",
        help="on: everybody starts in the lobby. off: nobody is in a room until they join one.",
    ),
    option(
        "quiet-room",
        type=COUNT,
        default=200,
        metavar="PEOPLE",
        help="In a room with more people than this, nobody is told who comes and who leaves.",
    ),
    option(
        "history",
        type=COUNT,
        default=10_000,
        metavar="MESSAGES",
        help="About how many messages of a room are kept.",
    ),
    option(
        "history-age",
        type=duration,
        default="24h",
        metavar="DURATION",
        help="About how long a message of a room is kept.",
    ),
    option(
        "resume-within",
        type=duration,
        default="10m",
        metavar="DURATION",
        help="How long a client whose connection broke can come back and miss nothing.",
    ),
    option(
        "outbox",
        type=size,
        default="4MiB",
        metavar="SIZE",
        help="How much may wait while Redis is away; further messages are refused.",
    ),
    option(
        "drain",
        type=duration_or_off,
        default="5s",
        metavar="DURATION|off",
        help="A gateway that stops sends its people to the others one by one, within this time, "
        "and keeps their names for them; off: all at once. Without --redis it is off.",
    ),
    option(
        "rebalance",
        type=rate_or_off,
        default="5/s",
        metavar="RATE|off",
        help="How many people a gateway sends on to the others in a second, while it has far more "
        "than they have on average. Nobody is seen to leave.",
    ),
)
"""How the chat works."""

ENTRY: tuple[Decorator, ...] = (
    option(
        "auth",
        type=click.Choice(["open", "required"]),
        default="open",
        help="open: a registered name needs its password, any other name is free. required: only "
        "registered names are let in.",
    ),
    option(
        "accounts",
        type=click.Choice(["open", "operators"]),
        default="operators",
        help="open: people register names themselves, with /register. operators: only you do, with "
        "`chatctl account add NAME`.",
    ),
    option(
        "tls-cert",
        type=_FILE,
        metavar="FILE",
        help="Certificate for TLS, PEM, with its chain. Read again at SIGHUP.",
    ),
    option("tls-key", type=_FILE, metavar="FILE", help="Its key, PEM."),
    option(
        "proxy-from",
        type=networks,
        default="",
        metavar="NETWORK[,...]",
        help="Networks of your load balancers. Connections from there must begin with a PROXY "
        "header, version 2, which is believed.",
    ),
    option(
        "address-connections",
        type=count_or_off,
        default="100",
        metavar="COUNT|off",
        help="Connections that one address may have at once; for IPv6, a whole /64.",
    ),
    option(
        "address-connects",
        type=count_or_off,
        default="300",
        metavar="COUNT|off",
        help="Connections that one address may begin in a minute.",
    ),
    option(
        "exempt",
        type=networks,
        default="127.0.0.0/8,::1",
        metavar="NETWORK[,...]",
        help="Networks to which the limits of addresses do not apply.",
    ),
)
"""Who is let in."""

LIMITS: tuple[Decorator, ...] = (
    option(
        "burst",
        type=COUNT,
        default=20,
        metavar="REQUESTS",
        help="Requests that a user may send at once before --rate applies.",
    ),
    option(
        "rate",
        type=rate_or_off,
        default="5/s",
        metavar="RATE|off",
        help="Requests that a user may send in the long run; off for no limit.",
    ),
    option(
        "max-line",
        type=size,
        default="16KiB",
        metavar="SIZE",
        help="Longest line that a client may send.",
    ),
    option(
        "max-text",
        type=COUNT,
        default=4_000,
        metavar="CHARACTERS",
        help="Longest text of a message.",
    ),
    option(
        "rooms-per-person",
        type=COUNT,
        default=50,
        metavar="ROOMS",
        help="Rooms that one person may be in at once, and with a registered name make in a day.",
    ),
    option(
        "sessions-per-account",
        type=COUNT,
        default=10,
        metavar="SESSIONS",
        help="How often a registered name may be here at once: phone, laptop and so on.",
    ),
    option(
        "hello-timeout",
        type=duration,
        default="10s",
        metavar="DURATION",
        help="Time from connecting to a granted name.",
    ),
    option(
        "backlog",
        type=size,
        default="1MiB",
        metavar="SIZE",
        help="How much may wait for a client that reads slowly; then it is disconnected.",
    ),
)
"""What one person may do."""

IRC: tuple[Decorator, ...] = (
    option(
        "irc",
        type=address_or_off,
        default="off",
        metavar="HOST:PORT|off",
        help="Where to let clients of IRC in. They are in the same rooms as everybody else.",
    ),
    option(
        "irc-tls",
        type=address_or_off,
        default="off",
        metavar="HOST:PORT|off",
        help="The same with TLS, with the certificate of --tls-cert.",
    ),
    option(
        "irc-name",
        default="chat.invalid",
        metavar="HOSTNAME",
        help="The name of the server, as clients of IRC see it; its first part is the network.",
    ),
)
"""For clients of IRC."""

RUNNING: tuple[Decorator, ...] = (
    option(
        "http",
        type=address_or_off,
        default="off",
        metavar="HOST:PORT|off",
        help="Where to serve /healthz, /readyz and /metrics. Keep it away from strangers.",
    ),
    option(
        "loop",
        type=click.Choice(["uvloop", "asyncio"]),
        default=_best_loop,
        show_default="uvloop where it is installed",
        help="The event loop.",
    ),
    option(
        "log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="Lowest level that is logged, on stderr.",
    ),
    option(
        "log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="One line per event: text for people, json for machines.",
    ),
    options.run_dir,
)
"""How it runs, and what it reports to its operator."""


def gateway_options(command: Any) -> Any:
    """Give a command all these options; its help shows them in this order."""
    for each in reversed((*CHAT, *IRC, *ENTRY, *LIMITS, *RUNNING)):
        command = each(command)
    return command


def config(given: dict[str, Any], redis: str, drain: float) -> GatewayConfig:
    """The settings that the options stand for.

    Args:
        given: the values of the options, by their names.
        redis: URL of the Redis to use.
        drain: seconds, 0 for none.

    Raises:
        Misuse: options contradict each other.
    """
    from gateway.config import AddressLimits, Certificate, GatewayConfig
    from wire.limits import Limits

    chain, key = given["tls_cert"], given["tls_key"]
    if (chain is None) is not (key is None):
        raise Misuse("--tls-cert and --tls-key go together: give both, or neither")
    if given["irc_tls"] is not None and chain is None:
        raise Misuse("--irc-tls needs a certificate: give --tls-cert and --tls-key")
    listen, away_idle = given["listen"], given["away_idle"]
    if away_idle is None:
        away_idle = given["idle"]
    return GatewayConfig(
        host=listen.host,
        port=listen.port,
        redis=redis,
        prefix=given["prefix"],
        idle=given["idle"],
        away_idle=None if away_idle == math.inf else away_idle,
        fallback=given["fallback"],
        auth=given["auth"],
        rooms=given["rooms"],
        accounts=given["accounts"],
        lobby=given["lobby"] == "on",
        limits=Limits(
            line=given["max_line"],
            text=given["max_text"],
            rooms=given["rooms_per_person"],
            sessions=given["sessions_per_account"],
            quiet_room=given["quiet_room"],
            burst=given["burst"],
            rate=given["rate"],
            hello=given["hello_timeout"],
            backlog=given["backlog"],
        ),
        address_limits=AddressLimits(
            connections=given["address_connections"],
            connects=given["address_connects"],
            exempt=given["exempt"],
        ),
        history=given["history"],
        history_age=given["history_age"],
        resume_within=given["resume_within"],
        outbox=given["outbox"],
        drain=drain,
        http=given["http"],
        irc=given["irc"],
        irc_tls=given["irc_tls"],
        irc_name=given["irc_name"],
        certificate=Certificate(str(chain), str(key)) if chain else None,
        proxies=given["proxy_from"],
        rebalance=given["rebalance"],
        reuse_port=given["reuse_port"],
        version=__version__,
    )
