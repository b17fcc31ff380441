"""What a URL means, and what it shows."""

import asyncio

import pytest

from gateway.backplane import address
from gateway.backplane.address import client, describe, locate, reaching, safe_url
from gateway.errors import RedisUnreachable
from tests.unit.gateway.backplane.scripted import ScriptedRedis, array, bulk, error, usual
from tests.unit.gateway.backplane.secret_urls import SECRETS


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "rediss://127.0.0.1",
        "sentinel://h:1/name",
        "redis://h:port",
        "redis://h:99999",
        "redis://h?db=x",
    ],
)
async def test_a_url_that_is_none_is_refused_in_words(url):
    with pytest.raises(RedisUnreachable, match="URL"):
        await locate(url)
    with pytest.raises(RedisUnreachable, match="URL"):
        client(url)


async def test_a_url_is_taken_apart():
    assert await locate("redis://dana:a%2Fb@example.org:7000/3") == {
        "username": "dana", "password": "a/b", "host": "example.org", "port": 7000, "db": 3,
    }  # fmt: skip
    found = await locate("unix:///tmp/s?db=2")
    assert (found["path"], found["db"]) == ("/tmp/s", 2)


# Sentinels.


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        ("redis+sentinel://", "named like"),
        ("redis+sentinel://h/name", "named like"),
        ("redis+sentinel://h:port/name", "named like"),
        ("redis+sentinel://h:1,/name", "named like"),
        ("redis+sentinel://h:1,i/name", "named like"),
        ("redis+sentinel://h:1", "master's name"),
        ("redis+sentinel://h:1/", "master's name"),
    ],
)
async def test_sentinels_that_are_named_wrongly_are_refused_in_words(url, flaw):
    with pytest.raises(RedisUnreachable, match=flaw):
        await locate(url)
    with pytest.raises(RedisUnreachable, match=flaw):
        client(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("redis+sentinel://h:1/name", ([("h", 1)], "name", None, None)),
        ("redis+sentinel://h:1,i:2/name", ([("h", 1), ("i", 2)], "name", None, None)),
        ("redis+sentinel://:word@h:1/name", ([("h", 1)], "name", None, "word")),
        ("redis+sentinel://dana:word@h:1/name", ([("h", 1)], "name", "dana", "word")),
        ("redis+sentinel://d%40na:a%2Fb@h:1/name", ([("h", 1)], "name", "d@na", "a/b")),
        ("redis+sentinel://[::1]:1/name", ([("::1", 1)], "name", None, None)),
    ],
)
def test_a_url_of_sentinels_is_taken_apart(url, parts):
    assert address._parse_sentinels(url) == parts


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
    assert await locate(url_of(sentinel, "dana:a%2Fb@")) == {
        "host": "192.0.2.1", "port": 7001, "username": "dana", "password": "a/b",
    }  # fmt: skip


async def test_they_are_asked_each_time(sentinel):
    await locate(url_of(sentinel))
    sentinel.answer = lambda client, command: (
        masters(chat="7009") if command[0].upper() == "SENTINEL" else usual(client, command)
    )
    assert (await locate(url_of(sentinel)))["port"] == 7009


async def test_the_sentinels_are_not_told_the_password_of_redis(sentinel):
    await locate(url_of(sentinel, "dana:geheim@"))
    assert "geheim" not in repr(sentinel.commands())


async def test_a_sentinel_that_is_dead_is_passed_over(sentinel):
    hosts = sentinel.url.removeprefix("redis://")
    assert (await locate(f"redis+sentinel://127.0.0.1:1,{hosts}/chat"))["port"] == 7001


async def test_a_sentinel_that_is_silent_is_passed_over(sentinel, monkeypatch):
    monkeypatch.setattr(address, "ANSWER_WITHIN", 0.05)
    async with ScriptedRedis().running() as silent:
        silent.answer = lambda client, command: None
        hosts = ",".join(each.url.removeprefix("redis://") for each in (silent, sentinel))
        assert (await locate(f"redis+sentinel://{hosts}/chat"))["port"] == 7001


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


async def test_without_a_sentinel_a_plain_client_says_so_without_the_password():
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


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TimeoutError(), "no answer"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (ValueError("bad"), "bad"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_is_wrong_is_said_in_a_few_words(problem, words):
    assert describe(problem) == words


# Secrets.


@pytest.mark.parametrize("url", SECRETS)
def test_a_url_is_shown_without_its_password(url):
    assert "heim" not in safe_url(url)


def test_the_rest_of_a_url_is_shown():
    assert safe_url("redis://dana:geheim@h:1/0") == "redis://dana:***@h:1/0"
    assert safe_url("redis://h:1/0") == "redis://h:1/0"
    assert safe_url("unix:///tmp/s?db=2") == "unix:///tmp/s?db=2"
    assert safe_url("unix:///s?password=x&db=2") == "unix:///s?password=***&db=2"
    assert safe_url("redis+sentinel://dana:geheim@h:1,i:2/n") == (
        "redis+sentinel://dana:***@h:1,i:2/n"
    )
