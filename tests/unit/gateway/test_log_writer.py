import fcntl
import logging
import os

import pytest

from gateway import log_writer as module
from gateway.journal import JsonFormatter, TextFormatter
from gateway.log_writer import LogWriter
from tests.support.deadlines import wait_until

PIPE = 4096


class Pipe:
    """A pipe of the smallest size, and its reader."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE)

    def read(self, lines):
        """Read until this many lines have come."""
        data = b""
        while data.count(b"\n") < lines:
            data += os.read(self.reader, 65536)
        return data.decode().splitlines()

    def fill(self):
        """Fill it up."""
        os.write(self.writer, b"x" * (PIPE - 1) + b"\n")


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    # Do not close the other end: a thread may be about to write to it.
    os.set_blocking(pipe.reader, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.read(pipe.reader, 65536)


def make_writer(descriptor, formatter=None):
    writer = LogWriter(descriptor)
    writer.setFormatter(formatter or logging.Formatter("%(message)s"))
    log = logging.Logger("test")
    log.addHandler(writer)
    return writer, log


def wait_until_stuck(writer):
    """Wait until one write has taken too long."""
    wait_until(writer._is_stuck)


def test_lines_are_written_in_order(pipe):
    _, log = make_writer(pipe.writer)
    for number in range(100):
        log.info("%d ü", number)
    assert pipe.read(100) == [f"{number} ü" for number in range(100)]


def test_logging_never_waits_for_a_reader_that_has_stopped(pipe):
    handler, log = make_writer(pipe.writer)
    pipe.fill()
    log.info("first")
    wait_until_stuck(handler)
    for number in range(2000):
        log.info("%d", number)
    assert pipe.read(2)[1] == "first"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_lost_lines_are_counted_and_reported_once_lines_can_be_written_again(pipe, formatter):
    handler, log = make_writer(pipe.writer, formatter)
    pipe.fill()
    log.info("first")
    wait_until_stuck(handler)
    for number in range(500):
        log.info("line %d", number)
    left_out = handler._left_out
    assert 0 < left_out < 500
    kept = 1 + 500 - left_out
    _, *lines = pipe.read(1 + kept + 1)
    assert sum("line" in line and "left out" not in line for line in lines) == kept - 1
    (report,) = [line for line in lines if "left out" in line]
    assert f"lines={left_out}" in report or f'"lines": {left_out}' in report
    assert "WARNING" in report.upper()
    log.info("and on")
    assert "and on" in pipe.read(1)[0]


def test_little_is_kept_for_a_reader_that_has_stopped(pipe):
    handler, log = make_writer(pipe.writer)
    pipe.fill()
    log.info("first")
    wait_until_stuck(handler)
    for _ in range(1000):
        log.info("x" * 99)
    assert handler._waiting <= module.MAX_WAITING


def test_a_burst_is_written_completely_if_somebody_reads(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        handler, log = make_writer(file.fileno())
        for number in range(2000):
            log.info("%d %s", number, "x" * 100)
        handler.flush()
    assert len((tmp_path / "log").read_text().splitlines()) == 2000


def test_flushing_waits_for_the_last_lines_but_not_for_long(pipe, monkeypatch):
    handler, log = make_writer(pipe.writer)
    log.info("last")
    handler.flush()
    assert pipe.read(1) == ["last"]
    monkeypatch.setattr(module, "FLUSH_TIMEOUT", 0.01)
    pipe.fill()
    log.info("too late")
    handler.flush()
    assert pipe.read(2)[1] == "too late"


def test_a_non_blocking_pipe_is_waited_for(pipe):
    os.set_blocking(pipe.writer, False)
    handler, log = make_writer(pipe.writer)
    pipe.fill()
    log.info("y" * 3000)
    wait_until_stuck(handler)
    assert pipe.read(2)[1] == "y" * 3000


def test_lines_that_could_not_be_written_are_reported_later(pipe, monkeypatch):
    full = [True]

    def write(descriptor, data, write=os.write):
        if full[0] and descriptor == pipe.writer:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(module.os, "write", write)
    handler, log = make_writer(pipe.writer)
    for _ in range(3):
        log.info("lost")
    handler.flush()
    full[0] = False
    log.info("there")
    there, report = pipe.read(2)
    assert there == "there"
    assert "left out" in report
    handler.flush()
    assert handler._left_out == 0


def test_a_reader_that_has_gone_stops_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    handler, log = make_writer(writer)
    for _ in range(3):
        log.info("to nobody")
    handler.flush()
    assert handler._left_out == 3
    os.close(writer)


def test_a_lone_surrogate_is_written_as_an_escape(pipe):
    _, log = make_writer(pipe.writer)
    log.info("a\udcff")
    assert pipe.read(1) == ["a\\udcff"]
