"""Registered names, read and changed straight in Redis, for `chatctl account`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.kick import KickResult, wait_for_end
from gateway.backplane.readable import ACCOUNT, readable
from gateway.backplane.records import Account
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import account_put
from gateway.backplane.redis.replies import account_of
from gateway.outcomes import Put
from wire.names import fold


def put_account(
    url: str,
    prefix: str,
    action: Literal["add", "change"],
    name: str,
    hash: str,
    text: str,
    of: str = "",
) -> tuple[Put, list[KickResult]]:
    """Register a name, or change its password; ends the sessions that have the name now.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        action: "add" a name that is not registered, or "change" one that is.
        name: as it will be shown.
        hash: of its password; "" with ``of``.
        text: for the people who have the name now.
        of: another registered name, whose account the name will belong to.

    Returns:
        What was done, and what became of the sessions that had the name.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        owner = fold(of) if of else ""
        if of and (account := _account(client, keys, owner)) is not None:
            owner = account.owner or owner
        call = account_put(keys, name, action, hash=hash, text=text, owner=owner)
        reply = run(client, *call)
        if isinstance(reply, bytes):
            return Put(reply.decode()), []
        return Put.DONE, wait_for_end(client, keys, reply)


def remove_account(url: str, prefix: str, name: str) -> list[str]:
    """Free a name, and the other names of its account: forget the password and what waits for them.

    A person who had one of them and has left cannot come back to it with a token. Where only
    registered names are let in, that token would otherwise be good forever.

    Returns:
        The names that were registered; none if the name was not.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys, folded = Keys(prefix), fold(name)
    with reaching(url) as client:
        removed: Any = run(
            client, "account_remove", [keys.accounts, keys.users], folded, keys.users
        )
    return [each.decode() for each in removed]


def import_accounts(
    url: str, prefix: str, accounts: list[Account], *, replace: bool
) -> tuple[int, list[str]]:
    """Write accounts as they were exported.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        accounts: the accounts.
        replace: write those, too, whose names are registered already and differ.

    Returns:
        How many were written, and the names that are registered already and differ.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        found: Any = client.hgetall(keys.accounts)
        known = {folded.decode(): record for folded, record in found.items()}
        differ = [
            each.name
            for each in accounts
            if (record := known.get(fold(each.name))) is not None
            and next(iter(readable(ACCOUNT, [record], "an account")), None) != each
        ]
        new = [each for each in accounts if fold(each.name) not in known]
        written = (
            [each for each in accounts if each.name in differ or each in new] if replace else new
        )
        if written:
            client.hset(
                keys.accounts,
                mapping={fold(each.name): msgspec.json.encode(each) for each in written},
            )
    return len(written), differ


def _account(client: redis.Redis, keys: Keys, folded: str) -> Account | None:
    record: Any = client.hget(keys.accounts, folded)
    return account_of(record or b"")


def list_accounts(url: str, prefix: str) -> list[Account]:
    """The registered names, in order.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:
        found: Any = client.hgetall(Keys(prefix).accounts)
    return readable(ACCOUNT, [found[folded] for folded in sorted(found)], "an account")
