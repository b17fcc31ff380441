"""A gateway and a Redis as processes of their own, and what they use."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from gateway.backplane.embedded import server as embedded

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Servers:
    """What is measured.

    Attributes:
        port: of the gateway.
        gateway: process id.
        redis: process id.
        description: the Redis, name and version.
    """

    port: int
    gateway: int
    redis: int
    description: str

    def cpu(self) -> float:
        """CPU seconds that gateway and Redis have used, user and system."""
        return _cpu(self.gateway) + _cpu(self.redis)

    def memory(self) -> int:
        """Bytes of the gateway that are in memory."""
        pages = int(Path(f"/proc/{self.gateway}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def servers(loop: str) -> Iterator[Servers]:
    """Start both, without budgets and evictions; end both."""
    with (
        tempfile.TemporaryDirectory(prefix="chat-bench-") as folder,
        embedded.start(Path(folder)) as own,
    ):
        with redis.Redis.from_url(own.url, protocol=2) as client:
            redis_pid = int(client.info("server")["process_id"])
        command = [sys.executable, "-m", "chatctl", "gateway", "--listen", "127.0.0.1:0"]
        command += ["--redis", own.url, "--rate", "off", "--idle", "off", "--loop", loop]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            found = re.search(r"listening on \S+:(\d+)", greeting)
            if found is None:
                raise SystemExit(f"the gateway did not start: {greeting!r}")
            yield Servers(int(found[1]), process.pid, redis_pid, own.description)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _cpu(pid: int) -> float:
    # The process's name, in brackets, may hold spaces: the numbers come after it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
