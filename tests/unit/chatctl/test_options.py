import click
import pytest
from click.testing import CliRunner

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
