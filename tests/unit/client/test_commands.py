import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.commands import COMMANDS, Show, read
from wire.frames import Quit, Send, Who


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", Send(text="hello")),
        ("  hello ", Send(text="  hello ")),
        ("two\nlines", Send(text="two\nlines")),
        ("hi @sis", Send(text="hi @sis")),
        ("//etc/hosts", Send(text="/etc/hosts")),
        ("/msg sis hi there", Send(text="hi there", to=["sis"])),
        ("/msg sis,mom hi", Send(text="hi", to=["sis", "mom"])),
        ("/msg @sis,@mom hi", Send(text="hi", to=["sis", "mom"])),
        ("/MSG  sis hi", Send(text="hi", to=["sis"])),
        ("/msg sis one\ntwo", Send(text="one\ntwo", to=["sis"])),
        ("/who", Who()),
        ("/who ", Who()),
        ("/quit", Quit()),
        ("", None),
        ("  ", None),
        ("\n", None),
    ],
)
def test_what_a_line_means(line, meaning):
    assert read(line) == meaning


@pytest.mark.parametrize("line", ["/msg", "/msg sis", "/msg sis ", "/msg , hi"])
def test_a_private_message_without_name_or_text_is_never_sent(line):
    assert read(line) == Show(("to whom, and what? /msg NAME[,NAME] TEXT",), wrong=True)


@pytest.mark.parametrize(
    ("line", "hint"),
    [("/mgs sis hi", "did you mean /msg?"), ("/exit", "did you mean /quit?"), ("/xyz", "/help")],
)
def test_an_unknown_command_names_the_nearest(line, hint):
    meaning = read(line)
    assert isinstance(meaning, Show)
    assert meaning.wrong
    assert hint in meaning.lines[0]


def test_help_lists_every_command():
    meaning = read("/help")
    assert isinstance(meaning, Show)
    assert not meaning.wrong
    for command in COMMANDS.values():
        assert any(
            line.startswith(command.usage) and line.endswith(command.help) for line in meaning.lines
        )


@given(st.text())
def test_a_slash_never_becomes_a_public_message_by_a_slip(text):
    meaning = read(f"/{text}")
    if isinstance(meaning, Send):
        assert meaning.to or text.startswith("/")
