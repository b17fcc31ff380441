"""The capabilities of the IRC door, and what a client has chosen of them. Pure."""

from __future__ import annotations

from gateway.irc.multiline import MAX_LINES, MULTILINE
from wire.limits import Limits

CAPABILITIES = {
    "account-notify": "",
    "account-tag": "",
    "away-notify": "",
    "batch": "",
    "cap-notify": "",
    "draft/chathistory": "",
    "draft/event-playback": "",
    "draft/message-redaction": "",
    MULTILINE: "",
    "draft/no-implicit-names": "",
    "draft/pre-away": "",
    "draft/read-marker": "",
    "echo-message": "",
    "extended-join": "",
    "invite-notify": "",
    "labeled-response": "",
    "message-tags": "",
    "multi-prefix": "",
    "no-implicit-names": "",
    "sasl": "PLAIN",
    "server-time": "",
    "standard-replies": "",
    "userhost-in-names": "",
    "znc.in/playback": "",
}
"""Each with the value that CAP LS 302 shows, unless that depends on the limits."""

NO_NAMES = frozenset({"no-implicit-names", "draft/no-implicit-names"})
"""With either of them a client is not told on joining who is there."""

SHAPE = frozenset(
    {
        "account-notify",
        "account-tag",
        "away-notify",
        "draft/event-playback",
        "draft/message-redaction",
        MULTILINE,
        "extended-join",
        "message-tags",
        "server-time",
    }
)
"""Those that change how what others do is written. Clients with the same of these get the same
bytes."""


class Capabilities:
    """What one client has chosen.

    Args:
        limits: how much a client may say at once.

    Attributes:
        chosen: their names.
        version: the version of the negotiation; 301 for none.
    """

    __slots__ = ("_limits", "chosen", "version")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.chosen: frozenset[str] = frozenset()
        self.version = 301

    def listed(self) -> list[str]:
        """All that there are, as ``CAP LS`` shows them."""
        if self.version < 302:
            return list(CAPABILITIES)
        # A text never has more characters than bytes, and the chat counts characters.
        multiline = f"max-bytes={self._limits.text},max-lines={MAX_LINES}"
        values = {**CAPABILITIES, MULTILINE: multiline}
        return [f"{name}={value}" if value else name for name, value in values.items()]

    def request(self, wanted: str) -> bool:
        """Choose capabilities; returns whether that was accepted, which is all or nothing.

        Args:
            wanted: their names with spaces between; one with ``-`` before it is given up.
        """
        names = wanted.split()
        if any(name.removeprefix("-") not in CAPABILITIES for name in names):
            return False
        chosen = set(self.chosen)
        for name in names:
            if name.startswith("-"):
                chosen.discard(name[1:])
            else:
                chosen.add(name)
        # A client that has them by the version of the negotiation cannot give it up.
        if self.version >= 302:
            chosen.add("cap-notify")
        self.chosen = frozenset(chosen)
        return True

    @property
    def multiline(self) -> bool:
        """Whether it sends and gets messages of several lines as one: that needs batches."""
        return {MULTILINE, "batch"} <= self.chosen

    @property
    def shape(self) -> frozenset[str]:
        """How what others do is written for this client."""
        shape = self.chosen & SHAPE
        if "znc.in/playback" in self.chosen:
            shape |= {"server-time"}  # it asks from the time of the last message on
        return shape if self.multiline else shape - {MULTILINE}
