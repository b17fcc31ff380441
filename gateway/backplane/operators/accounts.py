"""Registered names, read and changed straight in Redis, for `chatctl account`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.kick import KickResult, wait_for_end
from gateway.backplane.readable import ACCOUNT, readable
from gateway.backplane.records import Account
from gateway.backplane.redis.address import reaching
from wire.names import fold


def put_account(
    url: str, prefix: str, action: Literal["add", "change"], name: str, hash: str, text: str
) -> tuple[bool, KickResult | None]:
    """Register a name, or change its password; ends the session that has the name now.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        action: "add" a name that is not registered, or "change" one that is.
        name: as it will be shown.
        hash: of its password.
        text: for the person who has the name now.

    Returns:
        Whether it was done; it was not if the name is registered ("add"), or is not ("change").
        And what became of the session that had the name; None if there was none.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys, folded = Keys(prefix), fold(name)
    record = msgspec.json.encode({"name": name, "hash": hash})[1:]
    touched = [keys.accounts, keys.users]
    with reaching(url) as client:
        reply = run(client, "account_put", touched, folded, action, record, text, keys.users)
        if not reply:
            return False, None
        return True, wait_for_end(client, keys, folded, reply) if reply[0] else None


def remove_account(url: str, prefix: str, name: str) -> bool:
    """Free a name: forget its password. Returns whether it was registered.

    A person who had the name and has left cannot come back to it with a token. Where only
    registered names are let in, that token would otherwise be good forever.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys, folded = Keys(prefix), fold(name)
    with reaching(url) as client:
        registered = bool(client.hdel(keys.accounts, folded))
        if registered:
            client.delete(keys.resume(folded))
        return registered


def list_accounts(url: str, prefix: str) -> list[Account]:
    """The registered names, in order.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:
        found: Any = client.hgetall(Keys(prefix).accounts)
    return readable(ACCOUNT, [found[folded] for folded in sorted(found)], "an account")
