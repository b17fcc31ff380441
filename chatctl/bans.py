"""``chatctl ban``, ``unban`` and ``bans``: people and networks that are kept out of the chat."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

import click

from chatctl import offers, people, shared_redis
from chatctl.answers import answer, rfc3339, warn
from chatctl.audited import audited
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
    "by-name", is_flag=True, help="SUBJECT is a name, even if it looks like an address."
)


@click.command(epilog=BAN_EXAMPLE, short_help="Keep a name, address or network out.")
@argument("subject", shell_complete=offers.people)
@_by_name
@option(
    "for",
    type=duration,
    metavar="DURATION",
    show_default="forever",
    help="How long: 30m, 2h or 7d.",
)
@option("reason", default="", metavar="TEXT", help="Why: the people it keeps out are told.")
@chat_and_json
def ban(subject: str, by_name: bool, reason: str, chat: Chat, json: bool, **given: Any) -> None:
    """Keep somebody out of the chat, on all gateways at once; people who are in are disconnected.

    SUBJECT is a name, an IP address or a network. Anything that is written like an address counts
    as one. A name is banned in every spelling, such as Dana and dana. A second ban of the same
    SUBJECT replaces the first.
    """
    target, why = people.subject(subject, by_name=by_name), people.reason(reason)

    from gateway.backplane.operators.bans import put_ban
    from gateway.backplane.records import Ban

    wanted = Ban(subject=target.text, kind=target.kind, since=0, reason=why)
    with shared_redis.reached():
        change = put_ban(*chat.at, wanted, given["for"])
        audited(chat, "ban", target=target.text, reason=why)
    _warn_of_unreached(change.unreached)
    if target.kind == "network":
        _warn_of_neighbours(ip_network(target.text))
    ends = "forever" if given["for"] is None else f"for {span(given['for'])}"
    answer(json, _for_programs(change.ban), f"{target.text} ({target.kind}) is banned {ends}")


@click.command(epilog=UNBAN_EXAMPLE)
@argument("subject", shell_complete=offers.bans)
@_by_name
@chat_and_json
def unban(subject: str, by_name: bool, chat: Chat, json: bool) -> None:
    """Lift a ban, on all gateways at once. Write SUBJECT as you did when you gave the ban."""
    target = people.subject(subject, by_name=by_name)

    from gateway.backplane.operators.bans import lift_ban
    from gateway.backplane.records import Ban

    key = Ban(subject=target.text, kind=target.kind, since=0).key
    with shared_redis.reached():
        change = lift_ban(*chat.at, key)
        if change is not None:
            audited(chat, "unban", target=target.text)
    if change is None:
        raise Failure(f"{target.text} ({target.kind}) is not banned: `chatctl bans` lists the bans")
    _warn_of_unreached(change.unreached)
    answer(json, _for_programs(change.ban), f"{target.text} ({target.kind}) is no longer banned")


@click.command(epilog=BANS_EXAMPLE)
@chat_and_json
def bans(chat: Chat, json: bool) -> None:
    """List the bans, oldest first."""
    from gateway.backplane.operators.bans import list_bans

    with shared_redis.reached():
        now, found = list_bans(*chat.at)
    text = _table(found, now, datetime.now().astimezone()) if found else "nobody is banned"
    answer(json, [_for_programs(each) for each in found], text)


def _table(found: list[Ban], now_ms: int, now: datetime) -> str:
    rows = [("SUBJECT", "KIND", "SINCE", "LEFT", "REASON")]
    for each in found:
        left = "forever" if each.until is None else span((each.until - now_ms) / 1000)
        rows.append((each.subject, each.kind, since(each.since, now), left, each.reason))
    return table(rows)


def _for_programs(ban: Ban) -> dict[str, Any]:
    return {
        "subject": ban.subject,
        "kind": ban.kind,
        "since": rfc3339(ban.since),
        "until": rfc3339(ban.until),
        "reason": ban.reason,
    }


def _warn_of_neighbours(banned: IPv4Network | IPv6Network) -> None:
    from gateway.addresses import subnet

    address = banned.network_address
    if banned.version == 6 and banned.prefixlen > 64 and not address.is_loopback:
        warn(
            f"a person with the address {banned} usually has a whole /64 of them: "
            f"`chatctl ban {subnet(address)}` keeps all of these out"
        )


def _warn_of_unreached(count: int) -> None:
    if count:
        gateways = "1 gateway does" if count == 1 else f"{count} gateways do"
        warn(f"{gateways} not listen, and may not know of it yet: `chatctl doctor` says which")
