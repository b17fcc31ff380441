"""Which terminals are drawn on. Each in a process of its own: terminfo is asked once in each."""

import os
import subprocess
import sys
import termios

import pytest

from client.terminal import breaks_again, columns

CAN_DRAW = "import sys; from client.terminal import can_draw; print(can_draw(*sys.argv[1:]))"


@pytest.mark.parametrize("term", ["xterm", "screen-256color", "linux", "vt100", "one-of-tomorrow"])
def test_terminals_that_can_be_drawn_on(term):
    assert can_draw(term) == "True"


@pytest.mark.parametrize(
    "term", ["", "dumb", "DUMB", "Dumb", "unknown", "emacs", "network", "dialup", "vt52"]
)
def test_terminals_that_cannot_be_drawn_on(term):
    assert can_draw(term) == "False"


def can_draw(term):
    asked = subprocess.run([sys.executable, "-c", CAN_DRAW, term], capture_output=True, text=True)
    return asked.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "breaks"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "tmux-256color", "XTERM_VERSION": "XTerm(379)", "TMUX": "/tmp/x,1,0"}, True),
        ({"TERM": "linux"}, False),
        ({"TERM": "st-256color"}, False),
        ({}, True),
    ],
)
def test_some_terminals_cut_rows_off_and_others_break_them_again(environment, breaks):
    assert breaks_again(environment) == breaks


def test_a_pipe_has_no_columns(tmp_path):
    with (tmp_path / "file").open("w") as file:
        assert columns(file) is None


def test_a_terminal_has_columns():
    master, terminal = os.openpty()
    with os.fdopen(terminal, "w") as file:
        assert columns(file) is None  # one that nobody gave a size
        termios.tcsetwinsize(master, (24, 61))
        assert columns(file) == 61
    os.close(master)
