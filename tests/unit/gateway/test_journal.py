import json
import logging
import subprocess
import sys
from datetime import datetime

import pytest

from gateway.journal import BURST, FloodFilter, JsonFormatter, TextFormatter, event
from tests.unit.gateway.fakes import Clock

NASTY = 'a"b\\c\nd\re\x1b[2Jf\u202eg\u200bh\x85i=j k'


class Collector(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    log = logging.Logger("gateway.test", logging.INFO)
    log.handlers = []
    return log


def collect(log, formatter, *filters):
    handler = Collector()
    handler.setFormatter(formatter)
    for each in filters:
        handler.addFilter(each)
    log.addHandler(handler)
    return handler.lines


def fault(log):
    try:
        raise ValueError("a\x1b[2Jb\nc")
    except ValueError:
        log.exception("an unexpected error")


def test_in_text_an_event_is_one_line(log):
    lines = collect(log, TextFormatter())
    event(log, logging.INFO, "session began", connection="c17", session="ab12", seconds=1.5)
    assert lines[0].partition(" INFO ")[2] == (
        "gateway.test: session began connection=c17 session=ab12 seconds=1.5"
    )
    datetime.strptime(lines[0][:23], "%Y-%m-%d %H:%M:%S,%f")


def test_in_json_an_event_is_one_object(log):
    lines = collect(log, JsonFormatter())
    event(log, logging.WARNING, "session ended", connection="c17", seconds=1.5, requests=3)
    written = json.loads(lines[0])
    at = datetime.fromisoformat(written.pop("at"))
    assert at.utcoffset() is not None
    assert written == {
        "level": "warning",
        "logger": "gateway.test",
        "event": "session ended",
        "connection": "c17",
        "seconds": 1.5,
        "requests": 3,
    }


def test_a_field_without_a_value_is_left_out(log):
    lines = collect(log, TextFormatter())
    event(log, logging.INFO, "disconnected", session=None, requests=0)
    assert lines[0].endswith("disconnected requests=0")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("[2001:db8::1]:2428", "[2001:db8::1]:2428"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("Zoë", '"Zoë"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a\nb", '"a\\nb"'),
        ("\u202ename", '"\\u202ename"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_a_value_cannot_break_its_line_or_hide_in_it(log, value, shown):
    lines = collect(log, TextFormatter())
    event(log, logging.INFO, "x", name=value)
    assert lines[0].endswith(f" x name={shown}")


def test_a_nasty_value_is_escaped_everywhere(log):
    text, machines = collect(log, TextFormatter()), collect(log, JsonFormatter())
    event(log, logging.INFO, "x", name=NASTY)
    log.info("plain %s", NASTY)
    for line in text + machines:
        assert line.isprintable()
    assert json.loads(machines[0])["name"] == NASTY


def test_in_text_a_traceback_is_indented(log):
    lines = collect(log, TextFormatter())
    fault(log)
    first, *rest = lines[0].splitlines()
    assert first.endswith("gateway.test: an unexpected error")
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert "ValueError" in lines[0]


def test_in_json_a_traceback_is_a_field(log):
    lines = collect(log, JsonFormatter())
    fault(log)
    assert "ValueError" in json.loads(lines[0])["exception"]
    assert "\n" not in lines[0]


def test_an_event_below_the_level_is_not_logged(log):
    lines = collect(log, TextFormatter())
    event(log, logging.DEBUG, "connected")
    assert lines == []


def test_part_of_a_flood_is_written_and_a_later_line_says_how_many_were_left_out(log, clock):
    lines = collect(log, TextFormatter(), FloodFilter(clock))

    def flood(count):
        for number in range(count):
            event(log, logging.INFO, "refused", number=number)

    flood(BURST + 7)
    assert len(lines) == BURST
    event(log, logging.INFO, "another kind")
    assert lines.pop().endswith("another kind")
    clock.advance(0.1)
    flood(2)
    assert lines[BURST:][0].endswith("refused number=0 suppressed=7")
    clock.advance(60)
    flood(2)
    assert [line.partition("refused")[2] for line in lines[-2:]] == [
        " number=0 suppressed=1",
        " number=1",
    ]


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_journal_is_written_to_stderr(style):
    # In another process, because logging can be set up only once per process.
    code = (
        "import logging; from gateway.journal import event, write_to_stderr\n"
        f"write_to_stderr('{style}', 'info'); log = logging.getLogger('gateway.x')\n"
        "event(log, logging.INFO, 'shown', connection='c1'); logging.debug('hidden')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    if style == "json":
        assert json.loads(line)["connection"] == "c1"
    else:
        assert line.endswith("INFO gateway.x: shown connection=c1")
