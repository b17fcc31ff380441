"""Where the Redis of a URL is, and what is said when it cannot be had."""

import asyncio

import pytest

from gateway.backplane.redis.address import client, describe, locate, reaching
from gateway.errors import BackplaneDown, RedisUnreachable
from tests.support.deadlines import within
from tests.support.network import names, silent
from tests.unit.gateway.backplane.scripted import ScriptedRedis, array, bulk, error, usual


@pytest.mark.parametrize("url", ["http://h", "redis://h?db=x", "redis+sentinel://h:1"])
async def test_a_malformed_url_is_refused_in_words(url):
    with pytest.raises(RedisUnreachable, match="Redis URL"):
        await locate(url)
    with pytest.raises(RedisUnreachable, match="Redis URL"):
        await asyncio.to_thread(client, url)


async def test_a_url_says_where_redis_is_and_who_one_is():
    found = await locate("redis://dana:a%2Fb@example.org:7000/3")
    assert found.place == ("example.org", 7000)
    assert found.context is None
    assert (found.url.username, found.url.password, found.url.db) == ("dana", "a/b", 3)
    assert (await locate("unix:///tmp/s?db=2")).place == "/tmp/s"


def test_a_plain_client_is_for_the_same_place():
    with client("redis://dana:a%2Fb@example.org:7000/3") as there:
        made = there.get_connection_kwargs()
    assert (made["host"], made["port"], made["db"]) == ("example.org", 7000, 3)
    assert (made["username"], made["password"]) == ("dana", "a/b")
    with client("unix:///tmp/s?db=2") as there:
        made = there.get_connection_kwargs()
    assert (made["path"], made["db"]) == ("/tmp/s", 2)


# Sentinels.


def masters(**ports):
    """What a Sentinel answers that watches over these masters."""
    told = [
        array("name", name, "ip", "192.0.2.1", "port", port, "flags", "master",
              "num-other-sentinels", "2", "num-slaves", "1", "quorum", "2")
        for name, port in ports.items()
    ]  # fmt: skip
    return b"*%d\r\n" % len(told) + b"".join(told)


@pytest.fixture
async def sentinel():
    async with ScriptedRedis().running() as sentinel:

        def answer(client, command):
            if command[0].upper() == "SENTINEL":
                return masters(chat="7001", other="7002")
            return usual(client, command)

        sentinel.answer = answer
        yield sentinel


def url_of(sentinel, credentials="", name="chat"):
    hosts = sentinel.url.removeprefix("redis://")
    return f"redis+sentinel://{credentials}{hosts}/{name}"


async def test_the_sentinels_say_who_is_master(sentinel):
    found = await locate(url_of(sentinel, "dana:a%2Fb@"))
    assert found.place == ("192.0.2.1", 7001)
    assert (found.url.username, found.url.password) == ("dana", "a/b")


async def test_they_are_asked_each_time(sentinel):
    await locate(url_of(sentinel))
    sentinel.answer = lambda client, command: (
        masters(chat="7009") if command[0].upper() == "SENTINEL" else usual(client, command)
    )
    assert (await locate(url_of(sentinel))).place == ("192.0.2.1", 7009)


async def test_the_sentinels_are_not_told_the_password_of_redis(sentinel):
    await locate(url_of(sentinel, "dana:geheim@"))
    assert "geheim" not in repr(sentinel.commands())


async def test_a_sentinel_that_is_dead_is_passed_over(sentinel):
    hosts = sentinel.url.removeprefix("redis://")
    assert (await locate(f"redis+sentinel://127.0.0.1:1,{hosts}/chat")).place == ("192.0.2.1", 7001)


async def test_a_sentinel_that_is_silent_is_passed_over(sentinel):
    async with ScriptedRedis().running() as silent:
        silent.answer = lambda client, command: None
        hosts = ",".join(each.url.removeprefix("redis://") for each in (silent, sentinel))
        assert (await locate(f"redis+sentinel://{hosts}/chat")).place == ("192.0.2.1", 7001)


async def test_many_that_are_silent_are_not_waited_for_one_after_the_other(sentinel):
    with silent() as (host, port):
        hosts = f"{host}:{port}," * 4 + sentinel.url.removeprefix("redis://")
        async with asyncio.timeout(within(3.5)):
            found = await locate(f"redis+sentinel://{hosts}/chat")
        assert found.place == ("192.0.2.1", 7001)


@pytest.mark.parametrize(
    "nonsense",
    [
        b":5\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"+OK\r\n",
        b"*1\r\n:7\r\n",
        b"*1\r\n*1\r\n*0\r\n",
        b"*1\r\n" + array("name", "chat", "ip", "192.0.2.9", "port", "7001"),
        b"*1\r\n" + array("name", "chat", "ip", "192.0.2.9", "port", "x", "flags", "master"),
        b"*1\r\n" + array("name", "chat", "flags", "master", "port", 7),
        b"*1\r\n" + array("name", "chat", "flags"),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"-NOAUTH Authentication required.\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        masters(chat="7001").replace(b"$6\r\nmaster", b"$13\r\nmaster,s_down"),
        masters(chat="7001").replace(b"$6\r\nmaster", b"$5\r\nslave"),
    ],
)
async def test_one_that_answers_nonsense_is_passed_over(sentinel, nonsense):
    async with ScriptedRedis().running() as other:
        other.answer = lambda client, command: nonsense
        hosts = ",".join(each.url.removeprefix("redis://") for each in (other, sentinel))
        assert (await locate(f"redis+sentinel://{hosts}/chat")).place == ("192.0.2.1", 7001)
        with pytest.raises(RedisUnreachable):
            await locate(url_of(other))


async def test_one_that_hangs_up_is_passed_over(sentinel):
    async with ScriptedRedis().running() as other:
        other.answer = lambda client, command: client.end()
        hosts = ",".join(each.url.removeprefix("redis://") for each in (other, sentinel))
        assert (await locate(f"redis+sentinel://{hosts}/chat")).place == ("192.0.2.1", 7001)


@pytest.mark.parametrize("answer", [masters(other="7002"), error("ERR unknown command"), b"*0\r\n"])
async def test_sentinels_that_know_no_such_master_are_an_error_without_the_password(
    sentinel, answer
):
    sentinel.answer = lambda client, command: (
        answer if command[0].upper() == "SENTINEL" else usual(client, command)
    )
    with pytest.raises(RedisUnreachable) as caught:
        await locate(url_of(sentinel, "dana:geheim@"))
    assert "chat" in str(caught.value)
    assert "***" in str(caught.value)
    assert "geheim" not in str(caught.value)


async def test_a_plain_client_finds_the_master_too(sentinel):
    def ask():
        with client(url_of(sentinel, "dana:geheim@")) as found:
            return found.get_connection_kwargs()

    found = await asyncio.to_thread(ask)
    assert (found["host"], found["port"], found["username"], found["password"]) == (
        "192.0.2.1", 7001, "dana", "geheim",
    )  # fmt: skip


def test_without_a_sentinel_a_plain_client_says_so_without_the_password():
    url = "redis+sentinel://dana:geheim@127.0.0.1:1/chat"
    with pytest.raises(RedisUnreachable) as caught, reaching(url):
        pass
    assert "geheim" not in str(caught.value)


# Whatever goes wrong.


async def test_a_redis_that_refuses_is_quoted_to_the_commands_of_chatctl():
    async with ScriptedRedis().running() as redis:
        redis.answer = lambda client, command: (
            error("MISCONF no") if command[0] == "GET" else usual(client, command)
        )

        def ask():
            with reaching(redis.url) as there:
                there.get("key")

        with pytest.raises(RedisUnreachable, match="MISCONF no"):
            await asyncio.to_thread(ask)


async def test_a_redis_that_answers_is_a_plain_client():
    async with ScriptedRedis().running() as redis:
        redis.answer = lambda client, command: (
            bulk("value") if command[0] == "GET" else usual(client, command)
        )

        def ask():
            with reaching(redis.url) as there:
                return there.get("key")

        assert await asyncio.to_thread(ask) == b"value"


async def test_a_silent_address_of_its_host_costs_a_command_little(monkeypatch):
    async with ScriptedRedis().running() as redis:
        redis.answer = lambda client, command: (
            bulk("value") if command[0] == "GET" else usual(client, command)
        )
        port = redis.url.rpartition(":")[2]

        def ask():
            with reaching(f"redis://two.test:{port}/0") as there:
                return there.get("key")

        with silent() as nobody:
            names(monkeypatch, two=[nobody, None])
            async with asyncio.timeout(within(2)):
                assert await asyncio.to_thread(ask) == b"value"


@pytest.mark.parametrize("host", ["a..b", ".a", "x" * 64, "nowhere.invalid"])
async def test_a_host_that_cannot_be_is_an_error_in_words(host):
    def ask():
        with reaching(f"redis://{host}:1/0") as there:
            there.get("key")

    with pytest.raises(RedisUnreachable):
        await asyncio.to_thread(ask)
    with pytest.raises(RedisUnreachable):
        await locate(f"redis+sentinel://{host}:1/chat")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TimeoutError(), "no answer"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (ValueError("bad"), "bad"),
        (ValueError(), "ValueError"),
        (
            BackplaneDown("lost"),
            "lost (if that port speaks TLS, write rediss:// instead of redis://)",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_few_words(problem, words):
    assert describe(problem, "redis://h") == words
