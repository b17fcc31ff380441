"""The files that operators deploy."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
HAPROXY = DEPLOY / "haproxy/haproxy.cfg"
UNIT = DEPLOY / "systemd/chatctl-gateway@.service"
UNIT_SETTINGS = DEPLOY / "systemd/gateway.env"
POD_SETTINGS = DEPLOY / "kubernetes/gateway.env"
PROMETHEUS = DEPLOY / "prometheus/prometheus.yml"
ALERTS = DEPLOY / "prometheus/alerts.yml"
DASHBOARD = DEPLOY / "grafana/chat.json"

MADE = DEPLOY / "share"
"""Files that `make share` writes."""

FILES = [
    DOCKERFILE,
    COMPOSE,
    *sorted(each for each in DEPLOY.rglob("*") if each.is_file() and MADE not in each.parents),
]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}


def load(path: Path) -> Any:
    """The only document of a YAML file."""
    return yaml.safe_load(path.read_text())


def service(name: str) -> dict[str, Any]:
    """A service of the compose file."""
    found: dict[str, Any] = load(COMPOSE)["services"][name]
    return found


def variables(path: Path) -> dict[str, str]:
    """The variables that a file of ``NAME=value`` lines sets."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.M))


def image_variables() -> dict[str, str]:
    """The variables that the image sets for the gateway."""
    return dict(re.findall(r"^(?:ENV)? +(CHATCTL_\w+)=(\S+)", DOCKERFILE.read_text(), re.M))


def manifests() -> dict[str, Any]:
    """The Kubernetes resources, by their kind."""
    folder = DEPLOY / "kubernetes"
    documents = [load(folder / name) for name in load(folder / "kustomization.yaml")["resources"]]
    return {document["kind"]: document for document in documents}


def expressions() -> Iterator[str]:
    """Every PromQL expression of the alerts and of the dashboard."""
    for group in load(ALERTS)["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]


def port(address: str) -> int:
    """The port of ``HOST:PORT``."""
    return int(address.rpartition(":")[2])


CHAT_PORT = port(image_variables()["CHATCTL_LISTEN"])
HTTP_PORT = port(image_variables()["CHATCTL_HTTP"])


def seconds(text: str) -> float:
    """The seconds of a duration like ``30s``."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def tool(name: str) -> str:
    """The path of a program; skips the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: only the structure of the file was checked")
    return found
