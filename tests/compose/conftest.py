"""One chat in containers for all tests, in either spelling of the command."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.project import Project, running


def engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode == 0


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    if not engine_answers():
        pytest.skip("no Docker engine answers: the compose file was not run")


@pytest.fixture(scope="module", params=["docker compose", "docker-compose"])
def project(request: pytest.FixtureRequest, engine: None) -> Iterator[Project]:
    spelling = request.param.split()
    known = shutil.which(spelling[0]) is not None
    if not known or subprocess.run([*spelling, "version"], capture_output=True).returncode:
        pytest.skip(f"{request.param} is not installed")
    with running(spelling, gateways=3) as project:
        yield project
