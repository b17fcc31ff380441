r"""Lines of IRC: from bytes to lines, from a line to its parts, and back. Pure.

A line is ``[@tags ][:source ]command[ parameter]...``, and ends with ``\r\n``. The last parameter
may have spaces in it: then a colon stands before it (RFC 1459, section 2.3). Tags are from IRCv3,
the extension ``message-tags``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from wcwidth import iter_graphemes

from wire.lines import TOO_LONG, LineTooLong

MAX_REST = 512
r"""The most bytes of a line without its tags, with ``\r\n`` (RFC 1459, section 2.3)."""

MAX_TAGS = 8191
"""The most bytes of all tags of a line, with the ``@`` and the space after them (message-tags)."""

MAX_CLIENT_TAGS = 4096
"""The same for the tags that a client may send: 4094 bytes, the ``@`` and the space."""

_LONGEST = 4
"""Bytes of the longest code point in UTF-8."""

_ESCAPES = {";": ":", " ": "s", "\\": "\\", "\r": "r", "\n": "n"}
_ESCAPED = str.maketrans({plain: "\\" + letter for plain, letter in _ESCAPES.items()})
_PLAIN = {letter: plain for plain, letter in _ESCAPES.items()}
_SEQUENCE = re.compile(r"\\(.?)")

_NEVER = re.compile("[\0\r\n]")
_COMMAND = re.compile("[^ :@][^ ]*")
_MIDDLE = re.compile("[^ :][^ ]*")
_KEY = re.compile("[^ ;=]+")


class Line(NamedTuple):
    """The parts of a line.

    Attributes:
        tags: values by key, unescaped; "" for a tag without a value.
        source: who it is from, without its colon; "" if the line does not say.
        command: in upper case, or three digits.
        params: the parameters, without the colon of the last one.
    """

    tags: dict[str, str]
    source: str
    command: str
    params: list[str]


def parse(line: str) -> Line | None:
    r"""The parts of a line, whatever text it is.

    Several spaces may stand where one is expected (RFC 1459). Of two tags with the same key the
    last one counts (message-tags).

    Args:
        line: without its ``\r\n``.

    Returns:
        None if there is no command in it: it is empty, or ends after the tags or the source.
    """
    tags = source = ""
    line = line.lstrip(" ")
    if line.startswith("@"):
        tags, _, line = line[1:].partition(" ")
        line = line.lstrip(" ")
    if line.startswith(":"):
        source, _, line = line[1:].partition(" ")
        line = line.lstrip(" ")
    if not line:
        return None
    middle, colon, last = line.partition(" :")
    command, *params = filter(None, middle.split(" "))
    if colon:
        params.append(last)
    # Commands are ASCII. Some other letters turn into ASCII in upper case.
    return Line(_tags(tags), source, command.upper() if command.isascii() else command, params)


def _tags(text: str) -> dict[str, str]:
    tags = {}
    for tag in text.split(";"):
        key, _, value = tag.partition("=")
        if key:
            tags[key] = unescape(value)
    return tags


def format_line(
    command: str, *params: str, source: str = "", tags: Mapping[str, str] | None = None
) -> str:
    r"""Build a line, without its ``\r\n``. How long it may be is not checked.

    Args:
        command: a command or three digits.
        params: the parameters. Only the last one may be empty, have spaces, or begin with a colon.
        source: who it is from; "" to leave it out.
        tags: values by key, not escaped; "" for a tag without a value.

    Raises:
        ValueError: a part would not be read as it is meant: it is empty, or has a space, a
            separator, NUL, CR or LF where there cannot be one. The value of a tag may have all of
            them but NUL, because it is escaped.
    """
    parts = []
    if tags:
        parts.append("@" + ";".join(_tag(key, value) for key, value in tags.items()))
    if source:
        if " " in source:
            raise ValueError("a source has no spaces")
        parts.append(":" + source)
    if not _COMMAND.fullmatch(command):
        raise ValueError("a command is not empty, has no spaces, and does not begin with : or @")
    parts.append(command)
    if not all(map(_MIDDLE.fullmatch, params[:-1])):
        raise ValueError("only the last parameter may be empty, have spaces or begin with :")
    parts += params[:-1]
    parts += [last if _MIDDLE.fullmatch(last) else ":" + last for last in params[-1:]]
    line = " ".join(parts)
    if found := _NEVER.search(line):
        raise ValueError(f"a line cannot have the control character U+{ord(found[0]):04X}")
    return line


LONGEST_WORD = 100
"""Characters of a client's word that are repeated to it."""


def answer_line(
    command: str, *params: str, source: str = "", tags: Mapping[str, str] | None = None
) -> str:
    """Like `format_line`, for parameters that may be anything: they repeat what a client sent.

    A word that cannot stand where it does is shown as ``*``, and a long one is cut.

    Args:
        command: as there.
        params: the parameters.
        source: as there.
        tags: as there.
    """
    words = [_NEVER.sub("", word) for word in params]
    words[:-1] = [w[:LONGEST_WORD] if _MIDDLE.fullmatch(w) else "*" for w in words[:-1]]
    return format_line(command, *words, source=source, tags=tags)


def _tag(key: str, value: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("the key of a tag is not empty, and has no spaces, ; or =")
    return f"{key}={escape(value)}" if value else key


def escape(value: str) -> str:
    """The value of a tag as it stands in a line (message-tags, "Escaping values")."""
    return value.translate(_ESCAPED)


def unescape(value: str) -> str:
    """The value of a tag that stands in a line like this; the reverse of `escape`.

    A backslash before any other character, or at the end, is left out.
    """
    return _SEQUENCE.sub(lambda found: _PLAIN.get(found[1], found[1]), value)


def split_text(text: str, most: int) -> list[str]:
    """Cut a text into parts that fit into lines.

    A part ends at a space if possible, and the space at the cut belongs to no part. Otherwise it
    ends between two characters as people see them: marks, joiners and variation selectors stay with
    what they change (Unicode Annex 29). Only a character that is larger than a part is cut, between
    code points.

    Args:
        text: without line ends.
        most: the most bytes of a part in UTF-8, at least 4.

    Returns:
        The parts, none of them empty.

    Raises:
        ValueError: ``most`` is less than 4, so not every code point fits.
    """
    if most < _LONGEST:
        raise ValueError(f"a part has at least {_LONGEST} bytes, not {most}")
    if len(text.encode()) <= most:
        return [text] if text else []
    parts, part = [], ""
    used = space = 0  # bytes of this part, and where its last space is; 0 for none
    for piece in _pieces(text, most):
        size = len(piece.encode())
        # One space more than fits: it is where this part will end.
        while used + size > most + (piece == " "):
            end = space or len(part)
            parts.append(part[:end])
            part = part[end + 1 :]
            used, space = len(part.encode()), 0
        if piece == " ":
            space = len(part)
        part += piece
        used += size
    return [*parts, part[:space] if used > most else part]


def _pieces(text: str, most: int) -> Iterator[str]:
    """What stays together: characters as people see them, or code points of one that is larger."""
    for character in iter_graphemes(text):
        if len(character.encode()) <= most:
            yield character
        else:
            yield from character


class Splitter:
    r"""Cuts a stream of bytes into lines, in bounded memory.

    Lines end in ``\n``; a ``\r`` before it belongs to the line end. `TOO_LONG` stands in the place
    of a line that is too long, once, as soon as that is known. The rest of it is thrown away. Never
    holds more than ``tags`` and ``rest`` bytes, however the stream is cut into packets.

    Args:
        tags: the most bytes of the tags, with the ``@`` and the space after them. A client may send
            less than a server may (message-tags, "Size limit").
        rest: the most bytes of everything else, with ``\r\n``. A line that ends in ``\n`` alone may
            not be longer.
    """

    __slots__ = ("_partial", "_rest", "_skipping", "_tags")

    def __init__(self, tags: int = MAX_CLIENT_TAGS, rest: int = MAX_REST) -> None:
        self._tags = tags
        self._rest = rest - len(b"\r\n")
        self._partial = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | LineTooLong]:
        """Take in bytes; return the lines that they complete, without their line ends."""
        found: list[bytes | LineTooLong] = []
        *ends, begun = data.split(b"\n")
        for end in ends:
            if self._skipping:
                self._skipping = False
                continue
            line = self._partial + end
            self._partial = b""
            found.append(line.removesuffix(b"\r") if self._fits(line) else TOO_LONG)
        if not self._skipping:
            self._partial += begun
            if not self._fits(self._partial):
                found.append(TOO_LONG)
                self._partial = b""
                self._skipping = True
        return found

    def _fits(self, line: bytes) -> bool:
        """Whether a line, or the beginning of one, is not too long yet."""
        line = line.removesuffix(b"\r")
        tags = 0
        if line.startswith(b"@"):
            # Without a space all of it is tags, and their space is still to come.
            tags = line.find(b" ") + 1 or len(line) + 1
        return tags <= self._tags and len(line) - tags <= self._rest
