"""The client, real gateways and a network that breaks: nothing is lost, and nothing comes twice."""

import asyncio

import pytest

from client.dial import Dialer
from client.lasting import LastingChat
from client.news import Back, News
from tests.unit.client.network import Network
from wire.frames import Gap, Msg

SETTINGS = {"history_age": 3600.0, "resume_within": 600.0, "outbox": 2**20, "drain": 0.0}


@pytest.fixture
async def network(start_gateway):
    """A bad network before a gateway; `history` is short, so that a test can outrun it."""
    gateway = await start_gateway(history=100, **SETTINGS)
    async with Network(gateway) as network:
        yield network


@pytest.fixture
async def sis(network, connect):
    """Somebody whose network is good."""
    sis = await connect(network.gateway)
    await sis.hello("sis")
    return sis


def chat_over(connection, dialer):
    """One that comes back at once."""
    return LastingChat(connection, dialer, pick=lambda _low, _high: 0.01)


@pytest.fixture
async def dana(network):
    dialer = Dialer([("127.0.0.1", network.port)], "dana")
    async with chat_over(await dialer(), dialer) as chat:
        yield chat


async def told(events, last):
    """What is told up to a message: texts, gaps as None, and not who comes and goes."""
    found = []
    async for event in events:
        if isinstance(event, Msg):
            found.append(event.text)
        elif isinstance(event, Gap):
            found.append(None)
        if found and found[-1] == last:
            return found


@pytest.mark.parametrize("to", [None, ["sis"]], ids=["public", "private"])
async def test_a_connection_that_breaks_before_the_ack_posts_it_once(network, sis, dana, to):
    network.swallowed = {"back"}
    sends = [asyncio.create_task(dana.send(text, to=to)) for text in ("once", "next")]
    await sis.expect(op="msg", text="once")
    network.swallowed.clear()
    network.cut()
    acks = await asyncio.gather(*sends)
    await sis.expect(op="msg", text="next")
    assert [msg["text"] for msg in sis.told(op="msg")] == ["once", "next"]
    own = []
    async for event in dana.events():
        own += [event] if isinstance(event, Msg) else []
        if len(own) == 2:
            break
    assert [msg.text for msg in own] == ["once", "next"]
    # Of a private message each who has it has a copy: the ack is for the sender's.
    assert [msg.id for msg in own] == [ack.id for ack in acks]


async def test_a_connection_that_breaks_before_the_send_loses_nothing(network, sis, dana):
    network.swallowed = {"up"}
    sending = asyncio.create_task(dana.send("once"))
    await asyncio.sleep(0)
    network.swallowed.clear()
    network.cut()
    await sending
    await sis.expect(op="msg", text="once")
    assert await told(dana.events(), "once") == ["once"]


async def test_missed_messages_come_once_and_in_order(network, sis, dana):
    events = dana.events()
    await sis.say(op="send", text="before")
    assert await told(events, "before") == ["before"]
    network.down = True
    network.cut()
    texts = [str(number) for number in range(50)]
    for text in texts:
        await sis.say(op="send", text=text)
    await sis.expect(op="msg", text=texts[-1])
    network.down = False
    await sis.say(op="send", text="after")
    assert await told(events, "after") == [*texts, "after"]


async def test_lost_messages_leave_a_gap_in_their_place(network, sis, dana):
    events = dana.events()
    await sis.say(op="send", text="before")
    assert await told(events, "before") == ["before"]
    network.down = True
    network.cut()
    texts = [str(number) for number in range(400)]
    for text in texts:
        await sis.say(op="send", text=text)
    await sis.expect(op="msg", text=texts[-1])
    network.down = False
    gap, *kept = await told(events, texts[-1])
    assert gap is None
    assert 100 <= len(kept) < 400
    assert kept == texts[-len(kept) :]


async def test_when_a_gateway_ends_the_chat_goes_on_at_another(network, sis, start_gateway):
    other = await start_gateway(history=100, **SETTINGS)
    dialer = Dialer([("127.0.0.1", other.port), ("127.0.0.1", network.gateway.port)], "dana")
    async with chat_over(await dialer(), dialer) as dana:
        events = dana.events()
        await dana.send("before")
        assert await told(events, "before") == ["before"]
        sending = asyncio.create_task(dana.send("meanwhile"))
        await other.stop()
        await sending
        news = [event async for event in until_back(events)]
        assert news[-1] == Back(network.gateway.gateway.id, resumed=True)
        await sis.say(op="send", text="after")
        await sis.expect(op="msg", text="after")
        assert [msg["text"] for msg in sis.told(op="msg")] == ["before", "meanwhile", "after"]


async def until_back(events):
    """The news up to the return."""
    async for event in events:
        if isinstance(event, News):
            yield event
        if isinstance(event, Back):
            return
