import json
import os
import time
from datetime import datetime, timedelta

import pytest
from wcwidth import wcswidth

from chatctl.tables import table
from gateway.backplane.embedded import runfile
from gateway.errors import RedisRefused, RedisUnreachable


@pytest.fixture
def users(chatctl, module):
    """Run ``chatctl users`` against a directory that knows these users."""

    def users(*arguments, found=(), error=None, env=None):
        asked = []

        def list_users(url, prefix):
            asked.append((url, prefix))
            if error:
                raise error
            return [each if isinstance(each, list) else [each] for each in found]

        module("gateway.backplane.operators.users", list_users=list_users)
        result = chatctl("users", *arguments, env=env)
        return result, asked

    return users


@pytest.fixture
def gateway_runs(tmp_path, monkeypatch):
    """Leave word of a running gateway, as one with its own Redis does."""
    monkeypatch.setattr(runfile, "_state", lambda url: "answers")

    def gateway_runs(port, started=0.0, pid=None):
        directory = runfile.secure(tmp_path / "run" / "chatctl")
        word = {
            "pid": pid or os.getpid(),
            "redis": f"unix:///{port}.sock",
            "listen": f"127.0.0.1:{port}",
            "started": started,
        }
        (directory / f"{port}.json").write_text(json.dumps(word))

    return gateway_runs


REDIS = ("--redis", "redis://h")


def test_a_table_for_people(users, user):
    now = datetime.now().replace(hour=12, minute=3, second=4, microsecond=0)
    yesterday = now - timedelta(days=1)
    result, _ = users(
        *REDIS,
        found=[
            user("Sis", since=round(now.timestamp() * 1000), idle=200.9, left=None),
            user("dana", since=round(yesterday.timestamp() * 1000), idle=0, left=59.99),
            user("李小龍", since=round(now.timestamp() * 1000), idle=7500, left=90061),
        ],
    )
    assert result.output.splitlines() == [
        "NAME    GATEWAY  ADDRESS          SINCE                IDLE    LEFT   SESSION",
        f"dana    g1       127.0.0.1:50000  {yesterday:%Y-%m-%d} 12:03:04  0s      59s    -",
        "Sis     g1       127.0.0.1:50000  12:03:04             3m 20s  never  -",
        "李小龍  g1       127.0.0.1:50000  12:03:04             2h 5m   1d 1h  -",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0s"),
        (59.99, "59s"),
        (60, "1m"),
        (3599, "59m 59s"),
        (3600, "1h"),
        (86_399, "23h 59m"),
        (86_400, "1d"),
    ],
)
def test_spans_have_at_most_their_two_largest_units(users, user, seconds, shown):
    output = users(*REDIS, found=[user(idle=seconds, left=None)])[0].output
    assert output.endswith(f"  {shown}{' ' * max(0, 4 - len(shown))}  never  -\n")


def test_nobody(users):
    assert users(*REDIS)[0].output == "nobody is here\n"


def test_names_cannot_control_the_terminal(users, user):
    names = ["\x1b[2J", "a\nb", "a\u202eb", "\x9b1m", "e\u0301"]
    output = users(*REDIS, found=[user(name) for name in names])[0].output
    assert len(output.splitlines()) == 1 + len(names)
    assert not set(output) & set("\x1b\u202e\x9b")
    for shown in (r"\x1b[2J", r"a\nb", r"a\u202eb", r"\x9b1m", "e\u0301"):
        assert shown in output
    assert len(starts_of("g1", output)) == 1


def starts_of(cell, table):
    """In which columns of a terminal a cell begins, in all rows but the head."""
    return {wcswidth(line[: line.index(cell)]) for line in table.splitlines()[1:]}


@pytest.mark.parametrize(
    "name", ["สมชิดดี", "नमस्ते", "ខ្មែរ", "李小龍", "한글", "e\u0301", "👨‍👩‍👧‍👦", "❤️", "🇩🇪"]
)
def test_columns_are_aligned_in_every_script(name):
    shown = table([("NAME", "GATEWAY"), ("dana and others", "g1"), (name, "g1")])
    assert len(starts_of("g1", shown)) == 1


def test_json_is_one_array_with_everything(users, user):
    result, _ = users(*REDIS, "--json", found=[user("sis", left=None), user("Dana", client="x/1")])
    assert json.loads(result.stdout) == [
        {
            "name": "Dana",
            "account": None,
            "since": "2026-11-23T10:00:00.123Z",
            "idle": 12.7,
            "left": 47.3,
            "rooms": [],
            "sessions": [
                {
                    "session": "s1",
                    "gateway": "g1",
                    "address": "127.0.0.1:50000",
                    "since": "2026-11-23T10:00:00.123Z",
                    "idle": 12.7,
                    "left": 47.3,
                    "client": "x/1",
                    "away": None,
                    "quiet": False,
                }
            ],
        },
        {
            "name": "sis",
            "account": None,
            "since": "2026-11-23T10:00:00.123Z",
            "idle": 12.7,
            "left": None,
            "rooms": [],
            "sessions": [
                {
                    "session": "s1",
                    "gateway": "g1",
                    "address": "127.0.0.1:50000",
                    "since": "2026-11-23T10:00:00.123Z",
                    "idle": 12.7,
                    "left": None,
                    "client": None,
                    "away": None,
                    "quiet": False,
                }
            ],
        },
    ]


def test_a_person_with_several_sessions_is_shown_once(users, user):
    phone, laptop = user("sis", session="s1"), user("sis", session="s2", gateway="g2")
    rows = users(*REDIS, found=[[phone, laptop]])[0].output.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["sis", "g2"]
    assert [row.split()[-1] for row in rows[1:]] == ["s1", "s2"]
    [found] = json.loads(users(*REDIS, "--json", found=[[phone, laptop]])[0].stdout)
    assert [each["session"] for each in found["sessions"]] == ["s1", "s2"]


def test_json_of_nobody_is_an_empty_array(users):
    assert json.loads(users(*REDIS, "--json")[0].stdout) == []


def test_redis_and_prefix_come_from_the_file_for_all_commands(users, configure):
    configure("redis = 'redis://file'\nprefix = 'family'")
    assert users()[1] == [("redis://file", "family")]
    assert users(env={"CHATCTL_REDIS": "redis://env"})[1] == [("redis://env", "family")]


def test_without_an_option_the_embedded_redis_of_this_machine_is_used(users, gateway_runs):
    gateway_runs(3000)
    result, asked = users()
    assert asked == [("unix:///3000.sock", "chat")]
    assert result.stderr == ""


def test_of_several_gateways_the_one_on_the_default_port_is_used_and_named(users, gateway_runs):
    gateway_runs(3000, started=2)
    gateway_runs(2428, started=1)
    result, asked = users()
    assert asked == [("unix:///2428.sock", "chat")]
    assert result.stderr == (
        "chatctl: this is the chat of 127.0.0.1:2428; "
        "for the chat of 127.0.0.1:3000 add --redis unix:///3000.sock\n"
    )


def test_of_several_others_the_newest_is_used(users, gateway_runs):
    gateway_runs(3000, started=time.time() - 9)
    gateway_runs(3001, started=time.time())
    assert users()[1] == [("unix:///3001.sock", "chat")]


def test_no_gateway_here_is_one_line_that_says_what_to_do(users):
    result, asked = users()
    assert (result.exit_code, result.stdout, asked) == (1, "", [])
    assert result.stderr.startswith("chatctl: you run no gateway with an embedded Redis")
    assert "--redis URL" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_run_directory_that_others_can_write_is_refused(users, tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    result, asked = users("--run-dir", str(tmp_path / "open"))
    assert (result.exit_code, asked) == (1, [])
    assert result.stderr.startswith("chatctl: the run directory")


def test_a_redis_that_refuses_is_not_called_unreachable(users):
    result, _ = users(*REDIS, error=RedisRefused("redis://h: wrong password"))
    assert result.exit_code == 1
    assert result.stderr == "chatctl: Redis refuses: redis://h: wrong password\n"


def test_redis_unreachable_is_one_line(users):
    result, _ = users(*REDIS, error=RedisUnreachable("redis://h: no answer"))
    assert result.exit_code == 1
    assert result.stderr == (
        "chatctl: Redis cannot be reached: redis://h: no answer. "
        "Is it running, and is --redis right?\n"
    )


def test_a_bad_url_is_not_repeated_as_it_may_hold_a_password(users):
    result, _ = users("--redis", "http://:secret@h")
    assert result.exit_code == 2
    assert "secret" not in result.output
