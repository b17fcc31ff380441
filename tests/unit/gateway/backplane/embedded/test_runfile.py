import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from gateway.backplane.embedded import runfile
from gateway.errors import StartError
from tests.support.deadlines import wait_until


@pytest.fixture
def directory():
    # Not tmp_path, whose names are too long for a socket on some machines.
    with tempfile.TemporaryDirectory() as name:
        yield runfile.secure(Path(name) / "run")


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def redis(directory):
    """Starts a server that answers a PING, with this or not at all; returns its URL."""
    with contextlib.ExitStack() as stack:

        def redis(reply=b"+PONG\r\n"):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            path = directory / f"{server.fileno()}.sock"
            server.bind(str(path))
            server.listen()

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        client, _ = server.accept()
                        with client:
                            client.recv(64)
                            if reply is not None:
                                client.sendall(reply)
                            client.recv(64)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return f"unix://{path}"

        yield redis


def write(directory, url, port=2428, started=1.0, pid=1, **other):
    path = directory / f"{port}.json"
    record = {"pid": pid, "redis": url, "listen": f"127.0.0.1:{port}", "started": started}
    path.write_text(json.dumps(record | other))
    return path


def ports(directory):
    return [record.port for record in runfile.running(directory)]


def test_the_file_exists_while_the_gateway_runs(directory, redis):
    url = redis()
    with runfile.announced(directory, "[::1]:3000", url) as path:
        assert path == directory / "3000.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        (record,) = runfile.running(directory)
        assert (record.pid, record.redis, record.port) == (os.getpid(), url, 3000)
        assert [*directory.glob("3000*")] == [path]
    assert [*directory.glob("3000*")] == []


def test_several_gateways_are_listed_newest_first(directory, redis):
    for port, started in ((1, 5.0), (2, 9.0), (3, 7.0)):
        write(directory, redis(), port, started)
    assert ports(directory) == [2, 3, 1]


def test_a_gateway_runs_if_its_redis_answers_whatever_its_pid_says(directory, redis, dead_pid):
    # A process in another PID namespace cannot be seen from here.
    there = write(directory, redis(), 1, pid=dead_pid)
    write(directory, "unix:///gone.sock", 2, pid=os.getpid(), started=9.0)
    assert ports(directory) == [1]
    assert there.exists()


@pytest.mark.parametrize("url", ["unix:///gone.sock", "redis://127.0.0.1:1/0"])
def test_files_of_gateways_that_have_ended_are_ignored_and_removed(directory, redis, dead_pid, url):
    dead = write(directory, url, 1, pid=dead_pid)
    alive = write(directory, redis(), 2)
    assert ports(directory) == [2]
    assert not dead.exists()
    assert alive.exists()


def test_a_socket_without_a_listener_means_that_the_gateway_has_ended(directory, dead_pid):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(directory / "s.sock"))
        server.listen()
    dead = write(directory, f"unix://{directory}/s.sock", pid=dead_pid)
    assert ports(directory) == []
    assert not dead.exists()


def test_a_process_of_another_user_is_alive(directory, monkeypatch):
    def kill(pid, signal):
        raise PermissionError

    path = write(directory, "unix:///gone.sock")
    monkeypatch.setattr(os, "kill", kill)
    assert ports(directory) == []
    assert path.exists()


def test_a_silent_redis_is_listed_only_if_no_other_answers(directory, redis, dead_pid, monkeypatch):
    monkeypatch.setattr(runfile, "ANSWER_TIMEOUT", 0.05)
    silent = write(directory, redis(reply=None), 1, started=9.0, pid=dead_pid)
    assert ports(directory) == [1]
    write(directory, redis(), 2)
    assert ports(directory) == [2]
    assert silent.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '"x"', "\xff", "7", "null"])
def test_a_file_that_no_gateway_wrote_is_ignored_and_removed(directory, text):
    path = directory / "1.json"
    path.write_text(text, encoding="latin-1")
    assert runfile.running(directory) == []
    assert not path.exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"pid": "1"},
        {"pid": 1.5},
        {"pid": None},
        {"pid": True},
        {"pid": 2**40},
        {"pid": 0},
        {"pid": -1},
        {"listen": "x"},
        {"listen": "x:0"},
        {"listen": 7},
        {"started": "z"},
        {"started": None},
        {"redis": None},
        {"redis": "nonsense"},
        {"redis": ["unix:///s"]},
        {"redis": "unix://" + "x" * 200},
        {"redis": "unix:///" + "x" * 200},
        {"redis": "redis://nowhere.invalid/0"},
        {"redis": "unix:///a%00b"},
    ],
)
def test_a_file_with_an_invalid_field_is_skipped(directory, redis, odd):
    path = write(directory, redis(), 1)
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    write(directory, redis(), 2)
    assert ports(directory) == [2]
    assert path.exists()


def test_another_version_may_write_more_fields(directory, redis):
    write(directory, redis(), 1, since="yesterday")
    assert ports(directory) == [1]


def test_a_file_that_another_gateway_replaced_is_not_removed(directory, redis):
    with runfile.announced(directory, "127.0.0.1:1", "unix:///a"):
        path = write(directory, redis(), 1)
    assert ports(directory) == [1]
    assert path.exists()


def test_a_file_that_was_removed_is_written_again(directory, monkeypatch):
    monkeypatch.setattr(runfile, "CHECK_EVERY", 0.005)
    with runfile.announced(directory, "127.0.0.1:1", "unix:///a") as path:
        content = path.read_text()
        path.unlink()
        wait_until(path.exists)
        assert path.read_text() == content
        directory.rename(directory.with_name("away"))
        wait_until(path.exists)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_file_that_cannot_be_written_is_tried_again_and_leaves_no_draft(
    directory, monkeypatch, caplog
):
    monkeypatch.setattr(runfile, "CHECK_EVERY", 0.005)
    full = [True]

    def write_text(path, *given, write=Path.write_text, **named):
        if full[0]:
            raise OSError(28, "No space left on device")
        return write(path, *given, **named)

    monkeypatch.setattr(Path, "write_text", write_text)
    with runfile.announced(directory, "127.0.0.1:1", "unix:///a") as path:
        assert [*directory.iterdir()] == []
        assert "commands will not find this gateway" in caplog.text
        full[0] = False
        wait_until(path.exists)


def test_looking_for_gateways_makes_no_directory(tmp_path):
    assert runfile.running(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_a_new_directory_is_private(tmp_path):
    directory = runfile.secure(tmp_path / "a" / "b")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_directory_that_is_open_to_others_is_refused(tmp_path, mode):
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(mode)
    for use in (runfile.secure, runfile.running):
        with pytest.raises(StartError, match=f"chmod 700 {directory}, or .* --run-dir"):
            use(directory)


def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(StartError, match="is not a directory of yours"):
        runfile.secure(tmp_path)


def test_a_link_to_a_directory_is_refused(tmp_path, directory):
    link = tmp_path / "link"
    link.symlink_to(directory)
    with pytest.raises(StartError, match="is not a directory of yours"):
        runfile.secure(link)


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot be made .*Not a directory.* --run-dir"):
        runfile.secure(tmp_path / "file" / "run")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_parent_directories_are_made_private_too(tmp_path, umask):
    before = os.umask(umask)
    try:
        directory = runfile.secure(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    for made in (directory, directory.parent, directory.parent.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(StartError, match=r"be read \(Permission denied\): .* --run-dir"):
        runfile.running(tmp_path / "run")


@pytest.fixture
def tmp(monkeypatch, tmp_path):
    """Stands in for /tmp, where all users can make files."""
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    tmp.chmod(0o1777)
    monkeypatch.setattr(runfile, "TMP", tmp)
    return tmp


def run_as(user, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: user)


def test_the_default_is_private_to_the_user(monkeypatch, tmp_path, tmp):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runfile.default_directory() == tmp_path / "chatctl"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "not" / "there"))
    assert runfile.default_directory() == tmp_path / "not" / "there" / "chatctl"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runfile.default_directory() == tmp / f"chatctl-{os.getuid()}"


def test_a_runtime_directory_of_another_user_is_not_used(monkeypatch, tmp_path, tmp):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    other = os.getuid() + 1
    run_as(other, monkeypatch)
    for runtime in (theirs, tmp_path / "not" / "there"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        assert runfile.default_directory() == tmp / f"chatctl-{other}"


@pytest.mark.parametrize("runtime", ["", "run", "~/run", "./x"])
def test_a_relative_runtime_directory_is_not_used(monkeypatch, tmp, runtime):
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    assert runfile.default_directory() == tmp / f"chatctl-{os.getuid()}"


def test_if_another_user_has_taken_the_name_a_new_one_is_chosen_and_found_again(monkeypatch, tmp):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    usual = tmp / f"chatctl-{os.getuid()}"
    usual.symlink_to(tmp)
    chosen = runfile.secure(runfile.default_directory())
    assert chosen.parent == tmp
    assert chosen.name.startswith(f"{usual.name}-")
    (tmp / f"{usual.name}-0").write_text("in the way")
    assert runfile.default_directory() == chosen
