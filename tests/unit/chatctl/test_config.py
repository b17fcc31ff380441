import json

import pytest


@pytest.fixture
def shown(chatctl):
    """The settings of a command, by option: value and source."""

    def shown(*command, env=None):
        result = chatctl("config", "show", *command, "--json", env=env)
        assert (result.exit_code, result.stderr) == (0, "")
        return {
            each["option"]: (each["value"], each["source"]) for each in json.loads(result.stdout)
        }

    return shown


def test_each_value_has_its_source(shown, configure):
    path = configure("redis = 'redis://file'\n[gateway]\nidle = '15m'\nburst = 7")
    found = shown("gateway", env={"CHATCTL_IDLE": "90s", "CHATCTL_PREFIX": "family"})
    assert found["idle"] == (90.0, "environment CHATCTL_IDLE")
    assert found["prefix"] == ("family", "environment CHATCTL_PREFIX")
    assert found["burst"] == (7, f"file {path}")
    assert found["redis"] == ("redis://file", f"file {path}")
    assert found["rate"] == (5.0, "default")
    assert found["run-dir"] == (None, "default")
    assert found["reuse-port"] == (False, "default")


def test_off_is_no_number(shown):
    found = shown("gateway", env={"CHATCTL_AWAY_IDLE": "off", "CHATCTL_IDLE": "off"})
    assert [found[name][0] for name in ("away-idle", "idle")] == ["off", "off"]


def test_another_file(chatctl, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text("[client]\nname = 'dana'")
    result = chatctl("--config", str(path), "config", "show", "client")
    assert f"file {path}" in result.stdout


def test_groups_are_shown_too_whole_or_in_part(chatctl, shown, configure):
    path = configure("[account.add]\npassword-file = '/run/p'")
    assert shown("account", "add")["password-file"] == ("/run/p", f"file {path}")
    commands = {
        line.split()[1] for line in chatctl("config", "show", "account").stdout.splitlines()
    }
    assert {"add", "passwd", "remove", "list"} <= commands
    everything = chatctl("config", "show").stdout
    for command in ("gateway", "client", "account passwd", "config show"):
        assert f"\n{command} " in everything


def test_no_password_is_shown(chatctl, configure):
    configure("[client]\npassword = 'hush1'\n[users]\nredis = 'redis://:hush2@h'")
    env = {"CHATCTL_REDIS": "redis://ann:hush3@h"}
    for arguments in ((), ("--json",)):
        text = chatctl("config", "show", *arguments, env=env).stdout
        assert "hush" not in text
        assert "redis://ann:***@h" in text


def test_the_target_of_a_command_is_not_a_setting(shown):
    assert "name" not in shown("kick")


def test_a_wrong_variable_is_named(chatctl):
    result = chatctl("config", "show", "gateway", env={"CHATCTL_IDLE": "soon"})
    assert result.exit_code == 2
    assert result.stderr.startswith("chatctl: CHATCTL_IDLE: 'soon' is not a duration")


def test_a_variable_that_is_not_a_setting_gives_a_warning(chatctl):
    result = chatctl("config", "show", "users", env={"CHATCTL_IDEL": "15m", "CHATCTL_PREFIX": "x"})
    assert result.exit_code == 0
    assert result.stderr == (
        "chatctl: CHATCTL_IDEL is in the environment but is not a setting. "
        "Did you mean CHATCTL_IDLE?\n"
    )


def test_an_option_without_a_value_says_what_that_means(chatctl):
    [line] = [
        each for each in chatctl("config", "show", "users").stdout.splitlines() if "run-dir" in each
    ]
    assert "($XDG_RUNTIME_DIR/chatctl, else /tmp/chatctl-UID)" in line


def test_an_unknown_command_is_an_error(chatctl):
    result = chatctl("config", "show", "gatway")
    assert result.exit_code == 2
    assert "there is no command 'gatway'" in result.stderr


def test_the_shell_can_complete(chatctl):
    for shell in ("zsh", "fish"):
        script = chatctl(env={"_CHATCTL_COMPLETE": f"{shell}_source"}).stdout
        assert "_CHATCTL_COMPLETE" in script
    words = {"COMP_WORDS": "chatctl acc", "COMP_CWORD": "1"}
    assert "account" in chatctl(env={"_CHATCTL_COMPLETE": "zsh_complete", **words}).stdout


@pytest.mark.parametrize(
    "url", ["redis://hush@host/0", "redis://u%3Ahush@host/0", "redis://host/0?pass%77ord=hush"]
)
def test_a_password_in_a_malformed_url_is_not_shown(chatctl, url):
    result = chatctl("config", "show", "users", env={"CHATCTL_REDIS": url})
    assert "hush" not in result.output


class TestFilesWithSecrets:
    @pytest.mark.parametrize(
        "text", ["[client]\npassword = 'hush'", "redis = 'redis://:hush@h/0'", "prefix = 'family'"]
    )
    def test_a_config_file_with_a_secret_that_others_can_read_gives_a_warning(
        self, chatctl, configure, text
    ):
        path = configure(text)
        path.chmod(0o600)
        assert chatctl("config", "show").stderr == ""
        for mode in (0o644, 0o666, 0o620):
            path.chmod(mode)
            told = chatctl("config", "show").stderr
            if "hush" in text:
                assert f"others can read or change {path}" in told
                assert told.count("\n") == 1
            else:
                assert told == ""

    def test_a_file_with_a_password_or_a_key_that_others_can_read_gives_a_warning(
        self, chatctl, tmp_path
    ):
        for name in ("PASSWORD_FILE", "REDIS_PASSWORD_FILE", "TLS_KEY"):
            path = tmp_path / name
            path.write_text("hush")
            path.chmod(0o644)
            assert str(path) in chatctl("config", "show", env={f"CHATCTL_{name}": str(path)}).stderr
            path.chmod(0o400)
            assert chatctl("config", "show", env={f"CHATCTL_{name}": str(path)}).stderr == ""
