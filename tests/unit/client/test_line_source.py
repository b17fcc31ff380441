import asyncio
import contextlib
import os
import sys

import pytest

from client.line_source import LineSource, Pasted
from wire.lines import LineTooLong


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # closed by the test
            os.close(end)


async def lines(fd, longest=100):
    return [line async for line in LineSource(fd, longest)]


async def test_lines_come_from_a_pipe(pipe):
    out, into = pipe
    os.write(into, "one\r\nzwölf\n\nlast".encode())
    os.close(into)
    assert await lines(out) == ["one", "zwölf", "", "last"]


async def test_lines_come_as_soon_as_they_are_whole(pipe):
    out, into = pipe
    source = aiter(LineSource(out, 100))
    waiting = asyncio.ensure_future(anext(source))
    os.write(into, b"he")
    os.write(into, b"llo\nwor")
    assert await waiting == "hello"
    os.close(into)
    assert [line async for line in source] == ["wor"]


async def test_lines_come_from_an_ordinary_file(tmp_path):
    path = tmp_path / "lines"
    path.write_text("".join(f"{number}\n" for number in range(50_000)))
    with path.open() as file:
        assert await lines(file.fileno()) == [str(number) for number in range(50_000)]


async def test_an_empty_input_has_no_lines():
    nothing = os.open(os.devnull, os.O_RDONLY)
    assert await lines(nothing) == []
    os.close(nothing)


async def test_a_byte_order_mark_at_the_start_is_removed(pipe):
    out, into = pipe
    os.write(into, "\ufeffone\n\ufefftwo\n".encode())
    os.close(into)
    assert await lines(out) == ["one", "\ufefftwo"]


async def test_text_in_the_encoding_of_the_locale_is_decoded(pipe, monkeypatch):
    out, into = pipe
    os.write(into, b"caf\xe9\n" + "café\n".encode())
    os.close(into)
    with open(os.devnull, encoding="latin-1") as stdin:  # noqa: ASYNC230
        monkeypatch.setattr(sys, "stdin", stdin)
        assert await lines(out) == ["café", "café"]


async def test_undecodable_bytes_are_replaced(pipe, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    out, into = pipe
    os.write(into, b"caf\xe9\n")
    os.close(into)
    assert await lines(out) == ["caf\ufffd"]


async def test_a_line_that_is_too_long_is_reported(pipe):
    out, into = pipe
    os.write(into, b"x" * 150 + b"\nshort\n")
    os.close(into)
    long, *others = await lines(out)
    assert isinstance(long, LineTooLong)
    assert others == ["short"]


async def test_closing_ends_a_silent_input(pipe):
    out, _ = pipe
    source = LineSource(out, 100)
    reading = asyncio.create_task(anext(aiter(source), "the end"))
    await asyncio.sleep(0)
    source.close()
    assert await reading == "the end"


async def test_closing_drops_lines_that_were_read_already(pipe):
    out, into = pipe
    os.write(into, b"one\ntwo\n")
    source = LineSource(out, 100)
    seen = []
    async for line in source:
        seen.append(line)
        source.close()
    assert seen == ["one"]


async def test_other_tasks_get_their_turn_during_an_endless_input(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"\n" * 1_000_000)
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(others())
    with path.open() as file:
        assert len(await lines(file.fileno())) == 1_000_000
    working.cancel()
    assert turns > 10


async def test_typed_lines_that_come_at_once_are_a_paste(pipe):
    out, into = pipe
    os.write(into, b"one\ntwo\n\nfour\n")
    source = aiter(LineSource(out, 100, typed=True))
    assert await anext(source) == Pasted("one\ntwo\n\nfour")
    os.write(into, b"alone\n")
    assert await anext(source) == "alone"
    os.write(into, b"x" * 150 + b"\nafter\n")
    assert isinstance(await anext(source), LineTooLong)
    assert await anext(source) == Pasted("after")


async def test_a_paste_that_the_terminal_hands_over_line_by_line_is_one_paste():
    # It gives one line for each read, though all are there.
    master, terminal = os.openpty()
    os.write(master, b"one\ntwo\n")
    source = aiter(LineSource(terminal, 100, typed=True))
    assert await anext(source) == Pasted("one\ntwo")
    os.close(master)
    os.close(terminal)


async def test_in_the_background_nothing_is_read_that_may_be_for_somebody_else(pipe, monkeypatch):
    out, into = pipe
    looks, stops = iter([False, False, True, True]), []
    monkeypatch.setattr("client.line_source.in_foreground", lambda _fd: next(looks))
    monkeypatch.setattr("client.line_source.stop_in_background", lambda: stops.append(True))
    os.write(into, b"hello\n")
    assert await anext(aiter(LineSource(out, 100))) == "hello"
    assert len(stops) == 2
