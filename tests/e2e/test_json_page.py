"""What `--json` prints is what docs/json.md says, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatctl.cli import main
from chatctl.configfile import leaves
from chatctl.room import MODERATION
from tests.e2e.processes import Chat, StartGateway

PAGE = (Path(__file__).parents[2] / "docs/json.md").read_text()

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

FIRST = "room op and others"
"""The heading that stands for all commands that moderate a room."""


def described(heading: str) -> dict[str, set[str]]:
    """The fields that the page names below a heading, and their types."""
    [text] = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \|", text, re.M)
    return {field: set(types.split(" or ")) for field, types in rows}


def kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "time" if TIME.fullmatch(value) else "text"
        case _:
            return "object"


def found(value: Any, wholes: set[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Each field in an output, and its type; an object whose path is among the wholes is one."""
    if isinstance(value, list) and path:
        if not value:
            yield f"{path}[]", "nothing"
        for each in value:
            yield from found(each, wholes, f"{path}[]")
    elif isinstance(value, dict) and path not in wholes:
        for name, inner in value.items():
            yield from found(inner, wholes, f"{path}.{name}" if path else name)
    else:
        yield path, kind(value)


def compare(heading: str, output: Any, extra: frozenset[str] = frozenset()) -> None:
    types = described(heading)
    assert types, heading
    wholes = {field for field, kinds in types.items() if "object" in kinds}
    for each in output if isinstance(output, list) else [output]:
        fields = dict(found(each, wholes))
        lists = {field for field, what in fields.items() if what == "nothing"}
        # An empty list shows nothing of what would be in it.
        hidden = {field for field in types for each in lists if field.startswith(each)}
        assert fields.keys() - extra - lists == types.keys() - hidden - extra, heading
        for field, what in fields.items():
            if field not in extra | lists and types[field] != {"any"}:
                assert what in types[field], (heading, field)


async def test_every_output_has_the_fields_and_types_of_the_page(
    chat: Chat, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway()
    other = await start_gateway()
    dana = await gateway.join("dana")
    sis = await gateway.join("sis")
    password = ("env", "CHATCTL_PASSWORD=password")

    def run(command: str, *arguments: str) -> Any:
        redis = () if command.startswith("config") else chat.options
        options = (*arguments, "--json", *redis)
        done = chat.run(*command.split(), *options, before=password)
        assert done.returncode == 0, (command, done.stderr)
        return json.loads(done.stdout)

    def check(heading: str, command: str, *arguments: str) -> None:
        output = run(command, *arguments)
        assert output, command
        compare(heading, output)
        checked.add(heading)

    checked: set[str] = set()
    await dana.say(op="send", text="hello")
    await dana.expect(op="msg", text="hello")
    check("account add, account passwd", "account add mom")
    check("account add, account passwd", "account passwd mom")
    assert run("account add mother --of mom")["of"] == "mom"
    check("account list", "account list")
    mom = await gateway.join("mom", password="password")
    await mom.say(op="join", room="dev")
    await mom.expect(op="entered", room="dev")
    check("room create", "room dev create")
    check("room set", "room dev set slow=1s key=tea")
    check("room topic", "room dev topic", "all welcome")
    for action in ("op", "voice", "mute", "ban", "invite", "unmute", "kick"):
        name = "mallory" if action in ("mute", "unmute", "ban") else "mom"
        check(FIRST, f"room dev {action} {name}")
    check(FIRST, "room dev mute trudy --for 1h")
    check("room", "room dev")
    check("rooms", "rooms")
    check("users", "users")
    check("gateways", "gateways")
    compare("top", look := run("top", "--count", "1"))
    for each in look["gateways"]:
        compare("gateways", each, frozenset({"per_second"}))
    check("doctor", "doctor")
    check("announce", "announce", "tea!")
    [said] = [each for each in run("history") if each["op"] == "msg" and each["from"] == "dana"]
    assert TIME.fullmatch(said["ts"])
    check("erase", "erase lobby", said["id"])
    check("bans, ban, unban", "ban trudy --reason spam --for 1h")
    check("bans, ban, unban", "bans")
    check("bans, ban, unban", "unban trudy")
    check("kick", "kick sis")
    await sis.disconnected()
    check("audit", "audit")
    accounts = str(chat.home / "accounts")
    chat.run("account", "export", accounts, *chat.options)
    check("account import", "account import", accounts)
    check("account remove", "account remove mom")
    check("room delete", "room dev delete")
    check("config show", "config show gateway")
    other_id = next(each["id"] for each in run("gateways") if each["listen"] == other.address)
    check("drain", "drain", other_id)

    # The page has all commands.
    with_json = {
        "room" if name == "room.show" else name.replace(".", " ")
        for name, command in leaves(main.commands).items()
        if any(each.name == "json" for each in command.params)
    }
    headings = set(re.findall("^## (.*)$", PAGE, re.M))
    named = {name for heading in headings for name in heading.split(", ")}
    named |= {f"room {action}" for action in MODERATION}
    assert with_json - {"client"} == named - {FIRST}
    assert headings - checked == {"top", "history, tail"}
