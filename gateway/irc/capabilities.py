"""The capabilities of the IRC door, and what a client has chosen of them. Pure."""

from __future__ import annotations

CAPABILITIES = {
    "account-notify": "",
    "account-tag": "",
    "away-notify": "",
    "batch": "",
    "cap-notify": "",
    "draft/chathistory": "",
    "draft/event-playback": "",
    "draft/message-redaction": "",
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
}
"""Each with the value that CAP LS 302 shows."""

NO_NAMES = frozenset({"no-implicit-names", "draft/no-implicit-names"})

SHAPE = frozenset(
    {
        "account-notify",
        "account-tag",
        "away-notify",
        "draft/event-playback",
        "draft/message-redaction",
        "extended-join",
        "message-tags",
        "server-time",
    }
)
"""Those that change how what others do is written. Clients with the same of these get the same
bytes."""


class Capabilities:
    """What one client has chosen.

    Attributes:
        chosen: their names.
        version: the version of the negotiation; 301 for none.
    """

    __slots__ = ("chosen", "version")

    def __init__(self) -> None:
        self.chosen: frozenset[str] = frozenset()
        self.version = 301

    def listed(self) -> list[str]:
        """All that there are, as ``CAP LS`` shows them."""
        if self.version < 302:
            return list(CAPABILITIES)
        return [f"{name}={value}" if value else name for name, value in CAPABILITIES.items()]

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
    def shape(self) -> frozenset[str]:
        """How what others do is written for this client."""
        return self.chosen & SHAPE
