"""The gateway's container: what it may do, and how it ends."""

import pytest

from tests.compose.project import Project, inspect, run, wait_for

pytestmark = pytest.mark.timeout(900)


def test_nobody_in_it_is_root(project: Project) -> None:
    assert project.ask("id", "-u").strip() == "10001"
    assert project.ask("cat", "/proc/1/status").count("CapEff:\t0000000000000000") == 1
    assert project.ask("cat", "/proc/1/status").count("NoNewPrivs:\t1") == 1


def test_nothing_in_it_can_be_written_but_tmp(project: Project) -> None:
    for each in project.containers("gateway"):
        assert inspect(each, "{{.HostConfig.ReadonlyRootfs}}") == "true"
    write = "import sys; open(sys.argv[1] + '/x', 'w')"
    project.ask("python", "-c", write, "/tmp")
    for folder in ("/", "/opt/chatctl", "/home", "/var/tmp"):
        with pytest.raises(AssertionError, match="Read-only file system"):
            project.ask("python", "-c", write, folder)


def test_no_tool_to_build_or_install_with_is_in_it(project: Project) -> None:
    look = "import shutil; print(*filter(shutil.which, 'pip gcc cc make git curl'.split()))"
    assert project.ask("python", "-c", look).split() == []


def test_process_1_is_the_gateway(project: Project) -> None:
    command = project.ask("cat", "/proc/1/cmdline").split("\0")
    assert [each.rpartition("/")[2] for each in command[:3]] == ["python", "chatctl", "gateway"]


def test_sigterm_ends_it_with_0_before_it_would_be_killed(project: Project) -> None:
    project.scale(3)
    victim = project.containers("gateway")[-1]
    run(["docker", "kill", "-s", "TERM", victim])
    wait_for(lambda: inspect(victim, "{{.State.Running}}") == "false", "it has ended", 30)
    assert inspect(victim, "{{.State.ExitCode}}") == "0"
    project.scale(3)


def test_the_settings_of_redis_are_those_that_are_wanted(project: Project) -> None:
    (redis,) = project.containers("redis")
    said = run(["docker", "exec", redis, "redis-cli", "config", "get", "appendonly"]).split()
    assert said == ["appendonly", "yes"]
    said = run(["docker", "exec", redis, "redis-cli", "config", "get", "maxmemory-policy"]).split()
    assert said == ["maxmemory-policy", "noeviction"]
