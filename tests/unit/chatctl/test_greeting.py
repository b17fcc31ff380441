import shutil
import sys

import click
import pytest

from chatctl import __version__
from chatctl.gateway import gateway
from chatctl.greeting import called_as, greeting
from chatctl.units import Address
from gateway.backplane.alike import OPTIONS


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/chatctl"])
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/bin/{name}")


def context(*flags, info_name="chatctl"):
    parent = click.Context(click.Group(), info_name=info_name)
    return gateway.make_context("gateway", [*flags], parent=parent)


def test_the_first_lines_say_what_to_do_next():
    text = greeting(
        context(), Address("127.0.0.1", 2428), "unix:///r.sock", "valkey 9.1.2 (embedded)", None
    )
    assert text.splitlines() == [
        f"chatctl {__version__} listening on 127.0.0.1:2428",
        "  Redis       valkey 9.1.2 (embedded) at unix:///r.sock",
        "  join        chatctl client NAME",
        "  who's here  chatctl users",
        "  add one     chatctl gateway --listen 127.0.0.1:2429 --redis unix:///r.sock",
    ]


def test_flags_that_matter_to_the_other_commands_are_repeated():
    flags = ("--redis", "redis://:secret@h", "--prefix", "our:family", "--run-dir", "/r")
    text = greeting(context(*flags), Address("127.0.0.1", 3000), "redis://:secret@h", None, None)
    assert text.splitlines()[1:] == [
        "  Redis       redis://:***@h",
        "  join        chatctl client NAME --server 127.0.0.1:3000",
        "  who's here  chatctl users --redis 'redis://:***@h' --prefix our:family --run-dir /r",
        "  add one     chatctl gateway --listen 127.0.0.1:3001 "
        "--redis 'redis://:***@h' --prefix our:family",
    ]


def test_a_file_with_the_password_is_named_and_the_password_is_not_shown(tmp_path):
    file = tmp_path / "password"
    file.write_text("secret")
    flags = ("--redis", "redis://dana@h", "--redis-password-file", str(file))
    at = Address("127.0.0.1", 2428)
    text = greeting(context(*flags), at, "redis://dana:secret@h", None, None)
    assert "  Redis       redis://dana:***@h" in text
    assert text.count(f"--redis redis://dana@h --redis-password-file {file}") == 2
    assert "secret" not in text


def test_the_line_for_joining_has_tls_if_the_gateway_has():
    flags = ("--tls-cert", __file__, "--tls-key", __file__)
    text = greeting(context(*flags), Address("127.0.0.1", 2428), "redis://h", None, None)
    assert "  join        chatctl client NAME --tls\n" in text


def test_options_that_gateways_should_share_are_repeated_for_the_next_one():
    flags = (
        *("--auth", "required", "--tls-cert", __file__, "--tls-key", __file__),
        *("--away-idle", "off"),
        *("--idle", "off", "--history", "10", "--history-age", "36h", "--resume-within", "1.5s"),
        *("--fallback", "refuse", "--max-text", "100", "--rate", "30/m", "--burst", "7"),
    )
    text = greeting(context(*flags), Address("127.0.0.1", 2428), "redis://h", None, None)
    (line,) = (line for line in text.splitlines() if line.startswith("  add one"))
    again = context(*line.split()[4:])
    first = context(*flags)
    for name in OPTIONS.values():
        name = name.replace("-", "_")
        assert again.params[name] == first.params[name]
    assert again.params["tls_key"] == first.params["tls_key"]


def test_options_from_the_environment_are_not_repeated(monkeypatch):
    monkeypatch.setenv("CHATCTL_REDIS", "redis://h")
    text = greeting(context(), Address("127.0.0.1", 2428), "redis://h", None, None)
    assert "--redis" not in text


@pytest.mark.parametrize(
    ("listening", "server"),
    [
        (Address("0.0.0.0", 2428), ""),
        (Address("0.0.0.0", 80), " --server 127.0.0.1:80"),
        (Address("::", 2428), " --server [::1]:2428"),
    ],
)
def test_a_gateway_on_every_interface_is_joined_over_loopback(listening, server):
    join = greeting(context(), listening, "redis://h", None, None).splitlines()[2]
    assert join == f"  join        chatctl client NAME{server}"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_address_of_the_health_pages_is_shown(host):
    at = Address("127.0.0.1", 2428)
    text = greeting(context(), at, "redis://h", None, Address(host, 9100))
    assert text.splitlines()[-1] == "  health      http://127.0.0.1:9100/readyz"


@pytest.mark.parametrize(
    ("argv0", "which", "called"),
    [
        ("/opt/bin/chatctl", "/opt/bin/chatctl", "chatctl"),
        (".venv/bin/chatctl", None, ".venv/bin/chatctl"),
        ("/my chat/bin/chatctl", "/usr/bin/chatctl", "'/my chat/bin/chatctl'"),
    ],
)
def test_commands_are_shown_with_the_program_as_it_was_called(monkeypatch, argv0, which, called):
    monkeypatch.setattr(sys, "argv", [argv0])
    monkeypatch.setattr(shutil, "which", lambda name: which)
    assert called_as(context()) == called


def test_a_module_is_called_as_a_module():
    assert called_as(context(info_name="python -m chatctl")) == "python -m chatctl"
