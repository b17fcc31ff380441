"""People who come back get what they missed, in order and once, and then go live."""

import asyncio

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backplane.contract import Channel, Log, Outgoing
from gateway.backplane.ids import before
from gateway.channels.hub import Hub
from gateway.channels.positions import Positions
from gateway.channels.replay import Replay, seen_id
from gateway.errors import BackplaneDown
from gateway.meters import Meters
from tests.unit.gateway.fakes import AWAY, FakeBackplane, FakeLink, Memory, quiet, until
from wire.frames import PRIVATE, Gap

ROOM, OWN = b"room:lobby", b"to:dana"
LOBBY_LOG, OWN_LOG = Log("lobby"), Log(PRIVATE, "dana")
BEGIN = before(7)


def texts(link):
    """The texts that a link got, in order; a gap is an ellipsis."""
    return ["..." if isinstance(event, Gap) else event.text for event in link.events]


class Scene:
    """A hub with a room's and a person's channel, which the test feeds."""

    def __init__(self, redis=FakeBackplane):
        self.memory = Memory()
        self.redis = redis(self.memory, "g-1", self)
        self.redis.channels = [ROOM.decode(), OWN.decode()]
        self.arriving = []
        self.patient = False
        self.tasks = []
        self.hub = Hub(asyncio.get_running_loop().call_soon, Meters())
        self.positions = Positions(self.redis, self.hub.deliver, self, self.spawn, Meters())
        self.replay = Replay(self.redis, self.positions, self.hub)
        for channel, log in ((ROOM, LOBBY_LOG), (OWN, OWN_LOG)):
            self.positions.expect(channel, log)
            self.positions.follow(channel, BEGIN)

    def spawn(self, work):
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    async def repaired(self, channel):
        """Nobody has to be put out."""

    def known(self, channel):
        return self.positions.known(channel)

    def deliver(self, channel, payload):
        if self.patient:
            self.arriving.append((channel, payload))
        else:
            self.positions.deliver(channel, payload)

    def arrive(self):
        arriving, self.arriving = self.arriving, []
        for channel, payload in arriving:
            self.positions.deliver(channel, payload)

    def say(self, *said):
        return [self.memory.say(text) for text in said]

    def whisper(self, *said, to="dana"):
        return [self.memory.whisper(text, to) for text in said]

    def resume(self, link, after, channel=ROOM):
        log = LOBBY_LOG if channel == ROOM else OWN_LOG
        of = Channel(channel.decode(), channel, log)
        return self.spawn(self.replay.resume(of, link, after, asyncio.Lock()))

    async def resumed(self, link, after, channel=ROOM):
        await self.resume(link, after, channel)
        await quiet()

    async def settled(self):
        await until(lambda: all(task.done() for task in self.tasks), "all that is under way")
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
async def scene():
    scene = Scene()
    yield scene
    for held in scene.redis.held.values():
        held.set()
    scene.redis.failing.clear()
    await scene.settled()


@pytest.fixture
def link():
    return FakeLink()


# Missed messages.


async def test_messages_after_the_last_id_seen_are_sent(scene, link):
    _, seen, *_ = scene.say("a", "b", "c", "d")
    await scene.resumed(link, seen)
    assert texts(link) == ["c", "d"]


async def test_if_nothing_was_missed_nothing_is_sent(scene, link):
    *_, seen = scene.say("a", "b")
    await scene.resumed(link, seen)
    assert link.writes == []


async def test_after_the_replay_the_link_is_live(scene, link):
    (seen,) = scene.say("a")
    scene.say("b")
    await scene.resumed(link, seen)
    scene.say("c")
    await quiet()
    assert texts(link) == ["b", "c"]


async def test_nobody_else_gets_the_messages_again(scene, link):
    other = FakeLink()
    scene.replay.join(ROOM, other)
    (seen,) = scene.say("a")
    scene.say("b")
    await scene.resumed(link, seen)
    assert texts(other) == ["a", "b"]


async def test_many_messages_are_sent_page_by_page(scene, link, monkeypatch):
    monkeypatch.setattr("gateway.channels.reading.PAGE", 4)
    scene.say(*(f"{number}" for number in range(10)))
    await scene.resumed(link, BEGIN)
    assert texts(link) == [f"{number}" for number in range(10)]
    assert [write.count(b"\n") for write in link.writes] == [4, 4, 2]


async def test_a_slow_link_is_waited_for_page_by_page(scene, link, monkeypatch):
    monkeypatch.setattr("gateway.channels.reading.PAGE", 2)
    link.slow = asyncio.Event()
    scene.say("a", "b", "c")
    resume = scene.resume(link, BEGIN)
    await quiet()
    assert texts(link) == ["a", "b"]
    assert scene.redis.count("read_log") == 1
    scene.say("d")
    link.slow.set()
    await resume
    await quiet()
    assert texts(link) == ["a", "b", "c", "d"]


async def test_others_do_not_wait_for_a_slow_link(scene, link):
    other, link.slow = FakeLink(), asyncio.Event()
    scene.say("a")
    resume = scene.resume(link, BEGIN)
    await quiet()
    await scene.resumed(other, BEGIN)
    scene.say("b")
    await quiet()
    assert texts(other) == ["a", "b"]
    link.slow.set()
    await resume
    await quiet()
    assert texts(link) == ["a", "b"]


async def test_resuming_again_and_again_has_to_wait_and_others_do_not(scene, link, monkeypatch):
    monkeypatch.setattr("gateway.channels.pace.BURST", 1)
    monkeypatch.setattr("gateway.channels.pace.PER_SECOND", 1e-6)
    scene.say("a")
    first, elsewhere = scene.resume(link, BEGIN), FakeLink("192.0.2.8:1")
    await quiet()
    assert texts(link) == ["a"]
    assert not first.done()
    first.cancel()
    monkeypatch.setattr("gateway.channels.pace.BURST", 1000)
    await scene.resumed(elsewhere, BEGIN)
    assert texts(elsewhere) == ["a"]


# Gaps.


async def test_trimmed_messages_are_told_as_a_gap(scene, link):
    (seen, *_) = scene.say("a", "b", "c")
    scene.memory.forget(LOBBY_LOG, 2)
    await scene.resumed(link, seen)
    assert texts(link) == ["...", "c"]
    assert link.told(Gap)[0].after == seen.decode()


async def test_an_id_that_was_never_given_is_a_gap_and_it_goes_on_at_the_end(scene, link):
    scene.say("a", "b")
    await scene.resumed(link, b"7-99")
    assert texts(link) == ["..."]
    scene.say("c")
    await quiet()
    assert texts(link) == ["...", "c"]


@pytest.mark.parametrize("channel", [ROOM, OWN])
async def test_an_id_of_a_later_epoch_is_from_a_redis_that_lost_its_data(scene, link, channel):
    scene.say("a")
    scene.whisper("a")
    await scene.resumed(link, b"8-0", channel)
    assert texts(link) == ["..."]


@pytest.mark.parametrize("channel", [ROOM, OWN])
async def test_a_reader_of_the_last_epoch_gets_a_gap_and_then_all_of_the_new_one(
    scene, link, channel
):
    scene.say("a")
    (seen,) = scene.say("b") if channel == ROOM else scene.whisper("b")
    scene.memory.restart()
    scene.say("c") if channel == ROOM else scene.whisper("c")
    await scene.settled()
    await scene.resumed(link, seen, channel)
    assert texts(link) == ["...", "c"]


async def test_a_quiet_room_in_a_new_epoch_is_a_gap_once(scene, link):
    (seen,) = scene.say("a")
    scene.memory.restart()
    await scene.positions.check()
    await scene.settled()
    await scene.resumed(link, seen)
    assert texts(link) == ["..."]
    scene.say("b")
    await scene.settled()
    await quiet()
    assert texts(link) == ["...", "b"]


async def test_with_a_deleted_private_log_it_is_the_same(scene, link):
    (seen,) = scene.whisper("a")
    scene.memory.delete(OWN_LOG)
    await scene.resumed(link, seen, OWN)
    scene.whisper("b")
    await scene.settled()
    await quiet()
    assert texts(link) == ["...", "b"]


async def test_a_link_that_missed_nothing_in_a_room_joins_it_without_a_question(scene, link):
    (seen,) = scene.say("a")
    await scene.resumed(link, seen)
    assert scene.redis.calls == []
    scene.say("b")
    await quiet()
    assert texts(link) == ["b"]


async def test_it_hears_with_the_others_that_the_log_was_deleted(scene, link):
    (seen,) = scene.say("a")
    scene.memory.delete(LOBBY_LOG)
    await scene.resumed(link, seen)
    scene.say("b")
    await scene.settled()
    await quiet()
    assert texts(link) == ["...", "b"]


@pytest.mark.parametrize("call", ["tails", "read_log"])
async def test_if_redis_goes_away_the_replay_ends(scene, link, call):
    scene.redis.fail(AWAY, call)
    scene.say("a")
    with pytest.raises(BackplaneDown):
        await scene.resume(link, BEGIN)
    assert link not in scene.hub._members.get(ROOM, ())


# The seam between replay and live.


async def test_a_link_that_joins_does_not_get_earlier_lines_of_this_turn(scene, link):
    scene.say("a")
    scene.replay.join(ROOM, link)
    scene.say("b")
    await quiet()
    assert texts(link) == ["b"]


async def test_messages_sent_while_the_log_is_read_come_once(scene, link):
    held = scene.redis.hold("read_log")
    (seen, _) = scene.say("a", "b")
    resume = scene.resume(link, seen)
    await quiet()
    scene.say("c")
    held.set()
    await resume
    scene.say("d")
    await quiet()
    assert texts(link) == ["b", "c", "d"]


async def test_if_the_log_is_ahead_of_the_channel_the_link_waits(scene, link):
    # Published messages are still under way. Among them may be that this person was banned.
    scene.patient = True
    (seen, *_) = scene.say("a", "b", "c")
    resume = scene.resume(link, seen)
    await quiet()
    assert texts(link) == []
    assert not resume.done()
    scene.arrive()
    await resume
    assert texts(link) == ["b", "c"]


async def test_a_link_does_not_wait_long_for_what_was_lost_on_the_way(scene, link, monkeypatch):
    monkeypatch.setattr("gateway.channels.replay.LATE", 0.01)
    scene.patient = True
    (seen, *_) = scene.say("a", "b", "c")
    await scene.resumed(link, seen)
    assert texts(link) == ["b", "c"]


async def test_private_messages_are_sent_from_the_log_before_the_channel_brings_them(scene, link):
    scene.patient = True
    (seen, *_) = scene.whisper("a", "b", "c")
    await scene.resumed(link, seen, OWN)
    assert texts(link) == ["b", "c"]


async def test_messages_that_were_on_their_way_during_a_replay_come_once(scene, link):
    scene.patient = True
    (seen, *_) = scene.say("a", "b", "c")
    resume = scene.resume(link, seen)
    await quiet()
    scene.arrive()
    await resume
    scene.say("d")
    scene.arrive()
    await quiet()
    assert texts(link) == ["b", "c", "d"]


async def test_if_the_channel_is_ahead_of_the_log_the_log_is_read_on(scene, link):
    scene.say("a")
    said, early = scene.redis.read_log, []

    async def read_and_then_something_is_said(*args):
        found = await said(*args)
        if not early:
            early.extend(scene.say("b"))
        return found

    scene.redis.read_log = read_and_then_something_is_said
    await scene.resumed(link, BEGIN)
    assert texts(link) == ["a", "b"]


async def test_a_seam_in_the_middle_of_a_batch_is_exact(scene, link):
    scene.patient = True
    (seen, *_) = scene.say("a", "b")
    resume = scene.resume(link, seen)
    await quiet()
    scene.say("c", "d")
    scene.arrive()
    await resume
    await quiet()
    assert texts(link) == ["b", "c", "d"]


async def test_a_seam_in_a_hole_under_repair_is_exact(scene, link):
    scene.patient = True
    ids = scene.say("a", "b", "c", "d")
    scene.arriving = scene.arriving[3:]
    resume = scene.resume(link, ids[0])
    await quiet()
    scene.say("e")
    scene.arrive()
    await resume
    await quiet()
    assert texts(link) == ["b", "c", "d", "e"]


async def test_a_lost_message_is_found_by_a_check(scene, link):
    scene.patient = True
    (seen, *_) = scene.say("a", "b")
    scene.arriving.clear()
    resume = scene.resume(link, seen)
    await quiet()
    assert not resume.done()
    await scene.positions.check()
    await resume
    await quiet()
    assert texts(link) == ["b"]


async def test_several_links_that_resume_together_each_have_their_own_seam(scene):
    scene.patient = True
    ids = [BEGIN, *scene.say(*(f"{number}" for number in range(10)))]
    links = [FakeLink() for _ in ids]
    for link, after in zip(links, ids, strict=True):
        scene.resume(link, after)
    await quiet()
    scene.arrive()
    await scene.settled()
    scene.say("live")
    scene.arrive()
    await quiet()
    for number, link in enumerate(links):
        assert texts(link) == [*(f"{n}" for n in range(number, 10)), "live"]


# Private messages.


async def test_a_person_gets_their_own_private_messages_and_nobody_elses(scene, link):
    scene.whisper("1", "2")
    scene.whisper("not for dana", to="sis")
    scene.whisper("3")
    await scene.resumed(link, BEGIN, OWN)
    assert texts(link) == ["1", "2", "3"]
    scene.whisper("not for dana", to="sis")
    scene.whisper("4")
    await quiet()
    assert texts(link) == ["1", "2", "3", "4"]


# Ids from clients.


@pytest.mark.parametrize("text", ["7-0", "1795428000-349", "0-0", f"6-{2**64 - 1}"])
def test_a_valid_id_is_accepted(text):
    assert seen_id(text) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        None, "", "7", "7-", "-7", "7-1-2", "7-x", "7 -1", "+7-1", "7-1\n", "$", "(7-1",
        "\u0667-1", "9" * 16 + "-1", "7-" + "9" * 21, f"7-{2**64}", "07-1", "7-01", "00-0",
    ],
)  # fmt: skip
def test_an_invalid_id_is_ignored(text):
    assert seen_id(text) is None


# In any interleaving.


class Steered(FakeBackplane):
    """Reads take effect and are answered one by one, when told."""

    def __init__(self, *args):
        super().__init__(*args)
        self.waiting = []

    async def asked_for(self, method, argument=None):
        await self._turn()

    async def _turn(self):
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]

    async def tails(self, logs):
        found = await super().tails(logs)
        await self._turn()
        return found

    async def read_log(self, log, after, count):
        found = await super().read_log(log, after, count)
        await self._turn()
        return found

    def step(self, which=0):
        if self.waiting:
            self.waiting.pop(which % len(self.waiting)).set_result(None)


class Interleaved(Scene):
    def __init__(self, private):
        super().__init__(Steered)
        self.patient = True
        self.private = private
        self.channel = OWN if private else ROOM
        self.ids = [BEGIN]
        self.said = []
        self.links = []

    def do(self, action, number):
        getattr(self, f"do_{action}")(number)

    def do_say(self, number):
        for _ in range(1 + number % 3):
            text = f"{len(self.said)}"
            self.ids += self.whisper(text) if self.private else self.say(text)
            self.said.append(text)
            if self.private and number % 2:
                self.whisper("not for dana", to="sis")

    def do_batch(self, number):
        if self.private:
            return self.do_say(number)
        bodies = []
        for _ in range(1 + number % 5):
            body = b'{"op":"msg","from":"d","text":"%d"}\n' % len(self.said)
            bodies.append(Outgoing(body))
            self.said.append(f"{len(self.said)}")
        self.ids += [each.id.encode() for each in self.memory.post("lobby", bodies)]

    def do_arrive(self, number):
        for channel, payload in self.arriving[: number % 3 + 1]:
            self.positions.deliver(channel, payload)
        del self.arriving[: number % 3 + 1]

    def do_lose(self, number):
        if self.arriving:
            self.arriving.pop(number % len(self.arriving))

    def do_repeat(self, number):
        if self.arriving:
            self.arriving.append(self.arriving[number % len(self.arriving)])

    def do_redis(self, number):
        self.redis.step(number)

    def do_resume(self, number):
        seen = number % len(self.ids)
        self.links.append((FakeLink(), seen))
        self.resume(self.links[-1][0], self.ids[seen], self.channel)

    def do_check(self, _):
        self.spawn(self.positions.check())

    def do_heard(self, number):
        self.do_say(number)
        self.arrive()

    async def end(self):
        for _ in range(3):
            while self.arriving or self.redis.waiting:
                self.arrive()
                self.redis.step()
                await quiet()
            self.do_check(0)
            await quiet()
        while self.redis.waiting:
            self.redis.step()
            await quiet()
        await self.settled()
        await quiet()


ACTIONS = st.tuples(
    st.sampled_from(
        ["say", "batch", "heard", "arrive", "lose", "repeat", "redis", "redis", "redis",
         "resume", "check"]
    ),
    st.integers(0, 1000),
    st.sampled_from([0, 1, 2, 8]),
)  # fmt: skip


async def interleave(private, actions, page):
    scene = Interleaved(private)
    early = FakeLink()
    scene.replay.join(scene.channel, early)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.channels.reading.PAGE", page)
        for action, number, turns in actions:
            scene.do(action, number)
            for _ in range(turns):
                await asyncio.sleep(0)
        await scene.end()
    if not private:
        assert texts(early) == scene.said
    for link, seen in scene.links if not private else scene.links[-1:]:
        assert texts(link) == scene.said[seen:]


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
@settings(max_examples=60)
@given(actions=st.lists(ACTIONS, min_size=30, max_size=80), page=st.sampled_from([1, 2, 3, 500]))
def test_in_a_room_everybody_gets_everything_once_and_in_order(loop, actions, page):
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(interleave(False, actions, page))


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
@settings(max_examples=60)
@given(
    before_=st.lists(ACTIONS.filter(lambda action: action[0] != "resume"), min_size=8, max_size=30),
    seen=st.integers(0, 1000),
    after=st.lists(ACTIONS.filter(lambda action: action[0] != "resume"), min_size=8, max_size=30),
    page=st.sampled_from([1, 2, 3, 500]),
)
def test_a_person_who_resumes_gets_all_private_messages_once_and_in_order(
    loop, before_, seen, after, page
):
    # One at a time: a second link would replace the first.
    actions = [*before_, ("resume", seen, 8), *after]
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(interleave(True, actions, page))
