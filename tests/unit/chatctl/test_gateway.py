import asyncio
import json
import os
import signal
import subprocess
import sys
from ipaddress import ip_network

import pytest

from gateway.backplane.embedded import server as embedded
from gateway.config import AddressLimits
from gateway.errors import StartError
from wire.limits import Limits

REDIS = ("--redis", "redis://:secret@h:6379/0")


class Server:
    """A stand-in for the gateway's server."""

    def __init__(self):
        self.config = None
        self.loop = ""
        self.code = 0
        self.error = None
        self.port = 2428
        self.meanwhile = lambda: None

    async def run(self, config, announce):
        self.config = config
        self.loop = type(asyncio.get_running_loop()).__module__
        if self.error:
            raise self.error
        announce(config.host, self.port, config.http)
        self.meanwhile()
        return self.code


@pytest.fixture
def server(module):
    server = Server()
    module("gateway.server", run=server.run)
    return server


@pytest.fixture
def own_redis(monkeypatch):
    """A stand-in for the embedded server; tells where it was started and whether it was stopped."""
    calls = []

    def start(directory, data):
        calls.append(directory)
        return embedded.Embedded(
            "unix:///own.sock", "valkey 9 (embedded)", lambda: calls.append("stopped")
        )

    monkeypatch.setattr(embedded, "start", start)
    return calls


def test_the_defaults_are_the_ones_in_the_protocol(chatctl, server):
    assert chatctl("gateway", *REDIS).exit_code == 0
    config = server.config
    assert config.limits == Limits()
    assert (config.host, config.port, config.prefix) == ("127.0.0.1", 2428, "chat")
    assert (config.idle, config.fallback, config.history) == (60, "public", 10_000)


def test_every_option_arrives(chatctl, server):
    flags = (
        "--listen=[::1]:0 --prefix=family --idle=off --fallback=refuse --history=5 --burst=6 "
        "--rate=off --max-line=2KiB --max-text=7 --hello-timeout=8s --backlog=9KiB "
        "--auth=required --address-connections=10 --address-connects=off --exempt=::1 "
        "--proxy-from=10.0.0.0/8,::ffff:192.0.2.7 --http=127.0.0.1:9100 --reuse-port "
        f"--tls-cert={__file__} --tls-key={__file__}"
    )
    assert chatctl("gateway", *REDIS, *flags.split()).exit_code == 0
    config = server.config
    assert config.redis == REDIS[1]
    assert (config.host, config.port, config.prefix) == ("::1", 0, "family")
    assert (config.auth, config.http, config.reuse_port) == ("required", ("127.0.0.1", 9100), True)
    assert config.address_limits == AddressLimits(
        connections=10, connects=None, exempt=(ip_network("::1"),)
    )
    assert config.proxies == (ip_network("10.0.0.0/8"), ip_network("192.0.2.7"))
    assert config.certificate == (__file__, __file__)
    assert (config.idle, config.fallback, config.history) == (None, "refuse", 5)
    assert config.limits == Limits(
        line=2048, text=7, burst=6, rate=None, hello=8.0, backlog=9 * 1024
    )


def test_environment_and_file_arrive_too(chatctl, server, configure):
    configure("redis = 'redis://file'\n[gateway]\nidle = '15m'\nburst = 3")
    chatctl("gateway", env={"CHATCTL_BURST": "4"})
    assert (server.config.redis, server.config.idle) == ("redis://file", 900)
    assert server.config.limits.burst == 4


def test_the_exit_code_is_the_servers(chatctl, server):
    server.code = 1
    assert chatctl("gateway", *REDIS).exit_code == 1


def test_signals_are_what_they_were_where_it_never_served(chatctl, server):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]
    server.error = StartError("no")
    chatctl("gateway", *REDIS)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)] == before


def test_a_gateway_that_cannot_start_says_so_in_one_line(chatctl, server):
    server.error = StartError("port 2428 is taken: choose another with --listen")
    result = chatctl("gateway", *REDIS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "chatctl: port 2428 is taken: choose another with --listen\n"


def test_without_a_redis_it_starts_one_and_stops_it(chatctl, server, own_redis, tmp_path):
    assert chatctl("gateway").exit_code == 0
    assert server.config.redis == "unix:///own.sock"
    assert own_redis == [tmp_path / "run" / "chatctl", "stopped"]


def test_a_runtime_directory_that_is_not_ours_is_left_alone_and_another_is_named(
    chatctl, server, own_redis, tmp_path, monkeypatch
):
    monkeypatch.setattr("gateway.backplane.embedded.runfile.TMP", tmp_path)
    result = chatctl("gateway", env={"XDG_RUNTIME_DIR": "not/absolute"})
    assert result.exit_code == 0
    directory = tmp_path / f"chatctl-{os.getuid()}"
    assert own_redis[0] == directory
    assert result.stderr.count("\n") == 1
    assert f"the run directory is {directory}" in result.stderr


def test_its_own_redis_is_stopped_when_it_cannot_start(chatctl, server, own_redis):
    server.error = StartError("no")
    assert chatctl("gateway").exit_code == 1
    assert own_redis[1:] == ["stopped"]


def test_users_can_find_its_own_redis_while_it_runs(chatctl, server, own_redis, tmp_path):
    directory = tmp_path / "run" / "chatctl"
    seen = {}

    def look():
        for path in directory.iterdir():
            seen[path.name] = json.loads(path.read_text())

    server.port = 4000
    server.meanwhile = look
    assert chatctl("gateway", "--listen", "127.0.0.1:0").exit_code == 0
    word = seen["4000.json"]
    assert (word["pid"], word["redis"]) == (os.getpid(), "unix:///own.sock")
    assert word["listen"] == "127.0.0.1:4000"
    assert [*directory.iterdir()] == []


def test_a_gateway_without_an_embedded_redis_records_nothing(chatctl, server, tmp_path):
    chatctl("gateway", *REDIS)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", ["--tls-cert", "--tls-key"])
def test_a_certificate_and_its_key_belong_together(chatctl, server, given):
    result = chatctl("gateway", *REDIS, given, __file__)
    assert result.exit_code == 2
    assert result.stderr == (
        "chatctl: --tls-cert and --tls-key go together: give both, or neither\n"
    )


@pytest.mark.parametrize(("loop", "module_name"), [("uvloop", "uvloop"), ("asyncio", "asyncio")])
def test_the_loop_is_the_one_that_was_asked_for(chatctl, server, loop, module_name):
    chatctl("gateway", *REDIS, "--loop", loop)
    assert server.loop.startswith(module_name)


def test_uvloop_is_the_default_where_there_is_one(chatctl, server, monkeypatch):
    chatctl("gateway", *REDIS)
    assert server.loop.startswith("uvloop")
    monkeypatch.setattr("chatctl.gateway_options.find_spec", lambda name: None)
    chatctl("gateway", *REDIS)
    assert server.loop.startswith("asyncio")


def test_a_loop_that_is_not_installed_is_an_error(chatctl, server, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    result = chatctl("gateway", *REDIS, "--loop", "uvloop")
    assert result.exit_code == 1
    assert result.stderr.startswith("chatctl: uvloop is not installed")


def test_the_log_is_on_stderr_from_its_level_on():
    # In a process of its own, since logging is set up once a process.
    code = (
        "import logging, sys, types\n"
        "async def run(config, announce):\n"
        "    logging.info('hidden'); logging.warning('shown'); return 0\n"
        "server = types.ModuleType('gateway.server'); server.run = run\n"
        "sys.modules['gateway.server'] = server\n"
        "from chatctl.cli import main\n"
        "main(['gateway', '--redis', 'redis://h', '--log-level', 'warning'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    assert "WARNING root: shown" in done.stderr
    assert "hidden" not in done.stderr
