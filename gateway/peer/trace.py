"""The journal of one connection: when it came, who it was, and how it ended."""

from __future__ import annotations

import logging

from gateway.backplane.records import Registration
from gateway.journal import event
from wire.reasons import Reason

log = logging.getLogger(__name__)


class Trace:
    """The journal of one connection.

    Args:
        number: its number on this gateway.
        address: the client's address.
        now: reading of a monotonic clock, seconds.

    Attributes:
        id: its id in the journal.
        requests: the number of lines received from it.
        refusals: the number of requests that were refused.
    """

    __slots__ = ("_address", "_began", "_session", "id", "refusals", "requests")

    def __init__(self, number: int, address: str, now: float) -> None:
        self.id = f"c{number}"
        self.requests = self.refusals = 0
        self._address = address
        self._began = now
        self._session: str | None = None
        # Balancers that check whether the port is open come and go all the time.
        event(log, logging.DEBUG, "connected", connection=self.id, address=address)

    def began(self, user: Registration, how: str) -> None:
        """The connection has got a name.

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
        """The connection has ended.

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
