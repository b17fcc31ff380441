"""The commands with stand-ins for what they run, and an environment of their own."""

import os
import sys
from types import ModuleType, SimpleNamespace

import pytest
from click.testing import CliRunner

from chatctl.cli import main


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No settings but a test's own; config and run directory in its folder."""
    for name in [*os.environ]:
        if name.startswith("CHATCTL_") or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


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
    """A user as the directory tells of one."""

    def user(name="dana", **fields):
        defaults = {
            "name": name,
            "gateway": "g1",
            "address": "127.0.0.1:50000",
            "since": 1_795_428_000_123,
            "idle": 12.7,
            "left": 47.3,
            "client": None,
        }
        return SimpleNamespace(**(defaults | fields))

    return user
