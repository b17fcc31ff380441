"""What a backplane tells."""

from __future__ import annotations

from typing import Protocol


class Events(Protocol):
    """What a backplane tells its gateway."""

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Lines were published on a channel: behind a first one, ``<previous id> <last id>``.

        The ids are the same if no message is among the lines.

        The hot path.
        """

    def control(self, verb: str, rest: str) -> None:
        """This gateway was told something.

        Args:
            verb: ``replaced SESSION``: its user has come back over another connection; or what an
                operator wants: ``kick SESSION TEXT``, ``bans`` (they have changed), ``drain``,
                ``probe NONCE``.
            rest: what follows it.
        """

    def known(self, channel: bytes) -> bytes:
        """The last id that was heard on a channel; `gateway.backplane.ids.NOTHING` if none was."""

    def away(self) -> None:
        """Redis is away. Every call raises `BackplaneDown` until `back`."""

    def back(self) -> None:
        """Redis is back, and the subscriptions are. What was published meanwhile was not heard.

        Its memory may be older than what was acknowledged, or empty.
        """
