import asyncio
from datetime import datetime

import msgspec
import pytest

from client import connection as module
from client.errors import Ended, Refused, Unconfirmed
from client.heartbeat import Pulse
from wire.frames import (
    AboutRoom,
    Ack,
    Active,
    Bye,
    Entered,
    Error,
    Join,
    Joined,
    Leave,
    ListMembers,
    ListRooms,
    MemberList,
    Moderate,
    Msg,
    Notice,
    Out,
    Ping,
    Quit,
    Room,
    RoomInfo,
    RoomList,
    RoomMember,
    Sanctioned,
    Send,
    SetModes,
    SetTopic,
    Users,
    Who,
)
from wire.frames import User as Somebody
from wire.limits import Limits
from wire.reasons import CONNECTION_LOST, IDLE, QUIT, SLOW


async def test_a_send_carries_its_seq_and_our_machines_time_and_is_acknowledged(join):
    chat, peer = await join()
    before = datetime.now().astimezone()
    sending = asyncio.create_task(chat.send("hi @sis"))
    send = await peer.acknowledge(to=["sis"], absent=["mom"])
    assert await sending == Ack(seq=send.seq, id="1-1", to=["sis"], absent=["mom"])
    assert (send.text, send.room, send.to) == ("hi @sis", "lobby", None)
    assert send.at.utcoffset() == before.utcoffset()
    assert before <= send.at <= datetime.now().astimezone()


async def test_every_send_has_its_own_answer_in_whatever_order_they_come(join):
    chat, peer = await join()
    sends = [asyncio.create_task(chat.send(text, to=["sis"])) for text in ("one", "two")]
    one, two = await peer.expect(Send), await peer.expect(Send)
    assert one.to == ["sis"]
    assert peer.hello.seq < one.seq < two.seq
    peer.tell(
        Ack(seq=two.seq, id="1-2", to=["sis"]), Error(code="bad_text", text="no", seq=one.seq)
    )
    assert (await sends[1]).id == "1-2"
    with pytest.raises(Refused, match="no") as refused:
        await sends[0]
    assert refused.value.code == "bad_text"


async def test_a_refusal_says_when_to_try_again(join):
    chat, peer = await join()
    sending = asyncio.create_task(chat.send("hi"))
    send = await peer.expect(Send)
    peer.tell(Error(code="slow_down", text="slowly", seq=send.seq, retry_after=1.5))
    with pytest.raises(Refused) as refused:
        await sending
    assert refused.value.retry_after == 1.5


async def test_events_can_be_iterated_until_the_bye(join):
    chat, peer = await join()
    peer.say("hello")
    peer.tell(Joined(room="lobby", name="mom"), Error(code="bad_json", text="what?"), Bye(*IDLE))
    events = [event async for event in chat]
    assert [type(event) for event in events] == [Msg, Joined, Error]
    assert chat.ended == IDLE
    assert [event async for event in chat] == []  # and again, it does not hang


async def test_garbage_does_no_harm(join):
    chat, peer = await join()
    peer.write(b"\n{}\nnot json\n\xff\xfe\n[1]\n" + b'{"op":"news","x":1}\n')
    peer.write(b'{"op":"msg"}\n{"op":"ack","seq":99,"id":"1-1"}\n' + b"x" * 3_000_000 + b"\n")
    peer.say("still here")
    events = [await anext(chat), await anext(chat)]
    assert isinstance(events[0], Ack)  # nobody's: handed on, as all that is not asked for
    assert events[1].text == "still here"


async def test_a_connection_without_a_bye_is_lost(join):
    chat, peer = await join()
    sending = asyncio.create_task(chat.send("hi"))
    await peer.expect(Send)
    peer.hang_up()
    with pytest.raises(Unconfirmed):
        await sending
    assert [event async for event in chat] == []
    assert chat.ended == CONNECTION_LOST


async def test_after_the_end_nothing_is_sent(join):
    chat, peer = await join()
    peer.tell(Bye(*IDLE))
    assert [event async for event in chat] == []
    with pytest.raises(Ended) as ended:
        await chat.send("hi")
    assert ended.value.reason == IDLE
    assert not isinstance(ended.value, Unconfirmed)
    chat.active()
    assert await peer.request() is None


async def test_a_gateway_that_answers_no_ping_is_lost(join):
    chat, peer = await join(pulse=Pulse(every=0.02, within=0.01))
    assert [event async for event in chat] == []
    assert chat.ended == CONNECTION_LOST
    assert isinstance(await peer.request(), Ping)


async def test_a_gateway_that_answers_stays(join):
    chat, peer = await join(pulse=Pulse(every=0.1, within=0.09))
    for _ in range(3):
        assert isinstance(await peer.request(), Ping)
        peer.tell(Notice(code="any", text="I am here"))  # anything is a sign of life
    assert chat.ended is None


async def test_a_list_of_people_may_come_in_parts(join):
    chat, peer = await join()
    asking = asyncio.create_task(chat.who())
    who = await peer.request()
    assert isinstance(who, Who)
    sis, mom = (Somebody(name=name, gateway="g1", since=0, idle=0.0) for name in ("sis", "mom"))
    peer.tell(Users(users=[sis], more=True, seq=who.seq))
    peer.tell(Users(users=[mom], seq=who.seq))
    assert await asking == [sis, mom]


async def test_users_that_nobody_asked_for_are_events(join):
    chat, peer = await join()
    peer.tell(Users(users=[]))
    assert await anext(chat) == Users(users=[])


async def test_leaving_waits_for_the_bye(join):
    chat, peer = await join()
    async with chat:
        chat.active()
        assert isinstance(await peer.request(), Active)
        farewell = asyncio.create_task(peer.farewell())
    await farewell
    assert chat.ended == QUIT


async def test_leaving_does_not_wait_for_long(join):
    chat, peer = await join()
    await chat.quit(within=0.01)
    assert isinstance(await peer.request(), Quit)
    assert await peer.request() is None
    assert chat.ended == QUIT


async def test_a_connection_that_nobody_reads_is_ended_before_memory_grows(join, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    chat, peer = await join()
    for number in range(5):
        peer.say(str(number))
    while await peer.request():
        pass
    assert chat.ended == SLOW
    assert [event.text async for event in chat] == ["0", "1", "2"]


async def test_a_message_too_long_for_a_line_is_refused_here(join):
    chat, peer = await join(welcome={"limits": Limits(line=200)})
    with pytest.raises(Refused, match="too long"):
        await chat.send("ä" * 100)
    sending = asyncio.create_task(chat.send("short"))
    assert (await peer.acknowledge()).text == "short"
    await sending


async def test_text_that_is_not_valid_unicode_is_still_sent(join):
    chat, peer = await join()
    sending = asyncio.create_task(chat.send("broken \udcff paste", to=["s\ud800"]))
    send = await peer.acknowledge(to=["s?"])
    assert (send.text, send.to) == ("broken ? paste", ["s?"])
    await sending


async def test_an_answer_for_somebody_who_gave_up_does_no_harm(join):
    chat, peer = await join()
    sending = asyncio.create_task(chat.send("hi"))
    send = await peer.expect(Send)
    sending.cancel()
    peer.tell(Ack(seq=send.seq, id="1-1", room="lobby"))
    peer.say("next")
    async for event in chat:
        if isinstance(event, Msg):
            break
    assert chat.ended is None


async def test_after_its_end_a_connection_has_no_timers_left(join):
    soon = Pulse(every=0.01, within=60.0)
    chat, peer = await join(pulse=soon)
    await peer.expect(Ping)
    chat.end(QUIT)
    loop = asyncio.get_running_loop()
    timers = [timer for timer in getattr(loop, "_scheduled", []) if not timer.cancelled()]
    assert not [timer for timer in timers if "Heartbeat" in repr(timer)]


async def test_nothing_is_kept_of_a_send_that_was_answered_or_given_up(join):
    chat, peer = await join()
    sending = asyncio.create_task(chat.send("hi"))
    await peer.acknowledge()
    await sending
    sending = asyncio.create_task(chat.send("hi"))
    await peer.expect(Send)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert chat._answers == {}


class TestRooms:
    async def test_a_room_is_entered_and_its_messages_follow(self, join):
        chat, peer = await join()
        joining = asyncio.create_task(chat.join("dev", key="s3cret", history=2))
        request = await peer.expect(Join)
        assert (request.room, request.key, request.history) == ("dev", "s3cret", 2)
        entered = Entered(room="dev", seen="1-0", topic="bees", seq=request.seq)
        peer.tell(entered)
        peer.say("before", room="dev")
        assert await joining == entered
        assert await anext(chat) == entered
        assert (await anext(chat)).text == "before"

    async def test_a_room_is_left(self, join):
        chat, peer = await join()
        leaving = asyncio.create_task(chat.leave("dev"))
        request = await peer.expect(Leave)
        out = Out(room="dev", code="left", text="-", seq=request.seq)
        peer.tell(out)
        assert await leaving == out
        assert await anext(chat) == out

    async def test_rooms_entered_or_left_without_a_request_are_among_the_events(self, join):
        chat, peer = await join()
        told = [Entered(room="lobby", seen="1-0"), Out(room="dev", code="kicked", text="-", seq=7)]
        peer.tell(*told)
        assert [await anext(chat), await anext(chat)] == told

    async def test_long_answers_come_in_parts(self, join):
        chat, peer = await join()
        asking = asyncio.create_task(chat.rooms())
        request = await peer.expect(ListRooms)
        dev, ops = Room(room="dev", people=2), Room(room="ops", people=1)
        peer.tell(
            RoomList(rooms=[dev], more=True, seq=request.seq),
            RoomList(rooms=[ops], seq=request.seq),
        )
        assert await asking == [dev, ops]
        asking = asyncio.create_task(chat.members("dev"))
        request = await peer.expect(ListMembers)
        sis, mom = RoomMember(name="sis"), RoomMember(name="mom", role="operator")
        peer.tell(
            MemberList(room="dev", members=[sis], more=True, seq=request.seq),
            MemberList(room="dev", members=[mom], seq=request.seq),
        )
        assert await asking == [sis, mom]

    async def test_the_parts_of_an_answer_about_a_room_are_put_together(self, join):
        chat, peer = await join()
        asking = asyncio.create_task(chat.about("dev"))
        request = await peer.expect(AboutRoom)
        first = RoomInfo(room="dev", people=2, operators=["mom"], more=True, seq=request.seq)
        bans = [Sanctioned("eve"), Sanctioned("bob")]
        for ban in bans:
            peer.tell(msgspec.structs.replace(first, operators=[], bans=[ban], more=ban == bans[0]))
        assert not asking.done()
        info = await asking
        assert (info.people, info.operators, info.bans, info.more) == (2, [], bans, False)

    async def test_changes_are_acknowledged(self, join):
        chat, peer = await join()

        async def does(doing, expected):
            doing = asyncio.create_task(doing)
            request = await peer.expect(type(expected))
            peer.tell(Ack(seq=request.seq, id="1-1"))
            assert (await doing).id == "1-1"
            assert request == msgspec.structs.replace(expected, seq=request.seq)

        await does(chat.set_topic("dev", "b\udcff"), SetTopic(room="dev", topic="b?"))
        await does(chat.set_modes("dev", slow=10), SetModes(room="dev", slow=10))
        await does(
            chat.moderate("dev", "ban", "eve", reason="spam", seconds=60),
            Moderate(room="dev", action="ban", name="eve", reason="spam", seconds=60),
        )

    async def test_a_refusal_is_raised_to_the_task_that_asked(self, join):
        chat, peer = await join()
        joining = asyncio.create_task(chat.join("dev"))
        request = await peer.expect(Join)
        peer.tell(Error(code="invite_only", text="only by invitation", seq=request.seq))
        with pytest.raises(Refused, match="only by invitation"):
            await joining
        assert chat._answers == chat._parts == {}

    async def test_a_request_too_long_for_a_line_is_refused_here(self, join):
        chat, _ = await join(welcome={"limits": Limits(line=200)})
        with pytest.raises(Refused, match="too long"):
            await chat.set_topic("dev", "x" * 300)
