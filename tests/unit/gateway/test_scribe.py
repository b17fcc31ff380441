import fcntl
import logging
import os

import pytest

from gateway import scribe as module
from gateway.journal import JsonLines, TextLines
from gateway.scribe import Scribe
from tests.support.deadlines import wait_until

PIPE = 4096


class Pipe:
    """A pipe of the smallest size, and what is read from it."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE)

    def read(self, lines):
        """Read on until so many lines have come."""
        data = b""
        while data.count(b"\n") < lines:
            data += os.read(self.reader, 65536)
        return data.decode().splitlines()

    def fill(self):
        """Leave no room in it."""
        os.write(self.writer, b"x" * (PIPE - 1) + b"\n")


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    # Nobody closes what a thread may be about to write to.
    os.set_blocking(pipe.reader, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.read(pipe.reader, 65536)


def scribe(descriptor, formatter=None):
    scribe = Scribe(descriptor)
    scribe.setFormatter(formatter or logging.Formatter("%(message)s"))
    log = logging.Logger("test")
    log.addHandler(scribe)
    return scribe, log


def stuck(scribe):
    """Wait until it has been writing for longer than it should."""
    wait_until(scribe._is_stuck)


def test_lines_are_written_in_their_order(pipe):
    _, log = scribe(pipe.writer)
    for number in range(100):
        log.info("%d ü", number)
    assert pipe.read(100) == [f"{number} ü" for number in range(100)]


def test_nobody_waits_for_a_reader_who_does_not_read(pipe):
    handler, log = scribe(pipe.writer)
    pipe.fill()
    log.info("first")
    stuck(handler)
    for number in range(2000):
        log.info("%d", number)
    assert pipe.read(2)[1] == "first"


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_what_was_left_out_is_counted_and_told_when_it_flows_again(pipe, formatter):
    handler, log = scribe(pipe.writer, formatter)
    pipe.fill()
    log.info("first")
    stuck(handler)
    for number in range(500):
        log.info("line %d", number)
    left_out = handler._left_out
    assert 0 < left_out < 500
    kept = 1 + 500 - left_out
    _, *lines = pipe.read(1 + kept + 1)
    assert sum("line" in line and "left out" not in line for line in lines) == kept - 1
    (told,) = [line for line in lines if "left out" in line]
    assert f"lines={left_out}" in told or f'"lines": {left_out}' in told
    assert "WARNING" in told.upper()
    log.info("and on")
    assert "and on" in pipe.read(1)[0]


def test_little_is_kept_for_a_reader_who_does_not_read(pipe):
    handler, log = scribe(pipe.writer)
    pipe.fill()
    log.info("first")
    stuck(handler)
    for _ in range(1000):
        log.info("x" * 99)
    assert handler._waiting <= module.ROOM


def test_a_burst_is_written_whole_where_somebody_reads(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        handler, log = scribe(file.fileno())
        for number in range(2000):
            log.info("%d %s", number, "x" * 100)
        handler.flush()
    assert len((tmp_path / "log").read_text().splitlines()) == 2000


def test_the_end_of_the_program_waits_for_the_last_lines_but_not_for_long(pipe, monkeypatch):
    handler, log = scribe(pipe.writer)
    log.info("last")
    handler.flush()
    assert pipe.read(1) == ["last"]
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    pipe.fill()
    log.info("too late")
    handler.flush()
    assert pipe.read(2)[1] == "too late"


def test_a_pipe_that_does_not_block_is_waited_for(pipe):
    os.set_blocking(pipe.writer, False)
    handler, log = scribe(pipe.writer)
    pipe.fill()
    log.info("y" * 3000)
    stuck(handler)
    assert pipe.read(2)[1] == "y" * 3000


def test_what_cannot_be_written_is_told_when_it_can(pipe, monkeypatch):
    full = [True]

    def write(descriptor, data, write=os.write):
        if full[0] and descriptor == pipe.writer:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(module.os, "write", write)
    handler, log = scribe(pipe.writer)
    for _ in range(3):
        log.info("lost")
    handler.flush()
    full[0] = False
    log.info("there")
    there, told = pipe.read(2)
    assert there == "there"
    assert "left out" in told
    handler.flush()
    assert handler._left_out == 0


def test_a_reader_who_has_gone_stops_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    handler, log = scribe(writer)
    for _ in range(3):
        log.info("to nobody")
    handler.flush()
    assert handler._left_out == 3
    os.close(writer)


def test_what_no_text_can_hold_is_written_all_the_same(pipe):
    _, log = scribe(pipe.writer)
    log.info("a\udcff")
    assert pipe.read(1) == ["a\\udcff"]
