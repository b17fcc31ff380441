import click
import pytest
from click.testing import CliRunner

from chatctl import options
from chatctl.options import option, variable
from chatctl.units import duration_or_off


@click.command()
@option("max-idle", type=duration_or_off, default="60s")
def command(max_idle):
    click.echo(repr(max_idle))


@pytest.mark.parametrize(
    ("flag", "environment", "file", "expected"),
    [
        ("1s", "2s", "3s", "1.0"),
        (None, "2s", "3s", "2.0"),
        (None, None, "3s", "3.0"),
        (None, None, None, "60.0"),
        ("off", "2s", "3s", "None"),
        (None, "off", "3s", "None"),
    ],
)
def test_flag_then_environment_then_file_then_default(flag, environment, file, expected):
    result = CliRunner().invoke(
        command,
        ["--max-idle", flag] if flag else [],
        env={"CHATCTL_MAX_IDLE": environment},
        default_map={"max_idle": file} if file else {},
    )
    assert result.output == expected + "\n"


def test_the_help_tells_variable_and_default():
    text = CliRunner().invoke(command, ["--help"]).output
    assert "env var: CHATCTL_MAX_IDLE; default: 60s" in " ".join(text.split())


def test_a_wrong_value_is_usage_and_names_flag_and_variable():
    result = CliRunner().invoke(command, [], env={"CHATCTL_MAX_IDLE": "soon"})
    assert result.exit_code == 2
    assert "'--max-idle' (env var: 'CHATCTL_MAX_IDLE'): 'soon' is not a duration" in result.stderr


def test_variables_have_the_commands_prefix():
    assert variable("run-dir") == "CHATCTL_RUN_DIR"


# The password of Redis.


@click.command()
@options.redis("Without it, none.")
@click.pass_context
def reading(context, redis):
    click.echo(redis)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "password"
    path.write_text("ge/heim @1\n")
    return path


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("redis://h:1/2", "redis://:ge%2Fheim%20%401@h:1/2"),
        ("rediss://dana@h", "rediss://dana:ge%2Fheim%20%401@h"),
        ("unix:///s", "unix://:ge%2Fheim%20%401@/s"),
    ],
)
def test_the_password_of_redis_comes_from_a_file(file, url, full):
    result = CliRunner().invoke(reading, ["--redis", url, "--redis-password-file", str(file)])
    assert result.output == full + "\n"


def test_url_and_file_may_be_in_the_environment(file):
    env = {"CHATCTL_REDIS": "redis://h", "CHATCTL_REDIS_PASSWORD_FILE": str(file)}
    assert CliRunner().invoke(reading, env=env).output == "redis://:ge%2Fheim%20%401@h\n"


def test_without_a_file_the_url_stays_as_it_is():
    url = "redis://dana:word@h"
    assert CliRunner().invoke(reading, ["--redis", url]).output == url + "\n"


@pytest.mark.parametrize(
    ("url", "text", "flaw"),
    [
        ((), b"word", "give the URL too"),
        (("--redis", "redis://:other@h"), b"word", "take it out of the URL"),
        (("--redis", "redis://h?password=other"), b"word", "take it out of the URL"),
        (("--redis", "redis://h"), b"\n", "begins with an empty line"),
        (("--redis", "redis://h"), b"\xff", "UTF-8"),
    ],
)
def test_a_password_file_that_does_not_fit_is_refused_without_showing_the_password(
    tmp_path, url, text, flaw
):
    path = tmp_path / "password"
    path.write_bytes(text)
    result = CliRunner().invoke(reading, [*url, "--redis-password-file", str(path)])
    assert result.exit_code == 2
    assert flaw in result.stderr
    assert "other" not in result.stderr
    assert "word" not in result.stderr.replace("password", "")


def test_a_missing_file_is_a_usage_error(tmp_path):
    flags = ["--redis", "redis://h", "--redis-password-file", str(tmp_path / "none")]
    result = CliRunner().invoke(reading, flags)
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
