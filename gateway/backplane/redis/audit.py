"""The audit log: who moderated, and who changed an account or a room's modes."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.backplane.keys import Keys
from gateway.backplane.records import Audited
from gateway.backplane.redis.store import Store

ENTRIES = 10_000
"""Roughly how many entries are kept."""


def add_entry(keys: Keys, entry: Audited) -> tuple[Any, ...]:
    """The command that adds an entry."""
    return ("XADD", keys.audit, "MAXLEN", "~", ENTRIES, "*", "d", msgspec.json.encode(entry))


class RedisAudit:
    """Implements `gateway.backplane.contract.Audit`.

    Args:
        store: where the data is.
        keys: the names of the keys.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def note(self, entry: Audited) -> None:
        await self._store.call(*add_entry(self._keys, entry))
