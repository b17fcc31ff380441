"""One call of the backplane fails: whichever it is, that costs one thing.

A day in a gateway's life is lived again and again; each time one call later fails.
"""

import itertools

import pytest

from gateway import core, presence
from gateway.backplane.connection import RedisError
from tests.unit.gateway.conftest import encode_any
from tests.unit.gateway.fakes import AWAY, FakeBackplane, backplane_of, quiet, until
from wire.frames import Msg, Pong

FAILURES = [RedisError("OOM command not allowed"), AWAY]


class Trap:
    """One call fails: the n-th from now on."""

    def __init__(self, monkeypatch):
        self.left = 0
        self.failure = self.failed = None
        asked = FakeBackplane._asked

        async def trapped(backplane, method, argument=None):
            self.left -= 1
            sprung = self.left == 0
            await asked(backplane, method, argument)
            if sprung:
                self.failed = method
                raise self.failure

        monkeypatch.setattr(FakeBackplane, "_asked", trapped)

    def set(self, call, failure):
        self.left, self.failure = call, failure


@pytest.fixture
def trap(monkeypatch):
    return Trap(monkeypatch)


@pytest.fixture
def busy(monkeypatch):
    """What is done each so many seconds is done all the time."""
    for module, name in [
        (core, "CHECK_EVERY"),
        (core, "TRIM_EVERY"),
        (presence, "LEASE_EVERY"),
        (presence, "SWEEP_AFTER"),
        (presence, "SETTLE_EVERY"),
    ]:
        monkeypatch.setattr(module, name, 0.001)


async def a_day(house, gateway):
    """People come, talk, ask, are told what they missed, and go; some of it may fail."""
    dana, sis, mom = (house.connect(gateway) for _ in range(3))
    for guest, name in ((dana, "Dana"), (sis, "sis"), (mom, "Mütterchen")):
        guest.say(encode_any({"op": "hello", "v": 1, "name": name}))
    await quiet()
    dana.say(encode_any({"op": "send", "text": "hello", "seq": 1}))
    dana.say(encode_any({"op": "send", "text": "psst @sis", "seq": 2}))
    sis.say(encode_any({"op": "send", "text": "sis, dana and others", "seq": 1}))
    sis.say(encode_any({"op": "who", "seq": 2}))
    await quiet()
    mom.peer.hung_up()
    sis.say(encode_any({"op": "quit"}))
    await quiet()
    return dana, sis, mom


async def is_let_go(guest, when):
    """Whoever is still here is answered; then it hangs up."""
    if guest.link.closed is None:
        guest.say(encode_any({"op": "ping"}))
        await until(lambda: guest.told(Pong) or guest.link.closed, f"{when}: an answer")
    if guest.link.closed is None:
        guest.peer.hung_up()
        await until(lambda: guest.link.closed, f"{when}: the end")


async def goes_on(house, gateway, when):
    """Nothing is left of those who went, others can come and talk, and all is seen to."""
    await until(lambda: not gateway.peers, f"{when}: everybody's leaving")
    await until(lambda: not house.memory.users, f"{when}: giving back {house.memory.users}")
    newcomer = await house.guest(gateway, "Sis")
    newcomer.say(encode_any({"op": "send", "text": "still here"}))
    await newcomer.hears(Msg)
    newcomer.say(encode_any({"op": "quit"}))
    await until(lambda: not gateway.peers, f"{when}: the newcomer's leaving")
    backplane = backplane_of(gateway)
    for method in ("renew_lease", "sweep", "tails", "trim"):
        times = backplane.count(method)
        await until(lambda m=method, t=times: backplane.count(m) > t, f"{when}: {method} again")


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_the_gateway_lives_on_and_nobody_waits_for_ever(house, trap, failure):
    gateway = await house.open(idle=60.0)
    for call in itertools.count(1):
        trap.set(call, failure)
        guests = await a_day(house, gateway)
        sprung = trap.left <= 0
        trap.set(0, None)
        when = f"failed {trap.failed}, call {call}"
        for guest in guests:
            await is_let_go(guest, when)
        await goes_on(house, gateway, when)
        if not sprung:
            break
    assert call > 10
