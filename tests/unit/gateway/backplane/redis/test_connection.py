import asyncio
import logging
import socket
import tempfile
import time

import pytest

from gateway.backplane.redis import connection as module
from gateway.backplane.redis import sentinels
from gateway.backplane.redis.connection import Connection, connect
from gateway.errors import BackplaneDown, BackplaneRefused, RedisRefused, RedisUnreachable
from tests.unit.gateway.backplane.scripted import OK, ScriptedRedis, array, bulk, error, usual
from tests.unit.gateway.backplane.secret_urls import SECRETS
from tests.unit.gateway.fakes import quiet, until


class Heard:
    """A connection, and what it says by itself."""

    def __init__(self, listens=False):
        self.messages = []
        self.lost = 0
        on_message = (lambda *message: self.messages.append(message)) if listens else None
        self.connection = Connection(on_message, self._on_lost)

    def _on_lost(self):
        self.lost += 1


async def opened(redis, listens=False):
    heard = Heard(listens)
    await connect(redis.url, heard.connection, "test")
    return heard, heard.connection


async def ended(heard):
    heard.connection.abort()
    await until(lambda: heard.lost)


# Calls.


async def test_replies_go_to_those_who_asked_in_their_order(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: bulk(command[1])
    replies = await asyncio.gather(*(connection.call("ECHO", f"{n}") for n in range(100)))
    assert replies == [b"%d" % n for n in range(100)]
    await ended(heard)


async def test_replies_may_come_in_pieces_and_many_at_once(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: None
    calls = [connection.call("ECHO", n) for n in range(3)]
    await redis.asked("ECHO", times=3)
    stream = bulk("zero") + array("one", 1) + b":2\r\n"
    for byte in stream:
        redis.clients[0].send(bytes([byte]))
        await asyncio.sleep(0)
    assert await asyncio.gather(*calls) == [b"zero", [b"one", 1], 2]
    await ended(heard)


async def test_commands_of_one_turn_leave_in_one_write(redis):
    heard, connection = await opened(redis)
    writes = []

    class Transport:
        def write(self, data):
            writes.append(data)

    transport, connection._transport = connection._transport, Transport()
    calls = [connection.call("ECHO", n) for n in range(3)]
    assert writes == []
    await asyncio.sleep(0)
    assert [data.count(b"ECHO") for data in writes] == [3]
    connection._transport = transport
    await ended(heard)
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_refusal_is_for_who_asked_and_the_connection_goes_on(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: error("OOM no") if command[1] == "bad" else OK
    outcomes = await asyncio.gather(
        *(connection.call("SET", word) for word in ("a", "bad", "b")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [bytes, BackplaneRefused, bytes]
    assert str(outcomes[1]) == "OOM no"
    assert heard.lost == 0
    await ended(heard)


async def test_a_refusal_that_nobody_waits_for_does_no_harm(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: None
    given_up, waiting = connection.call("ECHO", 1), connection.call("ECHO", 2)
    await redis.asked("ECHO", times=2)
    given_up.cancel()
    redis.clients[0].send(error("ERR no") + bulk("two"))
    assert await waiting == b"two"
    await ended(heard)


async def test_calls_under_way_when_the_connection_is_lost_are_in_doubt(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: None
    calls = [connection.call("ECHO", n) for n in range(3)]
    await redis.asked("ECHO", times=3)
    redis.clients[0].send(bulk("zero"))
    await calls[0]
    redis.clients[0].end()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [bytes, BackplaneDown, BackplaneDown]
    assert heard.lost == 1
    assert not connection.alive


async def test_a_call_on_a_lost_connection_fails_at_once(redis):
    heard, connection = await opened(redis)
    await ended(heard)
    with pytest.raises(BackplaneDown):
        connection.call("PING")
    with pytest.raises(BackplaneDown):
        await connection.subscribe(["room"])


async def test_a_call_before_the_connection_is_up_fails_at_once():
    with pytest.raises(BackplaneDown):
        Connection().call("PING")


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff", b"*x\r\n"])
async def test_a_server_that_speaks_something_else_is_given_up(redis, garbage):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: garbage
    with pytest.raises(BackplaneDown):
        await connection.call("PING")
    assert heard.lost == 1


async def test_a_reply_that_nobody_asked_for_ends_the_connection(redis):
    heard, _ = await opened(redis)
    redis.clients[0].send(error("ERR max number of clients reached"))
    await until(lambda: heard.lost)


async def test_a_connection_that_is_closed_sends_what_is_still_to_be_sent(redis):
    heard, connection = await opened(redis)
    call = connection.call("ECHO", "last")
    await connection.close()
    await redis.asked("ECHO")
    await until(lambda: heard.lost)
    await asyncio.gather(call, return_exceptions=True)


async def test_a_connection_that_never_was_can_be_given_up():
    connection = Connection()
    connection.abort()
    await connection.close()


# Subscriptions.


async def test_what_is_published_is_passed_on(redis):
    heard, connection = await opened(redis, listens=True)
    await connection.subscribe(["room", "user"])
    redis.clients[0].send(array("smessage", "room", b"hi\n") + array("smessage", "user", b"\xff"))
    await until(lambda: len(heard.messages) == 2)
    assert heard.messages == [(b"room", b"hi\n"), (b"user", b"\xff")]
    await ended(heard)


async def test_subscribing_ends_when_every_channel_is_confirmed(redis):
    heard, connection = await opened(redis, listens=True)
    redis.answer = lambda client, command: None
    subscribing = asyncio.create_task(connection.subscribe(["a", "b"]))
    assert await redis.asked("SSUBSCRIBE", times=2) == [["SSUBSCRIBE", "a"], ["SSUBSCRIBE", "b"]]
    redis.clients[0].send(array("ssubscribe", "a", 1))
    await quiet()
    assert not subscribing.done()
    redis.clients[0].send(array("ssubscribe", "b", 2))
    await subscribing
    await ended(heard)


async def test_messages_and_confirmations_may_be_mixed(redis):
    heard, connection = await opened(redis, listens=True)
    await connection.subscribe(["a"])
    redis.answer = lambda client, command: (
        array("smessage", "a", "1") + usual(client, command) + array("smessage", "a", "2")
    )
    await connection.subscribe(["b"])
    connection.unsubscribe(["a"])
    await connection.subscribe(["c"])
    assert await connection.call("PING") == [b"pong", b""], "a reply went to somebody else"
    assert [payload for _, payload in heard.messages] == [b"1", b"2"] * 4
    await ended(heard)


async def test_an_old_redis_that_knows_no_sharded_channels_says_so(redis):
    heard, connection = await opened(redis, listens=True)
    redis.answer = lambda client, command: error("ERR unknown command 'SSUBSCRIBE'")
    with pytest.raises(BackplaneRefused, match="unknown command"):
        await connection.subscribe(["a"])
    await ended(heard)


async def test_a_reply_of_three_that_looks_like_a_message_is_a_reply_to_who_asked(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: array("smessage", "a", "b")
    assert await connection.call("LRANGE") == [b"smessage", b"a", b"b"]
    await ended(heard)


# The watchdog.


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "CHECK_EVERY", 0.01)
    monkeypatch.setattr(module, "PING_AFTER", 0.02)
    monkeypatch.setattr(module, "DEAD_AFTER", 0.1)


@pytest.mark.parametrize("listens", [False, True])
async def test_a_silent_redis_is_asked_whether_it_is_there(redis, impatient, monkeypatch, listens):
    monkeypatch.setattr(module, "DEAD_AFTER", 60.0)
    heard, connection = await opened(redis, listens)
    if listens:
        await connection.subscribe(["room"])
    await redis.asked("PING", times=3)
    assert heard.lost == 0
    await ended(heard)


@pytest.mark.parametrize("listens", [False, True])
async def test_a_frozen_redis_is_given_up(redis, monkeypatch, listens):
    heard, connection = await opened(redis, listens)
    redis.answer = lambda client, command: None
    call = connection.call("ECHO", 1)
    monkeypatch.setattr(module, "CHECK_EVERY", 0.01)
    monkeypatch.setattr(module, "PING_AFTER", 0.02)
    monkeypatch.setattr(module, "DEAD_AFTER", 0.1)
    connection._watch()
    await until(lambda: heard.lost)
    with pytest.raises(BackplaneDown):
        await call
    assert redis.commands("PING")


@pytest.mark.parametrize("listens", [False, True])
async def test_a_redis_is_not_given_up_for_a_stall_of_our_own(redis, monkeypatch, listens):
    heard, connection = await opened(redis, listens)
    # Redis was quiet before, and nobody has asked it yet.
    monkeypatch.setattr(module, "CHECK_EVERY", 0.01)
    monkeypatch.setattr(module, "PING_AFTER", 0.02)
    monkeypatch.setattr(module, "DEAD_AFTER", 0.1)
    connection._probe.cancel()
    connection._check_at = time.monotonic()
    connection._watch()
    for _ in range(3):
        time.sleep(0.15)  # noqa: ASYNC251 - the loop stands still
        await redis.asked("PING", times=len(redis.commands("PING")) + 1)
    assert heard.lost == 0
    await ended(heard)


async def test_a_redis_that_says_anything_is_not_asked(redis, monkeypatch):
    heard, connection = await opened(redis)
    monkeypatch.setattr(module, "PING_AFTER", 3600.0)
    connection._watch()
    await connection.call("ECHO", 1)
    assert not redis.commands("PING")
    await ended(heard)


async def test_a_redis_that_is_dead_is_noticed_within_five_seconds():
    assert module.DEAD_AFTER + module.CHECK_EVERY < 5
    assert module.PING_AFTER + 2 * module.CHECK_EVERY < module.DEAD_AFTER


# Connecting.


async def test_a_connection_shows_its_name(redis):
    heard, _ = await opened(redis)
    assert redis.commands() == [["CLIENT", "SETNAME", "test"]]
    await ended(heard)


@pytest.mark.parametrize(
    ("credentials", "path", "said"),
    [
        (":geheim@", "", [["AUTH", "geheim"]]),
        ("dana:geheim@", "/0", [["AUTH", "dana", "geheim"]]),
        ("dana:a%2Fb@", "/3", [["AUTH", "dana", "a/b"], ["SELECT", "3"]]),
        ("", "/3", [["SELECT", "3"]]),
        ("", "?db=4", [["SELECT", "4"]]),
    ],
)
async def test_who_one_is_and_which_database_is_in_the_url(redis, credentials, path, said):
    heard = Heard()
    url = redis.url.replace("redis://", f"redis://{credentials}") + path
    await connect(url, heard.connection, "test")
    assert redis.commands()[:-1] == said
    await ended(heard)


async def test_a_socket_file_is_connected_to():
    # Not in tmp_path: the names of sockets are short.
    with tempfile.TemporaryDirectory() as folder:
        redis = ScriptedRedis()
        server = await asyncio.start_unix_server(redis._serve, f"{folder}/s")
        heard = Heard()
        await connect(f"unix://{folder}/s", heard.connection, "test")
        await ended(heard)
        server.close()
        await asyncio.gather(*redis._tasks)


async def refusal(url, kind=RedisUnreachable):
    heard = Heard()
    with pytest.raises(kind) as caught:
        await connect(url, heard.connection, "test")
    assert not heard.connection.alive or await until(lambda: heard.lost)
    return str(caught.value)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def test_where_nothing_listens_it_says_so():
    port = free_port()
    assert await refusal(f"redis://127.0.0.1:{port}") == (
        f"redis://127.0.0.1:{port}: nothing listens there"
    )


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_for_a_dead_one(
    redis, monkeypatch
):
    monkeypatch.setattr(module, "DEAD_AFTER", 0.05)
    redis.answer = lambda client, command: None
    assert await refusal(redis.url) == f"{redis.url}: no answer"


async def test_a_server_that_hangs_up_is_reported(redis):
    redis.answer = lambda client, command: client.end()
    assert "lost" in await refusal(redis.url)


async def test_a_server_that_wants_a_password_is_quoted(redis):
    redis.answer = lambda client, command: error("NOAUTH Authentication required.")
    text = await refusal(redis.url, RedisRefused)
    assert text.startswith(f"{redis.url}: NOAUTH Authentication required (")
    assert "--redis-password-file" in text


@pytest.mark.parametrize(
    "url", ["redis://a..b:1", "redis://" + "a" * 70, "redis://nowhere.invalid", "unix:///no/such"]
)
async def test_a_malformed_address_is_an_error_in_words(url):
    assert (await refusal(url)).startswith(f"{url}: ")


async def test_a_message_that_nobody_can_take_costs_itself_and_nothing_else(redis, caplog):
    heard, connection = await opened(redis, listens=True)
    take = heard.messages.append

    def on_message(channel, payload):
        if payload == b"bad":
            raise ValueError("what is this?")
        take((channel, payload))

    connection._on_message = on_message
    await connection.subscribe(["room"])
    client = redis.clients[0]
    client.send(b"".join(array("smessage", "room", each) for each in ("one", "bad", "two")))
    await until(lambda: len(heard.messages) == 2)
    assert heard.messages == [(b"room", b"one"), (b"room", b"two")]
    assert connection.alive
    assert "what is this?" in caplog.text
    await ended(heard)


# Secrets.


@pytest.mark.parametrize("url", SECRETS)
async def test_no_error_holds_a_password(url, caplog, monkeypatch):
    async def nothing(*_, **__):
        raise ConnectionRefusedError

    loop = type("Loop", (), {"create_unix_connection": nothing})()
    caplog.set_level(logging.DEBUG)
    connection = Connection()
    for each in (module, sentinels):
        monkeypatch.setattr(each, "open_socket", nothing)
    monkeypatch.setattr(module.asyncio, "get_running_loop", lambda: loop)
    with pytest.raises(RedisUnreachable) as caught:
        await connect(url, connection, "test")
    monkeypatch.undo()
    assert "heim" not in str(caught.value)
    assert "heim" not in caplog.text


@pytest.mark.parametrize(
    "reply",
    [
        "WRONGPASS invalid username-password pair or user is disabled.",
        "ERR unknown command 'AUTH', with args beginning with: 'dana' 'geheim'",
        "ERR syntax error near 'geheim'",
    ],
)
async def test_a_server_that_repeats_the_password_is_not_quoted_with_it(redis, reply):
    redis.answer = lambda client, command: error(reply)
    text = await refusal(redis.url.replace("redis://", "redis://dana:geheim@"))
    assert "geheim" not in text
    assert reply.split()[0] in text


async def test_an_unknown_command_is_not_quoted_with_what_it_was_given(redis):
    heard, connection = await opened(redis)
    redis.answer = lambda client, command: error(
        "ERR unknown command 'XADD', with args beginning with: 'log' 'my pin is 1234'"
    )
    with pytest.raises(BackplaneRefused) as caught:
        await connection.call("XADD", "log", "my pin is 1234")
    assert str(caught.value) == "ERR unknown command 'XADD'"
    await ended(heard)
