"""Processes that end with the one that started them, however that ends: also by ``kill -9``."""

import subprocess
from collections.abc import Sequence
from typing import Any

from tests.support.deadlines import within

# The shell becomes the process, and leaves a child that waits for the end of a pipe whose other
# end is ours: it comes when we let go of it, and also when we are killed.
LEASH = """
exec 3<&0
(read -r _ <&3; kill -9 $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process, in a session of its own."""
    return subprocess.Popen(
        ["sh", "-c", LEASH, "leash", *command],
        stdin=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, if it has not ended."""
    assert process.stdin is not None
    process.stdin.close()  # lets go of the leash
    try:
        process.wait(within())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
