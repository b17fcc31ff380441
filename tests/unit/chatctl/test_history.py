import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
import redis

from chatctl.messages import for_programs
from gateway.backplane.embedded import runfile
from wire.frames import Changed

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(start_redis):
    return start_redis().url


@pytest.fixture
def history(chatctl, url):
    def history(*arguments, env=None):
        return chatctl("history", "--redis", url, *arguments, env=env)

    return history


def texts(result):
    """What was said, without its times."""
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.split(" ", 1)[1] for line in result.stdout.splitlines()]


def test_it_is_shown_as_the_client_shows_it_oldest_first(history, say, url):
    first = json.loads(say(url, "morning!"))
    say(url, "two\nlines", sender="李小龍")
    result = history()
    time = datetime.fromisoformat(first["at"])
    assert result.stdout.splitlines()[0].endswith(f"{time:%H:%M:%S} sis: morning!")
    assert texts(result) == ["sis: morning!", "李小龍: two", "        lines"]


def test_changes_in_a_room_are_shown_with_their_time_among_its_messages(history, say, store, url):
    say(url, "hi", room="dev")
    changed = Changed(room="dev", by="mom", change="kick", name="sis", reason="tea\x1b[2J")
    line = store(url, changed, room="dev")
    say(url, "ho", room="dev")
    time = f"{datetime.fromtimestamp(json.loads(line)['ts'] / 1000):%H:%M:%S}"
    shown = history("dev").stdout.splitlines()
    assert shown[1] == f"{time} · mom kicked sis out of #dev: tea\ufffd[2J"
    found = json.loads(history("dev", "--json").stdout)
    assert [each["op"] for each in found] == ["msg", "changed", "msg"]
    assert found[1] == for_programs(line)


def test_without_an_option_the_last_fifty_are_shown(history, say, url):
    for n in range(51):
        say(url, f"n{n}")
    assert texts(history()) == [f"sis: n{n}" for n in range(1, 51)]
    assert texts(history("--last", "2")) == ["sis: n49", "sis: n50"]
    assert len(texts(history("--last", "100"))) == 51
    assert len(texts(history("--since", "1h"))) == 51
    assert texts(history("--since", "1h", "--last", "1")) == ["sis: n50"]


def test_since(history, say, url):
    say(url, "long ago", ago=7200)
    say(url, "just now", ago=300)
    assert [line.rpartition(": ")[2] for line in texts(history("--since", "10m"))] == ["just now"]
    assert len(texts(history("--since", "3h"))) == 2


def test_control_characters_never_reach_the_terminal(history, say, url):
    say(url, "\x1b[2Jgone\x9b1m\rover\u202e\x07", sender="a\x1b]0;x\nb\u202e")
    output = history().stdout
    assert not set(output) & set("\x1b\x9b\r\u202e\x07")
    assert output.endswith(": \ufffd[2Jgone\ufffd1m\ufffdover\ufffd\n")
    assert len(output.splitlines()) == 1


def test_json_is_one_array_with_times_in_rfc_3339(history, say, url):
    lines = [say(url, "a"), say(url, "é \x9b")]
    result = history("--json")
    found = json.loads(result.stdout)
    assert found == [for_programs(line) for line in lines]
    assert datetime.fromisoformat(found[0]["ts"]).timestamp() * 1000 == json.loads(lines[0])["ts"]
    assert json.loads(result.stdout)[0]["id"] == "7-0"
    assert result.stdout.isascii()
    assert json.loads(history("--json", "--last", "1").stdout) == [for_programs(lines[1])]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_private_messages_and_unknown_events_are_left_out(history, say, url, arguments):
    say(url, "secret", to=["dana"])
    say(url, "hello", room="@", to=["dana"])
    say(url, "public")
    say(url, "\\", prefix="other")
    assert "secret" not in history(*arguments).stdout
    assert "hello" not in history("@", *arguments).stdout
    assert "public" in history(*arguments).stdout


def test_lines_that_cannot_be_read_do_not_hide_others(history, say, url):
    say(url, "before")
    with redis.Redis.from_url(url, protocol=2) as there:
        for body in (b'{"op":"later"}\n', b'{"op":"msg","from":7}\n', b"gibberish"):
            there.xadd("chat:{room:lobby}:log", {"d": body, "t": time.time_ns()}, id="7-*")
    say(url, "after")
    assert texts(history()) == ["sis: before", "sis: after"]
    assert len(json.loads(history("--json").stdout)) == 2


def test_a_room_and_a_chat_have_logs_of_their_own(history, say, url):
    say(url, "here", room="dev")
    say(url, "there", prefix="family")
    assert texts(history("dev")) == ["sis: here"]
    assert texts(history(env={"CHATCTL_ROOM": "dev"})) == ["sis: here"]
    assert texts(history("--prefix", "family")) == ["sis: there"]


def test_an_empty_history_is_not_a_failure_and_says_so(history):
    result = history("nowhere")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "chatctl: there is no message in room 'nowhere'\n"
    result = history("--since", "2026-11-23 14:30")
    assert result.stderr.endswith("in room 'lobby' since 2026-11-23 14:30:00\n")


def test_json_of_an_empty_history_is_an_empty_array(history):
    result = history("nowhere", "--json")
    assert (result.exit_code, result.stderr, json.loads(result.stdout)) == (0, "", [])


def test_without_redis_the_embedded_one_of_this_machine_is_read(chatctl, say, url, tmp_path):
    directory = runfile.secure(tmp_path / "run" / "chatctl")
    say(url, "here")
    with runfile.announced(directory, "127.0.0.1:2428", url):
        assert texts(chatctl("history")) == ["sis: here"]


def test_no_gateway_here_is_one_line_that_says_what_to_do(chatctl):
    result = chatctl("history")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("chatctl: you run no gateway with an embedded Redis")


def test_redis_unreachable_is_one_line_without_the_password(chatctl, tmp_path):
    result = chatctl("history", "--redis", f"unix://{tmp_path}/none.sock?password=secret")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"chatctl: Redis cannot be reached: unix://{tmp_path}/none.sock?password=***: "
        "No such file or directory. Is it running, and is --redis right?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--last", "0"), "--last"),
        (("--since", "soon"), "'soon' is not a time"),
        (("--redis", "http://:secret@h"), "not a Redis URL"),
        (("a\x1bb",), "cannot be a room"),
        (("lobby", "dev"), "unexpected extra argument"),
    ],
)
def test_a_wrong_option_is_a_usage_error(history, arguments, hint):
    result = history(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr
    assert "secret" not in result.stderr
    assert "\x1b" not in result.stderr


def test_characters_that_a_terminal_lacks_do_not_stop_it(say, url):
    say(url, "→ 李")
    done = subprocess.run(
        [sys.executable, "-m", "chatctl", "history", "--redis", url],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b" sis: ? ?\n")
