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


@click.group(epilog=EXAMPLE, short_help="Register names, which then need a password.")
def account() -> None:
    """Register names. A registered name can be used only with its password.

    You are asked for the password, unless --password-file or CHATCTL_PASSWORD has it. It is never
    an argument, since everybody on the machine can see those.
    """


@account.command(epilog=ADD_EXAMPLE)
@argument("name")
@password_file
@chat_and_json
def add(name: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Register a name. A person who has the name now, without its password, is disconnected."""
    _put("add", people.new_name(name), password_file, chat, json)


@account.command(epilog=PASSWD_EXAMPLE)
@argument("name")
@password_file
@chat_and_json
def passwd(name: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Change the password of a registered name. A person who uses the name is disconnected."""
    _put("change", people.name(name), password_file, chat, json)


@account.command(epilog=REMOVE_EXAMPLE)
@argument("name")
@chat_and_json
def remove(name: str, chat: Chat, json: bool) -> None:
    """Forget a name's password, so that anybody can use the name.

    A person who has the name now keeps it; `chatctl kick` disconnects them.
    """
    name = people.name(name)

    from gateway.backplane.operators.accounts import remove_account

    with shared_redis.reached():
        removed = remove_account(*chat.at, name)
    if not removed:
        raise Failure(f"{name} is not registered: `chatctl account list` lists the names that are")
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
    action: Literal["add", "change"], name: str, password_file: Path | None, chat: Chat, json: bool
) -> None:
    from gateway.backplane.operators.accounts import put_account
    from gateway.door.passwords import hash_password

    with shared_redis.reached():
        url, prefix = chat.at
        password, where = new_password(name, password_file)
        text = (
            "This name is registered now and needs its password."
            if action == "add"
            else "The password of this name was changed."
        )
        put, holder = put_account(url, prefix, action, name, hash_password(password), text)
    if not put and action == "add":
        raise Failure(
            f"{name} is registered already: `chatctl account passwd` changes its password"
        )
    if not put:
        raise Failure(f"{name} is not registered: `chatctl account add` registers it")
    if holder is not None and not holder.ended:
        warn(
            f"{holder.name} is still connected to {holder.gateway}, which did not answer: "
            "`chatctl kick` disconnects them, `chatctl doctor` says how that gateway is"
        )
    done = "is registered" if action == "add" else "has a new password"
    ended = holder is not None and holder.ended
    sent = "; the person who had it was disconnected" if ended else ""
    # The variable may be there for a client, and not meant for this.
    which = f"; password from {where}" if where else ""
    data = {"name": name, "sent_away": ended}
    answer(json, data, f"{name} {done}{which}{sent}")
