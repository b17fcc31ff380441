"""The three standard streams, made usable in whatever state they are at the start.

A script may have closed them, the disk behind them may be full, and a pipe may not block. Output is
written whole, or the command fails and says why. Standard error is for people: a command goes on
if it cannot be written.

Pipes are not switched to blocking mode, since that would affect every process that shares them. The
streams wait for their reader instead.
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
    """Output could not be written, for example since the disk is full. No more can be."""


class _Output(io.FileIO):
    """Standard output. It writes everything, unlike Python's own with ``PYTHONUNBUFFERED``.

    Raises:
        CannotWrite: when it cannot be written.
        BrokenPipeError: when nobody reads it now.
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
    """Standard error: what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        """Write as `_Output` does, or drop the data."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` usable. Call it once, before anything else.

    The number of a closed stream would go to the next file that is opened. So a closed stdin
    becomes empty, a closed stderr drops its output, and a closed stdout still cannot be written.
    """
    for fd, mode in ((_STDIN, os.O_RDONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        if not _is_open(fd):
            # The new file gets the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stdin is None:
        sys.stdin = open(_STDIN, closefd=False)  # noqa: SIM115 - for as long as we live
    sys.stdout = _text(_Output(_STDOUT, "w", closefd=False), sys.stdout, errors="replace")
    sys.stderr = _text(_Errors(_STDERR, "w", closefd=False), sys.stderr, errors="backslashreplace")


def allow_closed_output() -> None:
    """For a command that works without printing: if stdout is closed, output is dropped."""
    if _was_closed():
        give_up_output()


def need_output() -> None:
    """For a command that may print nothing for a long time, and is useless without output.

    Raises:
        CannotWrite: stdout is closed.
    """
    if _was_closed():
        raise CannotWrite(errno.EBADF, os.strerror(errno.EBADF))


def give_up_output() -> None:
    """Drop all further output, so that the end of the program does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    os.close(nowhere)


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Go on until Ctrl-C, and then print nothing more.

    Python does not know whether the last line got through, and would print it again.
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
    """A text stream in the encoding of the one before; ``errors`` is as for `open`.

    On a terminal it is flushed after each line, elsewhere by the code that prints.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else None,
        errors=errors,
        line_buffering=isinstance(raw, _Errors) or raw.isatty(),
    )
