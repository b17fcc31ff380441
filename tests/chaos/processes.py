"""Processes that can be killed, frozen and started again, and that never outlive the tests."""

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
"""Seconds; a gateway takes half of one, but the machine may be busy with everything else."""

ENDED_WITHIN = 15.0
"""Seconds from a polite request to the end."""


class Process:
    """One process.

    Args:
        command: what to run.
        log: file that gets what it says on stderr.
    """

    def __init__(self, *command: str, log: Path) -> None:
        with log.open("ab") as stderr:
            self._popen = leash.start(command, stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    async def line(self) -> str:
        """The next line that it says on stdout; empty if it has ended."""
        assert self._popen.stdout is not None
        async with asyncio.timeout(STARTED_WITHIN):
            return (await asyncio.to_thread(self._popen.stdout.readline)).decode()

    def freeze(self) -> None:
        """Let it do nothing, and not even notice."""
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
        """End it at once. It may have ended already."""
        self._let_go()
        self._popen.kill()
        self._popen.wait(ENDED_WITHIN)

    def _let_go(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()


class Server:
    """A Redis on a Unix socket, that writes down all it knows.

    Args:
        folder: for its socket, its data and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "redis.sock")
        self._data = folder / "data"
        self._copy = folder / "copy"
        self._log = folder / "redis.log"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Past all proxies."""
        return f"unix://{self.path}"

    @property
    def process(self) -> Process:
        """The one that runs."""
        assert self._process is not None
        return self._process

    def client(self) -> redis.Redis:
        """A connection past all proxies."""
        return redis.Redis(unix_socket_path=self.path, protocol=2, socket_timeout=5)

    async def start(self) -> None:
        """Start it with what it wrote down; returns when it answers."""
        self._data.mkdir(exist_ok=True)
        settings = {"port": "0", "unixsocket": self.path, "dir": str(self._data), "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": "always"}
        options = [text for name, value in settings.items() for text in (f"--{name}", value)]
        self._process = Process(servers.valkey(), *options, log=self._log)
        async with asyncio.timeout(STARTED_WITHIN):
            while not self._answers():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def forget(self) -> None:
        """Lose what was written down: it comes back empty."""
        shutil.rmtree(self._data)

    def remember(self) -> None:
        """Keep a copy of what was written down so far, for `go_back`."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._data, self._copy)

    def go_back(self) -> None:
        """Have what was written down when it was told to `remember`, and nothing since."""
        self.forget()
        shutil.copytree(self._copy, self._data)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:  # not there, or still reading
                return False


class GatewayProcess:
    """A gateway.

    Args:
        redis: URL.
        options: of ``chatctl gateway``, besides.
        log: file for what it logs.
    """

    def __init__(self, redis: str, options: tuple[str, ...], log: Path) -> None:
        command = [sys.executable, "-m", "chatctl", "gateway", "--listen", "127.0.0.1:0"]
        self.process = Process(*command, "--redis", redis, *options, log=log)

    async def port(self) -> int | None:
        """Where it listens; None if it did not start (for want of Redis, say)."""
        found = re.search(r"listening on \S+:(\d+)", await self.process.line())
        return int(found[1]) if found else None


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder whose path is short enough for a socket in it, and that is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        yield Path(folder)
