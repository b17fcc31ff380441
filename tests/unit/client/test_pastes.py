import pytest
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.keys import Keys

from client.pastes import FEW, with_pastes


def keys(data):
    """What is done with what was read at once: keys, and the text of a paste."""
    read = []
    Vt100Parser(read.append).feed_and_flush(data)
    return [
        ("paste", key.data) if key.key == Keys.BracketedPaste else key.key
        for key in with_pastes(read)
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("one\rtwo\rthree\r", "one\ntwo\nthree\n"),
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("dear sis,\rmy pin is 1234\r@sis", "dear sis,\nmy pin is 1234\n@sis"),
        ("\rx", "\nx"),
        ("\r\r", "\n\n"),
        ("hi\r\r", "hi\n\n"),
        ("a\tb\rc", "a\tb\nc"),
        ("hi\r/quit\r", "hi\n/quit\n"),
    ],
)
def test_an_enter_with_text_after_it_is_a_newline_of_a_paste(data, text):
    assert keys(data) == [("paste", text)]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_an_enter_at_the_end_sends(end):
    assert keys(f"hi{end}")[:3] == ["h", "i", Keys.ControlM if "\r" in end else Keys.ControlJ]
    assert keys(end)[0] in (Keys.ControlM, Keys.ControlJ)


def test_fast_typing_is_not_a_paste():
    assert keys("hel\t") == ["h", "e", "l", Keys.ControlI]
    assert keys("\x1b[A\x1b[D") == [Keys.Up, Keys.Left]


def test_keys_without_text_stay_keys():
    assert keys("a\rb\x1b[Ac\x03") == [
        ("paste", "a\nb"),
        Keys.Up,
        ("paste", "c"),
        Keys.ControlC,
    ]


def test_more_keys_than_fingers_can_type_are_joined():
    assert keys("x" * FEW) == ["x"] * FEW
    assert keys("x" * FEW + "\ty") == [("paste", "x" * FEW + "\ty")]
    assert keys("x" * 100 + "\r") == [("paste", "x" * 100), Keys.ControlM]


def test_an_enter_after_a_marked_paste_sends_it():
    assert keys("\x1b[200~one\ntwo\x1b[201~\r") == [("paste", "one\ntwo"), Keys.ControlM]
