"""The interactive client on a real pseudo-terminal, as a person's eyes and hands have it."""

import asyncio
import contextlib
import os
import shlex
import signal
import termios
import tty

import pytest

from tests.unit.client.terminal import JOB_CONTROL, SHELL, Terminal, children, client
from wire.frames import Bye, Error, Hello
from wire.reasons import IDLE

# What is tested runs in a process of its own: the loop of the test makes no difference.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

LONG = "日本語 👍 a line that is long and wide enough to wrap at the edge of the window ünd so on"


@pytest.fixture
async def terminal(gateway):
    async with Terminal([*SHELL, *client(gateway.port, "dana")]) as terminal:
        terminal.attributes_before = terminal.attributes
        terminal.type("\n")
        terminal.peer = await gateway.peer()
        await terminal.peer.welcome()
        await terminal.shows("dana>")
        yield terminal


def is_raw(attributes):
    return not attributes[tty.LFLAG] & (termios.ECHO | termios.ICANON)


def wrapped(text, columns):
    """How a terminal shows a line that is longer than a row; wide characters take two cells."""
    rows, width = [""], 0
    for char in text:
        cells = 2 if ord(char) > 0x1100 else 1
        if width + cells > columns:
            rows.append("")
            width = 0
        rows[-1] += char
        width += cells
    return [row.rstrip() for row in rows]


async def prompt_is(terminal, text, columns=80):
    """Wait until the prompt and this text are the last thing on the screen."""
    expected = wrapped(f"dana> {text}", columns)
    await terminal.until(lambda lines: lines[-len(expected) :] == expected)


async def test_messages_that_arrive_do_not_harm_a_long_line_with_wide_characters(terminal):
    terminal.type(LONG[:60])
    await prompt_is(terminal, LONG[:60])
    terminal.peer.say("first", sender="sis")
    terminal.peer.say("second", sender="mom")
    await terminal.until(lambda lines: any("mom: second" in line for line in lines))
    await prompt_is(terminal, LONG[:60])
    terminal.type(LONG[60:])
    terminal.peer.say("third " + "long " * 30, sender="mom")
    await terminal.until(lambda lines: any("mom: third" in line for line in lines))
    await prompt_is(terminal, LONG)
    said = [line for line in terminal.lines if ": first" in line or ": second" in line]
    assert [line.split()[-2:] for line in said] == [["sis:", "first"], ["mom:", "second"]]
    terminal.type("\r")
    assert (await terminal.peer.acknowledge()).text == LONG


async def test_a_flood_does_not_harm_the_line_either(terminal):
    terminal.type("draft")
    await prompt_is(terminal, "draft")
    for number in range(300):
        terminal.peer.say(f"message {number}")
    await terminal.until(lambda lines: any(line.endswith("message 299") for line in lines))
    await prompt_is(terminal, "draft")
    shown = terminal.raw.decode(errors="replace")
    positions = [shown.index(f"message {number}\r") for number in range(300)]
    assert positions == sorted(positions)


async def test_a_resize_keeps_the_line(terminal):
    terminal.type(LONG)
    await prompt_is(terminal, LONG)
    terminal.resize(20, 60)
    await prompt_is(terminal, LONG, 60)
    terminal.peer.say("hello")
    await terminal.until(lambda lines: any("sis: hello" in line for line in lines))
    await prompt_is(terminal, LONG, 60)
    terminal.resize(30, 100)
    await prompt_is(terminal, LONG, 100)
    terminal.type("\r")
    assert (await terminal.peer.acknowledge()).text == LONG


async def test_a_paste_of_several_lines_is_one_message_though_others_speak(terminal):
    terminal.type("\x1b[200~one\ntwo\n")
    terminal.peer.say("hello")
    await terminal.until(lambda lines: any("sis: hello" in line for line in lines))
    terminal.type("three\x1b[201~")
    await terminal.shows("dana> one", "two", "three")
    terminal.type("\r")
    assert (await terminal.peer.acknowledge()).text == "one\ntwo\nthree"


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
async def test_leaving_by_a_key_leaves_the_terminal_as_it_was(terminal, key):
    assert is_raw(terminal.attributes)
    terminal.type(key)
    await terminal.peer.farewell()
    await terminal.shows("Bye!", "exit code 0")
    assert terminal.attributes == terminal.attributes_before
    assert terminal.raw.rindex(b"\x1b[?2004l") > terminal.raw.rindex(b"\x1b[?2004h")


async def test_an_idle_goodbye_leaves_the_terminal_as_it_was(terminal):
    terminal.type("half a line")
    await prompt_is(terminal, "half a line")
    terminal.peer.tell(Bye(*IDLE))
    await terminal.shows("Bye!", "exit code 0")
    assert terminal.attributes == terminal.attributes_before


async def test_kill_9_of_the_client_leaves_the_terminal_as_it_was(terminal):
    (guard,) = children(terminal.pid)
    (chatting,) = children(guard)
    assert is_raw(terminal.attributes)
    os.kill(chatting, signal.SIGKILL)
    await terminal.until(lambda lines: "exit code 137" in lines)
    assert terminal.attributes == terminal.attributes_before
    assert terminal.raw.rindex(b"\x1b[?2004l") > terminal.raw.rindex(b"\x1b[?2004h")


async def test_kill_9_of_the_guard_leaves_the_terminal_as_it_was(terminal):
    (guard,) = children(terminal.pid)
    os.kill(guard, signal.SIGKILL)
    await terminal.until(lambda lines: any(line.endswith("exit code 137") for line in lines))
    # Until the client is gone as well: reset, if there was something that it had not read.
    with contextlib.suppress(ConnectionResetError):
        while await terminal.peer.request():
            pass
    assert terminal.attributes == terminal.attributes_before


async def test_a_signal_to_the_guard_reaches_the_client(terminal):
    (guard,) = children(terminal.pid)
    os.kill(guard, signal.SIGTERM)
    await terminal.peer.farewell()
    await terminal.shows("Bye!", "exit code 143")
    assert terminal.attributes == terminal.attributes_before


async def test_ctrl_z_and_fg_bring_the_line_back(gateway):
    async with Terminal(JOB_CONTROL) as terminal:
        await terminal.shows("$")
        terminal.type(shlex.join(client(gateway.port, "dana")) + "\n")
        peer = await gateway.peer()
        await peer.welcome()
        await terminal.shows("dana>")
        terminal.type("draft")
        await terminal.shows("dana> draft")
        terminal.type("\x1a")
        await terminal.until(lambda lines: any("Stopped" in line for line in lines))
        terminal.type("stty -a | grep -o ' echo '; echo $((40+2))\n")
        await terminal.until(lambda lines: lines[-3:] == [" echo", "42", "$"])
        terminal.type("fg\n")
        await terminal.shows("dana> draft")
        terminal.type("ed\r")
        assert (await peer.acknowledge()).text == "drafted"


async def test_the_name_is_asked_for_until_the_gateway_accepts_it(gateway):

    async with Terminal([*SHELL, *client(gateway.port, None)]) as terminal:
        terminal.type("\n")
        await terminal.until(lambda lines: lines[-1] == "Your name:")
        terminal.type("dana\n")
        peer = await gateway.peer()
        assert (await peer.expect(Hello)).name == "dana"
        peer.tell(Error(code="name_taken", text="somebody is dana already"))
        await terminal.until(
            lambda lines: lines[-2:] == ["chatctl: somebody is dana already", "Your name:"]
        )
        terminal.type("dana2\n")
        peer = await gateway.peer()
        assert (await peer.welcome()).name == "dana2"
        await terminal.until(lambda lines: lines[-1] == "dana2>")


async def test_ctrl_c_at_the_question_for_the_name(gateway):
    async with Terminal([*SHELL, *client(gateway.port, None)]) as terminal:
        terminal.type("\n")
        await terminal.until(lambda lines: lines[-1] == "Your name:")
        terminal.type("\x03")
        await terminal.until(lambda lines: lines[-1] == "exit code 130")


@pytest.fixture
async def asked(gateway):
    """A terminal on which a password is asked for."""
    async with Terminal([*SHELL, *client(gateway.port, "dana")]) as terminal:
        terminal.attributes_before = terminal.attributes
        terminal.type("\n")
        assert (await refuse(gateway, "password_required")) is None
        await terminal.shows("Password of dana:")
        yield terminal


async def refuse(gateway, code, **fields):
    """Refuse the hello that comes; gives its password."""
    peer = await gateway.peer()
    hello = await peer.expect(Hello)
    peer.tell(Error(code=code, text=f"that is {code}", **fields))
    return hello.password


async def test_a_password_is_asked_for_and_never_seen(asked, gateway):
    asked.type("s3cret ünd 密\n")
    peer = await gateway.peer()
    assert (await peer.welcome()).password == "s3cret ünd 密"
    await asked.shows("dana>")
    asked.type("hello\r")
    assert (await peer.acknowledge()).text == "hello"
    asked.type("\x03")
    await peer.farewell()
    await asked.shows("exit code 0")
    assert b"s3cret" not in asked.raw
    assert "密".encode() not in asked.raw
    assert asked.attributes == asked.attributes_before


async def test_a_wrong_password_may_be_typed_again_but_not_forever(asked, gateway):
    for count, attempt in enumerate(("one", "two", "three"), 1):
        # What is typed before the question would not count.
        await asked.until(lambda lines, count=count: lines.count("Password of dana:") == count)
        asked.type(f"{attempt}\n")
        assert await refuse(gateway, "bad_password") == attempt
    await asked.shows("chatctl: that is bad_password", "exit code 1")
    assert asked.lines.count("chatctl: that is bad_password") == 3
    assert asked.lines.count("Password of dana:") == 3


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
async def test_leaving_at_the_question_for_the_password(asked, key):
    asked.type(key)
    await asked.shows("exit code 130")
    assert asked.attributes == asked.attributes_before


async def test_text_typed_before_the_question_is_not_taken_for_a_password(gateway):
    async with Terminal([*SHELL, *client(gateway.port, "dana")]) as terminal:
        terminal.type("\n")
        peer = await gateway.peer()
        await peer.expect(Hello)
        terminal.type("too early\n")
        await terminal.until(lambda lines: "too early" in lines)
        peer.tell(Error(code="password_required", text="-"))
        await terminal.shows("Password of dana:")
        terminal.type("s3cret\n")
        assert (await (await gateway.peer()).welcome()).password == "s3cret"


async def test_a_password_that_was_given_is_not_asked_for_again(gateway):
    command = client(gateway.port, "dana", password="wrong")
    async with Terminal([*SHELL, *command]) as terminal:
        terminal.type("\n")
        assert await refuse(gateway, "bad_password") == "wrong"
        await terminal.shows("chatctl: that is bad_password", "exit code 1")


async def test_after_too_many_passwords_nobody_is_asked(asked, gateway):
    asked.type("s3cret\n")
    await refuse(gateway, "too_many_attempts", retry_after=41.7)
    await asked.shows("chatctl: that is too_many_attempts", "exit code 1")


async def test_the_password_of_one_name_is_not_shown_for_another(asked, gateway):
    asked.type("s3cret\n")
    assert await refuse(gateway, "name_taken") == "s3cret"
    await asked.shows("Your name:")
    asked.type("mom\n")
    assert (await (await gateway.peer()).welcome()).password is None


async def test_a_dumb_terminal_is_not_drawn_on(gateway):
    async with Terminal([*SHELL, *client(gateway.port, "dana")], TERM="dumb") as terminal:
        terminal.type("\n")
        peer = await gateway.peer()
        await peer.welcome()
        terminal.type("hello\n")
        assert (await peer.acknowledge()).text == "hello"
        peer.say("hi dana")
        await terminal.until(lambda lines: any("sis: hi dana" in line for line in lines))
        terminal.type("/quit\n")
        await peer.farewell()
        await terminal.until(lambda lines: lines[-1] == "exit code 0")
        assert b"\x1b" not in terminal.raw


async def test_the_status_is_above_the_prompt_and_goes_with_it(terminal):
    await terminal.until(lambda _: terminal.status == "dana · #lobby · connected")
    terminal.type("\x04")
    await terminal.until(lambda lines: "exit code 0" in lines)
    assert "connected" not in "".join(terminal.screen.display)


async def test_in_a_small_window_the_status_is_cut_and_the_line_stays_whole(terminal):
    terminal.resize(12, 20)
    terminal.type("a line that needs two rows")
    await prompt_is(terminal, "a line that needs two rows", 20)
    await terminal.until(lambda _: terminal.status == "dana · #lobby · con")
    terminal.peer.say("hello", sender="sis")
    await terminal.until(lambda lines: any("sis: hello" in line for line in lines))
    await prompt_is(terminal, "a line that needs two rows", 20)


async def test_the_focus_is_no_text_and_is_not_reported_to_the_shell(terminal):
    terminal.type("one\x1b[O two\x1b[I three")
    await prompt_is(terminal, "one two three")
    terminal.type("\x03\x04")
    await terminal.until(lambda lines: "exit code 0" in lines)
    assert terminal.raw.rindex(b"\x1b[?1004l") > terminal.raw.rindex(b"\x1b[?1004h")


async def test_a_line_is_written_in_an_editor_while_others_speak(gateway, tmp_path):
    editor, wait = tmp_path / "editor", tmp_path / "go"
    os.mkfifo(wait)
    editor.write_text(f'#!/bin/sh\necho editing\nread _ < {wait}\nprintf "one\\ntwo\\n" > "$1"\n')
    editor.chmod(0o755)
    command = [*SHELL, *client(gateway.port, "dana")]
    async with Terminal(command, EDITOR=str(editor), VISUAL="") as terminal:
        terminal.type("\n")
        peer = await gateway.peer()
        await peer.welcome()
        await terminal.shows("dana>")
        terminal.type("draft\x18\x05")
        await terminal.until(lambda lines: "editing" in lines)
        peer.say("not over the editor", sender="sis")
        await asyncio.to_thread(wait.write_text, "go\n")
        await terminal.until(lambda lines: any("not over the editor" in line for line in lines))
        await terminal.until(lambda lines: lines[-2:] == ["dana> one", "two"])
        terminal.type("\r")
        assert (await peer.acknowledge()).text == "one\ntwo"


async def test_what_was_typed_when_the_chat_ended_does_not_reach_the_shell(terminal):
    terminal.type("rm -rf half a tho")
    await prompt_is(terminal, "rm -rf half a tho")
    terminal.peer.tell(Bye(code=IDLE.code, text=IDLE.text, reconnect=False))
    await terminal.until(lambda lines: "exit code 0" in lines)
    assert any("not sent: rm -rf half a tho" in line for line in terminal.lines)


async def test_without_colors_private_and_own_lines_differ_too(terminal):
    terminal.peer.say("for all", sender="sis")
    terminal.peer.say("for you", sender="sis", to=["dana"])
    terminal.peer.say("mine", sender="dana")
    await terminal.until(lambda lines: any(line.endswith("dana: mine") for line in lines))

    def cell(text, place):
        row = next(n for n, line in enumerate(terminal.lines) if text in line)
        return terminal.screen.buffer[row][terminal.lines[row].index(text) + place]

    assert not cell("for all", 0).bold
    assert cell("for you", 0).bold
    assert cell("dana: mine", 0).underscore
    cells = [each for row in terminal.screen.buffer.values() for each in row.values()]
    assert {each.fg for each in cells} == {"default"}
