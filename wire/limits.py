"""What a gateway allows its peers. A welcome tells all of it."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one gateway, with their defaults.

    Attributes:
        line: longest line in bytes, without its newline.
        text: longest message text, in characters.
        name: longest name of a person, in characters.
        room: longest name of a room, in characters.
        rooms: rooms that a person may be in at once.
        quiet_room: in a room with more members than this, nobody is told who joins and leaves.
        sessions: sessions that a person with a registered name may have at once.
        to: most recipients of one message.
        burst: requests that a session may send at once before ``rate`` applies.
        rate: requests a second that a session may send in the long run; None for no limit.
        hello: seconds from connecting to a granted hello.
        backlog: bytes that may wait for a slow reader before its connection is ended.
    """

    line: int = 16 * 1024
    text: int = 4_000
    name: int = 32
    room: int = 50
    rooms: int = 50
    quiet_room: int = 200
    sessions: int = 10
    to: int = 32
    burst: int = 20
    rate: float | None = 5.0
    hello: float = 10.0
    backlog: int = 1024 * 1024
