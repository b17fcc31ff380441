"""The man page and the completion scripts say what the commands are today."""

import re
import shutil
import subprocess

import pytest

from chatctl.cli import main
from chatctl.configfile import leaves
from tests.share.__main__ import SHARE, files


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_installed_beside_the_program_is_made_from_the_commands(path):
    assert path.read_text() == files()[path], "make share"


def test_there_is_nothing_else():
    assert {path for path in SHARE.rglob("*") if path.is_file()} == set(files())


def test_the_man_page_has_every_command_and_every_option():
    text = (SHARE / "man/man1/chatctl.1").read_text().replace("\\-", "-")
    for name, command in leaves(main.commands).items():
        words = "room" if name == "room.show" else name.replace(".", " ")
        assert f'.SS "chatctl {words}' in text
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="this machine has no groff")
def test_the_man_page_can_be_set_without_a_warning():
    page = str(SHARE / "man/man1/chatctl.1")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert re.search(r"-- ?server|--server", done.stdout)
