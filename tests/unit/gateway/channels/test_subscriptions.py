import asyncio

import pytest

from gateway.channels.subscriptions import Subscriptions
from gateway.errors import BackplaneDown
from tests.unit.gateway.fakes import quiet


class Redis:
    """Confirms a subscription when told."""

    def __init__(self):
        self.calls = []
        self.answers = {}

    async def subscribe(self, channel):
        self.calls.append(f"+{channel}")
        self.answers[channel] = asyncio.get_running_loop().create_future()
        await self.answers[channel]

    def unsubscribe(self, channel):
        self.calls.append(f"-{channel}")

    async def confirm(self, channel):
        await quiet()
        self.answers[channel].set_result(None)

    async def refuse(self, channel):
        await quiet()
        self.answers[channel].set_exception(BackplaneDown("away"))


@pytest.fixture
def redis():
    return Redis()


@pytest.fixture
def subscriptions(redis):
    return Subscriptions(redis.subscribe, redis.unsubscribe)


async def test_the_first_user_of_a_channel_waits_for_the_confirmation(subscriptions, redis):
    first = asyncio.create_task(subscriptions.need("room"))
    await quiet()
    assert not first.done()
    await redis.confirm("room")
    await first


async def test_other_users_wait_for_the_same_confirmation(subscriptions, redis):
    several = [asyncio.create_task(subscriptions.need("room")) for _ in range(3)]
    await quiet()
    assert not any(task.done() for task in several)
    await redis.confirm("room")
    await asyncio.gather(*several)
    assert redis.calls == ["+room"]


async def test_later_users_do_not_wait(subscriptions, redis):
    first = asyncio.create_task(subscriptions.need("room"))
    await redis.confirm("room")
    await first
    await subscriptions.need("room")
    assert redis.calls == ["+room"]


async def test_the_last_user_closes_the_channel(subscriptions, redis):
    several = [asyncio.create_task(subscriptions.need("room")) for _ in range(2)]
    await redis.confirm("room")
    await asyncio.gather(*several)
    subscriptions.drop("room")
    assert redis.calls == ["+room"]
    subscriptions.drop("room")
    assert redis.calls == ["+room", "-room"]


async def test_a_user_after_the_last_subscribes_again(subscriptions, redis):
    for _ in range(2):
        task = asyncio.create_task(subscriptions.need("room"))
        await redis.confirm("room")
        await task
        subscriptions.drop("room")
    assert redis.calls == ["+room", "-room", "+room", "-room"]


async def test_channels_do_not_wait_for_each_other(subscriptions, redis):
    room = asyncio.create_task(subscriptions.need("room"))
    user = asyncio.create_task(subscriptions.need("user"))
    await redis.confirm("user")
    await user
    assert not room.done()
    await redis.confirm("room")
    await room


async def test_a_failure_reaches_everybody_who_waits_and_leaves_nothing(subscriptions, redis):
    several = [asyncio.create_task(subscriptions.need("room")) for _ in range(3)]
    await redis.refuse("room")
    outcomes = await asyncio.gather(*several, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BackplaneDown] * 3
    assert redis.calls == ["+room", "-room"]
    again = asyncio.create_task(subscriptions.need("room"))
    await redis.confirm("room")
    await again
    assert redis.calls == ["+room", "-room", "+room"]


async def test_giving_up_does_not_close_the_channel_for_others(subscriptions, redis):
    one = asyncio.create_task(subscriptions.need("room"))
    other = asyncio.create_task(subscriptions.need("room"))
    await quiet()
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    await redis.confirm("room")
    await other
    assert redis.calls == ["+room"]


async def test_if_the_only_user_gives_up_nothing_is_left(subscriptions, redis):
    only = asyncio.create_task(subscriptions.need("room"))
    await quiet()
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    assert redis.calls == ["+room", "-room"]
    late = asyncio.create_task(subscriptions.need("room"))
    former = redis.answers["room"]
    await quiet()
    former.set_result(None)
    await quiet()
    assert not late.done(), "it is not its own confirmation"
    await redis.confirm("room")
    await late
