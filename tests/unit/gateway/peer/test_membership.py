"""A session's rooms: entered, left, kept in its record, and given back at its end."""

import pytest

from gateway.chat.room_records import Edit
from gateway.errors import BackplaneRefused
from gateway.rooms.rooms import Entry
from tests.unit.gateway.fakes import AWAY, backplane_of, quiet, until
from wire.codec import encode
from wire.frames import Entered, Error, Gap, Hello, Join, Leave, Left, Msg, Out, Send, Welcome
from wire.reasons import CONNECTION_LOST, INTERRUPTED, QUIT


@pytest.fixture
def redis(gateway):
    return backplane_of(gateway)


@pytest.fixture
async def dana(house, gateway):
    return await house.guest(gateway, "dana")


def record(house, name="dana"):
    return house.memory.users[name]


def texts(guest, room):
    """What was said in a room, in order; a gap shows as an ellipsis."""
    events = [e for e in guest.link.events if isinstance(e, Msg | Gap) and e.room == room]
    return ["..." if isinstance(event, Gap) else event.text for event in events]


async def enter(guest, room):
    guest.say(Join(room, seq=1))
    await until(lambda: any(entered.room == room for entered in guest.told(Entered)))


async def back(house, gateway, guest, **seen):
    """The guest's connection breaks, and it comes back."""
    guest.peer.end(CONNECTION_LOST)
    await guest.gone()
    token = guest.told(Welcome)[-1].resume
    return await house.guest(gateway, "dana", resume=token, seen=seen)


class TestEntering:
    async def test_a_session_hears_what_is_said_from_then_on(self, house, dana):
        house.memory.say("before", "attic")
        await enter(dana, "attic")
        house.memory.say("after", "attic")
        await dana.hears(Msg)
        assert texts(dana, "attic") == ["after"]

    async def test_the_room_is_in_the_record_with_where_the_session_began(self, house, dana):
        last = house.memory.say("before", "attic")
        await enter(dana, "attic")
        await until(lambda: record(house).rooms == ["lobby", "attic"])
        assert record(house).began["attic"] == last.decode()

    async def test_the_last_messages_come_between_the_answer_and_what_is_new(self, house, dana):
        for text in "abc":
            house.memory.say(text, "attic")
        dana.say(Join("attic", history=2, seq=1))
        await dana.hears(Msg, 2)
        house.memory.say("d", "attic")
        await dana.hears(Msg, 3)
        kinds = [type(e) for e in dana.link.events if isinstance(e, Entered | Msg)]
        assert kinds == [Entered, Msg, Msg, Msg]
        assert texts(dana, "attic") == ["b", "c", "d"]

    async def test_a_room_is_entered_once_and_told_again(self, house, redis, dana):
        await enter(dana, "attic")
        asked = redis.count("attend")
        dana.say(Join("attic", seq=2))
        await dana.hears(Entered, 2)
        assert [entered.seq for entered in dana.told(Entered)] == [1, 2]
        assert redis.count("attend") == asked
        house.memory.say("once", "attic")
        await dana.hears(Msg)
        await quiet()
        assert texts(dana, "attic") == ["once"]

    async def test_a_session_that_has_left_meanwhile_leaves_the_room_too(
        self, house, gateway, redis, dana
    ):
        held = redis.hold("attend")
        dana.say(Join("attic", seq=1))
        await until(lambda: any(room == "attic" for room, _ in redis.asked("attend")))
        dana.peer.end(CONNECTION_LOST)
        await dana.gone()
        held.set()
        await gateway.rooms.settle()
        await until(lambda: "room:attic" not in redis.channels)
        await until(lambda: "attic" not in house.memory.rooms, "the end of an empty room")

    async def test_without_redis_it_is_not_entered(self, house, redis, dana):
        redis.fail(AWAY, "state")
        dana.say(Join("attic", seq=1))
        assert (await dana.hears(Error)).code == "unavailable"
        assert "room:attic" not in redis.channels
        await quiet()
        assert record(house).rooms == ["lobby"]

    @pytest.mark.parametrize("error", [AWAY, RuntimeError("unexpected")])
    async def test_nobody_stays_in_a_room_without_hearing_it(self, house, redis, dana, error):
        await until(lambda: "lobby" in record(house).began)
        held = redis.hold("keep rooms")
        dana.say(Join("attic", seq=1))
        await until(lambda: dana.peer.membership.is_in("attic"))
        house.memory.say("said before the join is answered", "attic")
        redis.fail(error, "tails")
        held.set()
        ended = await dana.gone()
        assert (ended.code, ended.reconnect) == (INTERRUPTED.code, True)


class TestLeaving:
    async def test_nothing_more_is_heard_and_the_record_knows_it(self, house, redis, dana):
        await enter(dana, "attic")
        dana.say(Leave("attic", seq=2))
        out = await dana.hears(Out)
        assert (out.room, out.code, out.seq) == ("attic", "left", 2)
        house.memory.say("unheard", "attic")
        await until(lambda: record(house).rooms == ["lobby"])
        assert "attic" not in record(house).began
        assert "room:attic" not in redis.channels
        assert texts(dana, "attic") == []

    async def test_what_was_said_before_is_still_said(self, house, gateway, redis, dana):
        sis = await house.guest(gateway, "sis")
        await enter(dana, "attic")
        await enter(sis, "attic")
        held = redis.hold("publish")
        dana.say(Send("good bye", room="attic", seq=2), Leave("attic", seq=3))
        await quiet()
        assert not dana.told(Out)
        held.set()
        await dana.hears(Out)
        await sis.hears(Left)
        assert [type(e) for e in sis.link.events if isinstance(e, Msg | Left)] == [Msg, Left]

    async def test_the_end_of_a_session_is_told_in_all_its_rooms(self, house, gateway, dana):
        sis = await house.guest(gateway, "sis")
        for room in ("attic", "cellar"):
            await enter(dana, room)
            await enter(sis, room)
        dana.peer.end(QUIT)
        await sis.hears(Left, 3)
        assert sorted(left.room for left in sis.told(Left)) == ["attic", "cellar", "lobby"]


class TestComingBack:
    async def test_a_session_goes_on_in_all_its_rooms(self, house, gateway, dana):
        rooms = ("attic", "cellar")
        seen = {}
        for room in rooms:
            await enter(dana, room)
            seen[room] = house.memory.say("seen", room).decode()
        await dana.hears(Msg, 2)
        await until(lambda: record(house).rooms == ["lobby", *rooms])
        dana.peer.end(CONNECTION_LOST)
        await dana.gone()
        for room in rooms:
            house.memory.say("missed", room)
        again = await back(house, gateway, dana, **seen)
        await again.hears(Msg, 2)
        for room in rooms:
            house.memory.say("new", room)
        await again.hears(Msg, 4)
        assert [texts(again, room) for room in rooms] == [["missed", "new"]] * 2
        welcome = again.told(Welcome)[0]
        assert (welcome.resumed, welcome.rooms) == (True, ["lobby", *rooms])
        assert {entered.room: entered.seen for entered in again.told(Entered)} == seen

    async def test_many_rooms_are_entered_side_by_side(self, house, gateway, redis, dana):
        rooms = [f"room{number}" for number in range(20)]
        for room in rooms:
            await enter(dana, room)
        await until(lambda: len(record(house).rooms) == 21)
        dana.peer.end(CONNECTION_LOST)
        await dana.gone()
        held = redis.hold("attend")
        again = house.connect(gateway)
        asked = redis.count("attend")
        again.say(Hello(v=1, name="dana", resume=dana.told(Welcome)[0].resume))
        await until(lambda: redis.count("attend") - asked >= 21, "all of them are asked for")
        held.set()
        await again.hears(Welcome)
        assert len(again.told(Welcome)[0].rooms) == 21

    async def test_a_room_that_lets_it_in_no_longer_is_told_and_forgotten(
        self, house, gateway, redis, dana
    ):
        await enter(await house.guest(gateway, "sis"), "attic")
        await enter(dana, "attic")
        await until(lambda: record(house).rooms == ["lobby", "attic"])
        dana.peer.end(CONNECTION_LOST)
        await dana.gone()
        house.memory.rooms["attic"].edit([Edit("meta", "invite_only", "1")])
        house.memory.rooms["attic"].bump()
        again = await back(house, gateway, dana)
        out = await again.hears(Out)
        assert (out.room, out.code) == ("attic", "refused")
        assert again.told(Welcome)[0].rooms == ["lobby"]
        await until(lambda: record(house).rooms == ["lobby"])

    async def test_if_redis_goes_before_the_rooms_are_entered_the_name_is_free_again(
        self, house, gateway, redis
    ):
        redis.fail(BackplaneRefused("OOM"), "attend")
        dana = house.connect(gateway)
        dana.say(Hello(v=1, name="dana"))
        assert (await dana.hears(Error)).code == "unavailable"
        await until(lambda: house.memory.users == {})
        assert redis.channels == []
        redis.failing.clear()
        dana.say(Hello(v=1, name="dana"))
        await dana.hears(Welcome)

    async def test_if_it_is_not_known_where_it_began_nothing_from_before_is_told(
        self, house, gateway, redis
    ):
        house.memory.say("before", "lobby")
        redis.hold("keep rooms")
        dana = await house.guest(gateway, "dana")
        again = await back(house, gateway, dana, lobby="0-0")
        house.memory.say("after", "lobby")
        await again.hears(Msg)
        assert texts(again, "lobby") == ["...", "after"]

    async def test_a_session_put_out_of_a_room_is_told_nothing_further_of_what_it_missed_there(
        self, house, gateway, redis, dana
    ):
        await enter(dana, "attic")
        await until(lambda: record(house).rooms == ["lobby", "attic"])
        dana.peer.end(CONNECTION_LOST)
        await dana.gone()
        for _ in range(3):
            house.memory.say("missed", "attic")
        held = redis.hold("read_log")
        again = house.connect(gateway)
        token = dana.told(Welcome)[0].resume
        again.say(Hello(v=1, name="dana", resume=token, seen={"attic": "7-0"}))
        await until(lambda: redis.count("read_log"))
        gateway.rooms.get("attic").put_out(again.peer.membership, "kicked", "You were kicked.")
        held.set()
        again.say(Send("in the lobby", seq=1))
        await again.hears(Msg)
        assert texts(again, "attic") == []
        assert [out.code for out in again.told(Out)] == ["kicked"]


async def test_a_second_join_tells_no_id_whose_message_was_not_told(gateway, dana, monkeypatch):
    await enter(dana, "attic")
    channel = gateway.backplane.room("attic")

    async def entering(*_, **__):
        gateway.hub.deliver(channel.key, encode(Msg(id="7-9", from_="sis", room="attic", text="x")))
        return Entry(b"7-9", Entered("attic", "7-9"), [])

    monkeypatch.setattr(gateway.rooms, "enter", entering)
    dana.say(Join("attic", seq=2))
    await dana.hears(Entered, 2)
    assert [type(event) for event in dana.link.events[-2:]] == [Msg, Entered]


class TestTheRecord:
    async def test_a_join_is_answered_once_it_is_written(self, house, redis, dana):
        await until(lambda: "lobby" in record(house).began)
        held = redis.hold("keep rooms")
        dana.say(Join("attic", seq=1))
        await until(lambda: record(house).rooms == ["lobby"] and redis.count("keep rooms") > 1)
        await quiet()
        assert dana.told(Entered) == []
        held.set()
        await dana.hears(Entered)
        assert record(house).rooms == ["lobby", "attic"]

    async def test_a_leave_is_answered_once_it_is_written(self, house, redis, dana):
        await enter(dana, "attic")
        held = redis.hold("keep rooms")
        dana.say(Leave("attic", seq=1))
        await quiet()
        assert dana.told(Out) == []
        held.set()
        await dana.hears(Out)
        assert record(house).rooms == ["lobby"]

    async def test_it_is_written_when_redis_is_back(self, house, redis, dana):
        await until(lambda: "lobby" in record(house).began)
        redis.fail(AWAY, "keep rooms")
        dana.say(Join("attic", seq=1))
        await quiet()
        assert record(house).rooms == ["lobby"]
        redis.failing.clear()
        await dana.hears(Entered)
        assert record(house).rooms == ["lobby", "attic"]

    async def test_somebody_who_is_put_out_before_the_join_is_answered_is_refused(
        self, gateway, redis, dana
    ):
        held = redis.hold("keep rooms")
        dana.say(Join("attic", seq=1))
        await until(lambda: dana.peer.membership.is_in("attic"))
        gateway.rooms.get("attic").put_out(dana.peer.membership, "kicked", "Out.")
        held.set()
        error = await dana.hears(Error)
        assert (error.code, error.seq) == ("not_in_room", 1)
        assert dana.told(Entered) == []

    async def test_who_comes_after_others_needs_no_second_call(self, house, gateway, redis, dana):
        await until(lambda: "lobby" in record(house).began)
        before = redis.count("keep rooms")
        await house.guest(gateway, "sis")
        await quiet()
        assert redis.count("keep rooms") == before
        assert "lobby" in record(house, "sis").began
