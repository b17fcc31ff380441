"""Processes that end when their parent ends, even if it is killed with ``kill -9``."""

import subprocess
from collections.abc import Sequence
from typing import Any

from tests.support.deadlines import within

# The shell becomes the process. Before that it starts a child that waits for the end of a pipe; the
# other end is ours. The pipe ends when we close it, and also when we are killed.
LEASH = """
exec 3<&0
(read -r _ <&3; kill -9 $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process in its own session."""
    return subprocess.Popen(
        ["sh", "-c", LEASH, "leash", *command],
        stdin=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, unless it has ended already."""
    assert process.stdin is not None
    process.stdin.close()  # releases the leash
    try:
        process.wait(within())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
