"""What can go wrong in a chat. Every error here is a `ChatError`."""

from __future__ import annotations

from wire.reasons import ErrorCode, Reason

_MAY_PASS = (
    ErrorCode.NAME_TAKEN,
    ErrorCode.TOO_MANY_ATTEMPTS,
    ErrorCode.SLOW_DOWN,
    ErrorCode.OUTBOX_FULL,
    ErrorCode.UNAVAILABLE,
)


class ChatError(Exception):
    """The base of all errors of a chat. The text is for people."""


class CannotConnect(ChatError):
    """No gateway was reached. The text says what happened and what to do next."""


class Untrusted(CannotConnect):
    """The certificate of the server is not trusted. We told it nothing, not even our name."""


class Refused(ChatError):
    """A gateway refused a request.

    Attributes:
        code: which refusal, one of `wire.reasons.ErrorCode` or a newer one.
        text: what was wrong, for a person.
        retry_after: seconds until the request would be accepted, if that is known.
    """

    def __init__(self, code: str, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_after = retry_after

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be granted later.

        For example a name may be taken by our own older connection, until the gateway notices that
        this connection is gone.
        """
        return self.code in _MAY_PASS


class Ended(ChatError):
    """The connection is over.

    Attributes:
        reason: why.
        after: seconds that the gateway asked us to wait before we come back; None if it did not
            say.
    """

    def __init__(self, reason: Reason, after: float | None = None) -> None:
        super().__init__(reason.text)
        self.reason = reason
        self.after = after


class Unconfirmed(ChatError):
    """A message was sent, and nobody knows whether the gateway has accepted it."""
