"""The balancer's configuration."""

import re
import subprocess

from client.heartbeat import Pulse
from tests.deploy.files import HAPROXY, seconds, service, tool

TEXT = "\n".join(re.sub(r"(?<!\S)#.*", "", line) for line in HAPROXY.read_text().splitlines())


def test_haproxy_accepts_the_configuration():
    done = subprocess.run(
        [tool("haproxy"), "-c", "-f", str(HAPROXY)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_the_configuration_is_mounted_where_haproxy_reads_it():
    (volume,) = service("haproxy")["volumes"]
    assert volume == "./deploy/haproxy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"


def test_gateways_are_found_by_service_name_and_get_the_clients_address():
    lines = re.findall(r"server-template .*", TEXT)
    checks = re.findall(r"default-server .*", TEXT)
    assert len(lines) == len(checks) == len(re.findall("^backend", TEXT, re.M)) == 2
    for line, checked in zip(lines, checks, strict=True):
        assert "gateway:" in line and "resolvers docker" in line and "init-addr none" in line
        assert "send-proxy-v2" in checked and "check" in checked.split()
    assert "nameserver docker 127.0.0.11:53" in TEXT


def test_clients_of_irc_reach_the_same_gateways_from_this_machine_only():
    assert service("gateway")["environment"]["CHATCTL_IRC"] == "0.0.0.0:6667"
    assert "127.0.0.1:${IRC_PORT:-6667}:6667" in service("haproxy")["ports"]
    assert "bind :6667" in TEXT and "gateway:6667" in TEXT


def test_a_quiet_connection_outlives_several_heartbeats():
    for side in ("client", "server"):
        (timeout,) = re.findall(rf"^\s*timeout {side} +(\w+)$", TEXT, re.M)
        assert seconds(timeout) >= 4 * Pulse().every


def test_a_gateway_that_is_not_ready_keeps_its_people():
    assert "on-marked-down" not in TEXT
    assert "uri /readyz" in TEXT and "option httpchk" in TEXT
    assert "balance leastconn" in TEXT and "mode tcp" in TEXT and "option redispatch" in TEXT
