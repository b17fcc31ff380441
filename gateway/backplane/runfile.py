"""How ``chatctl users`` finds the Redis of a gateway that started its own: a file on the machine.

One file a gateway, in a directory that nobody else can read or write: whoever could put a file
there could lead others to a Redis of theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.errors import StartError


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """What a running gateway leaves word of.

    Attributes:
        pid: its process.
        redis: URL of the Redis that it started.
        listen: its address, ``HOST:PORT``.
        started: when, in seconds since 1970.
    """

    pid: int
    redis: str
    listen: str
    started: float

    @property
    def port(self) -> int:
        """The port of ``listen``."""
        return int(self.listen.rpartition(":")[2])


def default_directory() -> Path:
    """Where gateways of this user leave word when nobody says where."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "chatctl" if runtime else Path(f"/tmp/chatctl-{os.getuid()}")


def secure(directory: Path) -> Path:
    """Return the directory, made if it is not there, when only its owner, who is us, can use it.

    Raises:
        StartError: it belongs to somebody else, or lets others in, or cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        raise StartError(
            f"the run directory {directory} cannot be made ({error.strerror}): "
            "choose another with --run-dir"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StartError(
            f"the run directory {directory} is not a directory of yours: "
            "choose another with --run-dir"
        )
    if status.st_mode & 0o077:
        raise StartError(
            f"the run directory {directory} is open to others, who could read the chat: "
            f"close it with chmod 700 {directory}, or choose another with --run-dir"
        )
    return directory


@contextlib.contextmanager
def announced(directory: Path, listen: str, redis: str) -> Iterator[Path]:
    """Leave word of this process in a file for as long as the context lasts."""
    word = RunFile(pid=os.getpid(), redis=redis, listen=listen, started=time.time())
    path = directory / f"{word.port}.json"
    _write(path, word)
    try:
        yield path
    finally:
        # Somebody on the same port of another address may have taken the file over.
        if _read(path) == word:
            path.unlink(missing_ok=True)


def running(directory: Path) -> list[RunFile]:
    """The gateways that left word and still run, newest first; files of dead ones are removed.

    Raises:
        StartError: the directory is not safe to believe, see `secure`.
    """
    if not directory.exists():
        return []
    found = []
    for path in secure(directory).glob("*.json"):
        word = _read(path)
        if word and _is_alive(word.pid):
            found.append(word)
        else:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda word: word.started, reverse=True)


def _write(path: Path, word: RunFile) -> None:
    draft = path.with_suffix(f".{word.pid}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(word)) + "\n", encoding="utf-8")
    draft.replace(path)


def _read(path: Path) -> RunFile | None:
    try:
        return RunFile(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # gone meanwhile, or not written by us
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
