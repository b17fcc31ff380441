"""How ``chatctl users`` finds the Redis of a gateway that started its own: a file on the machine.

One file a gateway, in a directory that nobody else can read or write: whoever could put a file
there could lead others to a Redis of theirs.
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

from gateway.backplane.url import RedisUrl, parse
from gateway.errors import StartError
from gateway.journal import event

log = logging.getLogger(__name__)

TMP = Path("/tmp")
"""Where everybody may make files, and nobody can remove somebody else's."""

LOOK_EVERY = 10.0
"""Seconds after which a gateway looks whether its file is still there."""

ANSWER_WITHIN = 1.0
"""Seconds that a Redis is given to say that it is there."""


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
    """Where gateways of this user leave word when nobody says where: the first place of theirs."""
    *most, last = _places()
    return next(filter(_can_be_ours, most), last)


def _places() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):  # others are to be ignored, says its specification
        yield Path(runtime, "chatctl")
    usual = TMP / f"chatctl-{os.getuid()}"
    yield usual
    # Somebody else may have made that one, to get in our way; nobody can guess the next name.
    yield from sorted(usual.parent.glob(f"{usual.name}-*"))
    yield usual.with_name(f"{usual.name}-{secrets.token_hex(4)}")


def _can_be_ours(directory: Path) -> bool:
    """Whether it is ours, or can be made in a directory that is ours or open to everybody."""
    there = next(each for each in (directory, *directory.parents) if os.path.lexists(each))
    status = there.lstat() if there == directory else there.stat()
    ours = status.st_uid == os.getuid()
    if there == directory:
        return ours and stat.S_ISDIR(status.st_mode)
    return os.access(there, os.W_OK | os.X_OK) and (ours or bool(status.st_mode & stat.S_ISVTX))


def secure(directory: Path) -> Path:
    """Return the directory, made if it is not there, when only its owner, who is us, can use it.

    Raises:
        StartError: it belongs to somebody else, or lets others in, or cannot be made.
    """
    try:
        for each in (*reversed(directory.parents), directory):
            # One by one, since the mode that `parents=True` gives depends on the umask.
            if not os.path.lexists(each):
                each.mkdir(mode=0o700, exist_ok=True)
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
    """Leave word of this process in a file for as long as the context lasts.

    A file that vanishes is written again; one that cannot be written is tried again.
    """
    word = RunFile(pid=os.getpid(), redis=redis, listen=listen, started=time.time())
    path = directory / f"{word.port}.json"
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(LOOK_EVERY):
            if not os.path.lexists(path):
                _try_to_write(path, word)

    _try_to_write(path, word)
    keeper = threading.Thread(target=keep, name="run file", daemon=True)
    keeper.start()
    try:
        yield path
    finally:
        ended.set()
        keeper.join()
        # Somebody on the same port of another address may have taken the file over.
        if _understood(_read(path)) == word:
            path.unlink(missing_ok=True)


def running(directory: Path) -> list[RunFile]:
    """The gateways that left word and whose Redis answers, newest first.

    If none answers it is those whose Redis is there and silent. Files of the dead are removed.

    Raises:
        StartError: the directory is not safe to believe, see `secure`, or cannot be looked into.
    """
    try:
        directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StartError(
            f"the run directory {directory} cannot be looked into ({error.strerror}): "
            "choose another with --run-dir"
        ) from error
    answering, silent = [], []
    for path in secure(directory).glob("*.json"):
        written = _read(path)
        word = _understood(written)
        if word is None:
            if written is None:  # nobody's word
                path.unlink(missing_ok=True)
        elif (state := _state(word.redis)) == "answers":
            answering.append(word)
        elif state == "silent":
            silent.append(word)
        elif not _is_alive(word.pid):  # else its Redis is about to be started again
            path.unlink(missing_ok=True)
    return sorted(answering or silent, key=lambda word: word.started, reverse=True)


def _try_to_write(path: Path, word: RunFile) -> None:
    try:
        secure(path.parent)
        _write(path, word)
    except (OSError, StartError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        event(log, logging.WARNING, "commands will not find this gateway", file=path, why=why)


def _write(path: Path, word: RunFile) -> None:
    draft = path.with_suffix(f".{word.pid}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(word)) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, Any] | None:
    """What a file says, if a gateway wrote it at all. Another version may say more."""
    names = [field.name for field in fields(RunFile)]
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {name: said[name] for name in names}
    except (OSError, ValueError, TypeError, KeyError):  # gone meanwhile, or not written by us
        return None


def _understood(said: dict[str, Any] | None) -> RunFile | None:
    """The same, checked; None if it makes no sense."""
    if said is None:
        return None
    try:
        word = RunFile(**said)
        parse(word.redis)
        sound = word.port > 0 and type(word.pid) is int and 0 < word.pid < 2**31
        return word if sound and isinstance(word.started, int | float) else None
    except (ValueError, AttributeError, TypeError):
        return None


def _state(url: str) -> Literal["answers", "silent", "gone"]:
    """How the Redis of a URL is; one that cannot be reached, or answers oddly, counts as silent."""
    try:
        with _connected(parse(url)) as link:
            link.sendall(b"PING\r\n")
            return "answers" if link.recv(64).startswith(b"+PONG") else "silent"
    except (FileNotFoundError, ConnectionRefusedError):
        return "gone"
    except (OSError, ValueError):
        return "silent"


def _connected(redis: RedisUrl) -> socket.socket:
    link = socket.socket(socket.AF_UNIX if redis.path else socket.AF_INET)
    try:
        link.settimeout(ANSWER_WITHIN)
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
