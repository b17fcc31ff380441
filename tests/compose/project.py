"""The compose file, running: containers, and what an operator asks them."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.deadlines import within

ROOT = Path(__file__).parents[2]

User = dict[str, Any]


@dataclass(frozen=True)
class Project:
    """A separate chat in containers.

    Attributes:
        spelling: the command that runs compose.
        name: of the project.
        port: of this machine, where the balancer is.
    """

    spelling: tuple[str, ...]
    name: str
    port: int

    @property
    def command(self) -> list[str]:
        return [*self.spelling, "-p", self.name, "-f", str(ROOT / "docker-compose.yml")]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CHAT_PORT": f"127.0.0.1:{self.port}"}

    def compose(self, *arguments: str) -> str:
        return run([*self.command, *arguments], env=self.environment)

    def scale(self, gateways: int) -> None:
        """Run this number of gateways, and wait until all of them are healthy."""
        self.compose("up", "-d", "--scale", f"gateway={gateways}")
        wait_for(lambda: self._healthy() == gateways, f"{gateways} healthy gateways", 45)

    def containers(self, service: str) -> list[str]:
        """The ids of the containers that run, in the order of their numbers."""
        labels = {"project": self.name, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        number = '{{.Label "com.docker.compose.container-number"}} {{.ID}}'
        lines = run(["docker", "ps", *filters, "--format", number]).splitlines()
        return [line.split()[1] for line in sorted(lines, key=lambda line: int(line.split()[0]))]

    def users(self) -> list[User]:
        """What an operator sees."""
        found: list[User] = json.loads(self.ask("chatctl", "users", "--json"))
        return found

    def ask(self, *command: str) -> str:
        """Run a command in a gateway's container."""
        first = self.containers("gateway")[0]
        number = inspect(first, '{{index .Config.Labels "com.docker.compose.container-number"}}')
        return self.compose("exec", "-T", f"--index={number}", "gateway", *command)

    def address(self, container: str) -> str:
        """Of a container, where clients come from."""
        networks = json.loads(inspect(container, "{{json .NetworkSettings.Networks}}"))
        found: str = networks[f"{self.name}_front"]["IPAddress"]
        return found

    def _healthy(self) -> int:
        states = [inspect(each, "{{.State.Health.Status}}") for each in self.containers("gateway")]
        return states.count("healthy")


@contextlib.contextmanager
def running(spelling: Sequence[str], gateways: int) -> Iterator[Project]:
    """Build and start everything. At the end nothing of it is left, even if the test is killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project = Project(tuple(spelling), f"chat-test-{secrets.token_hex(4)}", port)
    # It waits for the end of a pipe that we hold, so `down` runs even if we are killed.
    down = [*project.command, "down", "-v", "--remove-orphans", "--rmi", "local", "-t", "1"]
    end = subprocess.Popen(
        ["sh", "-c", 'read -r _; exec "$@" >/dev/null 2>&1 </dev/null', "down", *down],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env=project.environment,
    )
    assert end.stdin is not None
    try:
        project.compose("build")
        project.scale(gateways)
        yield project
    except BaseException:
        print(project.compose("logs", "--tail", "60"))
        raise
    finally:
        end.stdin.close()
        code = end.wait(within(120))
    assert code == 0, "`down` did not work: containers may be left"


def run(command: Sequence[str], **options: Any) -> str:
    """Run a command, which must succeed, and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=within(400), **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def inspect(container: str, template: str) -> str:
    """One thing that the engine knows about a container."""
    return run(["docker", "inspect", "--format", template, container]).strip()


def wait_for(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Ask again and again, because the engine sends no events."""
    deadline = time.monotonic() + within(seconds)
    while not holds():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.2)
