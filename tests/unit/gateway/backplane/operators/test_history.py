import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from gateway.backplane.embedded import server as embedded
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators import history
from gateway.backplane.operators.history import PAGE, LogEntry, follow, newest
from gateway.backplane.redis import address
from gateway.errors import RedisUnreachable

ROOM = ("chat", "lobby")


@pytest.fixture(scope="module")
def server():
    # Not tmp_path, whose names are too long for a socket on some machines.
    with tempfile.TemporaryDirectory() as directory, embedded.start(Path(directory)) as server:
        yield server


@pytest.fixture
def there(server):
    with redis.Redis.from_url(server.url, protocol=2) as there:
        there.flushall()
        yield there


@pytest.fixture
def url(server, there):
    return server.url


@pytest.fixture
def stored(there):
    """Fill the log of the lobby as the scripts do, at these times of Redis' clock."""

    def stored(*times, room="lobby", prefix="chat", epoch=7):
        log = Keys(prefix).room_log(room)
        with there.pipeline() as pipeline:
            for t in times:
                pipeline.xadd(log, {"d": '{"op":"msg"}\n', "t": t, "o": "f"}, id=f"{epoch}-*")
            ids = pipeline.execute()
        return [
            LogEntry(id, b'{"id":"%s","ts":%d,"op":"msg"}\n' % (id, t))
            for id, t in zip(ids, times, strict=True)
        ]

    return stored


def test_the_newest_come_oldest_first_as_they_went_over_the_wire(url, stored):
    said = stored(1, 2, 3)
    assert newest(url, *ROOM) == said
    assert newest(url, *ROOM, count=2) == said[1:]
    assert newest(url, *ROOM, count=9) == said
    assert said[0].line == b'{"id":"7-0","ts":1,"op":"msg"}\n'


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_a_log_of_several_pages_is_whole_and_in_order(url, stored, count):
    said = stored(*range(2 * PAGE))
    assert newest(url, *ROOM) == said
    assert newest(url, *ROOM, count=count) == said[-count:]


def test_epochs_are_ordered_as_numbers(url, stored):
    said = stored(1, epoch=9) + stored(2, epoch=10)
    assert newest(url, *ROOM) == said


def test_since_counts_by_redis_clock_and_includes_that_moment(url, stored):
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    at = round(moment.timestamp() * 1000)
    said = stored(at - 1, at, at + 1)
    assert newest(url, *ROOM, since=moment) == said[1:]
    assert newest(url, *ROOM, since=moment, count=1) == said[2:]


def test_another_room_and_another_chat_are_not_in_it(url, stored, there):
    stored(1, room="other")
    stored(1, prefix="other")
    there.xadd(Keys("chat").user_log("dana"), {"d": '{"secret":1}\n', "t": 1})
    assert newest(url, *ROOM) == []
    assert newest(url, "chat", "@") == []


def test_a_follower_gets_old_entries_and_then_new_ones(url, stored):
    first, *missed = stored(1, 2, 3)
    following = follow(url, *ROOM, first.id)
    assert next(following) == missed
    news = stored(4)
    assert next(following) == news
    news = stored(5, epoch=8)
    assert next(following) == news
    following.close()


def test_a_follower_goes_on_after_the_log_was_deleted(url, stored, there):
    stored(1, 2, 3, epoch=1795428000123)
    following = follow(url, *ROOM, NOTHING)
    next(following)
    there.delete(Keys("chat").room_log("lobby"))
    news = stored(4, epoch=1795428000999)
    assert next(following) == news
    following.close()


def test_entries_of_other_programs_are_skipped(url, stored, there):
    log = Keys("chat").room_log("lobby")
    said = stored(1)
    others = [{"x": "y"}, {"d": "{}\n", "t": "soon"}, {"d": "no\n", "t": "5"}, {"t": "7"}]
    for number, fields in enumerate(others):
        there.xadd(log, fields, id=f"7-{number + 1}")
    assert newest(url, *ROOM) == said
    assert newest(url, *ROOM, since=datetime.fromtimestamp(0.001).astimezone()) == said
    following = follow(url, *ROOM, NOTHING)
    assert next(following) == said
    following.close()


def test_a_log_of_the_wrong_type_is_an_error_in_one_sentence(url, there):
    there.set(Keys("chat").room_log("lobby"), "x")
    for read in (newest, lambda *room: next(follow(*room, NOTHING))):
        with pytest.raises(RedisUnreachable):
            read(url, *ROOM)


def test_a_follower_far_behind_gets_it_page_by_page(url, stored):
    said = stored(*range(PAGE + 1))
    following = follow(url, *ROOM, NOTHING)
    assert next(following) == said[:PAGE]
    assert next(following) == said[PAGE:]
    following.close()


def test_without_news_a_follower_learns_that_redis_is_there(url, stored, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 0.01)
    following = follow(url, *ROOM, NOTHING)
    assert next(following) == []
    news = stored(1)
    assert next(following) == news
    following.close()


def test_a_follower_waits_less_than_its_patience_with_redis():
    assert history.BLOCK < address.PATIENCE / 2


@pytest.mark.parametrize("read", [newest, lambda *room: next(follow(*room, NOTHING))])
def test_an_unreachable_redis_is_an_error_without_the_password(read, monkeypatch):
    monkeypatch.setattr(address, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"redis://ann:secret@127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(RedisUnreachable, match="no answer") as hangs:
            read(url, *ROOM)
    with pytest.raises(RedisUnreachable, match="nothing listens there") as away:
        read(f"{url}?password=secret", *ROOM)
    for error in (hangs, away):
        assert "secret" not in str(error.value)
        assert "***" in str(error.value)


def test_a_server_that_ends_is_an_error_for_its_follower():
    with tempfile.TemporaryDirectory() as directory, embedded.start(Path(directory)) as server:
        with redis.Redis.from_url(server.url, protocol=2) as there:
            there.xadd(Keys("chat").room_log("lobby"), {"d": "{}", "t": 1})
        following = follow(server.url, *ROOM, NOTHING)
        assert len(next(following)) == 1
        server.stop()
        with pytest.raises(RedisUnreachable):
            next(following)
