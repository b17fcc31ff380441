import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from chatctl import __version__
from chatctl.cli import main
from chatctl.configfile import leaves
from chatctl.options import is_setting, key, variable
from tests.support.commands import called

ROOT = Path(__file__).parents[3]
COMMANDS = {name.replace(".", " "): command for name, command in leaves(main.commands).items()}


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30
    )


def test_help_imports_nothing_that_is_slow():
    heavy = ("redis", "hiredis", "uvloop", "prompt_toolkit", "msgspec", "fakeredis")
    code = (
        "import sys; from chatctl.cli import main\n"
        f"main({['--help']!r}, standalone_mode=False)\n"
        f"main({['gateway', '--help']!r}, standalone_mode=False)\n"
        f"print('loaded:', [name for name in {heavy!r} if name in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.endswith("loaded: []\n"), done.stdout + done.stderr


def test_the_package_is_the_command():
    done = python("-m", "chatctl", "--version")
    assert (done.stdout, done.returncode) == (f"chatctl {__version__}\n", 0)


def test_no_line_of_a_list_of_commands_is_cut_short(chatctl):
    for group in ([], ["account"], ["config"], ["room"]):
        assert "..." not in chatctl(*group, "--help").output.partition("Commands:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_ends_with_an_example(chatctl, command):
    words = called(command, "dev")
    text = chatctl(*words, "--help").output
    assert " ".join(["chatctl", *words]) in text.partition("Example")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_shows_the_sign_that_keeps_its_lines_apart(chatctl, command):
    assert r"\b" not in chatctl(*called(command, "dev"), "--help").output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_a_variable_and_says_so(chatctl, command):
    text = " ".join(chatctl(*called(command, "dev"), "--help").output.split())
    for parameter in COMMANDS[command].params:
        wanted = variable(key(parameter))
        if isinstance(parameter, click.Argument) and not is_setting(parameter):
            continue  # the target of a command
        assert parameter.envvar == wanted
        if isinstance(parameter, click.Option):
            assert f"env var: {wanted}" in text


def test_a_misspelt_command_is_usage_and_named(chatctl):
    result = chatctl("gatway")
    assert result.exit_code == 2
    assert "gateway" in result.stderr.partition("Did you mean")[2]


def test_a_config_file_that_is_asked_for_must_be_there(chatctl, tmp_path):
    result = chatctl("--config", str(tmp_path / "none.toml"), "users")
    assert result.exit_code == 2
    assert "none.toml' does not exist" in result.stderr


def test_a_mistake_in_the_config_file_is_one_line(chatctl, configure):
    path = configure("[gateway]\nidel = '1s'")
    result = chatctl("users")
    assert result.exit_code == 2
    assert result.stderr == (
        f"chatctl: {path}: [gateway] has an unknown key 'idel'. Did you mean idle?\n"
    )


def test_the_variable_names_another_config_file(chatctl, configure, tmp_path):
    configure("nonsense = 1")
    other = tmp_path / "other.toml"
    other.write_text("gibberish = 1")
    result = chatctl("users", env={"CHATCTL_CONFIG": str(other)})
    assert "gibberish" in result.stderr
    assert "nonsense" not in result.stderr


def test_ctrl_c_while_modules_are_loaded_ends_it_without_a_word(tmp_path):
    (tmp_path / "click.py").write_text("print('loading', flush=True); input()")
    with subprocess.Popen(
        [sys.executable, "-m", "chatctl", "users"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGINT
