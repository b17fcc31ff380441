"""What somebody says, as a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wire.frames import LOBBY, Send


def compose(seq: int, text: str, *, to: Sequence[str] | None = None, room: str = LOBBY) -> Send:
    """Make a request of a text, said now.

    Args:
        seq: its number: it stays the same however often the request is sent.
        text: the message; a run of ``@name`` words at its end names its recipients.
        to: recipients, in place of ``@name`` words; never falls back to the room.
        room: where a public message goes.
    """
    return Send(
        text=encodable(text),
        seq=seq,
        at=datetime.now().astimezone(),
        room=room,
        to=None if to is None else [encodable(name) for name in to],
    )


def encodable(text: str) -> str:
    """A text with ``?`` for what UTF-8 cannot say: halves of characters, as from a broken paste."""
    return text.encode("utf-8", "replace").decode()
