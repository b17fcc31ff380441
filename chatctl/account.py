"""``chatctl account``: registered names and their passwords."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from chatctl import people, shared_redis
from chatctl.answers import answer, warn
from chatctl.failure import Failure
from chatctl.new_password import new_password, password_file
from chatctl.options import argument, chat_and_json
from chatctl.shared_redis import Chat
from chatctl.tables import since, table

EXAMPLE = """\b
Examples:
  chatctl account add dana
  chatctl account list
"""

ADD_EXAMPLE = """\b
Examples:
  chatctl account add dana
  chatctl account add dana --password-file /run/secrets/dana
"""

PASSWD_EXAMPLE = """\b
Example:
  chatctl account passwd dana
"""

REMOVE_EXAMPLE = """\b
Example:
  chatctl account remove dana
"""

LIST_EXAMPLE = """\b
Examples:
  chatctl account list
  chatctl account list --json | jq -r '.[].name'
"""


@click.group(epilog=EXAMPLE, short_help="Register names that need a password.")
def account() -> None:
    """Register names, each with a password that whoever wants the name has to know.

    A password is asked for, or read from --password-file or CHATCTL_PASSWORD; it is no argument,
    since those are seen by everybody on the machine.
    """


@account.command(epilog=ADD_EXAMPLE)
@argument("name")
@password_file
@chat_and_json
def add(name: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Register a name. Whoever has it now without its password is sent away."""
    _put("add", people.new_name(name), password_file, chat, json)


@account.command(epilog=PASSWD_EXAMPLE)
@argument("name")
@password_file
@chat_and_json
def passwd(name: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Give a registered name another password. Whoever came with the old one is sent away."""
    _put("change", people.name(name), password_file, chat, json)


@account.command(epilog=REMOVE_EXAMPLE)
@argument("name")
@chat_and_json
def remove(name: str, chat: Chat, json: bool) -> None:
    """Forget a name's password: from now on it is as free as any other.

    Whoever has the name keeps it; kick sends them away.
    """
    name = people.name(name)

    from gateway.backplane.operators.accounts import remove_account

    with shared_redis.reached():
        removed = remove_account(*chat.at, name)
    if not removed:
        raise Failure(f"{name} is not registered: `chatctl account list` says who is")
    answer(json, {"name": name}, f"{name} is no longer registered")


@account.command("list", epilog=LIST_EXAMPLE)
@chat_and_json
def list_(chat: Chat, json: bool) -> None:
    """List the registered names."""
    from gateway.backplane.operators.accounts import list_accounts

    with shared_redis.reached():
        found = list_accounts(*chat.at)
    now = datetime.now().astimezone()
    rows = [("NAME", "SINCE"), *((each.name, since(each.since, now)) for each in found)]
    data = [{"name": each.name, "since": each.since} for each in found]
    answer(json, data, table(rows) if found else "no name is registered")


def _put(
    how: Literal["add", "change"], name: str, password_file: Path | None, chat: Chat, json: bool
) -> None:
    from gateway.backplane.operators.accounts import put_account
    from gateway.door.passwords import hash_password

    with shared_redis.reached():
        url, prefix = chat.at
        password, where = new_password(name, password_file)
        text = (
            "This name is registered now, and needs its password."
            if how == "add"
            else "The password of this name was changed."
        )
        done, holder = put_account(url, prefix, how, name, hash_password(password), text)
    if not done and how == "add":
        raise Failure(
            f"{name} is registered already: `chatctl account passwd` is for another password"
        )
    if not done:
        raise Failure(f"{name} is not registered: `chatctl account add` does that")
    if holder is not None and not holder.ended:
        warn(
            f"{holder.name} is still in, on {holder.gateway}, which did not answer: "
            "`chatctl kick` sends them away, `chatctl doctor` says how that gateway is"
        )
    did = "is registered" if how == "add" else "has another password"
    sent = f"; who had it was sent away from {holder.gateway}" if holder and holder.ended else ""
    # Whoever has a variable for a client's password need not have meant it here.
    which = f"; password from {where}" if where else ""
    data = {"name": name, "sent_away": bool(holder and holder.ended)}
    answer(json, data, f"{name} {did}{which}{sent}")
