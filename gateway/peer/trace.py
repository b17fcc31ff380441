"""What the log tells of one connection: that it came, who it was, and how it ended."""

from __future__ import annotations

import logging

from gateway.backplane.records import Registration
from gateway.journal import event
from wire.reasons import Reason

log = logging.getLogger(__name__)


class Trace:
    """One connection, for the log.

    Args:
        number: which one it is of this gateway.
        address: where it comes from.
        now: reading of a monotonic clock, seconds.

    Attributes:
        id: what it is called.
        requests: lines that were taken from it.
        refusals: those that were refused.
    """

    __slots__ = ("_address", "_began", "_session", "id", "refusals", "requests")

    def __init__(self, number: int, address: str, now: float) -> None:
        self.id = f"c{number}"
        self.requests = self.refusals = 0
        self._address = address
        self._began = now
        self._session: str | None = None
        # Balancers that look whether the port is open come and go all the time.
        event(log, logging.DEBUG, "connected", connection=self.id, address=address)

    def began(self, user: Registration, how: str) -> None:
        """It has a name.

        Args:
            user: the record.
            how: the outcome of the claim.
        """
        self._session = user.session
        event(
            log,
            logging.INFO,
            "session began",
            connection=self.id,
            session=user.session,
            name=user.name,
            address=self._address,
            how=how,
        )

    def ended(self, reason: Reason, now: float) -> None:
        """It is gone.

        Args:
            reason: why.
            now: the monotonic clock, seconds.
        """
        event(
            log,
            logging.INFO if self._session else logging.DEBUG,
            "session ended" if self._session else "disconnected",
            connection=self.id,
            session=self._session,
            reason=reason.code,
            seconds=round(now - self._began, 3),
            requests=self.requests,
            refusals=self.refusals,
        )
