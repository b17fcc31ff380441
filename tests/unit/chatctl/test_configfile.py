import os
import tomllib

import click
import pytest

from chatctl import configfile
from chatctl.cli import main
from chatctl.configfile import keep
from chatctl.failure import Misuse
from chatctl.options import is_setting


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return configfile.load(path, main.commands)

    return load


def test_an_empty_file_sets_nothing(load):
    assert load("") == {
        name: {each: {} for each in command.commands} if isinstance(command, click.Group) else {}
        for name, command in main.commands.items()
    }


def test_tables_are_commands_and_keys_are_flags(load):
    defaults = load(
        """
        [gateway]
        idle = "15m"
        max-line = 2048
        burst = 7
        [client]
        name = "dana"
        [users]
        json = true
        """
    )
    assert {name: defaults[name] for name in ("gateway", "client", "users")} == {
        "gateway": {"idle": "15m", "max_line": "2048", "burst": "7"},
        "client": {"name": "dana"},
        "users": {"json": True},
    }


def test_a_key_above_the_tables_is_for_all_commands_that_have_it(load):
    defaults = load('redis = "redis://a"\n[users]\nredis = "redis://b"')
    assert defaults["gateway"] == {"redis": "redis://a"}
    assert defaults["users"] == {"redis": "redis://b"}
    assert defaults["client"] == {}


def test_a_command_of_a_group_has_a_table_of_its_own(load):
    defaults = load('redis = "redis://a"\n[account.add]\npassword-file = "/run/p"')
    assert defaults["account"]["add"] == {"redis": "redis://a", "password_file": "/run/p"}
    assert defaults["account"]["list"] == {"redis": "redis://a"}


def test_nobody_is_kicked_because_of_a_name_in_the_file(load):
    assert load('[client]\nname = "dana"')["kick"] == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gateway]\nidel = '1s'", "[gateway] has an unknown key 'idel'. Did you mean idle?"),
        ("[gateway]\nmax_line = 2048", "unknown key 'max_line'. Did you mean max-line?"),
        ("[client]\nidle = '1s'", "unknown key 'idle'. Did you mean [gateway] idle?"),
        ("idle = '1s'", "the file has an unknown key 'idle'. Did you mean [gateway] idle?"),
        ("rediss = 'x'", "unknown key 'rediss'. Did you mean redis, above the tables?"),
        ("[gatway]\nidle = '1s'", "unknown key 'gatway'. Did you mean [gateway]?"),
        ("[gateway]\nxyzzy = 1", "[gateway] has an unknown key 'xyzzy'."),
        ("[account.ad]\njson = true", "unknown key 'account.ad'. Did you mean [account.add]?"),
        ("[account.add]\njsn = true", "[account.add] has an unknown key 'jsn'. Did you mean json?"),
        ("[account]\njson = true", "unknown key 'account.json'. Did you mean [account.list]?"),
        ("[kick]\nname = 'sis'", "unknown key 'name'. Did you mean name, above the tables?"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(load, tmp_path, text, expected):
    with pytest.raises(Misuse) as caught:
        load(text)
    assert caught.value.message.startswith(f"{tmp_path}/config.toml: ")
    assert caught.value.message.endswith(expected)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[gateway]\nidle = 'soon'", "[gateway] idle", "'soon' is not a duration"),
        ("[gateway]\nidle = true", "[gateway] idle", "a text or a number"),
        ("[gateway]\nburst = 'many'", "[gateway] burst", "not a valid integer"),
        ("[gateway]\nburst = 3.5", "[gateway] burst", "not a valid integer"),
        ("[gateway]\nburst = 0", "[gateway] burst", "0 is not in the range"),
        ("[gateway]\nlisten = ['a']", "[gateway] listen", "a text or a number"),
        ("[users]\njson = 'yes'", "[users] json", "write true or false"),
        ("redis = 'localhost'", "redis", "this is not a Redis URL"),
        ("gateway = 1", "'gateway' is a table", "write [gateway]"),
        ("account = 1", "'account' is a table of tables", "write [account.COMMAND]"),
        ("[account]\nadd = 1", "'account.add' is a table", "write [account.add]"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_file_and_key(load, tmp_path, text, where, what):
    with pytest.raises(Misuse) as caught:
        load(text)
    assert caught.value.message.startswith(f"{tmp_path}/config.toml: {where}")
    assert what in caught.value.message


def test_an_error_in_the_toml_names_the_line(load):
    with pytest.raises(Misuse, match=r"config\.toml is not a TOML file: .*line 2"):
        load("a = 1\nb =\n")


def test_a_file_in_another_encoding_is_an_error(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(Misuse, match="is not a TOML file"):
        configfile.load(path, main.commands)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(Misuse, match="cannot be read: Is a directory"):
        configfile.load(tmp_path, main.commands)


def test_a_file_that_is_nested_too_deep_is_refused(load):
    with pytest.raises(Misuse, match="is not a TOML file"):
        load(f"name = {'[' * 100_000}")


def test_the_file_is_in_the_config_folder_of_the_desktop(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert configfile.default_path() == tmp_path / ".config/chatctl/config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert configfile.default_path() == tmp_path / "x/chatctl/config.toml"


def test_every_option_can_be_written_into_the_file(load):
    for name, command in configfile.leaves(main.commands).items():
        for parameter in filter(is_setting, command.params):
            assert isinstance(parameter, click.Parameter)
            default = parameter.get_default(click.Context(command))
            if isinstance(default, str | int) and not isinstance(default, bool):
                key = configfile.key(parameter)
                assert load(f"[{name}]\n{key} = {default!r}") is not None, key


class TestKeeping:
    """What ``/set`` changes is kept in the file, and nothing else there changes."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (None, '[client]\nbell = "off"\n'),
            ("", '[client]\nbell = "off"\n'),
            ("# mine\n[tail]", '# mine\n[tail]\n\n[client]\nbell = "off"\n'),
            ("[client]\nname = 'a'", "[client]\nbell = \"off\"\nname = 'a'\n"),
            (
                "[ client ] # me\n bell='on' # loud\n[gateway]\nbell = 1\n",
                '[ client ] # me\nbell = "off"\n[gateway]\nbell = 1\n',
            ),
        ],
    )
    def test_a_value_is_put_in_its_place(self, tmp_path, before, after):
        path = tmp_path / "chatctl" / "config.toml"
        if before is not None:
            path.parent.mkdir()
            path.write_text(before)
        assert keep(path, "client", "bell", "off") == str(path)
        assert path.read_text() == after
        assert os.listdir(path.parent) == ["config.toml"]

    @pytest.mark.parametrize(
        "text",
        [
            "client.bell = 'on'\n",
            "client = {bell = 'on'}\n",
            "[client]\nname = '''\nbell = 'x'\n'''\n",
            "not toml",
        ],
    )
    def test_a_file_that_cannot_be_changed_safely_stays_as_it_is(self, tmp_path, text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"write bell|Expected"):
            keep(path, "client", "bell", "off")
        assert path.read_text() == text

    def test_quotes_and_other_letters_are_kept(self, tmp_path):
        path = tmp_path / "config.toml"
        keep(path, "client", "highlight", 'ünd,"x\\y')
        assert tomllib.loads(path.read_text(encoding="utf-8")) == {
            "client": {"highlight": 'ünd,"x\\y'}
        }

    def test_a_link_to_the_file_stays_a_link(self, tmp_path):
        (tmp_path / "dotfiles.toml").write_text("")
        (tmp_path / "config.toml").symlink_to(tmp_path / "dotfiles.toml")
        keep(tmp_path / "config.toml", "client", "bell", "off")
        assert (tmp_path / "config.toml").is_symlink()
        assert "bell" in (tmp_path / "dotfiles.toml").read_text()
