"""Lines that wait for an answer from Redis, in little more memory than their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from wire.frames import Request
from wire.lines import LineTooLong

Line = bytes | LineTooLong | Request | None
"""A request comes from a door that reads the lines itself. None comes after the last line, when the
client sends no more."""

PACKED = 256
"""Lines that are kept as one object. A short line takes ten times its bytes as an object, and one
read of a socket can bring a hundred thousand lines."""


class HeldLines:
    """Lines that wait, in order."""

    __slots__ = ("_count", "_loose", "_packs")

    def __init__(self) -> None:
        self._packs: list[Line] = []
        self._loose: list[bytes] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, line: Line) -> None:
        """Keep one more line."""
        self._count += 1
        if not isinstance(line, bytes):
            self._pack()
            self._packs.append(line)
            return
        self._loose.append(line)
        if len(self._loose) == PACKED:
            self._pack()

    def take(self) -> Iterator[Line]:
        """Take out all lines; lines added later are not among them."""
        self._pack()
        packs, self._packs, self._count = self._packs, [], 0
        return _unpacked(packs)

    def _pack(self) -> None:
        if self._loose:
            self._packs.append(b"\n".join(self._loose))
            self._loose = []


def _unpacked(packs: list[Line]) -> Iterator[Line]:
    for pack in packs:
        if isinstance(pack, bytes):
            yield from pack.split(b"\n")
        else:
            yield pack
