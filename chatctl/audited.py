"""Writing down in the audit log what a command did."""

from __future__ import annotations

import getpass
import socket

from chatctl.shared_redis import Chat


def audited(chat: Chat, act: str, *, room: str = "", target: str = "", reason: str = "") -> None:
    """Add an entry to the audit log.

    Args:
        chat: where.
        act: what was done.
        room: in which room; "" for the whole chat.
        target: the person or thing that it was done to.
        reason: why, or what else is worth knowing.
    """
    from gateway.backplane.operators.audit import note
    from gateway.backplane.records import Audited

    note(*chat.at, Audited(by=_operator(), act=act, room=room, target=target, reason=reason))


def _operator() -> str:
    """The person who runs the command, as far as the machine knows: ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
