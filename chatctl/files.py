"""Files that hold a secret."""

from __future__ import annotations

from pathlib import Path

from chatctl.failure import Failure


def first_line(path: Path) -> str:
    """The password in a file: its first line.

    Raises:
        Failure: there is none, or it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline().rstrip("\n")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Failure(f"{path} is not a text in UTF-8") from None
    if not line:
        raise Failure(f"{path} begins with an empty line: the password belongs there")
    return line
