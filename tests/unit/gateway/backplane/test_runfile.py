import os
import stat
import subprocess
import sys

import pytest

from gateway.backplane import runfile
from gateway.backplane.runfile import RunFile
from gateway.errors import StartError


@pytest.fixture
def directory(tmp_path):
    return runfile.secure(tmp_path / "run")


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(directory, pid, port=2428, started=1.0):
    word = RunFile(pid=pid, redis=f"unix:///{port}", listen=f"127.0.0.1:{port}", started=started)
    path = directory / f"{port}.json"
    runfile._write(path, word)
    return path, word


def test_word_is_left_for_as_long_as_it_is_true(directory):
    assert runfile.running(directory) == []
    with runfile.announced(directory, "[::1]:3000", "unix:///r.sock") as path:
        assert path == directory / "3000.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        (word,) = runfile.running(directory)
        assert (word.pid, word.redis, word.port) == (os.getpid(), "unix:///r.sock", 3000)
        assert [*directory.iterdir()] == [path]
    assert [*directory.iterdir()] == []


def test_several_are_told_newest_first(directory):
    for port, started in ((1, 5.0), (2, 9.0), (3, 7.0)):
        write(directory, os.getpid(), port, started)
    assert [word.port for word in runfile.running(directory)] == [2, 3, 1]


def test_word_of_the_dead_is_ignored_and_cleaned_up(directory, dead_pid):
    dead, _ = write(directory, dead_pid, 1)
    alive, word = write(directory, os.getpid(), 2)
    assert runfile.running(directory) == [word]
    assert not dead.exists()
    assert alive.exists()


def test_a_process_of_somebody_else_is_alive(directory, monkeypatch):
    def kill(pid, signal):
        raise PermissionError

    _, word = write(directory, 1)
    monkeypatch.setattr(os, "kill", kill)
    assert runfile.running(directory) == [word]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '"x"', "\xff"])
def test_a_file_that_is_no_word_is_ignored_and_cleaned_up(directory, text):
    path = directory / "1.json"
    path.write_text(text, encoding="latin-1")
    assert runfile.running(directory) == []
    assert not path.exists()


def test_word_that_another_took_over_is_left_to_it(directory):
    with runfile.announced(directory, "127.0.0.1:1", "unix:///a"):
        path, word = write(directory, os.getpid(), 1)
    assert runfile.running(directory) == [word]
    assert path.exists()


def test_where_nothing_ever_ran_nothing_is_made(tmp_path):
    assert runfile.running(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_a_new_directory_is_private(tmp_path):
    directory = runfile.secure(tmp_path / "a" / "b")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_directory_that_lets_others_in_is_refused(tmp_path, mode):
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(mode)
    for use in (runfile.secure, runfile.running):
        with pytest.raises(StartError, match=f"chmod 700 {directory}, or .* --run-dir"):
            use(directory)


def test_a_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(StartError, match="is not a directory of yours"):
        runfile.secure(tmp_path)


def test_a_link_to_a_directory_is_refused(tmp_path, directory):
    link = tmp_path / "link"
    link.symlink_to(directory)
    with pytest.raises(StartError, match="is not a directory of yours"):
        runfile.secure(link)


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot be made .*Not a directory.* --run-dir"):
        runfile.secure(tmp_path / "file" / "run")


def test_the_default_is_private_to_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runfile.default_directory() == tmp_path / "chatctl"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert str(runfile.default_directory()) == f"/tmp/chatctl-{os.getuid()}"
