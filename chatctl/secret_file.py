"""Files with secrets in them."""

from __future__ import annotations

import os
from pathlib import Path

from chatctl.failure import Misuse
from chatctl.given import without_frame

LONGEST = 4096
"""Characters of a line in which there may be a password."""


def first_line(path: Path) -> str:
    """The first line of a file, without its line end: there the password is.

    Raises:
        Misuse: it cannot be read, or there is nothing in it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            line = without_frame(file.readline(LONGEST + 1))
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Misuse(f"{path} is not a text in UTF-8") from None
    if len(line) > LONGEST:
        raise Misuse(f"{path} begins with a line that is too long for a password")
    if not line:
        raise Misuse(f"{path} begins with an empty line: a password belongs there")
    return line


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, in place of an older one.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # the older file may have been open to others
        file.write(data)
