"""Reading on in a log, and owning up to what is missing."""

import pytest

from gateway import logs as module
from gateway.backplane.ids import before
from gateway.errors import BackplaneDown
from gateway.logs import Log, gap, read_on
from tests.unit.gateway.fakes import AWAY, FakeBackplane, Memory
from wire.codec import decode_event
from wire.frames import PRIVATE, Gap

ROOM, DANA = Log("lobby"), Log(PRIVATE, "dana")
BEGIN = before("7")


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


async def test_what_came_behind_an_id_is_read_in_order(redis, memory):
    ids = [memory.say(text) for text in "abc"]
    assert await everything(redis, ROOM, ids[0]) == (["b", "c"], ids[2])
    assert await everything(redis, ROOM, BEGIN) == (["a", "b", "c"], ids[2])


async def test_with_nothing_new_it_stays_where_it_is(redis, memory):
    last = memory.say("a")
    assert await everything(redis, ROOM, last) == ([], last)
    assert await everything(redis, ROOM, last) == ([], last)


async def test_an_empty_room_of_this_epoch_has_no_gap(redis):
    assert await everything(redis, ROOM, BEGIN) == ([], BEGIN)


@pytest.mark.parametrize("count", [4, 5, 6, 10])
async def test_a_long_log_is_read_page_by_page(redis, memory, monkeypatch, count):
    monkeypatch.setattr(module, "PAGE", 5)
    said = [f"{number}" for number in range(count)]
    for text in said:
        memory.say(text)
    told, _ = await everything(redis, ROOM, BEGIN)
    assert told == said
    assert redis.count("said") == count // 5 + 1


async def test_what_was_forgotten_is_a_gap_behind_the_last_that_was_seen(redis, memory):
    ids = [memory.say(text) for text in "abcd"]
    memory.forget("lobby", 2)
    assert await everything(redis, ROOM, ids[0]) == (["(7-0)", "c", "d"], ids[3])


async def test_what_was_forgotten_up_to_the_last_that_was_seen_is_no_gap(redis, memory):
    ids = [memory.say(text) for text in "abcd"]
    memory.forget("lobby", 2)
    assert await everything(redis, ROOM, ids[1]) == (["c", "d"], ids[3])


async def test_each_hole_in_the_middle_is_a_gap(redis, memory):
    for text in "abcdefg":
        memory.say(text)
    del memory.logs["lobby"][1], memory.logs["lobby"][3]
    told, _ = await everything(redis, ROOM, BEGIN)
    assert told == ["a", "(7-0)", "c", "d", "(7-3)", "f", "g"]


async def test_a_hole_between_two_pages_is_a_gap(redis, memory, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for text in "abcde":
        memory.say(text)
    del memory.logs["lobby"][2]
    told, _ = await everything(redis, ROOM, BEGIN)
    assert told == ["a", "b", "(7-1)", "d", "e"]


# Epochs.


@pytest.mark.parametrize("log", [ROOM, DANA])
async def test_a_new_epoch_is_a_gap_once_though_nothing_was_said_in_it(redis, memory, log):
    last = memory.say("a") if log is ROOM else memory.whisper("a", "dana")
    memory.restart()
    told, upto = await everything(redis, log, last)
    assert (told, upto) == (["(7-0)"], before("8"))
    assert await everything(redis, log, upto) == ([], upto)


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
    told, upto = await everything(redis, ROOM, first)
    assert (told, upto) == (["b", "(7-1)"], before("8"))


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


# Private messages: one's own are a few among all.


async def test_what_is_for_others_is_passed_over(redis, memory):
    memory.whisper("1", "dana")
    memory.whisper("x", "sis")
    memory.whisper("2", "dana", "sis")
    last = memory.whisper("y", "sis")
    assert await everything(redis, DANA, BEGIN) == (["1", "2"], last)


async def test_pages_in_which_nothing_is_for_one_are_no_end(redis, memory, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for _ in range(5):
        memory.whisper("x", "sis")
    memory.whisper("1", "dana")
    assert (await everything(redis, DANA, BEGIN))[0] == ["1"]


async def test_a_private_log_that_does_not_reach_back_is_a_gap(redis, memory):
    first = memory.whisper("1", "dana")
    memory.whisper("2", "dana")
    memory.whisper("3", "dana")
    memory.forget(PRIVATE, 2)
    assert (await everything(redis, DANA, first))[0] == ["(7-0)", "3"]


async def test_a_private_log_that_reaches_back_just_far_enough_is_whole(redis, memory):
    first = memory.whisper("1", "dana")
    memory.whisper("2", "dana")
    memory.forget(PRIVATE, 1)
    assert (await everything(redis, DANA, first))[0] == ["2"]


async def test_a_private_log_of_this_epoch_reaches_back_to_its_beginning(redis, memory):
    memory.whisper("1", "dana")
    assert (await everything(redis, DANA, BEGIN))[0] == ["1"]
    memory.whisper("2", "dana")
    memory.forget(PRIVATE, 1)
    assert (await everything(redis, DANA, BEGIN))[0] == [f"({BEGIN.decode()})", "2"]


async def test_private_messages_of_a_new_epoch_come_behind_one_gap(redis, memory):
    last = memory.whisper("1", "dana")
    memory.restart()
    memory.whisper("2", "dana")
    assert (await everything(redis, DANA, last))[0] == ["(7-0)", "2"]


# The rest.


@pytest.mark.parametrize("log", [ROOM, DANA])
async def test_without_redis_nothing_is_read(redis, log):
    redis.fail(AWAY, "said", "whispered")
    with pytest.raises(BackplaneDown):
        await read_on(redis, log, BEGIN)


def test_a_gap_says_where_and_behind_what():
    assert decode_event(gap("lobby", b"7-3")[:-1]) == Gap(
        room="lobby",
        after="7-3",
        text="Some messages are missing here, and cannot be had any more.",
    )
    assert decode_event(gap(PRIVATE, None)[:-1]).after is None
