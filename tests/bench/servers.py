"""Gateways and a Redis as processes of their own, and what they use."""

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
from tests.support import clusters
from tests.support.servers import valkey

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Servers:
    """What is measured.

    Attributes:
        ports: of the gateways.
        gateways: process ids.
        redis: process ids: one, or as many as a cluster has servers.
        description: the Redis, name and version.
    """

    ports: list[int]
    gateways: list[int]
    redis: list[int]
    description: str

    def cpu(self) -> float:
        """CPU seconds that the gateways and Redis have used, user and system."""
        return sum(map(_cpu, self.gateways)) + sum(self.cpu_of_redis())

    def cpu_of_redis(self) -> list[float]:
        """The same of each server of Redis."""
        return [_cpu(pid) for pid in self.redis]

    def memory(self) -> int:
        """Bytes of the gateways that are in memory."""
        pages = [
            int(Path(f"/proc/{gateway}/statm").read_text().split()[1]) for gateway in self.gateways
        ]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def servers(loop: str, gateways: int = 1, *, cluster: bool = False) -> Iterator[Servers]:
    """Start some gateways and a Redis, without budgets and evictions; end all of them.

    Args:
        loop: the gateways' event loop.
        gateways: how many.
        cluster: a Redis Cluster of three masters and three replicas, in place of one Redis.
    """
    with contextlib.ExitStack() as stack:
        url, of_redis, description = stack.enter_context(_six() if cluster else _one())
        started = [stack.enter_context(_gateway(url, loop)) for _ in range(gateways)]
        ports, pids = [port for port, _ in started], [pid for _, pid in started]
        yield Servers(ports, pids, of_redis, description)


@contextlib.contextmanager
def _one() -> Iterator[tuple[str, list[int], str]]:
    """A Redis: its URL, process id and description."""
    with (
        tempfile.TemporaryDirectory(prefix="chat-bench-") as folder,
        embedded.start(Path(folder)) as own,
    ):
        with redis.Redis.from_url(own.url, protocol=2) as client:
            pid = int(client.info("server")["process_id"])
        yield own.url, [pid], own.description


@contextlib.contextmanager
def _six() -> Iterator[tuple[str, list[int], str]]:
    """A Redis Cluster, in the same way."""
    with clusters.cluster(valkey()) as six:
        pids = [each.pid for each in six.servers if each.pid is not None]
        yield six.url, pids, "a cluster of six"


@contextlib.contextmanager
def _gateway(redis_url: str, loop: str) -> Iterator[tuple[int, int]]:
    """Start one; its port and its process id."""
    command = [sys.executable, "-m", "chatctl", "gateway", "--listen", "127.0.0.1:0"]
    command += ["--redis", redis_url, "--rate", "off", "--idle", "off", "--loop", loop]
    command += ["--log-level", "error", "--drain", "off"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        found = re.search(r"listening on \S+:(\d+)", greeting)
        if found is None:
            raise SystemExit(f"the gateway did not start: {greeting!r}")
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _cpu(pid: int) -> float:
    # The process's name, in brackets, may hold spaces: the numbers come after it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
