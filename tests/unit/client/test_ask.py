"""The question for a name; what a person sees of it and of passwords is in test_terminal.py."""

import asyncio
import os
import selectors
import signal
import sys
from types import SimpleNamespace

import pytest

from client.ask import ask
from tests.support.deadlines import within


class InTheLastMoment(selectors.DefaultSelector):
    """Somebody presses Ctrl-C once the loop has decided how long to wait, and before it does."""

    fd = None

    def select(self, timeout=None):
        if self.fd is not None and self.fd in self.get_map():
            self.fd = None
            signal.raise_signal(signal.SIGINT)
        return super().select(timeout)


@pytest.fixture
def keyboard(monkeypatch):
    """Gives the end that is typed on."""
    fd, typed = os.pipe()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: fd))
    yield SimpleNamespace(read=fd, type=lambda text: os.write(typed, text.encode()))
    os.close(fd)
    os.close(typed)


def answer(selector=None):
    async def asked():
        async with asyncio.timeout(within(10)):
            return await ask("who? ")

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(asked())


def test_the_answer_has_no_line_end(keyboard, capsys):
    keyboard.type("dana\n")
    assert answer() == "dana"
    assert capsys.readouterr() == ("", "who? ")


def test_ctrl_c_works_at_once_at_any_moment(keyboard):
    selector = InTheLastMoment()
    selector.fd = keyboard.read
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(EOFError):
        answer(selector)
    assert signal.getsignal(signal.SIGINT) is before
