"""The systemd unit."""

import configparser
import subprocess

import pytest

from chatctl.gateway import gateway
from tests.deploy.files import UNIT, UNIT_SETTINGS, seconds, tool, variables

PLACE = "/opt/chatctl/bin/chatctl"
LEAST_EXPOSED = 20
"""Tenths on systemd's own scale from 0 (all locked up) to 10."""


def unit() -> configparser.ConfigParser:
    # The filter of system calls stands there twice, which is right for systemd.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


@pytest.fixture
def installed(tmp_path):
    """The unit, with a program that exists."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PLACE, "/bin/true"))
    return copy


def test_systemd_accepts_the_unit(installed):
    command = [tool("systemd-analyze"), "verify", "--man=no", str(installed)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_rates_the_unit_as_well_protected(installed):
    command = [tool("systemd-analyze"), "security", "--offline=yes", "--no-pager"]
    done = subprocess.run(
        [*command, f"--threshold={LEAST_EXPOSED}", str(installed)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-500:]


def test_an_instance_is_named_by_its_http_port_and_shares_the_chat_port():
    program, command, *options = unit()["Service"]["ExecStart"].split()
    assert (program, command) == (PLACE, "gateway")
    with gateway.make_context("gateway", [each.replace("%i", "8081") for each in options]) as made:
        assert made.params["reuse_port"] is True
        assert str(made.params["http"]) == "127.0.0.1:8081"


def test_it_has_time_to_drain():
    drain = seconds(variables(UNIT_SETTINGS)["CHATCTL_DRAIN"])
    assert int(unit()["Service"]["TimeoutStopSec"]) >= drain + 10


def test_a_reload_reads_the_certificate_again():
    assert unit()["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_it_runs_without_root_and_with_enough_files_for_its_clients():
    service = unit()["Service"]
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["EnvironmentFile"] == "/etc/chatctl/gateway.env"
    assert int(service["LimitNOFILE"]) >= 10_000
    assert service["Restart"] == "always"
