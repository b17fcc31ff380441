"""Registered names as operators keep them, for `chatctl`: straight through Redis."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gateway.backplane.keys import Keys
from gateway.backplane.operators.gateways import Asked, ended, run
from gateway.backplane.readable import readable
from gateway.backplane.records import Account
from gateway.backplane.redis.address import reaching
from wire.names import fold

_account = msgspec.json.Decoder(Account)


def put_account(
    url: str, prefix: str, how: Literal["add", "change"], name: str, hash: str, text: str
) -> tuple[bool, Asked | None]:
    """Register a name, or change its password; ends the session of whoever holds the name.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        how: "add" a name that is not registered, or "change" one that is.
        name: as it shall be shown.
        hash: of its password.
        text: for whoever holds the name.

    Returns:
        Whether it was done; it was not if the name is registered ("add"), or is not ("change").
        Who held the name; None if nobody did.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys, folded = Keys(prefix), fold(name)
    rest = msgspec.json.encode({"name": name, "hash": hash})[1:]
    with reaching(url) as there:
        reply = run(
            there, "account_put", [keys.accounts, keys.users], folded, how, rest, text, keys.users
        )
        if not reply:
            return False, None
        return True, ended(there, keys, folded, reply) if reply[0] else None


def remove_account(url: str, prefix: str, name: str) -> bool:
    """Forget a name's password: from now on it is free. Returns whether it was registered.

    Whoever had it and has left cannot come back to it with a token: where only registered names are
    let in, that would go on without end.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys, folded = Keys(prefix), fold(name)
    with reaching(url) as there:
        registered = bool(there.hdel(keys.accounts, folded))
        if registered:
            there.delete(keys.resume(folded))
        return registered


def list_accounts(url: str, prefix: str) -> list[Account]:
    """The registered names, in order.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as there:
        found: Any = there.hgetall(Keys(prefix).accounts)
    return readable(_account, [found[folded] for folded in sorted(found)], "an account")
