"""One call of the backplane fails: whichever it is, that costs one thing.

A day in a gateway's life is lived again and again; each time one call later fails.
"""

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from gateway.errors import BackplaneRefused
from gateway.fleet import everybody, presence
from tests.unit.gateway.conftest import encode_any
from tests.unit.gateway.fakes import AWAY, FakeBackplane, backplane_of, quiet, until
from wire.frames import Msg, Pong, Welcome

FAILURES = [RuntimeError("unexpected"), BackplaneRefused("OOM command not allowed"), AWAY]


class Trap:
    """One call fails: the n-th from now on."""

    def __init__(self, monkeypatch):
        self.left = 0
        self.failure = self.failed = None
        asked = FakeBackplane.asked_for

        async def trapped(backplane, method, argument=None):
            self.left -= 1
            sprung = self.left == 0
            await asked(backplane, method, argument)
            if sprung:
                self.failed = method
                raise self.failure

        monkeypatch.setattr(FakeBackplane, "asked_for", trapped)

    def set(self, call, failure):
        self.left, self.failure = call, failure


@pytest.fixture
def trap(monkeypatch):
    return Trap(monkeypatch)


class Turns:
    """What is done at intervals is done when a test says so."""

    def __init__(self, monkeypatch):
        self._next = asyncio.Event()
        turned = SimpleNamespace(**vars(asyncio) | {"sleep": self._sleep})
        monkeypatch.setattr("gateway.tasks.asyncio", turned)

    async def _sleep(self, seconds):
        await self._next.wait()

    def take(self):
        self._next.set()
        self._next = asyncio.Event()


@pytest.fixture
async def turns(monkeypatch):
    monkeypatch.setattr(presence, "SWEEP_AFTER", 0.0)
    monkeypatch.setattr(everybody, "FRESH", 0.0)
    return Turns(monkeypatch)


async def a_day(house, gateway, turns):
    """People come, talk, ask, are told what they missed, and go; some of it may fail."""
    dana, sis, mom, again = (house.connect(gateway) for _ in range(4))
    for guest, name in ((dana, "Dana"), (sis, "sis"), (mom, "Mütterchen")):
        say(guest, op="hello", v=1, name=name)
    await quiet()
    mom.peer.hung_up()
    say(dana, op="send", text="hello sis, where are you", seq=1)
    say(dana, op="send", text="psst @sis", seq=2)
    say(sis, op="send", text="psst @Mütterchen @dad", seq=1)
    say(sis, op="who", seq=2)
    turns.take()
    await quiet()
    shown = (
        {"resume": mom.told(Welcome)[0].resume, "seen": mom.told(Welcome)[0].seen}
        if mom.told(Welcome)
        else {}
    )
    say(again, op="hello", v=1, name="Mütterchen", **shown)
    say(again, op="send", text="back", seq=1)
    say(sis, op="quit")
    await quiet()
    return dana, sis, mom, again


def say(guest, **request):
    guest.say(encode_any(request))


async def is_let_go(guest, when):
    """A peer that is still here is answered; then it hangs up."""
    if guest.link.closed is None:
        say(guest, op="ping")
        await until(lambda: guest.told(Pong) or guest.link.closed, f"{when}: an answer")
    if guest.link.closed is None:
        guest.peer.hung_up()
        await until(lambda: guest.link.closed, f"{when}: the end")


async def goes_on(house, gateway, turns, when):
    """Nothing is left of those who went, others can come and talk, and all is seen to."""
    await until(lambda: not gateway.peers, f"{when}: everybody's leaving")
    turns.take()
    await until(lambda: not house.memory.users, f"{when}: giving back {house.memory.users}")
    newcomer = await house.guest(gateway, "Sis")
    say(newcomer, op="send", text="still here")
    await newcomer.hears(Msg)
    say(newcomer, op="quit")
    await until(lambda: not gateway.peers, f"{when}: the newcomer's leaving")
    backplane = backplane_of(gateway)
    times = {
        method: backplane.count(method) for method in ("renew_lease", "sweep", "tails", "trim")
    }
    turns.take()
    await until(
        lambda: all(backplane.count(method) > count for method, count in times.items()),
        f"{when}: everything that is done again and again",
    )


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_the_gateway_lives_on_and_nobody_waits_forever(house, trap, turns, failure):
    gateway = await house.open(idle=60.0)
    for call in itertools.count(1):
        trap.set(call, failure)
        guests = await a_day(house, gateway, turns)
        sprung = trap.left <= 0
        trap.set(0, None)
        when = f"failed {trap.failed}, call {call}"
        for guest in guests:
            await is_let_go(guest, when)
        await goes_on(house, gateway, turns, when)
        if not sprung:
            break
    assert call > 20
