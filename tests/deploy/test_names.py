"""Every option, command, port and path that the files name is one of the code's."""

import ast
import re

import click
import pytest

from chatctl.cli import main
from chatctl.gateway import gateway
from chatctl.gateway_options import config
from tests.deploy.files import (
    CHAT_PORT,
    DOCKERFILE,
    HAPROXY,
    HTTP_PORT,
    POD_SETTINGS,
    PROMETHEUS,
    ROOT,
    TEXTS,
    UNIT_SETTINGS,
    image_variables,
    load,
    manifests,
    port,
    service,
    variables,
)

SETTINGS = {
    "image": image_variables(),
    "compose": service("gateway")["environment"],
    "systemd": variables(UNIT_SETTINGS),
    "kubernetes": variables(POD_SETTINGS),
}

IRC_PORT = 6667

OTHERS_FLAGS = {
    *("--scale", "--profile", "--now"),  # docker compose, systemctl
    *("--appendonly", "--appendfsync", "--save", "--maxmemory-policy"),  # redis-server
    *("--interval", "--timeout", "--start-period", "--retries", "--from"),  # Dockerfile
    *("--without-pip", "--no-cache-dir", "--wheel-dir", "--python", "--no-index", "--no-deps"),
    *("--yes", "--root-user-action"),  # pip
}


def parameters() -> list[click.Parameter]:
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    return [*main.params, *(each for command in commands if command for each in command.params)]


@pytest.mark.parametrize("name", TEXTS)
def test_every_variable_belongs_to_an_option(name):
    known = {parameter.envvar for parameter in parameters()}
    assert set(re.findall(r"\bCHATCTL_[A-Z_]*[A-Z]\b", TEXTS[name])) <= known


@pytest.mark.parametrize("name", TEXTS)
def test_every_flag_belongs_to_an_option(name):
    known = {flag for parameter in parameters() for flag in parameter.opts} | OTHERS_FLAGS
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXTS[name])) <= known


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_exists(name):
    found = re.findall(
        r"`chatctl ([a-z]+)|gateway chatctl ([a-z]+)|bin/chatctl ([a-z]+)", TEXTS[name]
    )
    assert {word for words in found for word in words if word} <= set(
        main.list_commands(click.Context(main))
    )


@pytest.mark.parametrize("place", SETTINGS)
def test_the_gateway_accepts_the_settings(monkeypatch, place):
    for name, value in {**image_variables(), **SETTINGS[place]}.items():
        monkeypatch.setenv(name, value)
    with gateway.make_context("gateway", []) as context:
        given = context.params
    assert given["drain"] < 120
    config(given, given["redis"] or "redis://secret:6379/0", given["drain"])


def test_the_chat_is_on_one_port_everywhere():
    assert port(gateway_default("listen")) == CHAT_PORT
    ports = [str(CHAT_PORT), str(IRC_PORT)]
    assert re.findall(r"bind :(\d+)", HAPROXY.read_text()) == ports
    assert re.findall(r" gateway:(\d+) ", HAPROXY.read_text()) == ports
    assert service("haproxy")["ports"][0] == f"${{CHAT_PORT:-{CHAT_PORT}}}:{CHAT_PORT}"
    assert port(variables(UNIT_SETTINGS)["CHATCTL_LISTEN"]) == CHAT_PORT
    assert container_ports()["chat"] == CHAT_PORT
    (of_service,) = manifests()["Service"]["spec"]["ports"]
    assert (of_service["port"], of_service["targetPort"]) == (CHAT_PORT, "chat")


def test_health_and_metrics_are_on_one_port_everywhere():
    assert set(re.findall(r"check port (\d+)", HAPROXY.read_text())) == {str(HTTP_PORT)}
    assert container_ports()["http"] == HTTP_PORT
    (scrape,) = load(PROMETHEUS)["scrape_configs"]
    assert scrape["dns_sd_configs"][0]["port"] == HTTP_PORT
    pod = manifests()["Deployment"]["spec"]["template"]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(HTTP_PORT)
    exposed = re.findall(r"^EXPOSE (.+)$", DOCKERFILE.read_text(), re.M)
    assert exposed == [f"{CHAT_PORT} {HTTP_PORT}"]


def test_every_http_path_used_is_one_that_the_gateway_serves():
    asked = {path for text in TEXTS.values() for path in re.findall(r"/(?:\w+z|metrics)\b", text)}
    answered = {text for text in constants() if text.startswith("/")}
    assert asked == {"/healthz", "/readyz", "/metrics"} <= answered


def gateway_default(name: str) -> str:
    (found,) = (each for each in gateway.params if each.name == name)
    return str(found.default)


def container_ports() -> dict[str, int]:
    (container,) = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["containerPort"] for each in container["ports"]}


def constants() -> set[str]:
    """Every string in the gateway's source."""
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value
                found.add(text if isinstance(text, str) else text.decode("utf-8", "replace"))
    return found
