import os
import pwd
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chatctl import configfile
from chatctl.cli import main
from chatctl.failure import Misuse
from chatctl.given import ExistingFile, clean, home
from chatctl.options import argument, option
from chatctl.secret_file import first_line

NOT_UTF8 = os.fsdecode(b"caf\xe9")


@click.command()
@argument("name", required=False)
@option("word", type=str)
@option("directory", type=click.Path(path_type=Path))
@option("file", type=ExistingFile())
def command(**given):
    click.echo("|".join(repr(value) for value in given.values() if value is not None))


def run(*arguments, **env):
    return CliRunner().invoke(command, arguments, env=env)


def refused(result, says):
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert NOT_UTF8 not in result.stderr


class TestFrame:
    @pytest.mark.parametrize("framed", ["dana\n", "dana\r\n", "\ufeffdana", "\ufeffdana\r\n"])
    def test_a_byte_order_mark_and_a_line_end_are_dropped(self, framed):
        assert run(CHATCTL_WORD=framed).stdout == "'dana'\n"
        assert run("--word", framed).stdout == "'dana'\n"
        assert run(framed).stdout == "'dana'\n"
        assert run(CHATCTL_DIRECTORY=framed).stdout == "PosixPath('dana')\n"

    def test_nothing_else_is_dropped(self):
        assert run("--word", " a\nb \n\n").stdout == "' a\\nb \\n'\n"


class TestBytes:
    def test_what_is_not_utf8_is_refused_and_not_repeated(self):
        refused(run("--word", NOT_UTF8), "'--word'")
        refused(run("--word", NOT_UTF8), "it is not UTF-8")
        refused(run(CHATCTL_WORD=NOT_UTF8), "it is not UTF-8")
        refused(run(NOT_UTF8), "it is not UTF-8")

    def test_it_works_in_a_locale_of_ascii(self):
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        code = "import sys, click; from chatctl.given import clean\n"
        code += "print(ascii(clean(sys.argv[1], click.STRING)))"
        done = subprocess.run(
            [sys.executable, "-c", code, "каша"],
            env={**os.environ, **ascii_only},
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == (ascii("каша") + "\n", "")

    def test_the_names_of_files_may_be_any_bytes(self, tmp_path):
        path = str(tmp_path / NOT_UTF8)
        with open(path, "x"):
            pass
        assert run("--file", path).exit_code == 0

    def test_the_name_of_a_directory_must_be_text_since_others_may_see_it(self):
        refused(run("--directory", NOT_UTF8), "it is not UTF-8")

    def test_a_nul_is_refused(self):
        with pytest.raises(click.BadParameter, match="NUL"):
            clean("a\0b", click.Path())


class TestPaths:
    @pytest.fixture(autouse=True)
    def own(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        return tmp_path

    def test_a_tilde_is_the_home_directory(self, own):
        for given in (run("--directory", "~/run"), run(CHATCTL_DIRECTORY="~/run")):
            assert given.stdout == f"{own / 'run'!r}\n"
        assert run("--directory", "~").stdout == f"{own!r}\n"
        assert run("--directory", "a/~/b").stdout == f"{Path('a/~/b')!r}\n"

    def test_a_tilde_with_a_name_is_that_users_home(self):
        me = pwd.getpwuid(os.getuid())
        assert run("--directory", f"~{me.pw_name}/x").stdout == f"{Path(me.pw_dir) / 'x'!r}\n"
        refused(run("--directory", "~nobody-of-this-name/x"), "there is no home directory")

    def test_an_empty_path_is_refused(self):
        refused(run("--directory", ""), "it is empty")

    @pytest.mark.parametrize("wrong", ["", "here"])
    def test_a_home_that_is_not_a_path_is_ignored(self, monkeypatch, wrong):
        monkeypatch.setenv("HOME", wrong)
        assert home() == pwd.getpwuid(os.getuid()).pw_dir

    def test_it_works_without_a_home(self, monkeypatch):
        monkeypatch.delenv("HOME")
        monkeypatch.delenv("XDG_CONFIG_HOME")
        monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
        assert home() is None
        assert configfile.default_path() is None
        assert CliRunner().invoke(main, ["users", "--help"]).exit_code == 0
        refused(run("--directory", "~/run"), "there is no home directory ~")


def test_a_file_in_a_closed_folder_is_not_called_missing(tmp_path, monkeypatch):
    file, stat = str(tmp_path / "file"), os.stat

    def closed(path, *rest, **more):
        if path == file:  # tests may run as root, who can read everything
            raise PermissionError(13, "Permission denied")
        return stat(path, *rest, **more)

    monkeypatch.setattr(os, "stat", closed)
    refused(run("--file", file), "is out of reach: Permission denied")


class TestConfigFile:
    @pytest.fixture
    def load(self, tmp_path):
        def load(text):
            path = tmp_path / "config.toml"
            path.write_text(text)
            return configfile.load(path, main.commands)

        return load

    def test_a_byte_order_mark_is_dropped(self, load):
        assert load("\ufeff[client]\nname = 'dana'")["client"] == {"name": "dana"}

    def test_relative_paths_start_at_its_folder(self, load, tmp_path):
        (tmp_path / "ca.pem").touch()
        client = load("[client]\nca = 'ca.pem'\nserver = 'localhost'")["client"]
        assert client == {"ca": str(tmp_path / "ca.pem"), "server": "localhost"}

    def test_a_tilde_is_the_home_directory(self, load, monkeypatch):
        monkeypatch.setenv("HOME", "/home/of/dana")
        assert load("run-dir = '~/run'")["gateway"] == {"run_dir": "/home/of/dana/run"}

    @pytest.mark.parametrize("elsewhere", ["~/.config", "config", ""])
    def test_a_config_folder_that_is_not_a_path_is_ignored(self, monkeypatch, tmp_path, elsewhere):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", elsewhere)
        assert configfile.default_path() == tmp_path / ".config/chatctl/config.toml"


class TestSecretFile:
    @pytest.mark.parametrize(
        "content", ["hunter2222", "hunter2222\nmore", "\ufeffhunter2222\r\n", "hunter2222\n"]
    )
    def test_the_password_is_its_first_line(self, tmp_path, content):
        file = tmp_path / "password"
        file.write_bytes(content.encode())
        assert first_line(file) == "hunter2222"

    def test_no_more_of_it_is_read_than_a_password_needs(self):
        with pytest.raises(Misuse, match="too long for a password"):
            first_line(Path("/dev/zero"))
