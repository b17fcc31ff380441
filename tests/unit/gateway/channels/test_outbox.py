import asyncio

import pytest

from gateway.backplane.contract import Outgoing, Posted
from gateway.channels.outbox import BATCH, Outbox
from gateway.chat.effects import Publish
from gateway.errors import BackplaneDown, BackplaneRefused, RoomChanged
from tests.unit.gateway.fakes import Clock, quiet, until
from wire.frames import Msg
from wire.reasons import ErrorCode, WireError


class Redis:
    """Publishes when told, or at once."""

    def __init__(self):
        self.certain = asyncio.Event()
        self.certain.set()
        self.stored = []
        self.clock = Clock()
        self.batches = []
        self.answers = []
        self.patient = False
        self.error = None
        self.versions = []
        self._ids = 0

    async def publish(self, room, version, messages):
        self.batches.append((room, [message.body for message in messages]))
        self.versions.append(version)
        if self.patient:
            self.answers.append(asyncio.get_running_loop().create_future())
            await self.answers[-1]
        if self.error is not None:
            raise self.error
        return [self._next() for _ in messages]

    def note(self, *stored):
        self.stored.append(stored)

    async def ready(self):
        await self.certain.wait()

    def _next(self):
        self._ids += 1
        return Posted(f"7-{self._ids}")


class Rules:
    """The rules of all rooms.

    Attributes:
        newer: the version that is read when they are read again.
    """

    def __init__(self):
        self.known = self.newer = "1"
        self.error = None
        self.refreshes = 0

    def version(self, room):
        return self.known

    async def refresh(self, room):
        self.refreshes += 1
        if self.error is not None:
            raise self.error
        self.known = self.newer


class Sender:
    """Somebody who says something.

    Attributes:
        mute: why this may not be said; None: it may.
        asked: how often that was asked.
    """

    def __init__(self, network="here", rules=None):
        self.rules = rules or Rules()
        self.heard = []
        self.reasons = []
        self.refusals = []
        self.lost = False
        self.network = network
        self.mute = None
        self.asked = 0

    def allowed(self, publish):
        self.asked += 1
        if self.mute is not None:
            raise self.mute
        if publish.seq is None:
            return Outgoing(b'"%s"\n' % publish.message.text.encode()), self.rules.known
        return Outgoing(line(publish.seq), "d4", publish.seq), self.rules.known

    def published(self, publish, posted):
        self.heard.append((publish.seq, posted.id))

    def refused(self, publish, error):
        self.refusals.append((publish.seq, error))

    def in_doubt(self, publish, why=""):
        self.heard.append((publish.seq, None))
        self.reasons.append(why)


def outbox_on(redis, limit, rules=None):
    """It notes on the stand-in for Redis what it tells of batches that were stored."""
    return Outbox(redis.publish, redis.ready, rules or Rules(), limit, redis.note, redis.clock)


def line(seq):
    return b'{"text":"m%d"}\n' % seq


def send(outbox, sender, seq, room="lobby"):
    message = Msg(from_="dana", room=room, text=f"{seq}")
    return outbox.send(Publish(room, message, seq), sender)


def send_unnumbered(outbox, sender, text=b"m"):
    message = Msg(from_="dana", room="lobby", text=text.decode())
    return outbox.send(Publish("lobby", message, None), sender)


@pytest.fixture
def redis():
    return Redis()


@pytest.fixture
async def outbox(redis):
    outbox = outbox_on(redis, 1_000_000)
    yield outbox
    redis.certain.set()
    await outbox.settle()
    assert outbox.waiting == 0


@pytest.fixture
def sender():
    return Sender()


async def test_what_one_turn_brings_is_published_by_one_call(outbox, redis, sender):
    for seq in range(3):
        send(outbox, sender, seq)
    await until(lambda: sender.heard)
    assert redis.batches == [("lobby", [line(0), line(1), line(2)])]
    assert sender.heard == [(0, "7-1"), (1, "7-2"), (2, "7-3")]


async def test_of_each_batch_it_is_told_when_the_oldest_message_was_handed_in(
    outbox, redis, sender
):
    redis.clock.now = 5.0
    redis.clock.advance(1)
    send(outbox, sender, 1)
    redis.clock.advance(1)
    send(outbox, sender, 2)
    await until(lambda: redis.stored)
    assert redis.stored == [("lobby", "7-2", 6.0)]


async def test_each_sender_is_told_about_their_own(outbox):
    dana, sis = Sender(), Sender()
    send(outbox, dana, 1)
    send(outbox, sis, 1)
    send(outbox, dana, 2)
    await until(lambda: sis.heard)
    assert dana.heard == [(1, "7-1"), (2, "7-3")]
    assert sis.heard == [(1, "7-2")]


async def test_while_a_call_is_under_way_the_next_batch_grows(outbox, redis, sender):
    redis.patient = True
    send(outbox, sender, 0)
    await quiet()
    for seq in (1, 2, 3):
        send(outbox, sender, seq)
        await quiet()
    assert len(redis.batches) == 1
    redis.patient = False
    redis.answers[0].set_result(None)
    await until(lambda: len(sender.heard) == 4)
    assert [len(lines) for _, lines in redis.batches] == [1, 3]
    assert [seq for seq, _ in sender.heard] == [0, 1, 2, 3]


async def test_rooms_do_not_wait_for_each_other(outbox, redis, sender):
    redis.patient = True
    send(outbox, sender, 1, room="lobby")
    send(outbox, sender, 2, room="cellar")
    await quiet()
    redis.answers[1].set_result(None)
    await until(lambda: sender.heard)
    assert sender.heard == [(2, "7-1")]
    redis.answers[0].set_result(None)


async def test_a_call_has_no_more_lines_than_redis_can_take_at_once(outbox, redis, sender):
    for seq in range(2 * BATCH + 1):
        send(outbox, sender, seq)
    await until(lambda: len(sender.heard) == 2 * BATCH + 1)
    assert [len(lines) for _, lines in redis.batches] == [BATCH, BATCH, 1]
    assert [seq for seq, _ in sender.heard] == list(range(2 * BATCH + 1))


async def test_all_of_a_call_that_redis_refused_are_in_doubt_and_none_is_sent_again(
    outbox, redis, sender
):
    redis.patient, redis.error = True, BackplaneRefused("OOM")
    send(outbox, sender, 0)
    send(outbox, sender, 1)
    await quiet()
    send(outbox, sender, 2)
    redis.answers[0].set_result(None)
    await until(lambda: sender.heard)
    assert sender.heard == [(0, None), (1, None)]
    redis.error, redis.patient = None, False
    redis.answers[-1].set_result(None) if len(redis.answers) > 1 else None
    await until(lambda: len(sender.heard) == 3)
    assert sender.heard[2] == (2, "7-1")
    assert [len(lines) for _, lines in redis.batches] == [2, 1]


@pytest.mark.parametrize(
    ("error", "told"), [("OOM command not allowed", "full"), ("WRONGTYPE", "refused")]
)
async def test_who_is_refused_is_told_why(outbox, redis, sender, error, told):
    redis.error = BackplaneRefused(error)
    send(outbox, sender, 0)
    await until(lambda: sender.heard)
    assert told in sender.reasons[0]
    assert "Not sent" in sender.reasons[0]


async def test_fewer_ids_than_messages_leave_nobody_waiting(redis, sender, caplog):
    ids = [[Posted("7-1")], [Posted("7-2")]]

    async def publish(room, version, messages):
        return ids.pop(0)

    outbox = Outbox(publish, redis.ready, Rules(), 1000, redis.note, redis.clock)
    send(outbox, sender, 0)
    send(outbox, sender, 1)
    await outbox.settle()
    assert sender.heard == [(0, None), (1, None)]
    assert "1 ids came for 2 messages" in caplog.text
    send(outbox, sender, 2)
    await outbox.settle()
    assert sender.heard[-1] == (2, "7-2")


async def test_a_sender_that_cannot_be_told_costs_nobody_else_an_answer(
    outbox, redis, sender, caplog
):
    class Broken(Sender):
        def published(self, publish, posted):
            raise ValueError("a fault")

    send(outbox, Broken(), 0)
    send(outbox, sender, 1)
    await until(lambda: sender.heard)
    assert "a fault" in caplog.text
    send(outbox, sender, 2)
    await until(lambda: len(sender.heard) == 2)


async def test_a_fault_of_ours_does_not_silence_the_room(outbox, redis, sender, caplog):
    redis.error = ValueError("a fault")
    send(outbox, sender, 0)
    await until(lambda: sender.heard)
    assert sender.heard == [(0, None)]
    assert "a fault" in caplog.text
    redis.error = None
    send(outbox, sender, 1)
    await until(lambda: len(sender.heard) == 2)
    assert sender.heard[1] == (1, "7-1")


@pytest.mark.parametrize("broken", ["allowed", "refused"])
async def test_a_fault_while_a_sender_is_asked_again_costs_that_message_only(
    redis, sender, monkeypatch, caplog, broken
):
    def fails(*_):
        raise ValueError("a fault")

    rules = Rules()
    outbox, faulty, sender.rules = outbox_on(redis, 1_000_000, rules), Sender(), rules
    redis.certain.clear()
    send(outbox, faulty, 0)
    send(outbox, sender, 1)
    rules.known, faulty.mute = "2", MUTED
    monkeypatch.setattr(faulty, broken, fails)
    redis.certain.set()
    await until(lambda: sender.heard)
    assert sender.heard == [(1, "7-1")]
    assert "a fault" in caplog.text
    send(outbox, sender, 2)
    await until(lambda: len(sender.heard) == 2)
    assert outbox.waiting == 0


async def test_a_fault_while_rules_are_read_costs_no_message(redis, sender, monkeypatch, caplog):
    monkeypatch.setattr("gateway.channels.outbox.PAUSE", 0)
    rules = sender.rules
    outbox = outbox_on(redis, 1_000_000, rules)
    rules.error, redis.error = ValueError("a fault"), RoomChanged()
    send(outbox, sender, 0)
    await until(lambda: rules.refreshes)
    rules.error = redis.error = None
    await until(lambda: sender.heard)
    assert sender.heard == [(0, "7-1")]
    assert "a fault" in caplog.text


async def test_settled_is_when_all_is_published(outbox, redis, sender):
    redis.patient = True
    send(outbox, sender, 0, room="cellar")
    send(outbox, sender, 1, room="lobby")
    settled = asyncio.create_task(outbox.settle())
    await quiet()
    assert not settled.done()
    for answer in redis.answers:
        answer.set_result(None)
    await settled
    assert sorted(room for room, _ in redis.batches) == ["cellar", "lobby"]
    assert sender.heard == [(0, "7-1"), (1, "7-2")]


async def test_with_nothing_handed_in_it_is_settled(outbox):
    await outbox.settle()


async def test_a_sender_may_send_again_as_soon_as_it_hears(outbox, redis):
    class Eager(Sender):
        def published(self, publish, posted):
            super().published(publish, posted)
            if publish.seq < 5:
                send(outbox, self, publish.seq + 1)

    eager = Eager()
    send(outbox, eager, 0)
    await until(lambda: len(eager.heard) == 6)
    assert [seq for seq, _ in eager.heard] == list(range(6))


# While Redis is away.


async def test_nothing_is_published_until_the_gateway_knows_who_is_still_its_own(
    outbox, redis, sender
):
    redis.certain.clear()
    send(outbox, sender, 0)
    await quiet()
    send(outbox, sender, 1)
    await quiet()
    assert redis.batches == []
    redis.certain.set()
    await until(lambda: len(sender.heard) == 2)
    assert redis.batches == [("lobby", [line(0), line(1)])]


async def test_it_is_asked_again_before_each_call(outbox, redis, sender):
    redis.patient = True
    send(outbox, sender, 0)
    await quiet()
    send(outbox, sender, 1)
    redis.certain.clear()
    redis.patient = False
    redis.answers[0].set_result(None)
    await until(lambda: sender.heard)
    await quiet()
    assert len(redis.batches) == 1
    redis.certain.set()
    await until(lambda: len(sender.heard) == 2)


class Away:
    """A Redis that goes while it works on the first call, and is back when told."""

    def __init__(self, redis):
        self._redis = redis
        redis.patient, redis.error = True, BackplaneDown("away")

    async def goes(self):
        await until(lambda: self._redis.answers)
        self._redis.certain.clear()
        self._redis.answers[0].set_result(None)
        await quiet()

    def comes_back(self):
        self._redis.patient, self._redis.error = False, None
        self._redis.certain.set()


async def test_what_has_a_seq_is_published_again_first_and_in_its_order(outbox, redis, sender):
    away = Away(redis)
    for seq in range(3):
        send(outbox, sender, seq)
    await quiet()
    send(outbox, sender, 3)
    await away.goes()
    send(outbox, sender, 4)
    assert sender.heard == []
    away.comes_back()
    await until(lambda: len(sender.heard) == 5)
    first, again = redis.batches
    assert first == ("lobby", [line(0), line(1), line(2)])
    assert again == ("lobby", [line(0), line(1), line(2), line(3), line(4)])
    assert sender.heard == [(seq, f"7-{seq + 1}") for seq in range(5)]


async def test_what_has_no_seq_might_be_said_twice_and_so_its_sender_is_told(outbox, redis):
    numbered, plain = Sender(), Sender()
    away = Away(redis)
    send(outbox, numbered, 0)
    send_unnumbered(outbox, plain)
    send(outbox, numbered, 1)
    await away.goes()
    assert plain.heard == [(None, None)]
    assert numbered.heard == []
    away.comes_back()
    await until(lambda: len(numbered.heard) == 2)
    assert redis.batches[1] == ("lobby", [line(0), line(1)])
    assert plain.heard == [(None, None)]


async def test_what_has_no_seq_and_was_not_under_way_is_published_once_redis_is_back(
    outbox, redis, sender
):
    away = Away(redis)
    send(outbox, sender, 0)
    await away.goes()
    send_unnumbered(outbox, sender, b"later")
    away.comes_back()
    await until(lambda: len(sender.heard) == 2)
    assert redis.batches[1] == ("lobby", [line(0), b'"later"\n'])
    assert sender.heard == [(0, "7-1"), (None, "7-2")]


async def test_redis_may_go_again_and_again(outbox, redis, sender):
    redis.error = BackplaneDown("away")
    tries = 0

    async def certain_thrice():
        nonlocal tries
        tries += 1
        if tries == 4:
            redis.error = None

    outbox._ready = certain_thrice
    send(outbox, sender, 0)
    await until(lambda: sender.heard)
    assert redis.batches == [("lobby", [line(0)])] * 4
    assert sender.heard == [(0, "7-1")]


async def test_a_call_that_is_made_again_has_no_more_lines_either(outbox, redis, sender):
    away = Away(redis)
    for seq in range(BATCH + 1):
        send(outbox, sender, seq)
    await away.goes()
    away.comes_back()
    await until(lambda: len(sender.heard) == BATCH + 1)
    assert [len(lines) for _, lines in redis.batches] == [BATCH, BATCH, 1]
    assert [seq for seq, _ in sender.heard] == list(range(BATCH + 1))


# Whose name was given away.


async def test_in_a_name_that_was_given_away_nothing_more_is_said(outbox, redis):
    dana, sis = Sender(), Sender()
    redis.certain.clear()
    send(outbox, dana, 0)
    send(outbox, sis, 1)
    dana.lost = True
    redis.certain.set()
    await until(lambda: sis.heard)
    assert redis.batches == [("lobby", [line(1)])]
    assert (dana.heard, sis.heard) == ([(0, None)], [(1, "7-1")])


async def test_with_nobody_left_to_speak_for_nothing_is_asked_of_redis(outbox, redis, sender):
    sender.lost = True
    send(outbox, sender, 0)
    await until(lambda: sender.heard)
    await outbox.settle()
    assert redis.batches == []


async def test_what_was_in_doubt_is_not_said_again_in_a_name_that_was_lost(outbox, redis, sender):
    away = Away(redis)
    send(outbox, sender, 0)
    await away.goes()
    sender.lost = True
    away.comes_back()
    await until(lambda: sender.heard)
    assert len(redis.batches) == 1
    assert sender.heard == [(0, None)]


# Bounds.


async def test_what_waits_is_bounded_and_what_is_over_it_is_not_taken(redis, sender):
    outbox = outbox_on(redis, 3 * len(line(0)))
    others = [Sender(f"network {number}") for number in range(5)]
    redis.certain.clear()
    taken = [send(outbox, who, seq) for seq, who in enumerate(others)]
    assert taken == [True, True, True, False, False]
    assert outbox.waiting == 3 * len(line(0))
    redis.certain.set()
    await outbox.settle()
    assert [who.heard for who in others] == [[(seq, f"7-{seq + 1}")] for seq in range(3)] + [[], []]
    assert outbox.waiting == 0
    assert send(outbox, sender, 6)
    await outbox.settle()


async def test_senders_of_one_place_leave_half_of_it_to_others(redis, sender):
    outbox = outbox_on(redis, 4 * len(line(0)))
    neighbour, other = Sender(), Sender("elsewhere")
    redis.certain.clear()
    whose = [sender, neighbour, sender, neighbour, other, other, other]
    taken = [send(outbox, who, seq) for seq, who in enumerate(whose)]
    assert taken == [True, True, False, False, True, True, False]
    redis.certain.set()
    await outbox.settle()
    redis.certain.clear()
    assert [send(outbox, sender, seq) for seq in range(7, 10)] == [True, True, False]
    redis.certain.set()
    await outbox.settle()


async def test_rooms_share_the_bound(redis, sender):
    outbox = outbox_on(redis, 4 * len(line(0)))
    taken = [
        send(outbox, sender, seq, room) for seq, room in enumerate(["lobby", "cellar", "attic"])
    ]
    assert taken == [True, True, False]
    await outbox.settle()


@pytest.mark.parametrize(
    "error", [BackplaneDown("away"), BackplaneRefused("OOM"), ValueError("a fault")]
)
async def test_whatever_becomes_of_it_nothing_counts_as_waiting_in_the_end(redis, sender, error):
    outbox = outbox_on(redis, 1000)
    redis.patient, redis.error = True, error
    send(outbox, sender, 0)
    send_unnumbered(outbox, sender)
    await until(lambda: redis.answers)
    redis.patient, redis.error = False, None
    redis.certain.clear()
    redis.answers[0].set_exception(error)
    await quiet()
    redis.certain.set()
    await outbox.settle()
    assert outbox.waiting == 0


async def test_a_stopped_outbox_publishes_nothing_more(redis, sender):
    outbox = outbox_on(redis, 1000)
    redis.certain.clear()
    send(outbox, sender, 0)
    outbox.stop()
    redis.certain.set()
    await quiet()
    assert redis.batches == []


# The rules of the room.


MUTED = WireError(ErrorCode.MUTED, "you are muted")


@pytest.fixture
def rules():
    return Rules()


@pytest.fixture
async def ruled(redis, rules, sender):
    sender.rules = rules
    outbox = outbox_on(redis, 1_000_000, rules)
    yield outbox
    await outbox.settle()
    assert outbox.waiting == 0


async def test_a_message_that_the_rules_do_not_allow_is_not_taken(ruled, redis, sender):
    sender.mute = MUTED
    with pytest.raises(WireError, match="muted"):
        send(ruled, sender, 0)
    await ruled.settle()
    assert redis.batches == []


async def test_messages_go_out_with_the_version_by_which_they_were_allowed(
    ruled, redis, rules, sender
):
    send(ruled, sender, 0)
    await until(lambda: sender.heard)
    assert (redis.versions, sender.asked) == (["1"], 1)


async def test_when_the_rules_have_changed_each_sender_is_asked_again(ruled, redis, rules):
    muted, other = Sender(rules=rules), Sender(rules=rules)
    redis.certain.clear()
    send(ruled, muted, 0)
    send(ruled, other, 1)
    muted.mute, rules.known = MUTED, "2"
    redis.certain.set()
    await until(lambda: other.heard)
    assert muted.refusals == [(0, MUTED)]
    assert redis.batches == [("lobby", [line(1)])]
    assert (redis.versions, other.heard) == (["2"], [(1, "7-1")])


async def test_when_redis_says_that_they_have_changed_they_are_read_again(ruled, redis, rules):
    muted, other = Sender(rules=rules), Sender(rules=rules)
    redis.patient, redis.error = True, RoomChanged()
    send(ruled, muted, 0)
    send(ruled, other, 1)
    await until(lambda: redis.answers)
    muted.mute, rules.newer = MUTED, "2"
    redis.patient = False
    publish = ruled._publish

    async def once(*call):
        redis.error = None
        return await publish(*call)

    ruled._publish = once
    redis.answers[0].set_result(None)
    await until(lambda: other.heard)
    assert rules.refreshes == 1
    assert redis.versions == ["1", "2"]
    assert redis.batches[1] == ("lobby", [line(1)])
    assert (muted.heard, muted.refusals) == ([], [(0, MUTED)])


async def test_they_are_asked_again_also_if_the_version_is_not_known_to_be_another(
    ruled, redis, rules, sender
):
    # Somebody else has read the rules while the call was under way.
    redis.patient, redis.error = True, RoomChanged()
    send(ruled, sender, 0)
    await until(lambda: redis.answers)
    sender.mute = MUTED
    redis.patient, redis.error = False, None
    redis.answers[0].set_exception(RoomChanged())
    await until(lambda: sender.refusals)
    assert len(redis.batches) == 1


async def test_rules_that_cannot_be_read_are_read_when_redis_is_back(ruled, redis, rules, sender):
    redis.patient = True
    rules.error = BackplaneDown("away")
    send(ruled, sender, 0)
    await until(lambda: redis.answers)
    redis.certain.clear()
    redis.patient = False
    redis.answers[0].set_exception(RoomChanged())
    await quiet()
    assert sender.heard == []
    redis.certain.set()
    await until(lambda: sender.heard)
    assert sender.heard == [(0, "7-1")]


async def test_what_nobody_here_knows_the_rules_of_goes_by_those_that_were_known(
    ruled, redis, rules, sender
):
    # Its sender has gone, and was the last of this gateway in the room.
    redis.certain.clear()
    send(ruled, sender, 0)
    rules.known = None
    redis.certain.set()
    await until(lambda: sender.heard)
    assert (redis.versions, sender.asked) == (["1"], 1)
