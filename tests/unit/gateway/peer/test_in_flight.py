import asyncio

from gateway.peer.in_flight import InFlight
from tests.unit.gateway.fakes import quiet


async def test_without_anything_said_nobody_waits():
    in_flight = InFlight()
    assert not in_flight
    await in_flight.settled()


async def test_all_who_wait_go_on_when_the_last_is_known():
    in_flight = InFlight()
    in_flight.add()
    in_flight.add()
    waiting = [asyncio.create_task(in_flight.settled()) for _ in range(2)]
    in_flight.done()
    await quiet()
    assert in_flight
    assert not any(task.done() for task in waiting)
    in_flight.done()
    await asyncio.gather(*waiting)
    assert not in_flight


async def test_who_gave_up_waiting_does_no_harm():
    in_flight = InFlight()
    in_flight.add()
    gone, waiting = [asyncio.create_task(in_flight.settled()) for _ in range(2)]
    await quiet()
    gone.cancel()
    await quiet()
    in_flight.done()
    await waiting
