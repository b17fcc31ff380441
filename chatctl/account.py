"""``chatctl account``: registered names and their passwords."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from chatctl import offers, people, shared_redis
from chatctl.answers import answer, rfc3339, warn
from chatctl.audited import audited
from chatctl.failure import Failure, Misuse
from chatctl.new_password import new_password, password_file
from chatctl.options import argument, chat_and_json, chat_options, option
from chatctl.secret_file import write_secret
from chatctl.shared_redis import Chat
from chatctl.tables import since, table

if TYPE_CHECKING:
    from gateway.backplane.operators.kick import KickResult
    from gateway.backplane.records import Account
    from gateway.outcomes import Put

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

EXPORT_EXAMPLE = """\b
Example:
  chatctl account export accounts.jsonl
"""

IMPORT_EXAMPLE = """\b
Example:
  chatctl account import accounts.jsonl
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
@option("of", default="", metavar="NAME", help="The name belongs to the account of this name.")
@password_file
@chat_and_json
def add(name: str, of: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Register a name. A person who has the name now, without its password, is disconnected.

    With --of it is a further name of an account: it needs the password of that account, and its
    owner can change between the names with /nick.
    """
    name = people.new_name(name)
    if of:
        _put_further(name, people.name(of), chat, json)
    else:
        _put("add", name, password_file, chat, json)


@account.command(epilog=PASSWD_EXAMPLE)
@argument("name", shell_complete=offers.accounts)
@password_file
@chat_and_json
def passwd(name: str, password_file: Path | None, chat: Chat, json: bool) -> None:
    """Change the password of a name. A person who uses the name is disconnected."""
    _put("change", people.name(name), password_file, chat, json)


@account.command(epilog=REMOVE_EXAMPLE)
@argument("name", shell_complete=offers.accounts)
@chat_and_json
def remove(name: str, chat: Chat, json: bool) -> None:
    """Forget a name's password, so that anybody can use the name.

    The further names of its account are free, too, and what waits for them is deleted. A person who
    has the name now keeps it; `chatctl kick` disconnects them.
    """
    name = people.name(name)

    from gateway.backplane.operators.accounts import remove_account

    with shared_redis.reached():
        removed = remove_account(*chat.at, name)
        if removed:
            audited(chat, "account remove", target=name)
    if not removed:
        raise Failure(f"{name} is not registered: `chatctl account list` lists the names that are")
    with_it = f", and with it {', '.join(removed[1:])}" if removed[1:] else ""
    data = {"name": name, "names": removed}
    answer(json, data, f"{name} is no longer registered{with_it}")


@account.command("export", epilog=EXPORT_EXAMPLE)
@argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-", metavar="[FILE]")
@chat_options
def export(file: Path, chat: Chat) -> None:
    """Write all accounts to FILE, or to stdout.

    Each account is a line of JSON. A line has the hash of the password, so keep the file safe. It
    is made for you alone to read.
    """
    import msgspec

    from gateway.backplane.operators.accounts import list_accounts

    with shared_redis.reached():
        found = list_accounts(*chat.at)
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in found)
    if str(file) == "-":
        click.echo(lines, nl=False)
        return
    try:
        write_secret(file, lines)
    except OSError as error:
        raise Failure(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"{len(found)} accounts were written to {file}", err=True)


@account.command("import", epilog=IMPORT_EXAMPLE)
@argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-", metavar="[FILE]")
@option("replace", is_flag=True, help="Overwrite accounts that are there and differ.")
@chat_and_json
def import_(file: Path, replace: bool, chat: Chat, json: bool) -> None:
    """Read accounts from FILE, or from stdin.

    The accounts are in the form in which `chatctl account export` writes them. Nothing is written
    unless every line is right, and no account is overwritten without --replace.
    """
    from gateway.backplane.operators.accounts import import_accounts

    accounts = _read_accounts(file)
    with shared_redis.reached():
        written, differ = import_accounts(*chat.at, accounts, replace=replace)
        if written:
            audited(chat, "account import", reason=f"{written} accounts")
    same = len(accounts) - written - (0 if replace else len(differ))
    data = {"written": written, "same": same, "kept": [] if replace else differ}
    answer(json, data, f"{written} accounts were written; {same} were there already")
    if differ and not replace:
        shown = ", ".join(differ[:10]) + (" and others" if len(differ) > 10 else "")
        raise Failure(f"left as they are, since they differ: {shown}. --replace overwrites them")


def _read_accounts(file: Path) -> list[Account]:
    from gateway.backplane.readable import ACCOUNT, UNREADABLE
    from wire.names import fold

    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from error
    accounts: dict[str, Account] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            each = ACCOUNT.decode(line)
        except UNREADABLE as error:
            raise Misuse(f"line {number} is not an account: {error}.") from error
        folded = fold(people.name(each.name))
        if not (each.hash.startswith("$argon2") or each.owner):
            raise Misuse(f"line {number} has no hash of a password and no owner.")
        if folded in accounts:
            raise Misuse(f"line {number}: {each.name} is there twice.")
        accounts[folded] = each
    for folded, each in accounts.items():
        if each.owner and folded not in getattr(accounts.get(each.owner), "names", ()):
            raise Misuse(f"{each.name} belongs to {each.owner}, which does not say so.")
    return list(accounts.values())


@account.command("list", epilog=LIST_EXAMPLE)
@chat_and_json
def list_(chat: Chat, json: bool) -> None:
    """List the registered names."""
    from gateway.backplane.operators.accounts import list_accounts

    with shared_redis.reached():
        found = list_accounts(*chat.at)
    now = datetime.now().astimezone()
    rows = [("NAME", "SINCE", "BELONGS TO")]
    rows += ((each.name, since(each.since, now), each.owner or "-") for each in found)
    data = [
        {
            "name": each.name,
            "since": rfc3339(each.since),
            "of": each.owner or None,
            "names": each.names,
        }
        for each in found
    ]
    answer(json, data, table(rows) if found else "no name is registered")


def _put_further(name: str, of: str, chat: Chat, json: bool) -> None:
    from gateway.backplane.operators.accounts import put_account
    from gateway.outcomes import Put

    with shared_redis.reached():
        text = "This name is registered now and needs a password."
        put, holders = put_account(*chat.at, "add", name, "", text, of)
        if put is Put.NONE:
            raise Failure(f"{of} is not registered: `chatctl account add` registers it")
        _need_done(put, name)
        audited(chat, "account add", target=name, reason=f"of {of}")
    ended = _tell_holders(holders)
    sent = "; the person who had it was disconnected" if ended else ""
    data = {"name": name, "of": of, "sent_away": ended}
    answer(json, data, f"{name} is registered, and belongs to the account of {of}{sent}")


def _need_done(put: Put, name: str) -> None:
    """Raise a failure unless an account was written."""
    from gateway.outcomes import Put

    match put:
        case Put.EXISTS:
            text = f"{name} is registered already: `chatctl account passwd` changes its password"
        case Put.NONE:
            text = f"{name} is not registered: `chatctl account add` registers it"
        case Put.OWNED:
            text = (
                f"{name} belongs to another account: change the password of that one. "
                "`chatctl account list` says which it is"
            )
        case Put.MANY:
            text = "that account has 10 further names, and may have no more"
        case _:
            return
    raise Failure(text)


def _tell_holders(holders: list[KickResult]) -> bool:
    """Warn about sessions that have not ended; returns whether all have that there were."""
    for holder in holders:
        if not holder.ended:
            warn(
                f"{holder.name} is still connected to {holder.gateway}, which did not answer: "
                "`chatctl kick` disconnects them, `chatctl doctor` says how that gateway is"
            )
    return bool(holders) and all(holder.ended for holder in holders)


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
        put, holders = put_account(url, prefix, action, name, hash_password(password), text)
        _need_done(put, name)
        audited(chat, "account add" if action == "add" else "account passwd", target=name)
    ended = _tell_holders(holders)
    done = "is registered" if action == "add" else "has a new password"
    sent = "; the person who had it was disconnected" if ended else ""
    # The variable may be there for a client, and not meant for this.
    which = f"; password from {where}" if where else ""
    data = {"name": name, "sent_away": ended}
    answer(json, data, f"{name} {done}{which}{sent}")
