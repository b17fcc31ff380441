"""Modes of rooms as letters of IRC, and back."""

import pytest

from gateway.irc.modes import changes, parse_modes, shown
from wire.frames import Modes


@pytest.mark.parametrize(
    ("modes", "letters"),
    [
        (Modes(), "+nt"),
        (Modes(invite_only=True, secret=True), "+inst"),
        (Modes(read_only=True, key=True, slow=5), "+kmnt"),
    ],
)
def test_all_modes_are_shown_and_no_key(modes, letters):
    assert shown(modes) == letters


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (Modes(), Modes(secret=True), ["+s"]),
        (Modes(secret=True, invite_only=True), Modes(read_only=True), ["+m-is"]),
        (Modes(), Modes(key=True), ["+k", "*"]),
        (Modes(key=True, secret=True), Modes(), ["-sk", "*"]),
        (Modes(), Modes(slow=5), []),
    ],
)
def test_a_change_is_shown_as_letters(before, now, words):
    assert changes(before, now) == words


@pytest.mark.parametrize(
    ("words", "fields", "people", "lists", "unknown"),
    [
        (["+s"], {"secret": True}, [], [], []),
        (["+im-s"], {"invite_only": True, "read_only": True, "secret": False}, [], [], []),
        (["+k", "key"], {"key": "key"}, [], [], []),
        (["-k", "anything"], {"key": ""}, [], [], []),
        (["+k"], {}, [], [], []),
        (["+nt"], {}, [], [], []),
        (["+o-v", "dana", "mom"], {}, [("op", "dana"), ("devoice", "mom")], [], []),
        (["+b", "dana!*@*"], {}, [("ban", "dana")], [], []),
        (["-b", "*!*@192.0.2.0/24"], {}, [("unban", "192.0.2.0/24")], [], []),
        (["b"], {}, [], ["b"], []),
        (["+beI"], {}, [], ["b", "e", "I"], []),
        (["+o"], {}, [], [], []),
        (["+xZ"], {}, [], [], ["x", "Z"]),
        ([], {}, [], [], []),
    ],
)
def test_what_a_command_asks_for(words, fields, people, lists, unknown):
    assert parse_modes(words) == (lists, fields, people, unknown)
