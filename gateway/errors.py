"""The gateway's own errors: each text is for a person, and says what to do next."""

from __future__ import annotations


class StartError(Exception):
    """The gateway cannot start."""


class RedisUnreachable(Exception):
    """Redis cannot be reached, or is not one that can be used."""


class BackplaneDown(Exception):
    """Redis is away for the moment: the call was not answered, and may or may not have run."""


class ProbeFailed(Exception):
    """A frame does not travel: the gateway is not ready."""
