"""The compose file, without an engine. `tests/compose` runs it for real."""

import re
import subprocess
from ipaddress import ip_address

import pytest
import yaml

from chatctl.units import networks
from tests.deploy.files import COMPOSE, load, seconds, service, tool

ALWAYS = {"redis", "gateway", "haproxy"}
SERVICES = load(COMPOSE)["services"]


@pytest.fixture(params=["docker compose", "docker-compose"])
def compose(request: pytest.FixtureRequest) -> list[str]:
    """Each of the two spellings, if it is installed."""
    program, *verb = request.param.split()
    command = [tool(program), *verb]
    if subprocess.run([*command, "version"], capture_output=True).returncode:
        pytest.skip(f"{request.param} is not installed: only the structure of the file was checked")
    return [*command, "-f", str(COMPOSE)]


def run(compose: list[str], *arguments: str) -> str:
    done = subprocess.run([*compose, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_spellings_of_the_command_can_read_the_file(compose):
    found = yaml.safe_load(run(compose, "config"))
    assert set(found["services"]) >= ALWAYS


def test_without_a_profile_only_the_chat_starts(compose):
    assert set(run(compose, "config", "--services").split()) >= ALWAYS
    for name, each in SERVICES.items():
        assert each.get("profiles", []) == ([] if name in ALWAYS else ["observability"])


def test_the_file_has_no_word_that_the_older_spelling_does_not_know():
    assert set(load(COMPOSE)) == {"services", "networks", "volumes"}
    text = COMPOSE.read_text()
    assert not re.search(r"^\s*(?:pids_limit|start_interval|name|version|include):", text, re.M)


def test_the_balancer_is_the_only_way_in():
    published = {name for name, each in SERVICES.items() if "ports" in each}
    assert published & ALWAYS == {"haproxy"}
    for name in published - ALWAYS:
        assert all(each.startswith("127.0.0.1:") for each in SERVICES[name]["ports"])


def test_there_can_be_many_gateways():
    assert not {"container_name", "ports", "hostname"} & set(service("gateway"))


def test_redis_cannot_be_reached_from_outside():
    assert set(service("redis")["networks"]).isdisjoint(service("haproxy")["networks"])
    assert load(COMPOSE)["networks"]["back"] == {"internal": True}


def test_a_gateway_has_time_to_drain():
    gateway = service("gateway")
    drain = seconds(gateway["environment"]["CHATCTL_DRAIN"])
    assert seconds(gateway["stop_grace_period"]) >= drain + 10


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_has_few_rights_and_restarts_when_it_fails(name):
    each = SERVICES[name]
    assert each["cap_drop"] == ["ALL"]
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert each["restart"] == "unless-stopped"
    assert each.get("read_only", False) == (name in ALWAYS)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_log_can_fill_the_disk(name):
    logging = SERVICES[name]["logging"]
    assert logging["driver"] in ("local", "json-file")
    assert logging["options"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize(
    "balancer", ["172.18.0.3", "10.1.2.3", "100.64.0.3", "203.0.113.3", "fd00::3"]
)
def test_the_balancer_is_trusted_whatever_addresses_docker_chooses(balancer):
    trusted = networks(service("gateway")["environment"]["CHATCTL_PROXY_FROM"])
    assert any(ip_address(balancer) in each for each in trusted)


def test_redis_stores_messages_on_disk_and_drops_nothing():
    redis = service("redis")
    options = dict(zip(redis["command"][1::2], redis["command"][2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert "redis:/data" in redis["volumes"]
    assert "redis-cli" in redis["healthcheck"]["test"][1]
    assert service("gateway")["depends_on"]["redis"]["condition"] == "service_healthy"
