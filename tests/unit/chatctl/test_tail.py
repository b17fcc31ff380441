import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from chatctl.answers import rfc3339
from gateway.backplane.embedded import runfile
from gateway.backplane.ids import NOTHING
from gateway.backplane.operators import history
from gateway.errors import RedisUnreachable

ROOT = Path(__file__).parents[3]

ENDED_WITHIN = 30
"""Seconds for what happens at once, on a machine that is busy."""


@pytest.fixture
def url(start_redis):
    return start_redis().url


@pytest.fixture
def tail():
    """Run ``chatctl tail`` as a process, as a shell would."""
    processes = []

    def tail(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "chatctl", "tail", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield tail
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def said(process):
    """The next line, without its time."""
    return process.stdout.readline().partition(" ")[2]


def ended(process):
    """The exit code, and what else is on stderr."""
    code = process.wait(ENDED_WITHIN)
    return code, process.stderr.read()


def test_the_last_ten_and_then_what_is_said_until_ctrl_c(tail, say, url):
    for n in range(11):
        say(url, f"n{n}")
    process = tail("--redis", url)
    assert [said(process) for _ in range(10)] == [f"sis: n{n}\n" for n in range(1, 11)]
    for text in ("one", "two"):
        say(url, text)
        assert said(process) == f"sis: {text}\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, "")
    assert process.stdout.read() == ""


def test_a_room_in_which_nothing_was_said_yet(tail, say, url):
    process = tail("--redis", url, "--prefix", "family", "dev")
    say(url, "elsewhere", room="dev")
    say(url, "secret", room="dev", prefix="family", to=["dana"])
    say(url, "\x1b[2J\nfirst", room="dev", prefix="family")
    assert said(process) == "sis: \ufffd[2J\n"
    assert process.stdout.readline() == "         first\n"


def test_json_is_one_message_per_line(tail, say, url):
    process = tail("--redis", url, "--json")
    for text in ("a\nb", "é\x9b"):
        line = say(url, text)
        shown = process.stdout.readline()
        wire = json.loads(line)
        assert json.loads(shown) == wire | {"ts": rfc3339(wire["ts"])}
        assert shown.isascii()


def test_a_restart_of_redis_is_reported_and_nothing_is_shown_twice(tail, say, start_redis):
    def start():
        """A server with an address that the next one takes over: a link to its own one."""
        server = start_redis()
        path = Path(unquote(urlsplit(server.url).path))
        link = path.parents[1] / "redis.sock"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return server, f"unix://{link}"

    server, url = start()
    say(url, "before")
    process = tail("--redis", url)
    assert said(process) == "sis: before\n"
    say(url, "live")
    assert said(process) == "sis: live\n"
    server.stop()
    away = process.stderr.readline()
    assert away.startswith("chatctl: Redis is away (")
    start()
    for text in ("before", "live", "after"):  # with the ids they had, as if it had kept them
        say(url, text)
    assert said(process) == "sis: after\n"
    assert process.stderr.readline() == "chatctl: Redis is back\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, "")


def test_it_says_once_that_redis_is_away(chatctl, monkeypatch):
    def follow(*_, after):
        attempts.append(after)
        if len(attempts) < 4:
            raise RedisUnreachable("redis://h: no answer")
        yield []
        raise KeyboardInterrupt

    attempts = []
    monkeypatch.setattr(history, "newest", lambda *_, **_how: [])
    monkeypatch.setattr(history, "follow", follow)
    monkeypatch.setattr("chatctl.tail.RETRY", 0)
    result = chatctl("tail", "--redis", "redis://h")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "chatctl: Redis is away (redis://h: no answer): waiting for it, Ctrl-C ends",
        "chatctl: Redis is back",
    ]
    assert attempts == [NOTHING] * 4


def test_a_closed_pipe_ends_it_quietly(tail, say, url):
    say(url, "one")
    process = tail("--redis", url)
    assert said(process) == "sis: one\n"
    process.stdout.close()
    say(url, "two")
    assert ended(process)[1] == ""


def test_it_ends_with_the_embedded_redis_of_a_gateway(tail, say, start_redis, tmp_path):
    server = start_redis()
    say(server.url, "hi")
    with runfile.announced(runfile.secure(tmp_path / "run"), "127.0.0.1:2428", server.url):
        process = tail("--run-dir", str(tmp_path / "run"))
        assert said(process) == "sis: hi\n"
        server.stop()
        code, errors = ended(process)
    assert code == 1
    assert errors.startswith("chatctl: Redis cannot be reached: ")
    assert errors.count("\n") == 1


def test_redis_unreachable_at_the_start_is_one_line_without_the_password(chatctl):
    result = chatctl("tail", "--redis", "redis://:secret@127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("chatctl: Redis cannot be reached: redis://:***@127.0.0.1:1: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("a", "b"), ("--until", "14:30"), ("a\nb",)])
def test_a_wrong_option_is_a_usage_error(chatctl, arguments):
    assert chatctl("tail", *arguments).exit_code == 2
