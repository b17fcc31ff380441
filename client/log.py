"""A file with what a person saw."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

_STYLES = re.compile(r"\x1b\[[\d;]*m")


class Log:
    """Appends lines to a file that only its owner can read, each written at once.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        now = datetime.now().astimezone()
        self.write([f"--- {now.isoformat(' ', 'seconds')} ---"])

    def write(self, lines: Iterable[str]) -> str:
        """Append lines, without their colours.

        Returns:
            Why that failed; "" if it did not. After that nothing is written any longer.
        """
        if self._file is None:
            return ""
        try:
            text = "".join(f"{_STYLES.sub('', line)}\n" for line in lines)
            os.write(self._file, text.encode("utf-8", "replace"))
        except OSError as error:
            self._file = None
            return error.strerror or str(error)
        return ""
