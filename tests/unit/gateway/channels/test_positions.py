"""Nothing is lost unnoticed, and nothing comes twice: whatever becomes of it on its way."""

import asyncio

import pytest

from gateway.backplane.contract import Log, Outgoing
from gateway.backplane.ids import before
from gateway.channels.positions import Positions
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.meters import Meters
from tests.unit.gateway.fakes import AWAY, FakeBackplane, Memory, quiet, until
from wire.codec import decode_event
from wire.frames import PRIVATE, Gap

ROOM, OWN = b"room:lobby", b"to:dana"
LOBBY, DANA = Log("lobby"), Log(PRIVATE, "dana")
BEGIN = before(7)
LOST = BackplaneRefused("LOADING")


class HearsAll:
    """What rooms hear of a channel, among what is delivered of it.

    Attributes:
        told: kind and number of each.
        repairs: how often it was told that some was read from the log.
        error: raised then.
        at_once: called with each.
    """

    def __init__(self, delivered):
        self.told = []
        self.repairs = 0
        self.error = None
        self.at_once = lambda *_: None
        self._delivered = delivered

    def heard(self, channel, kind, number, lines):
        self.told.append((kind.decode(), number))
        self._delivered.append((channel, lines))
        self.at_once(channel, kind, number)

    async def repaired(self, channel):
        self.repairs += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


class Scene:
    """What is published arrives when a test says so.

    Attributes:
        arriving: what is on its way.
        delivered: what the hub would get, as (channel, lines).
    """

    def __init__(self):
        self.memory = Memory()
        self.redis = FakeBackplane(self.memory, "g-1", self)
        self.redis.channels = [ROOM.decode(), OWN.decode()]
        self.arriving = []
        self.delivered = []
        self.tasks = []
        self.meters = Meters()
        self.rooms = HearsAll(self.delivered)
        self.positions = Positions(
            *(self.redis, lambda *lines: self.delivered.append(lines)),
            *(self.rooms, self.spawn, self.meters),
        )

    def spawn(self, work):
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def deliver(self, channel, payload):
        self.arriving.append((channel, payload))

    def arrive(self, *which):
        """These arrive, in this order; all, if none is named."""
        for number in which or range(len(self.arriving)):
            self.positions.deliver(*self.arriving[number])

    def known(self, channel):
        return self.positions.known(channel)

    def follow(self, channel=ROOM, at=None):
        log = LOBBY if channel == ROOM else DANA
        self.positions.expect(channel, log)
        self.positions.follow(channel, at or self.memory.tail(log))

    def events(self, channel=ROOM):
        lines = b"".join(lines for to, lines in self.delivered if to == channel).splitlines()
        return [decode_event(line) for line in lines]

    def texts(self, channel=ROOM):
        """What was said, in order; a gap shows as an ellipsis."""
        return ["..." if isinstance(e, Gap) else e.text for e in self.events(channel)]

    async def settled(self):
        await until(lambda: all(task.done() for task in self.tasks), "all repairs")
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def scene():
    scene = Scene()
    yield scene
    for held in scene.redis.held.values():
        held.set()
    await scene.settled()


@pytest.fixture
async def live(scene):
    scene.follow()
    return scene


# In order.


async def test_what_comes_in_order_is_delivered_at_once(live):
    for text in "abc":
        live.memory.say(text)
    live.arrive()
    assert live.texts() == ["a", "b", "c"]
    assert not live.tasks
    assert not live.redis.calls


async def test_several_in_one_piece_stay_in_one_piece(live):
    live.memory.post(
        "lobby", [Outgoing(b'{"op":"msg","from":"d","text":"%d"}\n' % n) for n in range(3)]
    )
    live.arrive()
    assert len(live.delivered) == 1
    assert live.texts() == ["0", "1", "2"]
    live.memory.say("next")
    live.arrive(1)
    assert not live.tasks


async def test_a_channel_is_as_far_as_its_last_message(live):
    live.memory.say("a")
    last = live.memory.say("b")
    live.arrive()
    assert live.positions.at(ROOM) == last


async def test_of_a_channel_that_nobody_follows_nothing_is_delivered(scene):
    scene.memory.say("a")
    scene.arrive()
    assert scene.delivered == []


async def test_a_channel_that_is_forgotten_is_no_longer_followed(live):
    live.positions.forget(ROOM)
    live.positions.forget(ROOM)
    live.memory.say("a")
    live.arrive()
    await live.positions.check()
    assert live.delivered == []


# Twice.


async def test_what_comes_twice_is_delivered_once(live):
    live.memory.say("a")
    live.memory.say("b")
    live.arrive(0, 0, 1, 0, 1)
    await live.settled()
    assert live.texts() == ["a", "b"]


async def test_what_was_published_before_it_was_followed_is_not_delivered(scene):
    scene.memory.say("a")
    scene.follow()
    scene.arrive()
    assert scene.delivered == []


# Holes.


async def test_a_hole_is_filled_from_the_log(live):
    for text in "abcd":
        live.memory.say(text)
    live.arrive(0, 3)
    await live.settled()
    assert live.texts() == ["a", "b", "c", "d"]


async def test_nothing_behind_a_hole_is_delivered_before_it_is_filled(live):
    held = live.redis.hold("read_log")
    for text in "abcd":
        live.memory.say(text)
    live.arrive(0, 2)
    await quiet()
    live.arrive(3)
    await quiet()
    assert live.texts() == ["a"]
    held.set()
    await live.settled()
    assert live.texts() == ["a", "b", "c", "d"]


async def test_a_hole_is_examined_once_however_much_comes_after_it(live):
    held = live.redis.hold("read_log")
    for number in range(10):
        live.memory.say(f"{number}")
    live.arrive(*range(1, 10))
    assert len(live.tasks) == 1
    held.set()
    await live.settled()
    assert len(live.texts()) == 10


async def test_what_comes_behind_the_log_was_read_is_delivered_too(live):
    said, held = live.redis.read_log, asyncio.Event()

    async def answer_late(*args):
        found = await said(*args)
        await held.wait()
        return found

    live.redis.read_log = answer_late
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await until(lambda: live.redis.count("read_log"))
    await quiet()
    live.memory.say("c")
    live.arrive(2)
    held.set()
    await live.settled()
    assert live.texts() == ["a", "b", "c"]


async def test_a_second_hole_behind_the_first_is_filled_too(live):
    held = live.redis.hold("read_log")
    for text in "abcdef":
        live.memory.say(text)
    live.arrive(1, 5)
    held.set()
    await live.settled()
    assert live.texts() == list("abcdef")


async def test_a_long_hole_is_filled_page_by_page(live, monkeypatch):
    monkeypatch.setattr("gateway.channels.reading.PAGE", 3)
    for number in range(11):
        live.memory.say(f"{number}")
    live.arrive(10)
    await live.settled()
    assert live.texts() == [f"{number}" for number in range(11)]
    assert live.redis.count("read_log") == 4


async def test_what_the_log_no_longer_has_is_told_as_a_gap(live):
    for text in "abcd":
        live.memory.say(text)
    live.memory.forget(LOBBY, 2)
    live.arrive(3)
    await live.settled()
    assert live.texts() == ["...", "c", "d"]


LEFT = b'{"op":"left","room":"lobby","name":"sis","code":"quit"}\n'


def kinds(scene):
    return [type(event).__name__.lower() for event in scene.events()]


async def test_who_left_does_not_overtake_their_last_words(live):
    held = live.redis.hold("read_log")
    for text in "ab":
        live.memory.say(text)
    publish(live, b"+5", LEFT)
    live.arrive(1, 2)
    await quiet()
    assert live.delivered == []
    held.set()
    await live.settled()
    assert kinds(live) == ["msg", "msg", "left"]


async def test_what_waits_behind_a_hole_is_bounded_and_nothing_of_it_lost(live, monkeypatch):
    monkeypatch.setattr("gateway.channels.positions.MAX_LATE", 3)
    held = live.redis.hold("read_log")
    for number in range(9):
        live.memory.say(f"{number}")
    live.arrive(*range(1, 9))
    held.set()
    await live.settled()
    await live.positions.check()
    await live.settled()
    assert live.texts() == [f"{number}" for number in range(9)]


async def test_an_unexpected_error_does_not_silence_a_channel(live, caplog):
    live.redis.fail(ValueError("a fault of ours"), "read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await live.settled()
    assert "could not repair" in caplog.text
    live.redis.failing.clear()
    live.memory.say("c")
    live.arrive(2)
    await live.settled()
    assert live.texts() == ["a", "b", "c"]


async def test_a_hole_in_a_log_that_is_deleted_meanwhile_is_one_gap(live):
    live.memory.say("a")
    live.arrive(0)
    live.memory.say("b")
    live.memory.say("c")
    live.memory.delete(LOBBY)
    live.arrive(2)
    await live.settled()
    live.memory.say("d")
    live.arrive(3)
    await live.settled()
    assert live.texts() == ["a", "...", "d"]
    assert live.redis.count("read_log") == 1


async def test_a_stranger_on_the_channel_cannot_make_it_read_again_and_again(live):
    live.memory.say("a")
    live.arrive(0)
    line = b'{"id":"9-7","op":"msg","from":"x","room":"lobby","text":"x","ts":1}\n'
    live.positions.deliver(ROOM, b"9-6 9-7\n" + line)
    await live.settled()
    assert live.redis.count("read_log") == 1
    assert live.texts() == ["a", "...", "x"]


# A log that goes back.


@pytest.mark.parametrize("channel", [ROOM, OWN])
@pytest.mark.parametrize("seen", ["at once", "by a check"])
async def test_a_log_that_was_deleted_is_one_gap_and_it_goes_on(scene, channel, seen):
    scene.follow(channel, BEGIN)
    say = scene.memory.say if channel == ROOM else lambda text: scene.memory.whisper(text, "dana")
    log = LOBBY if channel == ROOM else DANA
    ids = [say(text) for text in "abc"]
    scene.arrive()
    scene.memory.delete(log)
    if seen == "by a check":
        await scene.positions.check()
        await scene.settled()
        await scene.positions.check()
        await scene.settled()
        assert scene.texts(channel) == ["a", "b", "c", "..."]
    ids += [say(text) for text in "def"]
    scene.arrive(3, 4, 5)
    await scene.settled()
    assert scene.texts(channel) == ["a", "b", "c", "...", "d", "e", "f"]
    assert len(set(ids)) == 6


async def test_a_log_that_gives_ids_again_is_seen_by_who_knows_them(live):
    ids = [live.memory.say(text) for text in "abc"]
    live.arrive()
    # An older one was put back, and somebody who does not know better posts.
    del live.memory.logs[LOBBY][1:]
    live.memory.last[LOBBY] = ids[0]
    again = live.memory.say("d")
    assert again == ids[1]
    live.arrive(3)
    await live.settled()
    live.memory.say("e")
    live.arrive(4)
    await live.settled()
    assert live.texts() == ["a", "b", "c", "...", "e"]


async def test_what_was_had_already_is_compared_once_and_no_gap(live):
    live.memory.say("a")
    live.arrive(0, 0)
    await live.settled()
    assert live.texts() == ["a"]
    assert live.redis.count("tails") == 1
    assert live.meters.gaps_found == 0


async def test_a_log_that_was_only_trimmed_is_no_gap(live):
    live.memory.say("a")
    live.arrive()
    live.memory.forget(LOBBY, 1)
    await live.positions.check()
    live.memory.say("b")
    live.arrive(1)
    await live.settled()
    assert live.texts() == ["a", "b"]
    assert live.meters.gaps_found == 0


async def test_in_a_new_run_of_redis_a_quiet_channel_is_a_gap_once(live):
    live.memory.say("a")
    live.arrive()
    live.memory.restart(empty=False)
    for _ in range(2):
        await live.positions.check()
        await live.settled()
    live.memory.say("b")
    live.arrive(1)
    await live.settled()
    assert live.texts() == ["a", "...", "b"]
    assert live.meters.gaps_found == 1


@pytest.mark.parametrize("error", [AWAY, LOST])
async def test_a_hole_that_could_not_be_filled_is_found_again_by_the_next_message(live, error):
    live.redis.fail(error, "read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await live.settled()
    assert live.delivered == []
    live.redis.failing.clear()
    live.memory.say("c")
    live.arrive(2)
    await live.settled()
    assert live.texts() == ["a", "b", "c"]


@pytest.mark.parametrize("error", [AWAY, LOST])
async def test_a_hole_that_could_not_be_filled_is_found_again_by_the_next_check(live, error):
    live.redis.fail(error, "read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await live.settled()
    assert (live.meters.gaps_found, live.meters.gaps_repaired) == (1, 0)
    live.redis.failing.clear()
    await live.positions.check()
    await live.settled()
    assert live.texts() == ["a", "b"]
    # It was one hole, however often it was found.
    assert (live.meters.gaps_found, live.meters.gaps_repaired) == (1, 1)


async def test_who_waits_for_an_id_is_told_once_it_has_been_delivered(live):
    told = []
    ids = [live.memory.say(text) for text in "abc"]
    for id in ids:
        live.positions.reached(ROOM, id, lambda id=id: told.append(id))
    assert told == []
    live.arrive(0)
    assert told == ids[:1]
    live.arrive(1, 2)
    assert told == ids
    live.positions.reached(ROOM, ids[0], lambda: told.append("again"))
    assert told == [*ids, "again"]


async def test_who_waits_for_an_id_of_a_channel_that_nobody_hears_is_never_told(live):
    told = []
    id = live.memory.say("a")
    live.positions.reached(b"elsewhere", id, lambda: told.append(1))
    live.positions.reached(ROOM, id, lambda: told.append(2))
    live.positions.forget(ROOM)
    live.follow(at=id)
    assert told == []


async def test_a_repair_that_fails_half_way_goes_on_where_it_was(live, monkeypatch):
    monkeypatch.setattr("gateway.channels.reading.PAGE", 2)
    for number in range(5):
        live.memory.say(f"{number}")
    said, calls = live.redis.read_log, 0

    async def fail_once(*args):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise AWAY
        return await said(*args)

    live.redis.read_log = fail_once
    live.arrive(4)
    await live.settled()
    assert live.texts() == ["0", "1"]
    await live.positions.check()
    await live.settled()
    assert live.texts() == ["0", "1", "2", "3", "4"]


async def test_a_channel_that_is_forgotten_while_it_is_repaired_gets_nothing(live):
    held = live.redis.hold("read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await until(lambda: live.redis.count("read_log"))
    live.positions.forget(ROOM)
    held.set()
    await live.settled()
    assert live.delivered == []


async def test_a_channel_that_is_followed_anew_while_it_is_repaired_gets_what_is_new(live):
    held = live.redis.hold("read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await until(lambda: live.redis.count("read_log"))
    live.positions.forget(ROOM)
    live.follow()
    live.memory.say("c")
    live.arrive(2)
    held.set()
    await live.settled()
    assert live.texts() == ["c"]


async def test_channels_do_not_wait_for_each_other(live):
    live.redis.hold("read_log")
    live.follow(OWN, BEGIN)
    live.memory.say("a")
    live.memory.say("b")
    live.memory.whisper("psst", "dana")
    live.arrive(1, 2)
    await quiet()
    assert (live.texts(ROOM), live.texts(OWN)) == ([], ["psst"])


# Private channels: each reader has a log.


async def test_what_others_write_to_each_other_is_no_hole(scene):
    scene.follow(OWN, BEGIN)
    scene.memory.whisper("1", "dana")
    scene.memory.whisper("not for dana", "sis")
    scene.memory.whisper("2", "dana", "sis")
    scene.arrive()
    assert scene.texts(OWN) == ["1", "2"]
    assert not scene.tasks


async def test_a_hole_between_private_messages_is_filled_with_ones_own(scene):
    scene.follow(OWN, BEGIN)
    scene.memory.whisper("1", "dana")
    scene.memory.whisper("2", "dana")
    scene.memory.whisper("not for dana", "sis")
    scene.memory.whisper("3", "dana")
    scene.arrive(0, 2)
    await scene.settled()
    assert scene.texts(OWN) == ["1", "2", "3"]


# Quiet channels.


@pytest.mark.parametrize("channel", [ROOM, OWN])
async def test_what_was_lost_last_is_found_by_a_check(scene, channel):
    scene.follow(channel, BEGIN)
    scene.memory.say("a") if channel == ROOM else scene.memory.whisper("a", "dana")
    await scene.positions.check()
    await scene.settled()
    assert scene.texts(channel) == ["a"]


async def test_a_check_of_channels_that_have_all_delivers_nothing(live):
    live.follow(OWN, BEGIN)
    live.memory.say("a")
    live.memory.whisper("b", "dana")
    live.arrive()
    await live.positions.check()
    assert not live.tasks
    assert live.redis.asked("tails") == [[LOBBY, DANA]]


async def test_what_arrives_while_it_is_checked_is_not_delivered_twice(live):
    live.memory.say("a")
    held = live.redis.hold("tails")
    check = asyncio.create_task(live.positions.check())
    await until(lambda: live.redis.count("tails"))
    live.arrive()
    held.set()
    await check
    await live.settled()
    assert live.texts() == ["a"]
    assert not live.redis.count("read_log")


async def test_what_arrives_while_a_check_repairs_is_not_delivered_twice(live):
    for text in "abc":
        live.memory.say(text)
    held = live.redis.hold("read_log")
    await live.positions.check()
    live.arrive(0, 1, 2)
    held.set()
    await live.settled()
    assert live.texts() == ["a", "b", "c"]


async def test_a_channel_under_repair_is_not_repaired_twice(live):
    held = live.redis.hold("read_log")
    for text in "ab":
        live.memory.say(text)
    live.arrive(1)
    await live.positions.check()
    assert len(live.tasks) == 1
    held.set()
    await live.settled()


async def test_a_channel_that_is_forgotten_while_it_is_checked_is_no_fault(live):
    live.memory.say("a")
    held = live.redis.hold("tails")
    check = asyncio.create_task(live.positions.check())
    await until(lambda: live.redis.count("tails"))
    live.positions.forget(ROOM)
    held.set()
    await check
    await live.settled()
    assert live.delivered == []


async def test_without_redis_a_check_says_so(live):
    live.redis.fail(AWAY, "tails")
    with pytest.raises(BackplaneDown):
        await live.positions.check()


async def test_in_a_new_epoch_what_may_be_lost_is_told_as_a_gap_once(live):
    live.memory.say("a")
    live.arrive()
    live.memory.restart()
    await live.positions.check()
    await live.settled()
    live.memory.say("b")
    live.memory.say("c")
    live.arrive(1, 2)
    await live.positions.check()
    await live.settled()
    assert live.texts() == ["a", "...", "b", "c"]


async def test_in_a_new_epoch_the_first_message_shows_the_hole_before_it(live):
    live.memory.say("a")
    live.arrive()
    live.memory.restart()
    live.memory.say("b")
    live.arrive(1)
    await live.settled()
    assert live.texts() == ["a", "...", "b"]


# Expected, and then followed.


async def test_what_is_published_before_it_is_known_from_where_on_is_kept(scene):
    scene.positions.expect(OWN, DANA)
    scene.memory.whisper("early", "dana")
    scene.arrive()
    assert scene.delivered == []
    scene.positions.follow(OWN, BEGIN)
    assert scene.texts(OWN) == ["early"]


async def test_what_was_before_the_claim_is_not_for_who_claimed(scene):
    scene.positions.expect(OWN, DANA)
    for_another = scene.memory.whisper("to another dana", "dana")
    scene.memory.whisper("to this one", "dana")
    scene.arrive()
    scene.positions.follow(OWN, for_another)
    assert scene.texts(OWN) == ["to this one"]


async def test_what_is_missing_among_what_was_kept_is_filled_from_the_log(scene):
    scene.positions.expect(ROOM, LOBBY)
    for text in "abc":
        scene.memory.say(text)
    scene.arrive(2)
    scene.positions.follow(ROOM, BEGIN)
    await scene.settled()
    assert scene.texts() == ["a", "b", "c"]


async def test_an_expected_channel_is_not_checked(scene):
    scene.positions.expect(ROOM, LOBBY)
    scene.memory.say("a")
    await scene.positions.check()
    assert not scene.tasks


async def test_expecting_what_is_followed_changes_nothing(live):
    live.positions.expect(ROOM, LOBBY)
    live.memory.say("a")
    live.arrive()
    assert live.texts() == ["a"]


async def test_what_is_followed_is_not_followed_anew(live):
    # A second session of a person comes while the first one hears the channel.
    live.memory.say("a")
    last = live.memory.say("b")
    live.positions.follow(ROOM, last)
    live.arrive()
    assert live.texts() == ["a", "b"]


async def test_what_nobody_expects_is_not_followed(scene):
    scene.positions.follow(ROOM, BEGIN)
    assert not scene.positions.is_followed(ROOM)


async def test_an_expected_channel_is_followed_once_it_is_known_from_where_on(scene):
    scene.positions.expect(ROOM, LOBBY)
    assert not scene.positions.is_followed(ROOM)
    scene.positions.follow(ROOM, BEGIN)
    assert scene.positions.is_followed(ROOM)


async def test_who_comes_while_a_hole_is_filled_changes_nothing_for_who_is_there(scene):
    scene.follow(OWN, BEGIN)
    held = scene.redis.hold("read_log")
    ids = [scene.memory.whisper(text, "dana") for text in "abc"]
    scene.arrive(1)
    await until(lambda: scene.redis.count("read_log"))
    scene.positions.expect(OWN, DANA)
    scene.positions.follow(OWN, ids[1])
    scene.arrive(2)
    held.set()
    await scene.settled()
    assert scene.texts(OWN) == ["a", "b", "c"]


# Watched.


@pytest.fixture
def watched(live):
    seen = []

    def watch(until_id):
        def passed(upto):
            seen.append((upto, live.texts()))
            return upto == until_id

        live.positions.watch(ROOM, passed)

    live.watch, live.seen = watch, seen
    return live


async def test_who_watches_is_called_at_each_id_before_anything_behind_it(watched):
    ids = [watched.memory.say(text) for text in "abc"]
    watched.watch(ids[1])
    watched.arrive()
    assert watched.seen == [(ids[0], ["a"]), (ids[1], ["a", "b"])]


async def test_who_watches_is_called_while_a_hole_is_filled(watched, monkeypatch):
    monkeypatch.setattr("gateway.channels.reading.PAGE", 2)
    ids = [watched.memory.say(text) for text in "abcd"]
    watched.watch(ids[3])
    watched.arrive(3)
    await watched.settled()
    assert [upto for upto, _ in watched.seen] == [ids[1], ids[3]]


async def test_several_may_watch_and_each_as_long_as_it_likes(watched):
    ids = [watched.memory.say(text) for text in "abc"]
    watched.watch(ids[0])
    watched.watch(ids[2])
    watched.arrive()
    assert [upto for upto, _ in watched.seen] == [ids[0], ids[0], ids[1], ids[2]]


async def test_who_watches_may_be_forgotten_with_the_channel(watched):
    watched.watch(watched.memory.say("a"))
    watched.positions.forget(ROOM)
    watched.follow()
    watched.memory.say("b")
    watched.arrive(1)
    assert watched.seen == []


# What is not a message still has its place in the order.


JOINED, CHANGED = b'{"op":"joined","room":"lobby","name":"sis"}\n', b""


def publish(scene, kind, lines=JOINED, at=None):
    """Somebody has come, say, after the last message of the room."""
    last = at or scene.memory.tail(LOBBY)
    scene.deliver(ROOM, kind + b" " + last + b"\n" + lines)


def heard(scene):
    """What was said and what rooms heard, in order."""
    return b"".join(lines for _, lines in scene.delivered).splitlines()


async def test_what_is_not_a_message_goes_to_the_rooms_in_its_order(live):
    live.memory.say("a")
    publish(live, b"+5")
    live.memory.say("b")
    publish(live, b"~6")
    publish(live, b"=1795428000123", CHANGED)
    live.arrive()
    assert live.rooms.told == [("+", 5), ("~", 6), ("=", 1795428000123)]
    assert heard(live)[1] == heard(live)[3] == JOINED.strip()
    assert not live.tasks


async def test_if_a_message_before_it_was_lost_it_waits_for_that(live):
    live.memory.say("a")
    publish(live, b"+5")
    live.arrive(1)
    assert live.rooms.told == []
    await live.settled()
    assert live.rooms.told == [("+", 5)]
    assert heard(live)[-1] == JOINED.strip()
    assert len(heard(live)) == 2


async def test_what_comes_late_is_told_at_once(live):
    first = live.memory.say("a")
    live.memory.say("b")
    live.arrive()
    publish(live, b"~5", at=first)
    live.arrive(2)
    assert live.rooms.told == [("~", 5)]
    assert not live.tasks


async def test_before_a_repaired_channel_goes_on_the_rooms_are_asked(live):
    live.memory.say("a")
    live.memory.say("b")
    held = live.redis.hold("read_log")
    live.arrive(1)
    await quiet()
    assert live.rooms.repairs == 0
    held.set()
    await live.settled()
    assert live.rooms.repairs == 1
    assert live.texts() == ["a", "b"]


async def test_if_they_cannot_be_asked_nothing_is_delivered_and_the_hole_stays(live):
    live.memory.say("a")
    live.memory.say("b")
    live.rooms.error = AWAY
    live.arrive(1)
    await live.settled()
    assert live.delivered == []
    live.rooms.error = None
    live.memory.say("c")
    live.arrive(2)
    await live.settled()
    assert live.texts() == ["a", "b", "c"]


class TestHolding:
    async def test_nothing_is_delivered_until_the_release(self, live):
        live.positions.hold(ROOM)
        live.memory.say("a")
        publish(live, b"+5")
        live.arrive()
        assert (live.delivered, live.rooms.told) == ([], [])
        live.positions.release(ROOM)
        assert live.rooms.told == [("+", 5)]
        assert len(heard(live)) == 2
        live.memory.say("b")
        live.arrive(2)
        assert len(heard(live)) == 3
        assert not live.tasks

    async def test_a_channel_may_be_held_by_what_it_brings(self, live):
        live.rooms.at_once = lambda channel, kind, _: kind == b"=" and live.positions.hold(channel)
        live.memory.say("a")
        publish(live, b"=2", CHANGED)
        live.memory.say("b")
        live.arrive()
        assert live.texts() == ["a"]
        live.positions.release(ROOM)
        assert live.texts() == ["a", "b"]

    async def test_also_by_what_has_waited_and_what_comes_after_that_waits_on(self, live):
        live.rooms.at_once = lambda channel, kind, _: kind == b"=" and live.positions.hold(channel)
        live.positions.hold(ROOM)
        live.memory.say("a")
        publish(live, b"=2", CHANGED)
        live.memory.say("b")
        live.arrive()
        live.positions.release(ROOM)
        assert live.texts() == ["a"]
        live.memory.say("c")
        live.arrive(3)
        live.positions.release(ROOM)
        assert live.texts() == ["a", "b", "c"]

    async def test_a_repair_does_not_end_it(self, live):
        live.memory.say("a")
        live.memory.say("b")
        live.arrive(1)
        live.positions.hold(ROOM)
        await live.settled()
        live.memory.say("c")
        live.arrive(2)
        assert "c" not in live.texts()
        live.positions.release(ROOM)
        assert live.texts() == ["a", "b", "c"]

    async def test_and_it_does_not_end_a_repair(self, live):
        live.memory.say("a")
        live.memory.say("b")
        held = live.redis.hold("read_log")
        live.arrive(1)
        live.positions.hold(ROOM)
        live.positions.release(ROOM)
        await quiet()
        assert live.delivered == []
        held.set()
        await live.settled()
        assert live.texts() == ["a", "b"]

    async def test_when_too_much_has_waited_the_log_has_the_rest_and_the_rooms_are_asked(
        self, live, monkeypatch
    ):
        # What was dropped may have been that somebody was put out.
        monkeypatch.setattr("gateway.channels.positions.MAX_LATE", 1)
        live.positions.hold(ROOM)
        live.memory.say("a")
        publish(live, b"=2", CHANGED)
        live.arrive()
        live.positions.release(ROOM)
        assert live.texts() == ["a"]
        await live.settled()
        assert live.rooms.repairs == 1
        live.memory.say("b")
        live.arrive(2)
        assert live.texts() == ["a", "b"]

    async def test_a_channel_that_is_forgotten_is_held_no_longer(self, scene):
        scene.follow()
        scene.positions.hold(ROOM)
        scene.positions.forget(ROOM)
        scene.positions.release(ROOM)
        scene.follow()
        scene.memory.say("a")
        scene.arrive()
        assert scene.texts() == ["a"]
