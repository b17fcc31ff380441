"""The three standard streams, made fit to use in whatever state we were given them.

A script may close them, the disk behind them may be full, and a pipe may be one that does not wait
for its reader. What is printed is written whole, or a command fails and says why. Standard error is
for telling people: it never stops anything.

Pipes are not switched to blocking mode, since that would switch them for everybody who shares them:
the streams wait for their reader instead.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_STDIN, _STDOUT, _STDERR = range(3)


class CannotWrite(OSError):
    """What was printed did not get through: the disk is full, say. Nothing more will."""


class _Output(io.FileIO):
    """Standard output: writes all it is given, unlike Python's own with ``PYTHONUNBUFFERED``.

    Raises:
        CannotWrite: when it cannot be written to.
        BrokenPipeError: when nobody reads it any more.
    """

    def write(self, data: Any) -> int:
        """Write some of the data, at least a byte, and return how many; wait if that takes time."""
        try:
            while (written := super().write(data)) is None:  # a full pipe that does not block
                select.select((), (self,), ())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CannotWrite(error.errno, error.strerror) from error
        return written


class _Errors(_Output):
    """Standard error: what it does not take is dropped."""

    def write(self, data: Any) -> int:
        """Write as `_Output` does, or drop the data."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` usable. To be called once, before anything.

    A closed one would be the number of the next file that is opened. So stdin is empty then, what
    is written to stderr is dropped, and stdout stays one that cannot be written to.
    """
    for fd, mode in ((_STDIN, os.O_RDONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        if not _is_open(fd):
            # The lowest free number is given, and that is this one.
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stdin is None:
        sys.stdin = open(_STDIN, closefd=False)  # noqa: SIM115 - for as long as we live
    sys.stdout = _text(_Output(_STDOUT, "w", closefd=False), sys.stdout, errors="replace")
    sys.stderr = _text(_Errors(_STDERR, "w", closefd=False), sys.stderr, errors="backslashreplace")


def need_no_output() -> None:
    """For a command that is not run for what it prints: a closed stdout takes it and drops it."""
    if _was_closed():
        give_up_output()


def need_output() -> None:
    """For a command that may have nothing to print for long, and would be of no use without.

    Raises:
        CannotWrite: stdout is closed.
    """
    if _was_closed():
        raise CannotWrite(errno.EBADF, os.strerror(errno.EBADF))


def give_up_output() -> None:
    """Let what is still to be printed go nowhere, so that the end of the program does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    os.close(nowhere)


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Go on until Ctrl-C, and then print nothing more.

    What was just being printed may have got through or not: Python does not know, and would print
    it again.
    """
    try:
        yield
    except KeyboardInterrupt:
        give_up_output()


def why(error: OSError) -> str:
    """Why something could not be read or written, for people."""
    closed = error.errno == errno.EBADF
    return "it is closed" if closed else error.strerror or str(error)


def _was_closed() -> bool:
    return fcntl.fcntl(_STDOUT, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def _is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def _text(raw: io.FileIO, before: TextIO | None, errors: str) -> TextIO:
    """A text stream in the encoding of the one before; what that lacks is shown as ``errors`` says.

    It is flushed at each line's end where somebody is watching, and by whoever prints elsewhere.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else None,
        errors=errors,
        line_buffering=isinstance(raw, _Errors) or raw.isatty(),
    )
