"""What holds for every option and argument of every command, whatever is written there."""

import os
import signal

import click
import pytest

from chatctl.cli import main
from chatctl.configfile import leaves
from tests.support.commands import called

COMMANDS = {name.replace(".", " "): command for name, command in leaves(main.commands).items()}

NOT_UTF8 = os.fsdecode(b"caf\xe9")

NOWHERE = {
    "CHATCTL_REDIS": "redis://127.0.0.1:1/0",
    "CHATCTL_SERVER": "127.0.0.1:1",
    "CHATCTL_NAME": "dana",
    "CHATCTL_COUNT": "1",
    "CHATCTL_PASSWORD": "correct horse",
}
"""So that each command ends at once, by what it cannot reach."""


@pytest.fixture(autouse=True)
def signals():
    """A command that ends its process does not have to restore the signals; this one goes on."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    yield
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


PARAMETERS = [
    pytest.param(name, parameter, id=f"{name} {parameter.name}")
    for name, command in COMMANDS.items()
    for parameter in command.params
    if not getattr(parameter, "is_flag", False)
]

TEXTS = ["", " ", "\n", "-", "~", "~~", "%", "é" * 5000, "0", "-1", "a..b:1", "[", "off"]
TEXTS += ["9" * 20, "9" * 400 + "d", "1e400", "nan"]


def written(command, parameter=None, text=""):
    """The words of a command with this text in one place."""
    if isinstance(parameter, click.Option) and parameter.opts[0].startswith("--"):
        return [*written(command), f"{parameter.opts[0]}={text}"]
    arguments = [each for each in COMMANDS[command].params if isinstance(each, click.Argument)]
    words = [
        text if each is parameter else "dana"
        for each in arguments
        if each is parameter or each.required
    ]
    return [*called(command, "dana"), *(["--"] if text.startswith("-") else []), *words]


def ends_well(result):
    """Whether it ended as a command does, and not by a fault."""
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (0, 1, 2)
    assert result.output
    assert all(
        line.startswith(("chatctl: ", "Usage: ", "Try ", "Error: ")) or not line
        for line in result.stderr.splitlines()
    )
    return result


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS)
def test_no_text_causes_an_unexpected_error(chatctl, command, parameter):
    for text in TEXTS:
        ends_well(chatctl(*written(command, parameter, text), env=NOWHERE))


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS)
def test_bytes_that_are_not_text_are_refused(chatctl, command, parameter):
    asked = []
    if parameter.opts[0] != parameter.envvar:
        asked.append(chatctl(*written(command, parameter, NOT_UTF8), env=NOWHERE))
    if parameter.envvar:
        asked.append(chatctl(*written(command), env=NOWHERE | {parameter.envvar: NOT_UTF8}))
    for result in asked:
        assert ends_well(result).exit_code == 2


@pytest.mark.parametrize("text", [*TEXTS, NOT_UTF8])
def test_no_name_of_a_room_causes_an_unexpected_error(chatctl, text):
    ends_well(chatctl("room", "--", text, env=NOWHERE))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_looks_like_an_option_can_be_written(chatctl, command):
    if any(isinstance(each, click.Argument) for each in COMMANDS[command].params):
        result = ends_well(chatctl(*called(command, "dana"), "--", "--help", env=NOWHERE))
        assert "Usage:" not in result.stdout
