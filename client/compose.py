"""What somebody says, made into a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wire.frames import LOBBY, Send


def compose(seq: int, text: str, *, to: Sequence[str] | None = None, room: str = LOBBY) -> Send:
    """Make a request of a text that is said now.

    Args:
        seq: the number of the request, which stays the same however often it is sent.
        text: the message; ``@name`` words at its end name its recipients.
        to: recipients, in place of ``@name`` words; such a message never becomes public.
        room: the room that a public message goes to.
    """
    return Send(
        text=encodable(text),
        seq=seq,
        at=datetime.now().astimezone(),
        room=room,
        to=None if to is None else [encodable(name) for name in to],
    )


def encodable(text: str) -> str:
    """A text with ``?`` for what UTF-8 cannot express: half characters, as from a broken paste."""
    return text.encode("utf-8", "replace").decode()
