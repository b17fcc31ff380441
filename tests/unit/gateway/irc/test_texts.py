"""Texts of IRC and of the chat."""

import pytest

from gateway.irc.rendering import iso, msgid, of_msgid
from gateway.irc.texts import said, spoken


@pytest.mark.parametrize(
    ("command", "text", "what"),
    [
        ("PRIVMSG", "hello", ("hello", "")),
        ("NOTICE", "done", ("done", "notice")),
        ("PRIVMSG", "\x01ACTION waves\x01", ("waves", "me")),
        ("PRIVMSG", "\x01action waves", ("waves", "me")),
        ("PRIVMSG", "\x02bold\x02 \x0304,12red\x03 \x1ditalic\x0f", ("bold red italic", "")),
        ("PRIVMSG", "\x04FF0000hex\x04 \x16\x1e\x1f\x11plain", ("hex plain", "")),
        ("PRIVMSG", "3\x03,5", ("3,5", "")),
        ("PRIVMSG", "a\x07b\x7fc", ("abc", "")),
    ],
)
def test_formatting_is_left_out(command, text, what):
    assert said(command, text) == what


@pytest.mark.parametrize(
    "text", ["\x01VERSION\x01", "\x01PING 1\x01", "\x01DCC SEND x\x01", "\x01"]
)
def test_questions_of_programs_say_nothing(text):
    assert said("PRIVMSG", text) is None


def test_each_line_of_a_text_is_a_message_and_empty_ones_are_none():
    assert spoken("PRIVMSG", "a!~u@chat", "#dev", "one\n\ntwo", "") == [
        ":a!~u@chat PRIVMSG #dev :one",
        ":a!~u@chat PRIVMSG #dev :two",
    ]


def test_each_part_of_a_long_deed_is_one():
    lines = spoken("PRIVMSG", "a!~u@chat", "#dev", "x" * 1000, "me")
    assert all(line.startswith(":a!~u@chat PRIVMSG #dev :\x01ACTION ") for line in lines)
    assert all(line.endswith("\x01") and len(f"{line}\r\n".encode()) <= 512 for line in lines)


@pytest.mark.parametrize("room", ["dev", "größe", None])
def test_an_id_of_a_message_can_be_read_again(room):
    assert of_msgid(msgid(room, "17-3")) == (room, "17-3")


def test_times_are_in_utc_with_milliseconds():
    assert iso(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"
