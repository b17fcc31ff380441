from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from client.display.options import Options


@dataclass
class Settings:
    servers: tuple[tuple[str, int], ...]
    name: str | None
    color: bool
    tls: bool = False
    ca: Path | None = None
    password: str | None = None
    to: tuple[str, ...] | None = None
    rooms: tuple[str, ...] = ()
    backlog: int = 50
    stay: bool = False
    json: bool = False
    options: Options = field(default_factory=Options)
    remember: Path | None = field(default=None, compare=False)
    log: Path | None = None
    keep: object = field(default=None, compare=False)


@pytest.fixture
def client(chatctl, module):
    """Run ``chatctl client``; return the result and the settings it came to."""

    def client(*arguments, code=0, env=None):
        seen = []
        module("client", run=lambda settings: seen.append(settings) or code)
        module("client.settings", ClientSettings=Settings)
        result = chatctl("client", *arguments, env=env)
        return result, seen[0] if seen else None

    return client


def test_without_options_it_uses_the_gateway_here_and_asks_for_a_name(client):
    result, settings = client()
    assert result.exit_code == 0
    assert settings == Settings(servers=(("127.0.0.1", 2428),), name=None, color=False)


def test_the_name_is_argument_then_environment_then_file(client, configure):
    configure("[client]\nname = 'file'")
    assert client("flag", env={"CHATCTL_NAME": "variable"})[1].name == "flag"
    assert client(env={"CHATCTL_NAME": "variable"})[1].name == "variable"
    assert client()[1].name == "file"


def test_the_server_may_be_a_host_alone(client):
    settings = client("dana", "--server", "chat.example.org")[1]
    assert settings.servers == (("chat.example.org", 2428),)


def test_there_may_be_several_servers(client):
    settings = client("dana", "--server", "one:1, [::1]:2,three")[1]
    assert settings.servers == (("one", 1), ("::1", 2), ("three", 2428))
    result, settings = client("dana", "--server", "one,")
    assert (result.exit_code, settings) == (2, None)
    assert "'' is not an address" in result.stderr


@pytest.mark.parametrize(
    ("color", "tty", "no_color", "wanted"),
    [
        ("auto", True, "", True),
        ("auto", True, "1", False),
        ("auto", False, "", False),
        ("always", False, "1", True),
        ("never", True, "", False),
    ],
)
def test_colors_are_for_terminals_unless_an_option_says_otherwise(
    client, monkeypatch, color, tty, no_color, wanted
):
    stdout = SimpleNamespace(isatty=lambda: tty)
    monkeypatch.setattr("chatctl.client.sys", SimpleNamespace(stdout=stdout))
    settings = client("--color", color, env={"NO_COLOR": no_color})[1]
    assert settings.color is wanted


def test_the_exit_code_is_the_clients(client):
    assert client(code=1)[0].exit_code == 1


def test_port_0_is_refused(client):
    result, settings = client("--server", "localhost,localhost:0")
    assert (result.exit_code, settings) == (2, None)
    assert "0 is no port to connect to" in result.stderr


@pytest.mark.parametrize(
    ("given", "to"),
    [("sis", ("sis",)), ("sis,mom", ("sis", "mom")), ("@sis, @mom", ("sis", "mom"))],
)
def test_every_message_can_go_to_a_few_people_only(client, given, to):
    assert client("cron", "--to", given)[1].to == to
    assert client("cron", env={"CHATCTL_TO": given})[1].to == to


@pytest.mark.parametrize("given", ["", " ", ",", "sis,", "@"])
def test_an_empty_list_of_recipients_never_means_everyone(client, given):
    for result, settings in (
        client("cron", "--to", given),
        client("cron", env={"CHATCTL_TO": given}),
    ):
        assert (result.exit_code, settings) == (2, None)
        assert "names nobody" in result.stderr


def test_an_empty_variable_does_not_remove_recipients_from_a_flag(client):
    assert client("cron", "--to", "sis", env={"CHATCTL_TO": ""})[1].to == ("sis",)


def test_tls_is_asked_for_by_its_flag_or_by_an_authority(client, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.touch()
    assert client("--tls")[1].tls is True
    settings = client("--ca", str(ca))[1]
    assert (settings.tls, settings.ca) == (True, ca)
    result, settings = client("--ca", str(tmp_path / "none"))
    assert (result.exit_code, settings) == (2, None)


class TestPassword:
    def test_it_comes_from_a_file_the_environment_or_the_config_file(
        self, client, configure, tmp_path
    ):
        path = tmp_path / "password"
        path.write_text("of a file \nmore\n")
        configure("[client]\npassword = 'configured'")
        environment = {"CHATCTL_PASSWORD": "of the environment"}
        assert client("--password-file", str(path), env=environment)[1].password == "of a file "
        assert client(env=environment)[1].password == "of the environment"
        assert client()[1].password == "configured"

    def test_without_a_password_the_client_gets_no_password(self, client):
        assert client()[1].password is None

    def test_it_is_never_an_argument(self, client):
        result, settings = client("--password", "s3cret")
        assert (result.exit_code, settings) == (2, None)
        assert "No such option" in result.stderr

    @pytest.mark.parametrize(
        ("content", "why"), [(b"", "an empty line"), (b"\nx", "an empty line"), (b"\xff", "UTF-8")]
    )
    def test_a_file_without_one_is_an_error(self, client, tmp_path, content, why):
        path = tmp_path / "password"
        path.write_bytes(content)
        result, settings = client("--password-file", str(path))
        assert (result.exit_code, settings) == (2, None)
        assert why in result.stderr
        assert str(path) in result.stderr

    def test_the_help_tells_the_variable_and_shows_no_value(self, chatctl):
        help = chatctl("client", "--help", env={"CHATCTL_PASSWORD": "s3cret"}).output
        assert "CHATCTL_PASSWORD" in help
        assert "--password " not in help
        assert "s3cret" not in help


def test_rooms_may_be_joined_at_the_start(client, configure):
    assert client("dana", "--room", "#Dev, ops,dev")[1].rooms == ("dev", "ops")
    assert client("dana", "--room", "dev", "--room=ops,art")[1].rooms == ("dev", "ops", "art")
    assert client("dana", env={"CHATCTL_ROOM": "dev,ops"})[1].rooms == ("dev", "ops")
    configure("[client]\nroom = 'art,ops'")
    assert client("dana")[1].rooms == ("art", "ops")
    assert client("dana", "--room", "dev")[1].rooms == ("dev",)


def test_without_rooms_nothing_is_joined(client):
    assert client("dana")[1].rooms == ()


@pytest.mark.parametrize("given", ["", ",", "dev,", "@sis", "two words"])
def test_what_is_no_room_is_refused_before_anything_is_sent(client, given):
    result, settings = client("dana", "--room", given)
    assert (result.exit_code, settings) == (2, None)
    assert "is no room" in result.stderr


def test_the_terminal_may_be_silent_and_begin_empty(client):
    _, settings = client("dana", "--bell", "off", "--backlog", "0")
    assert (settings.options.bell, settings.backlog) == (False, 0)
    assert client("dana", "--backlog", "101")[0].exit_code == 2


def test_everything_that_a_person_can_set_is_an_option(client):
    _, settings = client(
        *("dana", "--theme", "light own=bold", "--time", "%H:%M", "--highlight", "fire, db"),
        *("--joins", "off", "--elsewhere", "hint", "--notify", "osc9", "--status", "off"),
        *("--confirm-public", "on"),
    )
    assert settings.options == Options(
        theme="light own=bold",
        time="%H:%M",
        highlight=("fire", "db"),
        joins=False,
        elsewhere="hint",
        notify="osc9",
        status=False,
        confirm_public=True,
    )


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--theme", "pink", "the themes are dark, light, plain"),
        ("--theme", "dark own=loud", "'loud' is no look"),
        ("--time", "now", "time is a format"),
        ("--bell", "maybe", "bell is one of on, off"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(client, option, value, why):
    result, _ = client("dana", option, value)
    assert result.exit_code == 2
    assert why in result.stderr


def test_typed_lines_are_kept_below_the_state_of_the_user(client, tmp_path):
    given = {"XDG_STATE_HOME": str(tmp_path)}
    _, settings = client("dana", env=given)
    assert settings.remember == tmp_path / "chatctl" / "typed"
    _, settings = client("dana", "--remember", "off", env=given)
    assert settings.remember is None
