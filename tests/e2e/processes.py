"""The command `chatctl`, run as a process."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import leash
from tests.support.deadlines import within
from tests.support.peer import Peer

CHATCTL = [sys.executable, "-m", "chatctl"]


@dataclass
class GatewayProcess:
    """A gateway that runs.

    Attributes:
        process: it.
        host: where it listens.
        port: where it listens.
        greeting: what it said when it started.
        peers: who has joined.
    """

    process: "subprocess.Popen[bytes]"
    host: str
    port: int
    greeting: str
    peers: list[Peer] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def join(self, name: str, **fields: Any) -> Peer:
        peer = await Peer.connect(self.host, self.port)
        self.peers.append(peer)
        await peer.hello(name, **fields)
        return peer

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        """Wait for its end, which must come within five seconds."""
        return await asyncio.to_thread(self.process.wait, within(5))


StartGateway = Callable[..., Awaitable[GatewayProcess]]


@dataclass
class Chat:
    """One chat, for several gateways and commands.

    Attributes:
        home: folder for what they leave.
        options: that name its Redis.
    """

    home: Path
    options: list[str]

    @property
    def environment(self) -> dict[str, str]:
        """An environment that names no other chat and no colours of this terminal."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        runtime = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        return {**kept, **runtime, "LC_ALL": "C.UTF-8", "PYTHONPATH": os.getcwd()}

    async def start_gateway(
        self, stack: contextlib.ExitStack, *options: str, embedded: bool, log: Path | None = None
    ) -> GatewayProcess:
        """Start a gateway on a free port; it ends with the stack. Logs to a file, if given."""
        redis = [] if embedded else self.options
        process = leash.start(
            [*CHATCTL, "gateway", "--listen", "127.0.0.1:0", *redis, *options],
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("wb")) if log else None,
            env=self.environment,
        )
        stack.callback(leash.end, process)
        assert process.stdout is not None
        async with asyncio.timeout(within(10)):
            first = await asyncio.to_thread(process.stdout.readline)
        greeting = first.decode()
        assert " listening on " in greeting, "see its stderr"
        host, _, port = greeting.split()[-1].rpartition(":")
        return GatewayProcess(process, host, int(port), greeting)

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that keeps running; it ends with the context."""
        process = leash.start([*CHATCTL, *arguments], stdout=subprocess.PIPE, env=self.environment)
        try:
            yield process
        finally:
            leash.end(process)

    def run(
        self, *arguments: str, input: str = "", before: Sequence[str] = ()
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, optionally through another program."""
        return subprocess.run(
            [*before, *CHATCTL, *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=within(15),
            env=self.environment,
        )

    def users(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("users", *self.options, *options)
