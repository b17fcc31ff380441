import json
import re
import sys

import msgspec
import pyte
import pytest

from chatctl.rates import Rate, Rates
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.records import GatewayInfo
from gateway.errors import RedisUnreachable

INFO = GatewayInfo(
    listen="h:1", host="h", version="1", since=1, at=1000, connections=3, sessions=2, lag=0.004
)


def record(id="g-1", lease=9.0, **told):
    return GatewayRecord(id, msgspec.structs.replace(INFO, **told), lease, 0)


class TestRates:
    def test_rates_come_from_the_last_two_reports(self):
        rates = Rates()
        assert rates.look([record(at=1000, received=10, delivered=100)]) == {}
        assert rates.look([record(at=1000, received=10, delivered=100)]) == {}
        expected = {"g-1": Rate(2.0, 10.0)}
        assert rates.look([record(at=4000, received=16, delivered=130)]) == expected
        assert rates.look([record(at=4000, received=16, delivered=130)]) == expected
        assert rates.look([record(at=5000, received=16, delivered=130)]) == {"g-1": Rate(0.0, 0.0)}

    @pytest.mark.parametrize(
        "gone", [[], [record(lease=None)], [GatewayRecord("g-1", None, 9.0, 0)]]
    )
    def test_a_gateway_that_is_gone_has_no_rate(self, gone):
        rates = Rates()
        rates.look([record(at=1000)])
        assert rates.look([record(at=4000, received=3)]) == {"g-1": Rate(1.0, 0.0)}
        assert rates.look(gone) == {}

    def test_a_clock_that_was_set_back_gives_no_rate(self):
        rates = Rates()
        rates.look([record(at=4000)])
        assert rates.look([record(at=1000, received=3)]) == {}
        assert rates.look([record(at=2000, received=4)]) == {"g-1": Rate(1.0, 0.0)}


@pytest.fixture
def looks(monkeypatch):
    """What each look finds; the time between them does not pass. Returns the waits."""
    waits = []
    monkeypatch.setattr("chatctl.top.time.sleep", waits.append)

    def looks(*found):
        coming = iter(found)

        def list_gateways(url, prefix):
            each = next(coming)
            if isinstance(each, BaseException):
                raise each
            return 7000, each() if callable(each) else each

        monkeypatch.setattr("gateway.backplane.operators.gateways.list_gateways", list_gateways)
        return waits

    return looks


REDIS = ("--redis", "redis://h")


def test_without_a_terminal_each_refresh_comes_below_the_last(chatctl, looks):
    dead = GatewayRecord("g-2", None, None, 1)
    waits = looks([record()], [record(at=4000, received=6, delivered=30), dead])
    result = chatctl("top", *REDIS, "--count", "2", "--every", "5s")
    assert (result.exit_code, waits) == (0, [5.0])
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[0].endswith("gateways 1  connections 3  sessions 2  in -  out -")
    assert lines[3].split() == ["g-1", "3", "2", "-", "-", "4", "ms", "9s", "up"]
    assert lines[4].endswith("in 2.0/s  out 10.0/s")
    assert lines[7].split() == ["g-1", "3", "2", "2.0", "10.0", "4", "ms", "9s", "up"]
    assert lines[8].split() == ["g-2", "?", "?", "-", "-", "?", "gone", "dead"]


def test_json_is_one_object_per_line(chatctl, looks):
    looks([record()], [record(at=4000, received=6)])
    result = chatctl("top", *REDIS, "--count", "2", "--json")
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert first["at"] == "1970-01-01T00:00:07.000Z"
    assert first["gateways"][0]["per_second"] is None
    assert second["gateways"][0]["per_second"] == {"received": 2.0, "delivered": 0.0}
    assert second["gateways"][0]["id"] == "g-1"


def test_on_a_terminal_it_is_refreshed_in_place_and_the_last_one_stays(looks, monkeypatch, capsys):
    from chatctl.cli import main

    two = [record("g-1"), record("g-2")]
    looks([*two, record("g-3")], two, KeyboardInterrupt())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    main(["top", *REDIS], prog_name="chatctl", standalone_mode=False)
    output = capsys.readouterr().out
    screen = pyte.Screen(60, 20)
    pyte.Stream(screen).feed("$ chatctl top\r\n" + output.replace("\n", "\r\n"))
    shown = [line.rstrip() for line in screen.display]
    assert shown[0] == "$ chatctl top"
    assert "gateways 2" in shown[1]
    assert [line.split()[0] for line in shown[3:6]] == ["GATEWAY", "g-1", "g-2"]
    assert not any(shown[6:])
    assert not screen.cursor.hidden
    assert (screen.cursor.y, screen.cursor.x) == (6, 0)


def test_nothing_is_left_behind_in_a_window_that_became_narrower(looks, monkeypatch, capsys):
    from chatctl.cli import main

    def narrower():
        monkeypatch.setenv("COLUMNS", str(next(widths)))
        return three

    widths = iter((60, 30, 12))
    three = [record(f"g-{n}") for n in range(3)]
    looks(narrower, narrower, narrower, KeyboardInterrupt())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "30")
    main(["top", *REDIS], prog_name="chatctl", standalone_mode=False)
    *earlier, last = capsys.readouterr().out.replace("\n", "\r\n").split("\x1b[?25l")[1:]
    for width, before, after in zip((30, 12), earlier, (earlier[1], last), strict=True):
        # What was drawn in the wider window, as a terminal breaks it in this one.
        screen = pyte.Screen(width, 30)
        pyte.Stream(screen).feed("$ top\r\n" + re.sub(r"\x1b\[\d+F", "", before) + after)
        assert screen.display[0].rstrip() == "$ top"
        times = [bool(re.match(r"\d\d:\d\d:\d\d ", line)) for line in screen.display]
        assert times == [False, True, *[False] * 28]


def test_it_never_scrolls_away_lines_that_it_must_replace(looks, monkeypatch, capsys):
    from chatctl.cli import main

    many = [record(f"g-{n}") for n in range(30)]
    looks(many, many, KeyboardInterrupt())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "10")
    main(["top", *REDIS], prog_name="chatctl", standalone_mode=False)
    screen = pyte.HistoryScreen(30, 10)
    pyte.Stream(screen).feed(capsys.readouterr().out.replace("\n", "\r\n"))
    assert not screen.history.top
    assert "gateways" in screen.display[0]


def test_nothing_is_erased_from_the_first_column_of_the_screen(looks, monkeypatch, capsys):
    # From there tmux does not erase, but scrolls what it shows into its history.
    from chatctl.cli import main

    looks([record()], [record()], [], KeyboardInterrupt())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    main(["top", *REDIS], prog_name="chatctl", standalone_mode=False)
    parts = capsys.readouterr().out.split("\x1b[J")
    assert len(parts) == 4
    assert all(part.endswith("\x1b[K\x1b[C") for part in parts[:-1])


def test_a_redis_that_goes_away_is_waited_for(chatctl, looks):
    away = RedisUnreachable("redis://h: no answer")
    looks([record()], away, [record()])
    lines = chatctl("top", *REDIS, "--count", "3").stdout.splitlines()
    assert lines[4] == "Redis is away: redis://h: no answer"
    assert lines[8].startswith("g-1")


def test_a_redis_that_was_never_there_is_a_failure(chatctl, looks):
    looks(RedisUnreachable("redis://h: no answer"))
    result = chatctl("top", *REDIS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("chatctl: Redis cannot be reached")
