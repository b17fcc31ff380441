import asyncio

import pytest

from client.errors import CannotConnect, Ended, Refused, Unconfirmed
from client.lasting import Back, Backoff, LastingChat, Lost, StillAway
from wire.frames import Bye, Error, Quit, Send
from wire.reasons import CONNECTION_LOST, IDLE, QUIT, REPLACED, SHUTDOWN

AT_ONCE = Backoff(pick=lambda _low, _high: 0.0)


class Dialer:
    """Connects again; first come the failures that a test wants."""

    def __init__(self, join):
        self.join = join
        self.failures = []
        self.earlier = []
        self.peers = asyncio.Queue()

    async def __call__(self, earlier):
        self.earlier.append(earlier)
        if self.failures:
            raise self.failures.pop(0)
        connection, peer = await self.join(resume=earlier)
        self.peers.put_nowait(peer)
        return connection


@pytest.fixture
async def chat(join):
    connection, peer = await join()
    slowed = []
    chat = LastingChat(connection, Dialer(join), slowed.append, AT_ONCE)
    chat.slowed, chat.peer, chat.dialer = slowed, peer, chat._dial
    return chat


async def test_events_go_on_over_a_lost_connection(chat):
    first = chat.connection
    chat.peer.say("one")
    events = chat.events()
    assert (await anext(events)).text == "one"
    chat.peer.hang_up()
    assert await anext(events) == Lost(CONNECTION_LOST)
    assert chat.away
    assert await anext(events) == Back("g1")
    assert not chat.away
    (await chat.dialer.peers.get()).say("two")
    assert (await anext(events)).text == "two"
    assert chat.dialer.earlier == [first]


async def test_a_bye_that_says_so_is_followed_by_a_return(chat):
    events = chat.events()
    chat.peer.tell(Bye(*SHUTDOWN))
    assert await anext(events) == Lost(SHUTDOWN)
    assert await anext(events) == Back("g1")


@pytest.mark.parametrize("reason", [IDLE, QUIT])
async def test_a_goodbye_ends_it(chat, reason):
    chat.peer.tell(Bye(*reason))
    assert [event async for event in chat.events()] == []
    assert (chat.ended, chat.failure) == (reason, None)
    assert not chat.dialer.earlier


async def test_a_bad_goodbye_is_a_failure(chat):
    chat.peer.tell(Bye(*REPLACED))
    assert [event async for event in chat.events()] == []
    assert isinstance(chat.failure, Ended)
    assert str(chat.failure) == REPLACED.text


async def test_it_tries_on_while_that_can_help(chat):
    chat.dialer.failures = [
        CannotConnect("nobody there"),
        Refused("name_taken", "taken"),
        Refused("unavailable", "Redis is away"),
        Ended(SHUTDOWN),
    ]
    chat.peer.hang_up()
    events = chat.events()
    assert isinstance(await anext(events), Lost)
    whys = ["nobody there", "taken", "Redis is away", SHUTDOWN.text]
    assert [await anext(events) for _ in whys] == [StillAway(why) for why in whys]
    assert await anext(events) == Back("g1")


@pytest.mark.parametrize("failure", [Refused("bad_version", "too old"), Ended(REPLACED)])
async def test_it_gives_up_where_trying_cannot_help(chat, failure):
    chat.dialer.failures = [failure]
    chat.peer.hang_up()
    assert [event async for event in chat.events()] == [Lost(CONNECTION_LOST)]
    assert chat.failure is failure
    with pytest.raises(Ended):
        await chat.send("into the void")


async def test_what_was_not_acknowledged_is_not_sent_again(chat):
    sending = asyncio.create_task(chat.send("one"))
    await chat.peer.expect(Send)
    chat.peer.hang_up()
    events = chat.events()
    assert isinstance(await anext(events), Lost)
    with pytest.raises(Unconfirmed):
        await sending
    assert isinstance(await anext(events), Back)
    again = asyncio.create_task(chat.send("two"))
    assert (await (await chat.dialer.peers.get()).acknowledge()).text == "two"
    await again


async def test_what_is_said_while_away_is_sent_in_order_when_back(chat):
    chat.peer.hang_up()
    events = chat.events()
    assert isinstance(await anext(events), Lost)
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    assert isinstance(await anext(events), Back)
    peer = await chat.dialer.peers.get()
    assert [(await peer.acknowledge()).text for _ in sends] == ["one", "two"]
    await asyncio.gather(*sends)


async def test_a_send_on_a_connection_just_ended_waits_for_the_next(chat):
    chat.peer.hang_up()
    await chat.connection._gone.wait()
    sending = asyncio.create_task(chat.send("one"))  # before `events` has noticed
    events = chat.events()
    assert isinstance(await anext(events), Lost)
    assert isinstance(await anext(events), Back)
    assert (await (await chat.dialer.peers.get()).acknowledge()).text == "one"
    await sending


async def test_slow_down_is_obeyed_in_order_and_told_once(chat):
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    for text in ("one", "two"):
        refused = await chat.peer.expect(Send)
        assert refused.text == text
        chat.peer.tell(Error(code="slow_down", text="!", seq=refused.seq, retry_after=0.01))
        assert (await chat.peer.acknowledge()).text == text
    await asyncio.gather(*sends)
    assert chat.slowed == [0.01]


async def test_after_a_send_without_waiting_the_next_slow_down_is_told_again(chat):
    async def slow():
        sending = asyncio.create_task(chat.send("slow"))
        send = await chat.peer.expect(Send)
        chat.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=0.0))
        await chat.peer.acknowledge()
        await sending

    await slow()
    quick = asyncio.create_task(chat.send("quick"))
    await chat.peer.acknowledge()
    await quick
    await slow()
    assert chat.slowed == [0.0, 0.0]


async def test_other_refusals_are_the_senders(chat):
    sending = asyncio.create_task(chat.send("x"))
    send = await chat.peer.expect(Send)
    chat.peer.tell(Error(code="unavailable", text="Redis is away", seq=send.seq))
    with pytest.raises(Refused, match="Redis is away"):
        await sending


async def test_leaving_gives_what_is_still_to_be_sent_its_time(chat):
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    await asyncio.sleep(0)
    leaving = asyncio.create_task(chat.quit())
    assert [(await chat.peer.acknowledge()).text for _ in sends] == ["one", "two"]
    await chat.peer.farewell()
    await asyncio.gather(leaving, *sends)
    assert [event async for event in chat.events()] == []


async def test_leaving_releases_who_waits_for_the_gateways_limits(chat):
    sending = asyncio.create_task(chat.send("one"))
    send = await chat.peer.expect(Send)
    chat.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=3600.0))
    leaving = asyncio.create_task(chat.quit(within=0.05))
    assert isinstance(await chat.peer.request(), Quit)
    chat.peer.hang_up()
    with pytest.raises(Ended):
        await sending
    await leaving


async def test_leaving_while_away_releases_who_waits_to_send(chat):
    chat.peer.hang_up()
    events = chat.events()
    assert isinstance(await anext(events), Lost)
    sending = asyncio.create_task(chat.send("one"))
    await asyncio.sleep(0)
    await chat.quit()
    with pytest.raises(Ended) as ended:
        await sending
    assert not isinstance(ended.value, Unconfirmed)


def test_delays_grow_up_to_a_cap_and_each_is_drawn_from_zero_on():
    drawn = []

    def pick(low, high):
        drawn.append((low, high))
        return high / 2

    backoff = Backoff(pick=pick)
    assert [backoff.next() for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5]
    assert drawn[0] == (0.0, 0.5)  # the first too: all clients of a gateway lose it at once
    for _ in range(2000):
        assert backoff.next() == 7.5
    backoff.reset()
    assert backoff.next() == 0.25
