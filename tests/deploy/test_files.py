"""Each file can be parsed, says what to change, and names only what exists."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.deploy.files import (
    COMPOSE,
    DASHBOARD,
    DEPLOY,
    DOCKERFILE,
    PROMETHEUS,
    ROOT,
    TEXTS,
    load,
    service,
)


@pytest.mark.parametrize("name", [name for name in TEXTS if Path(name).suffix in (".yml", ".yaml")])
def test_yaml_can_be_parsed(name):
    assert all(isinstance(each, dict) for each in yaml.safe_load_all(TEXTS[name]))


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_says_what_to_change(name):
    text = json.loads(TEXTS[name])["description"] if name.endswith(".json") else TEXTS[name]
    assert re.search(r"\bTo change\b", text)


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_named_in_a_comment_exists(name):
    own = {"secret.yaml"}  # made by readers
    named = set(
        re.findall(r"(?<![\w./-])[\w.][\w./-]*\.(?:ya?ml|md|cfg|env|service)\b", TEXTS[name])
    )
    places = (ROOT, (ROOT / name).parent)
    assert not {
        each for each in named - own if not any((place / each).exists() for place in places)
    }


def mounts() -> list[tuple[str, str]]:
    found = []
    for each in load(COMPOSE)["services"].values():
        for volume in each.get("volumes", ()):
            source, target = volume.split(":")[:2]
            found.append((source, target))
    return found


def test_everything_that_is_mounted_exists_or_is_a_volume():
    volumes = load(COMPOSE)["volumes"]
    for source, _ in mounts():
        assert (ROOT / source).exists() if source.startswith(".") else source in volumes


def test_every_volume_and_network_is_used():
    compose = load(COMPOSE)
    networks = {each for service in compose["services"].values() for each in service["networks"]}
    assert set(compose["networks"]) == networks
    assert set(compose["volumes"]) == {each for each, _ in mounts() if not each.startswith(".")}


def test_the_kustomization_names_exactly_the_files_that_exist():
    folder = DEPLOY / "kubernetes"
    kustomization = load(folder / "kustomization.yaml")
    settings = [name for each in kustomization["configMapGenerator"] for name in each["envs"]]
    named = {*kustomization["resources"], *settings}
    there = {path.name for path in folder.iterdir()}
    assert named == there - {"kustomization.yaml", "secret.example.yaml"}


def test_prometheus_and_grafana_find_their_mounted_files():
    at = {target: ROOT / source for source, target in mounts()}
    for name in load(PROMETHEUS)["rule_files"]:
        assert at[f"/etc/prometheus/{name}"].exists()
    (provider,) = load(DEPLOY / "grafana/provisioning/dashboards/chat.yml")["providers"]
    board = f"{provider['options']['path']}/{DASHBOARD.name}"
    assert at[board] == DASHBOARD
    home = service("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == board
    (source,) = load(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_the_image_is_built_only_from_files_that_the_wheel_needs():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / each).exists() for each in kept)
    assert lines[1] == "*"
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"].keys()
    assert kept == packages - {"tests"} | shared | {"pyproject.toml", "README.md", "LICENSE"}


@pytest.mark.parametrize("name", TEXTS)
def test_images_have_a_full_version_and_no_registry(name):
    images = re.findall(r"^\s*(?:image:|FROM) ([^\s#]+)", TEXTS[name], re.M)
    for image in images:
        if (name, image) == ("deploy/kubernetes/deployment.yaml", "chatctl"):
            continue  # kustomization.yaml gives it its version
        # A full version, so that what was tested is what runs.
        assert re.fullmatch(r"(?:[a-z]+/)?[a-z]+:v?\d+\.\d+\.\d+(?:-[\w.-]+)?", image)


def test_the_dockerfile_has_two_stages_and_ends_without_root():
    text = DOCKERFILE.read_text()
    assert len(re.findall(r"^FROM ", text, re.M)) == 2
    assert re.findall(r"^USER (.+)$", text, re.M) == ["10001:10001"]


def test_the_images_health_check_is_a_module_that_exists():
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE.read_text(), re.M | re.S)
    python, options, module = json.loads(command)
    assert (python, options) == ("python", "-Im")
    assert (ROOT / f"{module.replace('.', '/')}.py").exists()
