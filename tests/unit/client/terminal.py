"""A real pseudo-terminal with somebody's shell in it, and a picture of what it shows."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import termios

import pexpect
import pyte

from tests.support.deadlines import within

CLIENT = """
import sys
from client import ClientSettings, run
servers = (("127.0.0.1", {port}),)
sys.exit(run(ClientSettings(servers=servers, name={name!r}, color=False, **{more!r})))
"""

# The shell stays after the client, as a person's does: so the terminal outlives the client, and
# nothing but the client changes its attributes. The first `read` waits for the test.
SHELL = ["/bin/sh", "-c", 'trap : INT; read go; "$@"; echo "exit code $?"; read end', "sh"]
STATUS = re.compile(r"\S+ · [#(]")

JOB_CONTROL = ["/bin/bash", "--norc", "--noprofile", "-i"]


def client(port, name, **more):
    """The command that starts a client, with more settings."""
    return [sys.executable, "-c", CLIENT.format(port=port, name=name, more=more)]


class Terminal:
    """One terminal window."""

    def __init__(self, command, *, rows=24, columns=80, **env):
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self._stream = pyte.ByteStream(self.screen)
        self._process = pexpect.spawn(
            command[0],
            command[1:],
            dimensions=(rows, columns),
            env={**os.environ, "TERM": "xterm", "PS1": "$ ", "LC_ALL": "C.UTF-8", **env},
        )
        self.pid = self._process.pid
        self.fd = self._process.child_fd
        self.raw = b""
        self._changed = asyncio.Event()

    async def __aenter__(self):
        os.set_blocking(self.fd, False)
        asyncio.get_running_loop().add_reader(self.fd, self._read)
        return self

    async def __aexit__(self, *_):
        asyncio.get_running_loop().remove_reader(self.fd)
        os.set_blocking(self.fd, True)
        # Its own `close` kills gently, and sleeps between. Jobs of a shell are groups of their own.
        for pid in (*children(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)
        self._process.wait()
        self._process.ptyproc.delayafterclose = 0
        self._process.close()

    def _read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self.fd)
            return
        self.raw += data
        self._stream.feed(data)
        self._changed.set()

    @property
    def lines(self):
        """What is seen, without the client's status and the empty lines below."""
        return [line for line in self._seen() if not STATUS.match(line)]

    @property
    def status(self):
        """The client's status above the prompt; None if it is not there."""
        return next(filter(STATUS.match, self._seen()), None)

    def _seen(self):
        return [line.rstrip() for line in "\n".join(self.screen.display).rstrip().split("\n")]

    @property
    def attributes(self):
        return termios.tcgetattr(self.fd)

    async def until(self, condition):
        """Wait until the picture is as wanted; the test's own time limit ends it otherwise."""
        while not condition(self.lines):
            self._changed.clear()
            try:
                async with asyncio.timeout(within(15)):
                    await self._changed.wait()
            except TimeoutError:
                raise AssertionError(f"{self.lines} {self.raw[-2000:]!r}") from None

    async def shows(self, *expected):
        """Wait until these are the last lines."""
        await self.until(lambda lines: lines[-len(expected) :] == list(expected))

    def type(self, text):
        os.write(self.fd, text.encode())

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._process.setwinsize(rows, columns)


def children(pid):
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
