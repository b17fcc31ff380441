import asyncio
import random

import pytest

from gateway.fleet.drain import drain
from tests.unit.gateway.fakes import AWAY, FakeLink, backplane_of, quiet, until
from wire.frames import Left, Msg, Send
from wire.reasons import SHUTDOWN


@pytest.fixture
def hurry():
    return asyncio.Event()


@pytest.fixture
async def gateway(house):
    return await house.open(drain=5.0)


async def test_nobody_is_here_nobody_is_waited_for(gateway, hurry):
    await drain(gateway, 3600.0, hurry)
    assert gateway.shutdown.draining


async def test_they_are_sent_elsewhere_at_once_and_keep_their_names(house, gateway, hurry):
    guests = [await house.guest(gateway, name) for name in ("dana", "sis", "mom")]
    newcomer = house.connect(gateway)
    await drain(gateway, 0.01, hurry)
    for guest in (*guests, newcomer):
        assert await guest.gone() == SHUTDOWN
        assert guest.link.after == 0.0
    assert set(house.memory.users) == {"dana", "sis", "mom"}
    assert not backplane_of(gateway).count("release")
    assert all(guest.told(Left) == [] for guest in guests)


async def test_who_is_still_here_is_served(house, gateway, hurry):
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    draining = asyncio.create_task(drain(gateway, 3600.0, hurry))
    await until(lambda: dana.link.closed or sis.link.closed, "the first one's end")
    await quiet()
    [stays] = [guest for guest in (dana, sis) if guest.link.closed is None]
    stays.say(Send(text="still here"))
    assert (await stays.hears(Msg)).text == "still here"
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)


async def test_in_a_hurry_everybody_goes_at_once(house, gateway, hurry):
    for number in range(5):
        await house.guest(gateway, f"n{number}")
    draining = asyncio.create_task(drain(gateway, 3600.0, hurry))
    await quiet()
    assert not draining.done()
    hurry.set()
    await draining


async def test_the_others_know_of_it_from_the_start(house, gateway, hurry):
    renewed = backplane_of(gateway).count("renew_lease")
    await house.guest(gateway, "dana")
    await house.guest(gateway, "sis")
    draining = asyncio.create_task(drain(gateway, 3600.0, hurry))
    await until(lambda: backplane_of(gateway).count("renew_lease") == renewed + 1)
    assert gateway.shutdown.draining
    hurry.set()
    await draining


async def test_without_redis_they_are_still_sent_away(house, gateway, hurry):
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "renew_lease")
    await drain(gateway, 0.01, hurry)
    assert await dana.gone() == SHUTDOWN


async def test_those_who_came_together_do_not_go_in_that_order(house, gateway, hurry, monkeypatch):
    went = []
    close = FakeLink.close
    monkeypatch.setattr(
        FakeLink, "close", lambda link, *how: (went.append(link), close(link, *how))
    )
    for number in range(8):
        await house.guest(gateway, f"guest{number}")
    order = list(gateway.peers)
    random.Random(7).shuffle(order)
    monkeypatch.setattr("gateway.fleet.drain.random", random.Random(7))
    await drain(gateway, 0.01, hurry)
    assert went == [peer.link for peer in order]


async def test_a_person_who_quits_during_the_drain_has_quit(house, gateway, hurry):
    guests = [await house.guest(gateway, name) for name in ("dana", "sis")]
    draining = asyncio.create_task(drain(gateway, 3600.0, hurry))
    await until(lambda: any(guest.link.closed for guest in guests))
    [stays] = [guest for guest in guests if guest.link.closed is None]
    stays.say(b'{"op":"quit"}')
    assert (await stays.gone()).code == "quit"
    await until(lambda: len(house.memory.users) == 1)
    hurry.set()
    await draining
