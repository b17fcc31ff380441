"""Who gets in: that part of the contract."""

from __future__ import annotations

from typing import Protocol

from gateway.backplane.records import Ban


class Admission(Protocol):
    """The part of the backplane that decides who gets in. It raises what the others do."""

    async def bans(self) -> tuple[int, list[Ban]]:
        """Redis' time, milliseconds since 1970, and the bans that hold."""

    async def try_password(self, folded: str, neighbourhood: str, site: str = "") -> float:
        """Count that a password is tried, before it is looked at; `forgive` one that was right.

        Args:
            folded: the name.
            neighbourhood: from where, as `gateway.addresses.neighbourhood` says it.
            site: the same, as `gateway.addresses.site` says it.

        Returns:
            0.0, or the seconds to wait: then it was not counted, and must not be looked at.
        """

    async def forgive(self, folded: str, neighbourhood: str, site: str = "") -> None:
        """Take back that a password was tried: it was right, and remember from where."""
