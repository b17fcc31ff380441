"""A peer that asks for something, as the parts that carry it out see it."""

from __future__ import annotations

from typing import Protocol

from gateway.channels.links import Link
from gateway.chat.effects import Effect
from gateway.chat.session import Session
from gateway.peer.membership import Membership
from wire.frames import Event
from wire.reasons import WireError


class Asker(Protocol):
    """What the answers need from a peer."""

    link: Link
    session: Session

    @property
    def membership(self) -> Membership:
        """Its membership."""

    @property
    def lost(self) -> bool:
        """It has lost its name: nothing more may be sent in it."""

    async def answered(self) -> None:
        """Wait until all its messages to rooms are answered."""

    def perform_all(self, effects: list[Effect]) -> None:
        """Carry out what its session wants."""

    def tell(self, event: Event) -> None:
        """Tell it an event."""

    def unavailable(self, seq: int | None) -> None:
        """Tell it that the outcome of a request is not known."""


def refuse(asker: Asker, error: WireError, seq: int | None, now: float) -> None:
    """Refuse a request.

    Args:
        asker: whose.
        error: why.
        seq: of the request.
        now: the monotonic clock, seconds.
    """
    error.seq = seq
    asker.perform_all(asker.session.refuse(error, now))
