"""What is read from a terminal, on a real one."""

import os
import pty
import termios

import pytest
from prompt_toolkit.keys import Keys

from client.keyboard import Keyboard

BEGIN, END = "\x1b[200~", "\x1b[201~"


class Window:
    """A terminal, its keyboard, and the hands on it."""

    def __init__(self):
        self._hands, terminal = pty.openpty()
        self._file = os.fdopen(terminal, encoding="utf-8")
        self.keyboard = Keyboard(self._file)

    def close(self):
        os.close(self._hands)
        self._file.close()

    def read(self, data):
        os.write(self._hands, data.encode())
        return self.shown(self.keyboard.read_keys())

    def shown(self, keys):
        return [("paste", key.data) if key.key == Keys.BracketedPaste else key.key for key in keys]


@pytest.fixture
def window():
    window = Window()
    with window.keyboard.raw_mode():
        yield window
    window.close()


def test_lines_that_come_at_once_are_a_paste(window):
    assert window.read("one\rtwo\rthree\r") == [("paste", "one\ntwo\nthree\n")]
    assert window.read("\r") == [Keys.ControlM]


def test_a_paste_that_takes_several_reads_is_still_one_paste(window):
    # A terminal gives 4,095 characters at a time: so the first part ends with an Enter.
    assert window.read(("x" * 62 + "\r") * 130) == [("paste", ("x" * 62 + "\n") * 130)]


def test_a_paste_without_an_end_ends_after_a_pause(window):
    assert window.read(f"{BEGIN}abc") == []
    assert window.shown(window.keyboard.flush_keys()) == [("paste", "abc")]
    assert window.read("x") == ["x"]


def test_ctrl_c_alone_ends_a_paste_without_an_end(window):
    assert window.read(f"{BEGIN}abc") == []
    assert window.read("\x03") == [("paste", "abc"), Keys.ControlC]


def test_the_rest_of_a_paste_after_a_long_pause_is_a_paste_too(window):
    window.read(f"{BEGIN}dear sis,\r")
    window.keyboard.flush_keys()
    assert window.read("my pin is 1234\r") == [("paste", "my pin is 1234\n")]
    assert window.read(f"@sis{END}") == [("paste", "@sis")]
    assert window.read("x\r") == ["x", Keys.ControlM]


def test_an_enter_that_comes_alone_ends_a_paste_after_a_long_pause(window):
    window.read(f"{BEGIN}abc")
    window.keyboard.flush_keys()
    assert window.read("\r") == [Keys.ControlM]
    assert window.read("x\r") == ["x", Keys.ControlM]


def test_the_terminal_is_put_back_while_other_programs_use_it_and_afterwards():
    window = Window()
    before = termios.tcgetattr(window.keyboard.fileno())
    with window.keyboard.raw_mode():
        assert window.keyboard.is_raw
        with window.keyboard.cooked_mode():
            assert not window.keyboard.is_raw
            assert termios.tcgetattr(window.keyboard.fileno()) == before
        assert window.keyboard.is_raw
    assert termios.tcgetattr(window.keyboard.fileno()) == before
    window.close()


def test_changes_by_a_shell_are_noticed_and_undone(window):
    raw = termios.tcgetattr(window.keyboard.fileno())
    with window.keyboard.cooked_mode():
        before = termios.tcgetattr(window.keyboard.fileno())
    termios.tcsetattr(window.keyboard.fileno(), termios.TCSANOW, before)
    assert not window.keyboard.is_raw
    window.keyboard.make_raw()
    assert termios.tcgetattr(window.keyboard.fileno()) == raw


def test_text_typed_before_the_prompt_appeared_is_not_sent():
    window = Window()
    os.write(window._hands, b"make test\n")
    with window.keyboard.raw_mode():
        assert window.shown(window.keyboard.read_keys()) == [("paste", "make test\n")]
        assert window.read("x\r") == ["x", Keys.ControlM]
    window.close()


def test_in_the_background_nothing_is_read_that_may_be_for_somebody_else(window, monkeypatch):
    stops = []
    with monkeypatch.context() as background:
        background.setattr("client.keyboard.in_foreground", lambda _fd: False)
        background.setattr("client.keyboard.stop_in_background", lambda: stops.append(True))
        assert window.read("somebody else's") == []
        assert len(stops) == 1
    assert window.read("!")[0] == "s"
