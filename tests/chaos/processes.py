"""Processes that can be killed, frozen and restarted, and never outlive the tests."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.support import leash, servers

ROOT = Path(__file__).parents[2]

STARTED_WITHIN = 20.0
"""Seconds for a process to start; a gateway takes half a second, but the machine may be busy."""

ENDED_WITHIN = 15.0
"""Seconds for a process to end after SIGTERM."""


class Process:
    """One process.

    Args:
        command: what to run.
        log: the file for its stderr.
    """

    def __init__(self, *command: str, log: Path) -> None:
        with log.open("ab") as stderr:
            self._popen = leash.start(command, stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT)

    @property
    def running(self) -> bool:
        """Whether it is still running."""
        return self._popen.poll() is None

    async def line(self) -> str:
        """The next line of its stdout; empty if it has ended."""
        assert self._popen.stdout is not None
        async with asyncio.timeout(STARTED_WITHIN):
            return (await asyncio.to_thread(self._popen.stdout.readline)).decode()

    def freeze(self) -> None:
        """Stop it without its noticing."""
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._popen.send_signal(signal.SIGCONT)

    async def terminate(self) -> int:
        """Ask it to end; returns its exit code."""
        self._popen.terminate()
        try:
            return await asyncio.to_thread(self._popen.wait, ENDED_WITHIN)
        finally:
            self._let_go()

    def kill(self) -> None:
        """Kill it; it may have ended already."""
        self._let_go()
        self._popen.kill()
        self._popen.wait(ENDED_WITHIN)

    def _let_go(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()


class Server:
    """A Redis on a Unix socket, which writes all its data to disk.

    Args:
        folder: the folder for its socket, its data and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "redis.sock")
        self._data = folder / "data"
        self._copy = folder / "copy"
        self._log = folder / "redis.log"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Its URL, which bypasses all proxies."""
        return f"unix://{self.path}"

    @property
    def process(self) -> Process:
        """The process that runs."""
        assert self._process is not None
        return self._process

    def client(self) -> redis.Redis:
        """A client that bypasses all proxies."""
        return redis.Redis(unix_socket_path=self.path, protocol=2, socket_timeout=5)

    async def start(self) -> None:
        """Start it with its data; returns when it answers."""
        self._data.mkdir(exist_ok=True)
        settings = {"port": "0", "unixsocket": self.path, "dir": str(self._data), "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": "always"}
        options = [text for name, value in settings.items() for text in (f"--{name}", value)]
        self._process = Process(servers.valkey(), *options, log=self._log)
        async with asyncio.timeout(STARTED_WITHIN):
            while not self._answers():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def forget(self) -> None:
        """Delete its data, so that it comes back empty."""
        shutil.rmtree(self._data)

    def remember(self) -> None:
        """Copy its data of now, for `go_back`."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._data, self._copy)

    def go_back(self) -> None:
        """Replace its data with the copy that `remember` made."""
        self.forget()
        shutil.copytree(self._copy, self._data)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:  # not running yet, or still loading
                return False


class GatewayProcess:
    """A gateway.

    Args:
        redis: the URL of its Redis.
        options: more options of ``chatctl gateway``.
        log: the file for its log.
    """

    def __init__(self, redis: str, options: tuple[str, ...], log: Path) -> None:
        command = [sys.executable, "-m", "chatctl", "gateway", "--listen", "127.0.0.1:0"]
        self.process = Process(*command, "--redis", redis, *options, log=log)

    async def port(self) -> int | None:
        """The port that it listens on; None if it did not start (for lack of Redis, say)."""
        found = re.search(r"listening on \S+:(\d+)", await self.process.line())
        return int(found[1]) if found else None


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        yield Path(folder)
