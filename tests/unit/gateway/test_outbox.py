import asyncio

import pytest

from gateway import outbox as module
from gateway.backplane.connection import RedisError
from gateway.chat.effects import Publish
from gateway.errors import BackplaneDown
from gateway.outbox import BATCH, Outbox
from tests.unit.gateway.fakes import quiet, until
from wire.frames import Msg


class Redis:
    """Publishes when told, or at once."""

    def __init__(self):
        self.batches = []
        self.answers = []
        self.patient = False
        self.error = None
        self._ids = 0

    async def publish(self, room, lines):
        self.batches.append((room, lines))
        if self.patient:
            self.answers.append(asyncio.get_running_loop().create_future())
            await self.answers[-1]
        if self.error is not None:
            raise self.error
        return [self._next() for line in lines if line.startswith(b'"')]

    def _next(self):
        self._ids += 1
        return f"7-{self._ids}"


class Sender:
    def __init__(self):
        self.heard = []

    def published(self, publish, id):
        self.heard.append((publish.seq, id))


def send(outbox, sender, seq, room="lobby"):
    message = Msg(from_="dana", room=room, text=f"{seq}", ts=1)
    outbox.send(Publish(room, message, seq), b'"m%d"\n' % seq, sender)


@pytest.fixture
def redis():
    return Redis()


@pytest.fixture
async def outbox(redis):
    outbox = Outbox(redis.publish)
    yield outbox
    await outbox.settle()


@pytest.fixture
def sender():
    return Sender()


async def test_what_one_turn_brings_is_published_by_one_call(outbox, redis, sender):
    for seq in range(3):
        send(outbox, sender, seq)
    await until(lambda: sender.heard)
    assert redis.batches == [("lobby", [b'"m0"\n', b'"m1"\n', b'"m2"\n'])]
    assert sender.heard == [(0, "7-1"), (1, "7-2"), (2, "7-3")]


async def test_each_sender_is_told_of_their_own(outbox):
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


@pytest.mark.parametrize("error", [BackplaneDown("away"), RedisError("OOM")])
async def test_all_of_a_call_that_failed_are_in_doubt_and_none_is_sent_again(
    outbox, redis, sender, error
):
    redis.patient, redis.error = True, error
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


async def test_announcements_wait_for_company(outbox, redis, monkeypatch):
    monkeypatch.setattr(module, "LINGER", 3600.0)
    outbox.announce("lobby", b"a\n")
    await quiet()
    assert redis.batches == []


async def test_announcements_do_not_wait_for_ever(outbox, redis, monkeypatch):
    monkeypatch.setattr(module, "LINGER", 0.0)
    for name in (b"a\n", b"b\n"):
        outbox.announce("lobby", name)
    await until(lambda: redis.batches)
    assert redis.batches == [("lobby", [b"a\n", b"b\n"])]


async def test_a_message_takes_the_announcements_before_it_along(
    outbox, redis, sender, monkeypatch
):
    monkeypatch.setattr(module, "LINGER", 3600.0)
    outbox.announce("lobby", b"joined\n")
    send(outbox, sender, 0)
    await until(lambda: sender.heard)
    assert redis.batches == [("lobby", [b"joined\n", b'"m0"\n'])]
    assert sender.heard == [(0, "7-1")]


async def test_an_announcement_while_a_call_is_under_way_goes_with_the_next(
    outbox, redis, sender, monkeypatch
):
    monkeypatch.setattr(module, "LINGER", 3600.0)
    redis.patient = True
    send(outbox, sender, 0)
    await quiet()
    outbox.announce("lobby", b"left\n")
    redis.patient = False
    redis.answers[0].set_result(None)
    await until(lambda: len(redis.batches) == 2)
    assert redis.batches[1] == ("lobby", [b"left\n"])


async def test_settled_is_when_all_is_published(outbox, redis, sender, monkeypatch):
    monkeypatch.setattr(module, "LINGER", 3600.0)
    redis.patient = True
    send(outbox, sender, 0, room="cellar")
    outbox.announce("lobby", b"left\n")
    settled = asyncio.create_task(outbox.settle())
    await quiet()
    assert not settled.done()
    for answer in redis.answers:
        answer.set_result(None)
    await settled
    assert sorted(room for room, _ in redis.batches) == ["cellar", "lobby"]
    assert sender.heard == [(0, "7-1")]


async def test_with_nothing_handed_in_it_is_settled(outbox):
    await outbox.settle()


async def test_a_sender_may_send_again_as_soon_as_it_hears(outbox, redis):
    class Eager(Sender):
        def published(self, publish, id):
            super().published(publish, id)
            if publish.seq < 5:
                send(outbox, self, publish.seq + 1)

    eager = Eager()
    send(outbox, eager, 0)
    await until(lambda: len(eager.heard) == 6)
    assert [seq for seq, _ in eager.heard] == list(range(6))
