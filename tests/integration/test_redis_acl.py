"""The Redis users that the docs tell operators to create: their rights, and the errors without.

That a gateway needs no more than its user has is shown by all of `tests/contract`.
"""

import asyncio
import json
from functools import partial

import pytest
import redis
from click.testing import CliRunner

from chatctl.cli import main
from gateway.backplane.ids import NOTHING
from gateway.backplane.operators import history
from gateway.backplane.operators.users import list_users
from gateway.backplane.redis.address import reaching
from gateway.errors import RedisRefused, StartError
from tests.support import servers
from tests.support.acl import USERS, url_for

WHAT_TO_DO = "deploy/redis/users.conf"


@pytest.fixture(params=["valkey", "redis_server"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("binary", [servers.valkey(), servers.redis_server()])
def test_a_server_accepts_the_file_as_part_of_its_configuration(binary):
    if binary is None:
        pytest.skip("this machine has no redis-server >= 7")
    with servers.running(binary, "--include", str(USERS)) as server, server.client() as client:
        assert sorted(client.acl_users()) == [
            "chat-gateway",
            "chat-operator",
            "chat-reader",
            "default",
        ]


async def test_a_gateway_works_with_the_rights_of_its_user(server, start_gateway, join):
    url = url_for(server, "chat-gateway")
    first, second = await start_gateway(redis=url), await start_gateway(redis=url)
    sis, mom = await join(first, "sis"), await join(second, "mom")
    await sis.say(op="send", text="hi")
    assert (await mom.expect(op="msg"))["text"] == "hi"


READING = [
    ("users",), ("rooms",), ("room", "lobby"), ("history",), ("gateways",), ("top", "--count", "1"),
]  # fmt: skip
OPERATING = [
    ("users",), ("gateways",), ("bans",), ("ban", "mom"), ("bans",), ("unban", "mom"),
    ("announce", "tea!"), ("history",), ("account", "add", "dad"), ("account", "passwd", "dad"),
    ("account", "list"), ("account", "remove", "dad"), ("rooms",), ("room", "lobby"),
    ("room", "dev", "create"), ("room", "dev", "topic", "tea"), ("room", "dev", "ban", "mom"),
    ("room", "dev", "delete"), ("kick", "sis"), ("doctor",),
]  # fmt: skip


@pytest.mark.parametrize(("user", "commands"), [("chat-reader", READING),
                                                ("chat-operator", OPERATING)])  # fmt: skip
async def test_the_commands_work_with_the_rights_of_their_user(
    server, start_gateway, join, prefix, user, commands
):
    running = await start_gateway(redis=server.url)
    sis = await join(running, "sis")
    await sis.say(op="send", text="hi", seq=1)
    await sis.expect(op="ack")
    given = ("--redis", url_for(server, user), "--prefix", prefix)
    for command in commands:
        run = partial(CliRunner().invoke, main, env={"CHATCTL_PASSWORD": "correct horse"})
        done = await asyncio.to_thread(run, [*command, *given])
        assert WHAT_TO_DO not in done.output
        assert "permi" not in done.output
        assert done.exit_code == 0, (command, done.output)


async def test_the_reader_can_follow_a_room(server, start_gateway, join, prefix):
    sis = await join(await start_gateway(redis=server.url), "sis")
    await sis.say(op="send", text="hi", seq=1)
    await sis.expect(op="ack")
    following = history.follow(url_for(server, "chat-reader"), prefix, "lobby", NOTHING)
    assert len(await asyncio.to_thread(next, following)) == 1
    await asyncio.to_thread(following.close)


def test_the_reader_cannot_read_private_messages_or_accounts(server, keys):
    with redis.Redis.from_url(url_for(server, "chat-reader"), protocol=2) as client:
        for command in (("XREVRANGE", keys.user_log("dana"), "+", "-"), ("HGETALL", keys.accounts)):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


BEYOND = [
    ("GET", "other"), ("FLUSHALL",), ("FLUSHDB",), ("KEYS", "*"), ("CONFIG", "SET", "save", ""),
    ("ACL", "LIST"), ("CLIENT", "LIST"), ("MONITOR",), ("SHUTDOWN",), ("SPUBLISH", "other", "x"),
    ("SCRIPT", "FLUSH"), ("EVAL", "return 1", "0"), ("REPLICAOF", "127.0.0.1", "1"),
]  # fmt: skip


@pytest.mark.parametrize("command", BEYOND, ids=lambda command: command[0])
@pytest.mark.parametrize("user", ["chat-gateway", "chat-operator", "chat-reader"])
def test_no_user_can_do_anything_outside_the_chat(server, user, command):
    with (
        redis.Redis.from_url(url_for(server, user), protocol=2) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command)


def test_the_reader_cannot_change_anything_with_a_script(server, keys):
    with server.client() as client:
        sha = client.script_load("return redis.call('SET', KEYS[1], '')")
    with redis.Redis.from_url(url_for(server, "chat-reader"), protocol=2) as client:
        for command in (
            ("SET", keys.room_epoch("lobby"), ""),
            ("SPUBLISH", keys.room_channel("lobby"), "x"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
        with pytest.raises(redis.ResponseError):
            client.evalsha(sha, 1, keys.room_epoch("lobby"))


# The errors when a right is missing.


@pytest.mark.parametrize(
    "less",
    ["-evalsha", "-script|load", "-ssubscribe", "-info", "-set", "-ping", "-client|setname",
     "resetkeys", "resetchannels"],
)  # fmt: skip
async def test_a_gateway_whose_user_lacks_a_right_does_not_start_and_says_why(
    server, start_gateway, less
):
    with pytest.raises(StartError, match=WHAT_TO_DO) as caught:
        await start_gateway(redis=url_for(server, "chat-gateway", less))
    assert str(caught.value).startswith("Redis refuses: ")
    assert "Redis 7.0 or newer" not in str(caught.value)
    assert "CHANGE-ME" not in str(caught.value)


@pytest.mark.parametrize("less", ["-evalsha", "-hscan", "-get", "resetkeys"])
def test_a_command_whose_user_lacks_a_right_says_so(server, prefix, keys, less):
    with server.client() as client:
        told = {"name": "sis", "session": "s", "gateway": "g", "origin": "o", "resume": "r"}
        client.hset(keys.users, "sis", json.dumps(told))
        client.set(keys.lease("g"), "{}")
    with pytest.raises(RedisRefused, match=WHAT_TO_DO):
        list_users(url_for(server, "chat-reader", less), prefix)


def test_the_error_for_an_unknown_user_says_so(server):
    url = url_for(server, "chat-reader").replace("CHANGE-ME-AS-WELL", "geheim")
    with (
        pytest.raises(RedisRefused, match="invalid username-password") as caught,
        reaching(url) as there,
    ):
        there.ping()
    assert "geheim" not in str(caught.value)
