"""``chatctl ban``, ``unban`` and ``bans``: who may not come in."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

import click

from chatctl import people, shared_redis
from chatctl.answers import answer, warn
from chatctl.failure import Failure
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat
from chatctl.tables import since, span, table
from chatctl.units import duration

if TYPE_CHECKING:
    from gateway.backplane.records import Ban

BAN_EXAMPLE = """\b
Examples:
  chatctl ban mallory --for 2h --reason "no adverts, please"
  chatctl ban 192.0.2.0/24
"""

UNBAN_EXAMPLE = """\b
Examples:
  chatctl unban mallory
  chatctl unban 192.0.2.0/24
"""

BANS_EXAMPLE = """\b
Examples:
  chatctl bans
  chatctl bans --json | jq -r '.[].subject'
"""

_by_name = option(
    "by-name", is_flag=True, help="SUBJECT is a name, though it looks like an address."
)


@click.command(epilog=BAN_EXAMPLE, short_help="Keep a name, address or network out.")
@argument("subject")
@_by_name
@option(
    "for",
    type=duration,
    metavar="DURATION",
    show_default="for ever",
    help="How long: 30m, 2h or 7d.",
)
@option("reason", default="", metavar="TEXT", help="Why, for those who are banned.")
@chat_and_json
def ban(subject: str, by_name: bool, reason: str, chat: Chat, json: bool, **given: Any) -> None:
    """Keep somebody out, on all gateways at once, and end the sessions of who is in.

    SUBJECT is a name, an IP address or a network: what is written like an address is one, and all
    else is a name, banned however it is written. A second ban takes the place of the first.
    """
    who, why = people.subject(subject, by_name=by_name), people.reason(reason)

    from gateway.backplane.operators.bans import put_ban
    from gateway.backplane.records import Ban

    wanted = Ban(subject=who.text, kind=who.kind, since=0, reason=why)
    with shared_redis.reached():
        change = put_ban(*chat.at, wanted, given["for"])
    _warn_of_unreached(change.unreached)
    if who.kind == "network":
        _warn_of_neighbours(ip_network(who.text))
    ends = "for ever" if given["for"] is None else f"for {span(given['for'])}"
    answer(json, _for_programs(change.ban), f"{who.text} ({who.kind}) is banned {ends}")


@click.command(epilog=UNBAN_EXAMPLE)
@argument("subject")
@_by_name
@chat_and_json
def unban(subject: str, by_name: bool, chat: Chat, json: bool) -> None:
    """Lift a ban, on all gateways at once. It is named as it was given."""
    who = people.subject(subject, by_name=by_name)

    from gateway.backplane.operators.bans import lift_ban
    from gateway.backplane.records import Ban

    key = Ban(subject=who.text, kind=who.kind, since=0).key
    with shared_redis.reached():
        change = lift_ban(*chat.at, key)
    if change is None:
        raise Failure(f"{who.text} ({who.kind}) is not banned: `chatctl bans` says who is")
    _warn_of_unreached(change.unreached)
    answer(json, _for_programs(change.ban), f"{who.text} ({who.kind}) is no longer banned")


@click.command(epilog=BANS_EXAMPLE)
@chat_and_json
def bans(chat: Chat, json: bool) -> None:
    """List the bans that hold, oldest first."""
    from gateway.backplane.operators.bans import list_bans

    with shared_redis.reached():
        now, found = list_bans(*chat.at)
    text = _table(found, now, datetime.now().astimezone()) if found else "nobody is banned"
    answer(json, [_for_programs(each) for each in found], text)


def _table(found: list[Ban], now_ms: int, now: datetime) -> str:
    rows = [("SUBJECT", "KIND", "SINCE", "LEFT", "REASON")]
    for each in found:
        left = "for ever" if each.until is None else span((each.until - now_ms) / 1000)
        rows.append((each.subject, each.kind, since(each.since, now), left, each.reason))
    return table(rows)


def _for_programs(ban: Ban) -> dict[str, Any]:
    return {field: getattr(ban, field) for field in ban.__struct_fields__}


def _warn_of_neighbours(banned: IPv4Network | IPv6Network) -> None:
    from gateway.addresses import neighbourhood

    address = banned.network_address
    if banned.version == 6 and banned.prefixlen > 64 and not address.is_loopback:
        warn(
            f"whoever has {banned} has other addresses too, of IPv6 a /64 at least: "
            f"`chatctl ban {neighbourhood(address)}` keeps out all of them"
        )


def _warn_of_unreached(count: int) -> None:
    if count:
        gateways = "1 gateway does" if count == 1 else f"{count} gateways do"
        warn(f"{gateways} not listen, and may not know it yet: `chatctl doctor` says which")
