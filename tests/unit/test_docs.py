"""The docs are true: every name that people can meet is in them, and every name in them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

from chatctl.cli import main
from chatctl.configfile import leaves
from chatctl.options import is_setting
from client.display import commands as line_commands
from client.display.room_commands import MODES
from tests.bench.__main__ import main as bench
from tests.chaos.__main__ import main as chaos
from tests.support.commands import called
from wire.frames import Event, Request
from wire.limits import Limits
from wire.reasons import REASONS, ErrorCode, NoticeCode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs/commands.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
USERS = (ROOT / "docs/users.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()

PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


FILES = [str(path) for folder in ROOT.glob("[a-z]*/") for path in folder.rglob("*.*")]


def by_path(page: Path) -> str:
    return str(page.relative_to(ROOT))


def each_page(test):
    return pytest.mark.parametrize("page", PAGES, ids=by_path)(test)


def section(page: str, title: str) -> str:
    """The text under a heading, up to the next heading of its rank."""
    rank = re.search(rf"^(#+) {re.escape(title)}$", page, re.M)
    assert rank is not None, f"there is no heading {title!r}"
    rest = page[rank.end() :]
    end = re.search(rf"^#{{1,{len(rank[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def first_column(table: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", table, re.M)


OF_OTHERS = {
    *("--config", "--help", "--latency", "--no-deps", "--now", "--profile", "--scale", "--strict"),
    "--cluster",  # of redis-cli
    "--format",  # of docker
    "--unbuffered",  # of jq
    "--version",
    *(option for tool in (bench, chaos) for each in tool.params for option in each.opts),
}
"""Options of chatctl itself, of our tools, and of other programs that the pages name."""

THEIRS = {"redis.conf"}
"""Files of other programs."""

SLASHED = re.compile(r"^/([a-z]+)(?= |$)", re.M)
PATHS = {"healthz", "readyz", "metrics", "proc"}
"""Other things that begin with a slash."""

SHARED = section(REFERENCE, "Options of several commands")

COMMANDS = {name.replace(".", " "): command for name, command in leaves(main.commands).items()}

PARAMETERS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if parameter.name != "help"
]


def of_command(name: str) -> str:
    """The section about a command; the commands of a group share one."""
    return section(REFERENCE, f"chatctl {name.split()[0]}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_and_a_help_that_ends_with_an_example(name):
    assert " ".join(["chatctl", *called(name, "ROOM")]) in REFERENCE
    assert of_command(name)
    command = COMMANDS[name]
    assert command.help
    assert "Example" in (command.epilog or "")


@pytest.mark.parametrize(("command", "parameter"), PARAMETERS, ids=lambda value: str(value))
def test_every_option_and_variable_is_described(command, parameter):
    text = of_command(command) + SHARED
    if isinstance(parameter, click.Option):
        assert f"`{parameter.opts[0]}`" in text
        assert parameter.help
    if is_setting(parameter):
        assert f"`{parameter.envvar}`" in REFERENCE
    else:
        assert isinstance(parameter, click.Argument)
        name = parameter.make_metavar(click.Context(COMMANDS[command])).strip("[].")
        assert re.search(rf"`{name}`|`chatctl {command} {name}`|\b{name}\b", text)


@each_page
def test_a_page_names_only_options_that_exist(page):
    real = {opt for _, parameter in PARAMETERS for opt in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text())) <= real | OF_OTHERS


@each_page
def test_a_page_names_only_commands_that_exist(page):
    for code in in_code(page.read_text()):
        for words in re.findall(r"(?<![\w./-])(?:\S*/bin/)?chatctl((?: [a-zA-Z]+)+)", code):
            first, *more = words.split()
            command = main.commands.get(first)
            assert command is not None or first == "COMMAND", words
            if isinstance(command, click.Group):
                named = more[len(command.params) :]
                assert set(named[:1]) <= {"COMMAND", *command.commands}, words


@each_page
def test_a_page_names_only_commands_of_the_client_that_exist(page):
    typed = [name for code in in_code(page.read_text()) for name in SLASHED.findall(code)]
    assert set(typed) <= set(line_commands.COMMANDS) | PATHS


def test_the_user_guide_names_every_command_and_every_mode():
    typed = {name for code in in_code(USERS) for name in SLASHED.findall(code)}
    assert typed == set(line_commands.COMMANDS)
    assert first_column(section(USERS, "Run a room"))[-len(MODES) :] == list(MODES)


@each_page
def test_a_page_names_only_make_targets_that_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for code in in_code(page.read_text()):
        assert set(re.findall(r"^make ([a-z-]+)", code, re.M)) <= targets


@each_page
def test_a_page_links_to_files_and_headings_that_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


def test_a_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
            waiting += [
                (page.parent / link).resolve() for link in links if not link.startswith("https:")
            ]
    assert set(PAGES) <= reached


def test_the_readme_is_short():
    assert README.count("\n") <= 150


FAQ = (ROOT / "docs/faq.md").read_text()
SYMPTOMS = re.findall(r"^\| `([^`]*[a-z]{4}[^`]* [^`]*)` \|", FAQ, re.M)


@pytest.fixture(scope="module")
def texts_of_the_program():
    """Every text of the program; where one takes a name or a number, there is a gap."""
    texts = []
    for package in ("wire", "gateway", "client", "chatctl"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.JoinedStr(values=parts):
                        texts.append(
                            "\0".join(
                                getattr(part, "value", "")
                                for part in parts
                                if isinstance(part, ast.Constant)
                            )
                        )
                    case ast.Constant(value=str(text)):
                        texts.append(text)
    return "\n".join([*texts, (ROOT / "Makefile").read_text()])


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_the_faq_quotes_what_the_program_says(symptom, texts_of_the_program):
    for part in symptom.split("..."):
        assert part.strip() in texts_of_the_program


def in_code(page: str) -> list[str]:
    """What a page shows as code: its fenced blocks, and the code within its lines."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.M | re.S)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S))


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_table_of_alerts_matches_the_rules_including_the_severities():
    rows = re.findall(r"^\| `(\w+)` \| (page|ticket) \|", section(OPERATIONS, "Alerts"), re.M)
    rules = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    assert rows == re.findall(r"alert: (\w+).*?severity: (\w+)", rules, re.S)


@pytest.mark.parametrize("frames", [Request, Event])
def test_every_verb_is_described(frames):
    headings = re.findall(r"^### (.+)$", PROTOCOL, re.M)
    described = {verb for heading in headings for verb in heading.split(", ")}
    verbs = {str(frame.__struct_config__.tag) for frame in frames.__args__}
    assert verbs <= described


def of_frame(frame):
    """The section about a frame."""
    verb = str(frame.__struct_config__.tag)
    [heading] = re.findall(rf"^### ((?:\w+, )*{verb}(?:, \w+)*)$", PROTOCOL, re.M)
    text = section(PROTOCOL, heading)
    return text + section(PROTOCOL, "Notices") if verb == "notice" else text


@pytest.mark.parametrize(
    "frame", [*Request.__args__, *Event.__args__], ids=lambda each: each.__name__
)
def test_every_field_of_a_frame_is_described_where_the_frame_is(frame):
    text = of_frame(frame)
    for field in frame.__struct_encode_fields__:
        assert re.search(rf'[`"]{field}[`"]', text), field


def test_the_table_of_errors_matches_the_code():
    assert first_column(section(PROTOCOL, "Errors")) == [code.value for code in ErrorCode]


def test_the_table_of_notices_matches_the_code():
    assert first_column(section(PROTOCOL, "Notices")) == [code.value for code in NoticeCode]


def test_the_table_of_reasons_matches_the_code_including_whether_to_reconnect():
    rows = re.findall(r"^\| `(\w+)` \| (true|false) \|", section(PROTOCOL, "Reasons"), re.M)
    assert rows == [(reason.code, str(reason.reconnect).lower()) for reason in REASONS]


def test_the_table_of_limits_matches_the_code_including_the_defaults():
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", section(PROTOCOL, "Limits"), re.M)
    defaults = Limits()
    assert rows == [(name, str(getattr(defaults, name))) for name in Limits.__struct_fields__]


@each_page
def test_a_page_names_only_files_of_ours_that_exist(page):
    for named in re.findall(r"(?<![\w./-])[\w/]+\.(?:py|lua|svg|conf|cfg)\b", page.read_text()):
        assert named in THEIRS or any(file.endswith(f"/{named}") for file in FILES), named
