"""How commands like ``chatctl users`` find an embedded Redis: by a file on this machine.

Each gateway writes one file, in a directory that no other user can read or write: someone who could
put a file there could send our commands to a Redis of theirs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from gateway.backplane.url import RedisUrl, parse_url
from gateway.errors import StartError
from gateway.journal import event

log = logging.getLogger(__name__)

TMP = Path("/tmp")
"""A directory where all users can make files and nobody can remove another user's."""

CHECK_EVERY = 10.0
"""Seconds between a gateway's checks that its file is still there."""

ANSWER_TIMEOUT = 1.0
"""Seconds to wait for a Redis to answer."""


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """What a running gateway writes into its file.

    Attributes:
        pid: the id of its process.
        redis: the URL of its embedded Redis.
        listen: its address, ``HOST:PORT``.
        started: when it started, in seconds since 1970.
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
    """The directory to use if none is given: the first possible one that can be this user's."""
    *most, last = _candidates()
    return next(filter(_can_be_ours, most), last)


def _candidates() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):  # its specification says to ignore relative paths
        yield Path(runtime, "chatctl")
    usual = TMP / f"chatctl-{os.getuid()}"
    yield usual
    # Another user may have made that one to block us; nobody can guess the next name.
    yield from sorted(usual.parent.glob(f"{usual.name}-*"))
    yield usual.with_name(f"{usual.name}-{secrets.token_hex(4)}")


def _can_be_ours(directory: Path) -> bool:
    """Whether it is ours, or can be made in a directory that is ours or open to all users."""
    existing = next(each for each in (directory, *directory.parents) if os.path.lexists(each))
    status = existing.lstat() if existing == directory else existing.stat()
    ours = status.st_uid == os.getuid()
    if existing == directory:
        return ours and stat.S_ISDIR(status.st_mode)
    return os.access(existing, os.W_OK | os.X_OK) and (ours or bool(status.st_mode & stat.S_ISVTX))


def secure(directory: Path, what: str = "run directory", option: str = "--run-dir") -> Path:
    """Return the directory, made if necessary, after checking that only we can use it.

    Args:
        directory: the directory.
        what: what it is, for people.
        option: the option that names another one.

    Raises:
        StartError: it belongs to another user, is open to others, or cannot be made.
    """
    try:
        for each in (*reversed(directory.parents), directory):
            # One by one, because the mode that `parents=True` gives depends on the umask.
            if not os.path.lexists(each):
                each.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        raise StartError(
            f"the {what} {directory} cannot be made ({error.strerror}): "
            f"choose another with {option}"
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StartError(
            f"the {what} {directory} is not a directory of yours: choose another with {option}"
        )
    if status.st_mode & 0o077:
        raise StartError(
            f"the {what} {directory} is open to other users, who could read the chat: "
            f"close it with chmod 700 {directory}, or choose another with {option}"
        )
    return directory


@contextlib.contextmanager
def announced(directory: Path, listen: str, redis: str) -> Iterator[Path]:
    """Keep a file about this process while the context is open.

    If the file vanishes, or cannot be written, it is written again later.
    """
    record = RunFile(pid=os.getpid(), redis=redis, listen=listen, started=time.time())
    path = directory / f"{record.port}.json"
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(CHECK_EVERY):
            if not os.path.lexists(path):
                _try_to_write(path, record)

    _try_to_write(path, record)
    keeper = threading.Thread(target=keep, name="run file", daemon=True)
    keeper.start()
    try:
        yield path
    finally:
        ended.set()
        keeper.join()
        # Another gateway, on the same port of another address, may have replaced the file.
        if _validated(_read(path)) == record:
            path.unlink(missing_ok=True)


def running(directory: Path) -> list[RunFile]:
    """The running gateways whose Redis answers, newest first.

    If none answers, those whose Redis accepts connections but stays silent. Files of gateways that
    have ended are removed.

    Raises:
        StartError: the directory cannot be trusted, see `secure`, or cannot be read.
    """
    try:
        directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StartError(
            f"the run directory {directory} cannot be read ({error.strerror}): "
            "choose another with --run-dir"
        ) from error
    answering, silent = [], []
    for path in secure(directory).glob("*.json"):
        content = _read(path)
        record = _validated(content)
        if record is None:
            if content is None:  # no gateway wrote it
                path.unlink(missing_ok=True)
        elif (state := _state(record.redis)) == "answers":
            answering.append(record)
        elif state == "silent":
            silent.append(record)
        elif not _is_alive(record.pid):  # otherwise its Redis is about to be restarted
            path.unlink(missing_ok=True)
    return sorted(answering or silent, key=lambda record: record.started, reverse=True)


def _try_to_write(path: Path, record: RunFile) -> None:
    try:
        secure(path.parent)
        _write(path, record)
    except (OSError, StartError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        event(log, logging.WARNING, "commands will not find this gateway", file=path, why=why)


def _write(path: Path, record: RunFile) -> None:
    draft = path.with_suffix(f".{record.pid}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, Any] | None:
    """The known fields of a file; None if no gateway wrote it. A newer version may write more."""
    names = [field.name for field in fields(RunFile)]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: content[name] for name in names}
    except (OSError, ValueError, TypeError, KeyError):  # it has gone, or we did not write it
        return None


def _validated(content: dict[str, Any] | None) -> RunFile | None:
    """The content, checked; None if a field is not valid."""
    if content is None:
        return None
    try:
        record = RunFile(**content)
        parse_url(record.redis)
        valid = record.port > 0 and type(record.pid) is int and 0 < record.pid < 2**31
        return record if valid and isinstance(record.started, int | float) else None
    except (ValueError, AttributeError, TypeError):
        return None


def _state(url: str) -> Literal["answers", "silent", "gone"]:
    """The state of a Redis; any failure but a refused connection counts as silent."""
    try:
        with _connected(parse_url(url)) as link:
            link.sendall(b"PING\r\n")
            return "answers" if link.recv(64).startswith(b"+PONG") else "silent"
    except (FileNotFoundError, ConnectionRefusedError):
        return "gone"
    except (OSError, ValueError):
        return "silent"


def _connected(redis: RedisUrl) -> socket.socket:
    link = socket.socket(socket.AF_UNIX if redis.path else socket.AF_INET)
    try:
        link.settimeout(ANSWER_TIMEOUT)
        link.connect(redis.path or redis.hosts[0])
    except BaseException:
        link.close()
        raise
    return link


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
