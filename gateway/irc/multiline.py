"""A message of several lines, as a client sends it (IRCv3, draft/multiline). Pure.

The client opens a batch, sends the lines of the message in it, and closes it. Only one batch of a
client can be open, so what it costs is bounded by the longest text of the chat.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.irc.lines import Line

MULTILINE = "draft/multiline"
"""The name of the capability, and of the kind of batch."""

CONCAT = "draft/multiline-concat"
"""The tag of a line that goes on where the line before it ended."""

MAX_LINES = 100
"""The most lines of one message: each of them costs a line of its own for everybody."""

INVALID = "MULTILINE_INVALID"
"""The code for everything that is wrong and has no code of its own."""

SAYS = ("PRIVMSG", "NOTICE")
"""What a batch may have in it."""


class Broken(Exception):
    """A batch that does not become a message.

    Attributes:
        code: which refusal.
        params: what it is about.
        text: what is wrong, for a person.
        label: the label of the batch, which the refusal answers.
    """

    def __init__(self, code: str, text: str, *params: str) -> None:
        super().__init__(text)
        self.code = code
        self.params = params
        self.text = text
        self.label = ""


class Whole(NamedTuple):
    """A message whose batch was closed.

    Attributes:
        line: the message, with the tags of the batch: its text has line ends in it.
        label: the label of the batch.
    """

    line: Line
    label: str


class Multiline:
    """The batch that a client is sending.

    Args:
        most: the most bytes of a text.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: _Batch | None = None

    def take(self, line: Line, label: str = "") -> Whole | None:
        """Take a BATCH, or a line that says that it is in a batch.

        Args:
            line: the line.
            label: its label, if it opens a batch.

        Returns:
            The message, if this was the last line of its batch.

        Raises:
            Broken: there is no such batch, or no message can be made of it. Then its further lines
                are passed over.
        """
        if line.command != "BATCH":
            self._add(line)
            return None
        sign = line.params[0][:1] if line.params else ""
        if sign == "+":
            self._begin(line, label)
            return None
        if sign == "-":
            return self._end(line.params[0][1:])
        raise Broken(INVALID, "a batch is opened with + and closed with -")

    def _begin(self, line: Line, label: str) -> None:
        before = self._open
        batch = self._open = _Batch(line, label)
        if line.params[1:2] != [MULTILINE]:
            kind = line.params[1] if len(line.params) > 1 else "*"
            raise self._refuse(Broken("UNKNOWN_TYPE", "such a batch is not understood", kind))
        if not batch.target:
            raise self._refuse(Broken(INVALID, "the batch has no target"))
        if before is not None and not before.refused:
            broken = Broken(INVALID, "the batch before was dropped: it was not closed")
            broken.label = before.label
            raise broken

    def _add(self, line: Line) -> None:
        if self._open is None:
            raise Broken(INVALID, "the batch of this line is not open")
        if self._open.refused:
            return
        try:
            self._open.add(line, self._most)
        except Broken as broken:
            raise self._refuse(broken) from None

    def _end(self, reference: str) -> Whole | None:
        batch, self._open = self._open, None
        if batch is None:
            raise Broken(INVALID, "no batch is open")
        if batch.refused:
            return None
        try:
            return batch.whole(reference)
        except Broken as broken:
            broken.label = batch.label
            raise

    def _refuse(self, broken: Broken) -> Broken:
        """Remember that the rest of the open batch is of no use."""
        assert self._open is not None
        broken.label = self._open.label
        self._open.refuse()
        return broken


class _Batch:
    """A batch that is open.

    Args:
        line: what opened it.
        label: its label.
    """

    def __init__(self, line: Line, label: str) -> None:
        self.target = line.params[2] if len(line.params) > 2 else ""
        self.label = label
        self.refused = False
        self._reference = line.params[0][1:]
        self._tags = line.tags
        self._command = ""
        self._parts: list[str] = []
        self._lines = self._size = 0

    def refuse(self) -> None:
        """Keep nothing of it."""
        self.refused = True
        self._parts.clear()
        self._tags = {}

    def add(self, line: Line, most: int) -> None:
        """Take a line."""
        if line.tags["batch"] != self._reference:
            raise Broken(INVALID, "the line is in a batch that is not open")
        if line.command not in SAYS or self._command not in ("", line.command):
            raise Broken(INVALID, "a batch has PRIVMSG lines only, or NOTICE lines only")
        target, text = (*line.params, "", "")[:2]
        if target.casefold() != self.target.casefold():
            text = "the line has another target than its batch"
            raise Broken("MULTILINE_INVALID_TARGET", text, self.target, target or "*")
        goes_on = CONCAT in line.tags
        if goes_on and not text:
            raise Broken(INVALID, "an empty line cannot go on where another one ended")
        if self._lines == MAX_LINES:
            text = "the message has too many lines"
            raise Broken("MULTILINE_MAX_LINES", text, str(MAX_LINES))
        if self._parts and not goes_on:
            text = f"\n{text}"
        self._size += len(text.encode())
        if self._size > most:
            raise Broken("MULTILINE_MAX_BYTES", "the message is too long", str(most))
        self._command = line.command
        self._lines += 1
        self._parts.append(text)

    def whole(self, reference: str) -> Whole:
        """The message."""
        text = "".join(self._parts)
        if reference != self._reference:
            raise Broken(INVALID, "another batch is open")
        if not text.strip("\n"):
            raise Broken(INVALID, "the message has nothing but empty lines")
        return Whole(Line(self._tags, "", self._command, [self.target, text]), self.label)


def counts_as(line: Line) -> str:
    """The command as which a line counts for the pace of a client: a batch is one message."""
    if line.command == "BATCH":
        return "PRIVMSG" if line.params and line.params[0].startswith("-") else "BATCH"
    return "BATCH" if line.command in SAYS and "batch" in line.tags else line.command
