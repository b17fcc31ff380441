"""The commands with stand-ins for what they run, and an environment of their own."""

import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
import redis
from click.testing import CliRunner

from chatctl.cli import main
from gateway.backplane.contract import Listed
from gateway.backplane.embedded import server as embedded
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.replies import whole
from wire.codec import encode_body
from wire.frames import Msg


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No settings but a test's own; config, state, run directory and all files in its folder."""
    for name in [*os.environ]:
        if name.startswith("CHATCTL_") or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def audited(monkeypatch):
    """What commands have written down in the audit log, as (act, room, target, reason)."""
    noted = []

    def note(url, prefix, entry):
        noted.append((entry.act, entry.room, entry.target, entry.reason))

    monkeypatch.setattr("gateway.backplane.operators.audit.note", note)
    return noted


@pytest.fixture
def configure(tmp_path):
    """Write the config file."""

    def configure(text):
        path = tmp_path / "config" / "chatctl" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    return configure


@pytest.fixture
def chatctl():
    """Run the command line and return click's result."""

    def chatctl(*arguments, env=None):
        return CliRunner().invoke(main, arguments, env=env, prog_name="chatctl")

    return chatctl


@pytest.fixture
def module(monkeypatch):
    """Put a stand-in of a module into place."""

    def module(name, **contents):
        stand_in = ModuleType(name)
        vars(stand_in).update(contents)
        monkeypatch.setitem(sys.modules, name, stand_in)

    return module


@pytest.fixture
def user():
    """A user as the list in Redis shows one."""

    def user(name="dana", *, idle=12.7, left=47.3, **fields):
        record = Registration(
            name=name,
            folded=name.casefold(),
            session="s1",
            gateway="g1",
            address="127.0.0.1:50000",
            since=1_795_428_000_123,
            origin="o1",
            resume="",
            rooms=[],
        )
        return Listed(msgspec.structs.replace(record, **fields), idle, left)

    return user


@pytest.fixture
def start_redis():
    """Start a real server; all of them end with the test."""
    # Not tmp_path, whose names are too long for a socket on some machines.
    with tempfile.TemporaryDirectory() as directory:
        servers = []

        def start_redis():
            servers.append(embedded.start(Path(directory)))
            return servers[-1]

        yield start_redis
        for server in servers:
            server.stop()


@pytest.fixture
def store():
    """Write into a room's log as a gateway does; returns the event as it went over the wire."""

    def store(url, event, *, room="lobby", prefix="chat", epoch=7, ago=0.0):
        now = round((time.time() - ago) * 1000)
        body = encode_body(event)
        with redis.Redis.from_url(url, protocol=2) as client:
            log = Keys(prefix).room_log(room)
            id = client.xadd(log, {"d": body, "t": now}, id=f"{epoch}-*")
        return whole(id, b"%d" % now, body).decode().rstrip("\n")

    return store


@pytest.fixture
def say(store):
    """Store a message; returns it as it went over the wire."""

    def say(url, text, *, sender="sis", room="lobby", ago=0.0, to=None, **where):
        at = datetime.fromtimestamp(round(time.time() - ago)).astimezone()
        message = Msg(from_=sender, room=None if to else room, to=to, text=text, at=at)
        return store(url, message, room=room, ago=ago, **where)

    return say
