import asyncio

import pytest

from client import lasting as module
from client.errors import CannotConnect, Ended, Refused, Unconfirmed
from client.lasting import State
from client.news import Back, Held, Lost, NotRejoined, SentAgain, StillAway
from tests.unit.client.rejoin import Pauses, Rejoin, close, lasting_chat
from wire.frames import (
    HISTORY,
    Active,
    Bye,
    Changed,
    Entered,
    Error,
    Gap,
    Join,
    Leave,
    ListMembers,
    Msg,
    Notice,
    Out,
    Quit,
    Send,
)
from wire.reasons import CONNECTION_LOST, IDLE, QUIT, REPLACED, SHUTDOWN, SLOW

BACK = Back("g1", resumed=True)


@pytest.fixture
async def chat(join):
    connection, peer = await join(welcome={"seen": {"lobby": "1-0", "@": "1-5"}})
    rejoin, pauses = Rejoin(join), Pauses()
    chat = lasting_chat(connection, rejoin, pauses)
    chat.peer, chat.rejoin, chat.pauses = peer, rejoin, pauses
    async with chat:
        yield chat
        await close(chat)


@pytest.fixture
def events(chat):
    return chat.events()


async def sent(chat, text, **fields):
    """Begin to send something, up to the gateway's hands."""
    sending = asyncio.create_task(chat.send(text, **fields))
    return sending, await chat.peer.expect(Send)


async def come_back(chat, events):
    """Wait for the return; gives the gateway's end of the new connection."""
    assert isinstance(await anext(events), Lost)
    assert isinstance(await anext(events), Back)
    return await chat.rejoin.peers.get()


async def test_events_go_on_over_a_lost_connection(chat, events):
    first = chat.connection
    chat.peer.say("one")
    assert (await anext(events)).text == "one"
    chat.peer.hang_up()
    assert await anext(events) == Lost(CONNECTION_LOST)
    assert await anext(events) == BACK
    (await chat.rejoin.peers.get()).say("two")
    assert (await anext(events)).text == "two"
    assert chat.rejoin.earlier == [first]


async def test_it_comes_back_even_if_nobody_reads_the_events(chat):
    chat.peer.hang_up()
    peer = await chat.rejoin.peers.get()
    sending = asyncio.create_task(chat.send("still here"))
    assert (await peer.acknowledge()).text == "still here"
    await sending


async def test_it_tells_what_it_has_seen_and_repeats_no_message(chat, events):
    chat.peer.say("one", id="1-1")
    chat.peer.say("for you", id="1-6", to=["dana"])
    chat.peer.hang_up()
    assert [(await anext(events)).text for _ in range(2)] == ["one", "for you"]
    peer = await come_back(chat, events)
    assert chat.rejoin.seen == [{"lobby": "1-1", "@": "1-6"}]
    assert peer.hello.resume == "token-1"
    assert peer.hello.seen == {"lobby": "1-1", "@": "1-6"}
    peer.say("one", id="1-1")
    peer.say("for you", id="1-6", to=["dana"])
    peer.say("two", id="1-2")
    assert (await anext(events)).text == "two"


async def test_messages_that_nobody_has_read_yet_count_as_seen(chat):
    for number in range(1, 4):
        chat.peer.say(str(number), id=f"1-{number}")
    chat.peer.hang_up()
    assert (await chat.rejoin.peers.get()).hello.seen == {"lobby": "1-3", "@": "1-5"}


async def test_a_session_that_has_seen_nothing_begins_where_the_welcome_says(chat):
    chat.peer.hang_up()
    assert (await chat.rejoin.peers.get()).hello.seen == {"lobby": "1-0", "@": "1-5"}


async def test_a_session_that_is_not_resumed_begins_where_its_own_welcome_says(chat, events):
    chat.rejoin.welcome = {"resumed": False, "seen": {"lobby": "2-3", "@": "2-0"}}
    chat.peer.hang_up()
    (await come_back(chat, events)).hang_up()
    peer = await come_back(chat, events)
    assert peer.hello.seen == {"lobby": "2-3", "@": "2-0"}


async def test_a_gap_is_told_in_its_place_and_once(chat, events):
    gap = Gap(room="lobby", after="1-1", text="-")
    chat.peer.say("one", id="1-1")
    chat.peer.tell(gap)
    chat.peer.hang_up()
    assert (await anext(events)).text == "one"
    assert await anext(events) == gap
    peer = await come_back(chat, events)
    peer.tell(gap)
    peer.say("nine", id="1-9")
    assert (await anext(events)).text == "nine"


async def test_it_comes_back_if_the_bye_asks_for_that(chat, events):
    chat.peer.tell(Bye(*SHUTDOWN))
    assert await anext(events) == Lost(SHUTDOWN)
    assert await anext(events) == BACK


async def test_it_waits_as_long_as_the_bye_says(chat, events):
    chat.peer.tell(Bye(*SHUTDOWN, after=3.5))
    await come_back(chat, events)
    assert chat.pauses.slept == [3.5]


@pytest.mark.parametrize("reason", [IDLE, QUIT])
async def test_a_goodbye_ends_the_chat(chat, reason):
    chat.peer.tell(Bye(*reason))
    assert [event async for event in chat.events()] == []
    assert (chat.ended, chat.failure) == (reason, None)
    assert not chat.rejoin.earlier
    assert [event async for event in chat.events()] == []  # and again, it does not hang


async def test_a_bad_goodbye_is_a_failure(chat):
    chat.peer.tell(Bye(*REPLACED))
    assert [event async for event in chat.events()] == []
    assert isinstance(chat.failure, Ended)
    assert str(chat.failure) == REPLACED.text


async def test_a_reason_for_failing_to_return_is_told_once_until_it_changes(chat, events):
    nobody, taken = CannotConnect("nobody there"), Refused("name_taken", "taken")
    chat.rejoin.failures = [nobody, nobody, taken, taken, nobody, Ended(SHUTDOWN)]
    chat.peer.hang_up()
    assert isinstance(await anext(events), Lost)
    whys = ["nobody there", "taken", "nobody there", SHUTDOWN.text]
    assert [await anext(events) for _ in whys] == [StillAway(why) for why in whys]
    assert await anext(events) == BACK


async def test_it_gives_up_when_trying_again_is_hopeless(chat):
    chat.rejoin.failures = [failure := Refused("bad_version", "too old")]
    chat.peer.hang_up()
    assert [event async for event in chat.events()] == [Lost(CONNECTION_LOST)]
    assert chat.failure is failure
    with pytest.raises(Ended):
        await chat.send("into the void")


async def test_an_error_in_our_own_code_is_not_a_quiet_end(chat):
    chat.rejoin.failures = [ZeroDivisionError()]
    chat.peer.hang_up()
    with pytest.raises(ZeroDivisionError):
        assert [event async for event in chat.events()] == [Lost(CONNECTION_LOST)]


async def test_an_unacknowledged_message_is_sent_again_unchanged_and_first(chat, events):
    sending, one = await sent(chat, "one", to=["sis"])
    later = asyncio.create_task(chat.send("two"))
    chat.peer.hang_up()
    peer = await come_back(chat, events)
    assert await peer.acknowledge() == one
    two = await peer.acknowledge()
    assert (two.text, two.seq) == ("two", one.seq + 1)
    await asyncio.gather(sending, later)
    assert chat._inbox.empty()  # nobody needs to be told


async def test_if_the_session_is_not_known_the_message_is_sent_again_and_that_is_told(chat, events):
    sending, one = await sent(chat, "one")
    chat.rejoin.welcome = {"resumed": False}
    chat.peer.hang_up()
    assert isinstance(await anext(events), Lost)
    assert await anext(events) == Back("g1", resumed=False)
    assert await anext(events) == SentAgain("one")
    assert await (await chat.rejoin.peers.get()).acknowledge() == one
    await sending


async def test_a_message_that_was_never_sent_is_not_in_doubt(chat, events):
    chat.rejoin.until.clear()
    chat.rejoin.welcome = {"resumed": False}
    chat.peer.hang_up()
    assert isinstance(await anext(events), Lost)
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    chat.rejoin.until.set()
    assert isinstance(await anext(events), Back)
    peer = await chat.rejoin.peers.get()
    assert [(await peer.acknowledge()).text for _ in sends] == ["one", "two"]
    await asyncio.gather(*sends)
    assert chat._inbox.empty()


async def test_a_message_with_an_unknown_outcome_is_not_confirmed(chat):
    sending, send = await sent(chat, "one")
    chat.peer.tell(Error(code="stale_seq", text="who knows", seq=send.seq))
    with pytest.raises(Unconfirmed, match="who knows"):
        await sending


@pytest.mark.parametrize("code", ["slow_down", "outbox_full", "unavailable"])
async def test_a_message_that_cannot_be_accepted_now_is_sent_again_in_order_and_told_once(
    chat, events, code
):
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    after = 0.01 if code == "slow_down" else None
    for text in ("one", "two"):
        for _ in range(2):
            refused = await chat.peer.expect(Send)
            assert refused.text == text
            chat.peer.tell(Error(code=code, text="!", seq=refused.seq, retry_after=after))
        assert await chat.peer.acknowledge() == refused
    await asyncio.gather(*sends)
    held = await anext(events)
    assert isinstance(held, Held)
    assert (held.refused.code, held.delay) == (code, after or 0.0)
    assert chat._inbox.empty()


async def test_after_a_send_without_a_pause_the_next_slow_down_is_told_again(chat, events):
    async def slow():
        sending, send = await sent(chat, "slow")
        chat.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=0.0))
        await chat.peer.acknowledge()
        await sending
        assert isinstance(await anext(events), Held)

    await slow()
    quick = asyncio.create_task(chat.send("quick"))
    await chat.peer.acknowledge()
    await quick
    await slow()


async def test_other_refusals_are_raised_to_the_sender(chat):
    sending, send = await sent(chat, "x")
    chat.peer.tell(Error(code="bad_text", text="not like this", seq=send.seq))
    with pytest.raises(Refused, match="not like this"):
        await sending


async def test_the_state_follows_the_connection_and_redis(chat, events):
    assert chat.state is State.HERE
    chat.peer.tell(Notice(code="redis_away", text="-"))
    await anext(events)
    assert chat.state is State.WAITING
    chat.peer.tell(Notice(code="redis_back", text="-"))
    await anext(events)
    assert chat.state is State.HERE
    chat.peer.tell(Notice(code="redis_away", text="-"))
    await anext(events)
    chat.rejoin.until.clear()
    chat.peer.hang_up()
    await anext(events)
    assert chat.state is State.RECONNECTING
    chat.rejoin.until.set()
    await anext(events)
    assert chat.state is State.HERE  # a gateway whose Redis is away lets nobody in


async def test_a_reader_that_falls_behind_gets_the_events_again_later(chat, events, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for number in range(1, 6):
        chat.peer.say(str(number), id=f"1-{number}")
    sending = asyncio.create_task(chat.send("this works meanwhile"))
    await chat.peer.acknowledge()
    await sending
    assert [(await anext(events)).text for _ in range(3)] == ["1", "2", "3"]
    assert await anext(events) == Lost(SLOW)
    assert await anext(events) == BACK
    peer = await chat.rejoin.peers.get()
    assert peer.hello.seen["lobby"] == "1-3"
    for number in range(4, 6):
        peer.say(str(number), id=f"1-{number}")
    assert [(await anext(events)).text for _ in range(2)] == ["4", "5"]


async def test_leaving_waits_for_messages_that_are_still_on_their_way(chat):
    sends = [asyncio.create_task(chat.send(text)) for text in ("one", "two")]
    await asyncio.sleep(0)
    leaving = asyncio.create_task(chat.quit())
    assert [(await chat.peer.acknowledge()).text for _ in sends] == ["one", "two"]
    chat.peer.say("the last word")
    await chat.peer.farewell()
    await asyncio.gather(leaving, *sends)
    assert [event.text async for event in chat.events() if isinstance(event, Msg)] == [
        "the last word"
    ]
    assert (chat.ended, chat.failure) == (QUIT, None)


async def test_leaving_releases_a_sender_that_waits_for_the_rate_limit(chat):
    sending, send = await sent(chat, "one")
    chat.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=9.0))
    leaving = asyncio.create_task(chat.quit(within=0.05))
    assert isinstance(await chat.peer.request(), Quit)
    chat.peer.hang_up()
    with pytest.raises(Ended):
        await sending
    await leaving


async def test_leaving_while_disconnected_releases_senders(chat, events):
    sending, _ = await sent(chat, "one")
    later = asyncio.create_task(chat.send("two"))
    chat.rejoin.until.clear()
    chat.peer.hang_up()
    assert isinstance(await anext(events), Lost)
    await chat.quit()
    with pytest.raises(Unconfirmed):
        await sending
    with pytest.raises(Ended):
        await later
    assert [event async for event in events] == []


class TestRooms:
    @staticmethod
    async def lets_in(peer, seen="1-0", **fields):
        """Let the client into the room that it wants to join."""
        request = await peer.expect(Join)
        peer.tell(Entered(room=request.room, seen=seen, seq=request.seq, **fields))
        return request

    @pytest.fixture
    async def chat(self, chat, events):
        """Somebody who has joined a room, and has seen its first message."""
        joining = asyncio.create_task(chat.join("dev", key="s3cret"))
        await self.lets_in(chat.peer, seen="1-3")
        await joining
        assert isinstance(await anext(events), Entered)
        chat.peer.say("four", room="dev", id="1-4")
        assert (await anext(events)).text == "four"
        return chat

    @pytest.fixture
    def events(self, chat):
        return chat.events()

    async def test_a_resumed_session_tells_what_it_has_seen_of_each_room(self, chat, events):
        chat.rejoin.welcome = {"rooms": ["lobby", "dev"]}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        assert peer.hello.seen == {"lobby": "1-0", "@": "1-5", "dev": "1-4"}
        entered = Entered(room="dev", seen="1-4")
        peer.tell(entered)
        peer.say("four", room="dev", id="1-4")
        peer.say("five", room="dev", id="1-5")
        assert await anext(events) == entered
        assert (await anext(events)).text == "five"

    async def test_a_change_is_told_once(self, chat, events):
        change = Changed(id="1-5", room="dev", by="mom", change="topic", topic="bees")
        chat.peer.tell(change, change)
        chat.peer.say("six", room="dev", id="1-6")
        assert await anext(events) == change
        assert (await anext(events)).text == "six"

    async def test_a_session_that_is_not_resumed_joins_its_rooms_again(self, chat, events):
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        sending = asyncio.create_task(chat.send("hello", room="dev"))
        request = await peer.expect(Join)
        assert request == Join(room="dev", key="s3cret", history=HISTORY, seq=request.seq)
        chat.connection.active()
        assert isinstance(await peer.request(), Active)  # and no message before we are in
        peer.tell(Entered(room="dev", seen="1-5", seq=request.seq))
        for number, text in ((3, "three"), (4, "four"), (5, "five")):
            peer.say(text, room="dev", id=f"1-{number}")
        assert (await peer.acknowledge(room="dev")).room == "dev"
        await sending
        assert isinstance(await anext(events), Entered)
        assert (await anext(events)).text == "five"
        assert chat.rooms == {"lobby": None, "dev": "s3cret"}

    async def test_a_gap_is_told_where_the_room_no_longer_has_what_was_missed(self, chat, events):
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        await self.lets_in(peer, seen="1-7")
        assert isinstance(await anext(events), Entered)
        for number, text in ((7, "seven"), (8, "eight")):
            peer.say(text, room="dev", id=f"1-{number}")
        gap = await anext(events)
        assert (type(gap), gap.room, gap.after) == (Gap, "dev", "1-4")
        assert [(await anext(events)).text for _ in range(2)] == ["seven", "eight"]

    async def test_a_room_that_cannot_be_joined_again_is_told(self, chat, events):
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        request = await peer.expect(Join)
        peer.tell(Error(code="bad_key", text="wrong key", seq=request.seq))
        assert await anext(events) == NotRejoined("dev", "wrong key")
        assert chat.rooms == {"lobby": None}
        sending = asyncio.create_task(chat.send("in the lobby"))
        await peer.acknowledge()
        await sending

    async def test_joining_again_waits_as_long_as_the_gateway_asks(self, chat, events):
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        request = await peer.expect(Join)
        peer.tell(Error(code="slow_down", text="!", seq=request.seq, retry_after=0.01))
        await self.lets_in(peer)
        assert isinstance(await anext(events), Entered)

    async def test_joining_again_goes_on_after_another_broken_connection(self, chat, events):
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        await peer.expect(Join)
        chat.rejoin.welcome = {"resumed": True}
        peer.hang_up()
        peer = await come_back(chat, events)
        assert (await self.lets_in(peer)).room == "dev"
        assert isinstance(await anext(events), Entered)

    async def test_being_put_out_is_told_even_if_the_event_was_lost(self, chat, events):
        chat.rejoin.welcome = {"rooms": ["lobby"]}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        asked = await peer.expect(ListMembers)
        assert asked.room == "dev"
        peer.tell(Error(code="not_in_room", text="you are not in dev", seq=asked.seq))
        assert await anext(events) == Out(room="dev", code="refused", text="you are not in dev")
        assert chat.rooms == {"lobby": None}

    async def test_being_put_out_is_told_once_if_the_event_comes_after_all(self, chat, events):
        chat.rejoin.welcome = {"rooms": ["lobby"]}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        asked = await peer.expect(ListMembers)
        out = Out(room="dev", code="refused", text="you are banned")
        peer.tell(out, Error(code="not_in_room", text="-", seq=asked.seq))
        peer.say("hello", id="1-1")
        sending = asyncio.create_task(chat.send("hi"))
        await peer.acknowledge()
        await sending
        assert await anext(events) == out
        assert (await anext(events)).text == "hello"
        assert chat._inbox.empty()

    @pytest.mark.parametrize("code", ["kicked", "left"])
    async def test_a_room_that_was_left_is_not_joined_again(self, chat, events, code):
        chat.peer.tell(Out(room="dev", code=code, text="-"))
        assert isinstance(await anext(events), Out)
        chat.rejoin.welcome = {"resumed": False}
        chat.peer.hang_up()
        peer = await come_back(chat, events)
        assert "dev" not in peer.hello.seen
        sending = asyncio.create_task(chat.send("hello"))
        await peer.acknowledge()
        await sending

    async def test_a_room_that_is_left_and_joined_again_starts_afresh(self, chat, events):
        leaving = asyncio.create_task(chat.leave("dev"))
        request = await chat.peer.expect(Leave)
        chat.peer.tell(Out(room="dev", code="left", text="-", seq=request.seq))
        await leaving
        joining = asyncio.create_task(chat.join("dev", history=1))
        await self.lets_in(chat.peer, seen="1-4")
        chat.peer.say("four", room="dev", id="1-4")
        await joining
        kinds = [await anext(events) for _ in range(3)]
        assert [type(event) for event in kinds] == [Out, Entered, Msg]

    async def test_rooms_are_entered_and_their_keys_are_kept_for_the_return(self, chat):
        for room in ("ops", "art"):
            entering = asyncio.create_task(chat.enter(room, key="s3cret"))
            request = await self.lets_in(chat.peer)
            assert (request.room, request.key) == (room, "s3cret")
            assert (await entering).room == room
        assert (chat.rooms["ops"], chat.rooms["art"]) == ("s3cret", "s3cret")

    async def test_the_error_names_the_room_that_cannot_be_entered(self, chat):
        entering = asyncio.create_task(chat.enter("ops"))
        request = await chat.peer.expect(Join)
        chat.peer.tell(Error(code="invite_only", text="only by invitation", seq=request.seq))
        with pytest.raises(Refused, match="#ops: only by invitation"):
            await entering
