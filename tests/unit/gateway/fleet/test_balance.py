"""Who is sent on to other gateways, and when nobody is."""

from types import SimpleNamespace

import msgspec
import pytest

from gateway.fleet import balance as module
from gateway.fleet.balance import PAUSE, STAYED, Balance, too_many
from gateway.fleet.shutdown import Shutdown
from tests.unit.gateway.fakes import registration
from wire.reasons import CONNECTION_LOST, REBALANCE


@pytest.mark.parametrize(
    ("own", "others", "count"),
    [
        (0, [], 0),
        (600, [], 0),
        (600, [600, 600, 0], 105),  # the mean is 450, and 1.1 of it 495
        (495, [495, 495, 315], 0),
        (12, [0], 0),  # not ten more than the mean
        (30, [0], 14),
        (100, [100], 0),
        (0, [500], 0),
    ],
)
def test_a_gateway_has_too_many_if_it_has_far_more_than_the_mean(own, others, count):
    assert too_many(own, others) == count


class Scene:
    """A gateway with some people, and what the others report."""

    def __init__(self, people, others, *, rate=1000.0, client="chatctl/1", since=0):
        self.now = 1000.0
        self.verified = True
        self.sent = []
        self.freed = []
        self.shutdown = Shutdown()
        self.online = {}
        self.others = others
        for number in range(people):
            self.come(number, client=client, since=since)
        self.balance = Balance(
            self, self, self.shutdown, self.online, rate, lambda: self.now, lambda: self.now
        )

    def come(self, number, *, client="chatctl/1", since=0):
        record = msgspec.structs.replace(
            registration(f"p{number}"),
            session=f"s{number}",
            origin=f"o{number}",
            client=client,
            since=since,
        )

        def end(reason, *, keep_name):
            assert (reason, keep_name) == (REBALANCE, True)
            self.sent.append(record)
            del self.online[record.session]

        self.online[record.session] = SimpleNamespace(registration=record, end=end)

    async def neighbours(self):
        return {
            f"g{number}": SimpleNamespace(sessions=sessions, draining=draining)
            for number, (sessions, draining) in enumerate(self.others)
        }

    def is_verified(self):
        return self.verified

    def expect_no_more(self, session):
        self.freed.append(session)

    async def release(self, record, reason):
        assert (record.session, reason) == (self.freed[-1], CONNECTION_LOST)


async def test_some_are_sent_on_no_more_than_the_rate_allows():
    scene = Scene(600, [(600, False), (0, False)], rate=2.0)
    module_sleep, slept = module.asyncio.sleep, []

    async def sleep(seconds):
        slept.append(seconds)
        await module_sleep(0)

    module.asyncio.sleep = sleep
    try:
        await scene.balance.look()
    finally:
        module.asyncio.sleep = module_sleep
    assert len(scene.sent) == 10  # in five seconds
    assert slept == [0.5] * 10


async def test_until_it_has_hardly_more_than_the_mean():
    scene = Scene(100, [(0, False)])
    await scene.balance.look()
    assert len(scene.online) == 55


@pytest.mark.parametrize(
    "why",
    ["draining", "not verified", "no others", "others drain", "new", "no client"],
)
async def test_nobody_is_sent_on(why):
    scene = Scene(
        100,
        {"no others": [], "others drain": [(0, True)]}.get(why, [(0, False)]),
        client=None if why == "no client" else "chatctl/1",
        since=(1000 - STAYED + 1) * 1000 if why == "new" else 0,
    )
    scene.shutdown.draining = why == "draining"
    scene.verified = why != "not verified"
    await scene.balance.look()
    assert scene.sent == []


async def test_names_are_kept_for_a_while_and_no_longer():
    scene = Scene(100, [(0, False)])
    await scene.balance.look()
    scene.others = [(45, False)]
    await scene.balance.look()
    assert scene.freed == []
    scene.now += module.BACK_WITHIN
    await scene.balance.look()
    assert sorted(scene.freed) == sorted(each.session for each in scene.sent)


async def test_if_all_come_back_it_is_left_for_a_while():
    scene = Scene(100, [(0, False)])
    await scene.balance.look()
    sent = len(scene.sent)
    for number in range(100):
        if f"s{number}" not in scene.online:
            scene.come(number)
    await scene.balance.look()
    assert len(scene.sent) == sent
    scene.now += PAUSE - 1
    await scene.balance.look()
    assert len(scene.sent) == sent
    scene.now += 1
    await scene.balance.look()
    assert len(scene.sent) > sent
