"""What somebody says, made into a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from wire.frames import LOBBY, Send

Kind = Literal["", "me", "notice"]
"""What a message is; see `wire.frames.Msg`."""


def compose(
    seq: int,
    text: str,
    *,
    to: Sequence[str] | None = None,
    room: str = LOBBY,
    kind: Kind = "",
    re: str | None = None,
) -> Send:
    """Make a request of a text that is said now.

    Args:
        seq: the number of the request, which stays the same however often it is sent.
        text: the message; ``@name`` words at its end name its recipients.
        to: recipients, in place of ``@name`` words; such a message never becomes public.
        room: the room that a public message goes to.
        kind: as in `wire.frames.Msg`.
        re: as in `wire.frames.Msg`.
    """
    return Send(
        text=encodable(text),
        seq=seq,
        at=datetime.now().astimezone(),
        room=room,
        to=None if to is None else [encodable(name) for name in to],
        kind=kind,
        re=re,
    )


def encodable(text: str) -> str:
    """A text with ``?`` for what UTF-8 cannot express: half characters, as from a broken paste."""
    return text.encode("utf-8", "replace").decode()
