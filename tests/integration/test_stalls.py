"""The gateway's event loop stands still for longer than a deadline: nobody may suffer for it."""

import asyncio
import time

from tests.support.deadlines import eventually
from tests.support.fixtures import Connect, Join, StartGateway

DEADLINE = 0.4
STALL = 3 * DEADLINE


def stall() -> None:
    """Block the loop: nothing is read, written or timed."""
    time.sleep(STALL)


async def test_a_hello_that_came_in_time_counts(
    start_gateway: StartGateway, connect: Connect
) -> None:
    gateway = await start_gateway(limits={"hello": DEADLINE})
    peer = await connect(gateway)
    await eventually(lambda: gateway.gateway.peers)
    await peer.say(op="hello", v=1, name="dana")
    stall()
    await peer.expect(op="welcome")
    assert peer.told(op="bye") == []


async def test_a_sign_of_life_that_came_in_time_counts(
    start_gateway: StartGateway, join: Join
) -> None:
    gateway = await start_gateway(idle=DEADLINE)
    dana = await join(gateway, "dana")
    await dana.say(op="active")
    stall()
    await dana.say(op="active")
    await dana.caught_up()
    assert dana.told(op="bye") == []


async def test_a_client_that_gets_much_at_once_is_not_a_slow_reader(
    start_gateway: StartGateway, join: Join
) -> None:
    gateway = await start_gateway(limits={"backlog": 200_000}, outbox=16 * 1024 * 1024)
    dana, sis = await join(gateway, "dana"), await join(gateway, "sis")
    reading = asyncio.create_task(sis.collect(300, op="msg"))
    for number in range(300):
        await dana.say(op="send", text=f"{number} ".ljust(2000, "x"))
        if number == 100:
            stall()
    await reading
    assert sis.told(op="bye") == []
