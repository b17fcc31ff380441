# ruff: noqa: RUF001 - signs that look like others are what this is about
import pytest
from hypothesis import given
from hypothesis import strategies as st

from display.commands import COMMANDS, Show, names_in, read
from wire.frames import Quit, Send, Who


def is_refused(line, to=None):
    meaning = read(line, to)
    return isinstance(meaning, Show) and meaning.wrong


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", Send(text="hello")),
        ("  hello ", Send(text="  hello ")),
        ("two\nlines", Send(text="two\nlines")),
        ("hi @sis", Send(text="hi @sis")),
        ("secret @sis\n\n", Send(text="secret @sis")),
        ("pasted\n \n\u200b\n", Send(text="pasted")),
        ("//etc/hosts", Send(text="/etc/hosts")),
        (" //etc/hosts", Send(text="/etc/hosts")),
        ("／／etc", Send(text="/etc")),
        ("///", Send(text="//")),
        ("a/b", Send(text="a/b")),
        ("./run me", Send(text="./run me")),
        ("...who is it?", Send(text="...who is it?")),
        ("(help me)", Send(text="(help me)")),
        ("!important", Send(text="!important")),
        (". msg", Send(text=". msg")),
        ("(msg me later)", Send(text="(msg me later)")),
        ("msg me later", Send(text="msg me later")),
        ("see\n/usr/bin/env", Send(text="see\n/usr/bin/env")),
        ("see\n//msg sis hi", Send(text="see\n//msg sis hi")),
        ("/who", Who()),
        ("/who ", Who()),
        ("/quit", Quit()),
        ("", None),
        ("  ", None),
        ("\n", None),
        ("\u200b\n\u2800", None),
    ],
)
def test_what_a_line_means(line, meaning):
    assert read(line) == meaning


@pytest.mark.parametrize(
    "line",
    ["/msg sis secret", "/MSG  sis secret", "/msg\tsis\tsecret", "/msg\nsis secret",
     "/msg sis\nsecret", "/msg sis: secret", "/msg @sis secret", "/msg ＠sis secret",
     "/msg sis： secret", " /msg sis secret", "\t/msg sis secret", "\u00a0/msg sis secret",
     "\u200b/msg sis secret", "\ufeff/msg sis secret", "\n/msg sis secret",
     "\n\n  /msg sis secret\n", "／msg sis secret",
     "/m\u200bsg sis secret", "／ｍｓｇ sis secret", "/msg s\u00adis secret", "/msg sis. secret",
     "/msg\u3000sis\u3000secret", "/msg \u2068sis\u2069 secret"],
)  # fmt: skip
def test_a_private_message_may_be_typed_in_any_way(line):
    assert read(line) == Send(text="secret", to=["sis"])


@pytest.mark.parametrize(
    "names",
    ["sis,mom", "sis, mom", "sis ,mom", "sis , mom", "@sis,@mom", "@sis @mom", "@sis, @mom",
     "sis @mom", "sis;mom", "sis，mom", "sis、 mom", "sis/mom", "sis&mom", "sis & mom", "sis+mom",
     "sis,,mom", "sis,\nmom", "@sis@mom", "sis,mom:", "@sis\t@mom", "sis.,mom"],
)  # fmt: skip
def test_names_of_a_private_message_may_be_joined_in_any_way(names):
    assert read(f"/msg {names} two words") == Send(text="two words", to=["sis", "mom"])
    assert read(f"/msg {names}\none\ntwo") == Send(text="one\ntwo", to=["sis", "mom"])


@pytest.mark.parametrize(
    "line", ["/msg", "/msg sis", "/msg sis ", "/msg , hi", "/msg sis, mom",
             "/msg sis \u200b", "/msg (sis) x"]
)  # fmt: skip
def test_a_private_message_without_name_or_text_is_never_sent(line):
    assert read(line) == Show(("to whom, and what? /msg NAME[,NAME] TEXT",), wrong=True)


@pytest.mark.parametrize(
    "line",
    [".msg sis secret", "\\msg sis secret", "!msg sis secret", "`/msg sis secret`", "'/msg sis hi'",
     '"/msg sis hi"', ":msg sis hi", "-msg sis hi", "#msg sis hi", "(/msg sis hi)",
     ">/msg sis hi", "./msg sis hi", " .msg sis hi", "\u200b!msg sis hi", ".who", "!quit",
     "\\help", "~msg sis hi", "|msg sis hi", "*msg sis hi", "\u29f8msg sis hi", "\u2571msg sis hi"],
)  # fmt: skip
def test_what_looks_like_a_command_with_a_slip_in_it_is_refused_with_the_command(line):
    meaning = read(line)
    assert is_refused(line)
    assert "did you mean /" in meaning.lines[0]


@pytest.mark.parametrize(
    "text",
    ["hello\n/msg sis secret", "hello\n  /msg sis secret\nbye", "hello\n\n／msg sis secret",
     "/msg sis one\n/msg sis two", "hello\n/quit", "hello\n!msg sis secret", "//a\n/who",
     "hello\u2028/msg sis secret", "hello\r/msg sis secret", "hello\n\u0301/msg sis secret"],
)  # fmt: skip
def test_a_text_with_a_command_in_a_later_line_is_refused_whole(text):
    assert is_refused(text)
    assert is_refused(text, ["mom"])


@pytest.mark.parametrize(
    ("line", "hint"),
    [("/mgs sis hi", "did you mean /msg?"), ("/exit", "did you mean /quit?"), ("/xyz", "/help"),
     ("/ msg sis hi", "/help"), ("/", "/help"), ("/msg@sis secret", "did you mean /msg?"),
     ("/tell sis hi", "/help"), ("/" + "x" * 9000, "/help")],
)  # fmt: skip
def test_an_unknown_command_names_the_nearest(line, hint):
    meaning = read(line)
    assert is_refused(line)
    assert hint in meaning.lines[0]
    assert len(meaning.lines[0]) < 200


def test_help_lists_every_command():
    meaning = read("/help")
    assert isinstance(meaning, Show)
    assert not meaning.wrong
    for command in COMMANDS.values():
        assert any(
            line.startswith(command.usage) and line.endswith(command.help) for line in meaning.lines
        )


class TestWhenEverythingIsForTheSamePeople:
    TO = ("sis", "mom")

    @pytest.mark.parametrize("line", ["secret", "secret @dad", "//etc", "two\nlines"])
    def test_every_message_is(self, line):
        meaning = read(line, self.TO)
        assert meaning.to == ["sis", "mom"]
        assert meaning.text == line.replace("//", "/")

    @pytest.mark.parametrize("line", ["/msg dad hi", "/mgs", "!msg dad hi"])
    def test_what_says_otherwise_is_refused(self, line):
        assert is_refused(line, self.TO)

    def test_questions_are_still_asked(self):
        assert read("/who", self.TO) == Who()


@pytest.mark.parametrize(
    ("text", "names", "rest"),
    [
        ("sis hello, mom", ["sis"], " hello, mom"),
        ("妈妈 hi", ["妈妈"], " hi"),
        ("d.k-2 hi", ["d.k-2"], " hi"),
        ("sis!hi", ["sis"], "!hi"),
        ("", [], ""),
        ("!", [], "!"),
        ("...", [], ""),
    ],
)
def test_the_names_that_a_text_begins_with(text, names, rest):
    assert names_in(text) == (names, rest)


blank = st.text(st.sampled_from(" \t\n\u00a0\u200b\u2060\ufeff\u3000"), max_size=4)


@given(blank, st.sampled_from("/／⁄"), st.text())
def test_a_slash_never_becomes_a_public_message_by_a_slip(before, slash, text):
    meaning = read(f"{before}{slash}{text}")
    if isinstance(meaning, Send):
        assert meaning.to or text.startswith(tuple("/／⁄∕"))


@given(st.text(), st.sampled_from(["/", " /", "/\u200b", "／"]), st.sampled_from(list(COMMANDS)))
def test_a_known_command_in_any_line_never_becomes_a_public_message(before, slash, name):
    for text in (f"{before}\n{slash}{name} sis secret", f"{slash}{name} sis {before}"):
        meaning = read(text)
        assert not isinstance(meaning, Send) or meaning.to


@given(st.text())
def test_what_is_said_to_some_is_never_said_to_everyone(text):
    meaning = read(text, ["sis"])
    assert not isinstance(meaning, Send) or meaning.to == ["sis"]
