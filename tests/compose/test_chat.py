"""People talk through the balancer, while gateways come and go. Nobody notices."""

import asyncio
import subprocess
import sys

import pytest

from tests.compose.people import room
from tests.compose.project import ROOT, Project, inspect, run, wait_for
from tests.support.deadlines import within

pytestmark = pytest.mark.timeout(900)

SIX = ("ann", "ben", "cat", "dan", "eve", "fay")


def test_people_on_three_gateways_are_in_one_room(project: Project) -> None:
    async def scene() -> None:
        project.scale(3)
        async with room(project) as here:
            await here.join(*SIX)
            async with here.talking():
                await here.listed(gateways=3)

    asyncio.run(scene())


def test_a_gateway_that_is_killed_takes_nobody_and_nothing_with_it(project: Project) -> None:
    async def scene() -> None:
        project.scale(3)
        async with room(project) as here:
            await here.join(*SIX)
            async with here.talking():
                await here.listed(gateways=3)
                victim = project.containers("gateway")[0]
                await asyncio.to_thread(run, ["docker", "kill", "-s", "KILL", victim])
                await here.listed(gateways=2)
                await asyncio.to_thread(project.scale, 3)
            await here.listed(gateways=2)

    asyncio.run(scene())


def test_scaling_down_and_up_loses_no_message_and_no_name(project: Project) -> None:
    async def scene() -> None:
        project.scale(3)
        async with room(project) as here:
            await here.join(*SIX)
            await here.listed(gateways=3)
            async with here.talking():
                await asyncio.to_thread(project.scale, 2)
                await here.listed(gateways=2)
            assert [each.saw_leave for each in here.people.values()] == [[]] * len(SIX)

            await asyncio.to_thread(project.scale, 3)
            # Those who come next find the new one, which has nobody yet.
            await here.join("gil", "hal", "ida")
            async with here.talking():
                await here.listed(gateways=3)

    asyncio.run(scene())


def test_the_client_on_this_machine_gets_in(project: Project) -> None:
    async def scene() -> None:
        async with room(project) as here:
            await here.join("ann")
            client = [sys.executable, "-m", "chatctl", "client", "bob"]
            server = ["--server", f"localhost:{project.port}"]
            await asyncio.to_thread(run, [*client, *server], input="hi\n", cwd=ROOT)
            here.people["ann"].expected.append("hi")
            await here.settled()
            (user,) = await here.listed(gateways=1)
            # Not the balancer, but the way by which this machine comes to it.
            (balancer,) = project.containers("haproxy")
            networks = f'{{{{(index .NetworkSettings.Networks "{project.name}_front").Gateway}}}}'
            assert host_of(user["address"]) == inspect(balancer, networks)

    asyncio.run(scene())


def test_gateways_see_the_address_of_the_client_and_not_of_the_balancer(project: Project) -> None:
    (balancer,) = project.containers("haproxy")
    gateway = project.containers("gateway")[0]
    image, network = inspect(gateway, "{{.Image}}"), f"{project.name}_front"
    name = f"{project.name}-guest"
    guest = ["docker", "run", "--rm", "-i", "--name", name, "--network", network, image]
    with subprocess.Popen(
        [*guest, "client", "guest", "--server", "haproxy:2428"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for(lambda: names(project) == {"guest"}, "the guest is listed")
            (user,) = project.users()
            assert host_of(user["address"]) == project.address(name)
            assert host_of(user["address"]) != project.address(balancer)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(within(20))
    wait_for(lambda: names(project) == set(), "the guest is gone")


def names(project: Project) -> set[str]:
    return {user["name"] for user in project.users()}


def host_of(address: str) -> str:
    return address.rpartition(":")[0]
