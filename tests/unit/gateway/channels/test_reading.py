"""Reading on in a log, and owning up to what is missing."""

import pytest

from gateway.backplane.contract import Log
from gateway.backplane.ids import before
from gateway.channels import reading as module
from gateway.channels.reading import gap, read_on
from gateway.errors import BackplaneDown
from tests.unit.gateway.fakes import AWAY, FakeBackplane, Memory
from wire.codec import decode_event
from wire.frames import PRIVATE, Gap

ROOM, DANA = Log("lobby"), Log(PRIVATE, "dana")


BEGIN = before(7)


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def redis(memory):
    return FakeBackplane(memory, "g-1", None)


async def everything(redis, log, after):
    """All pages from an id on, as one: what was told, and up to where."""
    told, more = [], True
    while more:
        after, lines, more = await read_on(redis, log, after)
        told += [decode_event(line.rstrip()) for line in lines]
    return [_shown(event) for event in told], after


def _shown(event):
    return f"({event.after})" if isinstance(event, Gap) else event.text


# A room, whose ids are dense.


async def test_messages_after_an_id_are_read_in_order(redis, memory):
    ids = [memory.say(text) for text in "abc"]
    assert await everything(redis, ROOM, ids[0]) == (["b", "c"], ids[2])
    assert await everything(redis, ROOM, BEGIN) == (["a", "b", "c"], ids[2])


async def test_with_nothing_new_it_stays_where_it_is(redis, memory):
    last = memory.say("a")
    assert await everything(redis, ROOM, last) == ([], last)
    assert await everything(redis, ROOM, last) == ([], last)


async def test_a_room_in_which_nothing_was_ever_said_has_no_gap(redis):
    assert await everything(redis, ROOM, BEGIN) == ([], BEGIN)


@pytest.mark.parametrize("count", [4, 5, 6, 10])
async def test_a_long_log_is_read_page_by_page(redis, memory, monkeypatch, count):
    monkeypatch.setattr(module, "PAGE", 5)
    said = [f"{number}" for number in range(count)]
    for text in said:
        memory.say(text)
    told, _ = await everything(redis, ROOM, BEGIN)
    assert told == said
    assert redis.count("read_log") == (count + 4) // 5


async def test_what_was_forgotten_is_a_gap_behind_the_last_that_was_seen(redis, memory):
    ids = [memory.say(text) for text in "abcd"]
    memory.forget(ROOM, 2)
    assert await everything(redis, ROOM, ids[0]) == (["(7-0)", "c", "d"], ids[3])


async def test_what_was_forgotten_up_to_the_last_that_was_seen_is_no_gap(redis, memory):
    ids = [memory.say(text) for text in "abcd"]
    memory.forget(ROOM, 2)
    assert await everything(redis, ROOM, ids[1]) == (["c", "d"], ids[3])


@pytest.mark.parametrize("log", [ROOM, DANA])
async def test_a_log_that_only_knows_its_last_id_has_a_gap_for_a_reader_who_missed_something(
    redis, memory, log
):
    say = memory.say if log is ROOM else lambda text: memory.whisper(text, "dana")
    ids = [say(text) for text in "abc"]
    memory.forget(log, 3)
    assert await everything(redis, log, ids[2]) == ([], ids[2])
    assert await everything(redis, log, ids[1]) == (["(7-1)"], ids[2])


async def test_what_somebody_else_wrote_into_a_log_is_passed_over(redis, memory):
    for text in "abc":
        memory.say(text)
    kept = memory.logs[ROOM]
    kept[1] = kept[1]._replace(line=b"")
    assert (await everything(redis, ROOM, BEGIN))[0] == ["a", "c"]


@pytest.mark.parametrize("deleted", [(0,), (1,), (4,), (6,), (1, 3), (2, 3), (0, 1, 5, 6)])
@pytest.mark.parametrize("size", [2, 3, 100])
async def test_what_was_deleted_is_no_gap(redis, memory, monkeypatch, deleted, size):
    monkeypatch.setattr(module, "PAGE", size)
    ids = [memory.say(text) for text in "abcdefg"]
    for number in reversed(deleted):
        memory.erase(ROOM, number)
    told, upto = await everything(redis, ROOM, BEGIN)
    assert told == [text for number, text in enumerate("abcdefg") if number not in deleted]
    assert upto == ids[-1]


async def test_what_was_forgotten_before_something_was_deleted_is_a_gap(redis, memory):
    ids = [memory.say(text) for text in "abcdef"]
    memory.forget(ROOM, 2)
    memory.erase(ROOM, 0)
    assert await everything(redis, ROOM, BEGIN) == (
        ["(6-" + f"{2**64 - 1})", "d", "e", "f"],
        ids[-1],
    )
    assert await everything(redis, ROOM, ids[1]) == (["d", "e", "f"], ids[-1])


async def test_if_all_was_deleted_there_is_no_gap(redis, memory):
    ids = [memory.say(text) for text in "ab"]
    for _ in range(2):
        memory.erase(ROOM, 0)
    assert await everything(redis, ROOM, BEGIN) == ([], ids[-1])


# Epochs.


@pytest.mark.parametrize("log", [ROOM, DANA])
@pytest.mark.parametrize("how", ["deleted", "restarted"])
async def test_a_new_epoch_is_a_gap_once_though_nothing_was_said_in_it(redis, memory, log, how):
    last = memory.say("a") if log is ROOM else memory.whisper("a", "dana")
    if how == "deleted":
        memory.delete(log)
    else:
        memory.restart(empty=False)
    memory.tail(log, last)  # as the gateway that knows it finds out
    told, upto = await everything(redis, log, last)
    assert (told, upto) == (["(7-0)"], before(8))
    assert await everything(redis, log, upto) == ([], upto)


@pytest.mark.parametrize("log", [ROOM, DANA])
async def test_a_log_that_went_back_unnoticed_is_a_gap_and_goes_on_where_it_is(redis, memory, log):
    last = memory.say("a") if log is ROOM else memory.whisper("a", "dana")
    memory.delete(log)
    assert await everything(redis, log, last) == (["(7-0)"], BEGIN)


async def test_who_came_before_there_was_a_log_missed_nothing_when_it_is_found_lost(redis, memory):
    last = memory.say("a")
    memory.delete(ROOM)
    tail = memory.tail(ROOM, last)
    assert await everything(redis, ROOM, memory.start(ROOM)) == ([], tail)


async def test_but_in_another_run_of_redis_something_may_be_lost(redis, memory):
    start = memory.start(ROOM)
    memory.restart()
    assert await everything(redis, ROOM, start) == ([f"({start.decode()})"], memory.start(ROOM))
    memory.say("a")
    assert (await everything(redis, ROOM, start))[0] == [f"({start.decode()})", "a"]


@pytest.mark.parametrize("empty", [True, False])
async def test_what_is_said_in_a_new_epoch_comes_behind_one_gap(redis, memory, empty):
    first = memory.say("a")
    memory.say("b")
    memory.restart(empty=empty)
    memory.say("c")
    told, _ = await everything(redis, ROOM, first)
    assert told == ["(7-0)", "c"] if empty else ["b", "(7-1)", "c"]


async def test_an_old_epoch_that_is_all_there_is_still_is_read_first(redis, memory):
    first = memory.say("a")
    memory.say("b")
    memory.restart(empty=False)
    tail = memory.tail(ROOM)
    told, upto = await everything(redis, ROOM, first)
    assert (told, upto) == (["b", "(7-1)"], tail)


async def test_several_epochs_later_there_is_still_a_gap(redis, memory):
    last = memory.say("a")
    memory.restart()
    memory.restart()
    memory.say("b")
    told, _ = await everything(redis, ROOM, last)
    assert told == ["(7-0)", "b"]


async def test_an_old_epoch_of_many_pages_has_one_gap_at_its_end(redis, memory, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for text in "abcd":
        memory.say(text)
    memory.restart(empty=False)
    memory.say("e")
    told, _ = await everything(redis, ROOM, BEGIN)
    assert told == ["a", "b", "c", "d", "(7-3)", "e"]


# Private messages: each reader has a log.


async def test_what_is_for_others_is_in_their_logs(redis, memory):
    memory.whisper("1", "dana")
    memory.whisper("x", "sis")
    last = memory.whisper("2", "sis", "dana")
    memory.whisper("y", "sis")
    assert await everything(redis, DANA, BEGIN) == (["1", "2"], last)


# The rest.


@pytest.mark.parametrize("log", [ROOM, DANA])
async def test_without_redis_nothing_is_read(redis, log):
    redis.fail(AWAY, "read_log")
    with pytest.raises(BackplaneDown):
        await read_on(redis, log, BEGIN)


def test_a_gap_says_where_and_behind_what():
    assert gap("lobby", b"7-3") == Gap(
        room="lobby",
        after="7-3",
        text="Some messages are missing here and cannot be recovered.",
    )
    assert gap(PRIVATE, None).after is None
