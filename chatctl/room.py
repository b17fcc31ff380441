"""``chatctl room``: one room, and what the operators of the chat can do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from chatctl import modes, offers, people, shared_redis
from chatctl.answers import answer, rfc3339
from chatctl.audited import audited
from chatctl.failure import Failure, Misuse, no_room
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat
from chatctl.tables import since, span, table
from chatctl.units import duration, room_name
from wire.unseen import printable

if TYPE_CHECKING:
    from gateway.backplane.operators.rooms import RoomDetails
    from gateway.chat.room_changes import Change
    from gateway.chat.rooms import Sanction
    from wire.frames import Action

EXAMPLE = """\b
Examples:
  chatctl room dev
  chatctl room dev set invite-only=on slow=10s
  chatctl room dev ban mallory --for 1h --reason "no adverts, please"
"""

SET_HELP = """Change modes of the room. Modes that you do not name stay as they are.

\b
invite-only=on|off   only people who are invited can join
secret=on|off        only members see the room in the list of rooms
read-only=on|off     only operators and people with a voice can write
key=TEXT|off         people need this key to join
slow=DURATION|off    how long each person waits between two messages
history=all|joined   joined: newcomers see only what is said from then on
"""


class RoomGroup(click.Group):
    """Commands about the room that is named before them; without one the room is shown."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words behind the room's name begin with."""
        if args[0] in ctx.help_option_names:
            click.echo(ctx.get_help())
            ctx.exit()
        is_option = args[0].startswith("-")
        return super().resolve_command(ctx, ["show", *args] if is_option else args)


@click.group(
    cls=RoomGroup,
    epilog=EXAMPLE,
    invoke_without_command=True,
    short_help="Show a room, change it, moderate it.",
    subcommand_metavar="[COMMAND [ARGS]...]",
)
@argument("room", type=room_name, shell_complete=offers.rooms)
@click.pass_context
def room(context: click.Context, /, **_: str) -> None:
    """Show a room, or change something there. Operators of the chat may do everything in any room.

    People in the room are told what you change. It holds on all gateways by the time the command
    returns: somebody you have banned, for one, cannot write there again.
    """
    if context.invoked_subcommand is None:
        with show.make_context("show", [], parent=context) as below:
            show.invoke(below)


def _in_room(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the name of the room that its group was given, as ``room``."""

    @wraps(command)
    def run(**given: Any) -> None:
        context = click.get_current_context()
        assert context.parent is not None
        command(room=context.parent.params["room"], **given)

    return run


def _example(words: str) -> str:
    return f"\b\nExample:\n  chatctl room dev {words}\n"


@room.command(
    epilog=_example("show --json | jq -r '.members[].name'"),
    short_help="Show everything about the room; the default.",
)
@chat_and_json
@_in_room
def show(room: str, chat: Chat, json: bool) -> None:
    """Show the room: its topic and modes, who is in it, and who is banned, muted or invited.

    `chatctl room ROOM` alone does the same.
    """
    from gateway.backplane.operators.rooms import read_room

    with shared_redis.reached():
        found = read_room(*chat.at, room)
    if found is None:
        raise no_room(room)
    answer(json, _for_programs(found), _for_people(found, datetime.now().astimezone()))


@room.command(epilog=_example("create"), short_help="Make the room, and keep it.")
@chat_and_json
@_in_room
def create(room: str, chat: Chat, json: bool) -> None:
    """Make the room, and keep it until you delete it, even while nobody is in it.

    If the room exists already, it is kept from now on.
    """
    from gateway.backplane.operators.rooms import create_room

    with shared_redis.reached():
        is_new = create_room(*chat.at, room)
        audited(chat, "create", room=room)
    done = "was made" if is_new else "exists already; it is kept from now on"
    answer(json, {"room": room, "new": is_new}, f"{room} {done}")


@room.command(epilog=_example("delete"))
@chat_and_json
@_in_room
def delete(room: str, chat: Chat, json: bool) -> None:
    """Put everybody out of the room, and delete it with its history.

    Anybody can make a new room of that name, unless the gateways run with --rooms closed.
    """
    from gateway.backplane.operators.rooms import delete_room
    from wire.frames import LOBBY

    if room == LOBBY:
        raise Failure(f"{LOBBY} cannot be deleted: there is always a lobby")
    with shared_redis.reached():
        put_out = delete_room(*chat.at, room)
        if put_out is not None:
            audited(chat, "delete", room=room)
    if put_out is None:
        raise no_room(room)
    if not put_out:
        who = "nobody was in it"
    else:
        who = "1 person was put out" if put_out == 1 else f"{put_out} people were put out"
    answer(json, {"room": room, "people": put_out}, f"{room} was deleted; {who}")


@room.command(
    "set",
    epilog=_example("set invite-only=on slow=10s key=off history=joined"),
    help=SET_HELP,
    short_help="Change the modes of the room.",
)
@argument("mode", nargs=-1, required=True, metavar="MODE=VALUE...")
@chat_and_json
@_in_room
def set_(mode: Sequence[str], room: str, chat: Chat, json: bool) -> None:
    """Change modes of the room."""
    from wire.frames import SetModes

    id = _change(SetModes, chat, room, **modes.read(mode))
    with shared_redis.reached():
        audited(chat, "set", room=room, reason=" ".join(map(_without_key, mode)))
    _answer(json, {"room": room, "id": id}, f"{room}: {' '.join(mode)}")


@room.command(
    epilog=_example('topic "Release on Friday"'),
    short_help="Say what the room is about.",
)
@argument("text")
@chat_and_json
@_in_room
def topic(text: str, room: str, chat: Chat, json: bool) -> None:
    """Say what the room is about. An empty TEXT removes the topic."""
    from wire.frames import SetTopic

    id = _change(SetTopic, chat, room, topic=text)
    done = f"the topic of {room} is now: {printable(text)}" if text else f"{room} has no topic now"
    _answer(json, {"room": room, "id": id, "topic": text}, done)


def _without_key(mode: str) -> str:
    """A mode as it was given; the key of a room is a secret."""
    return "key=***" if mode.startswith("key=") and mode != "key=off" else mode


_reason = option("reason", default="", metavar="TEXT", help="Why: everybody there is told.")
_for = option(
    "for",
    type=duration,
    metavar="DURATION",
    show_default="forever",
    help="How long: 30m, 2h or 7d.",
)

MODERATION: dict[Action, tuple[str, str]] = {
    "op": ("Make a registered name an operator of the room.", "{} is an operator of {room}"),
    "deop": (
        "Make an operator of the room an ordinary member again.",
        "{} is no longer an operator of {room}",
    ),
    "voice": ("Let a registered name write in a read-only room.", "{} has a voice in {room}"),
    "devoice": ("Take somebody's voice away again.", "{} no longer has a voice in {room}"),
    "kick": ("Put somebody out. They can join again.", "{} was put out of {room}"),
    "ban": (
        "Put a name or a network out of the room, and keep it out.",
        "{} is banned from {room}",
    ),
    "unban": ("Lift a ban from the room.", "{} is no longer banned from {room}"),
    "mute": ("Let somebody read, but not write.", "{} is muted in {room}"),
    "unmute": ("Let somebody who is muted write again.", "{} is no longer muted in {room}"),
    "invite": ("Let somebody join though the room is invite-only.", "{} is invited to {room}"),
    "uninvite": ("Take an invitation back.", "{} is no longer invited to {room}"),
}
"""What can be done about somebody: the help, and what is said once it is done."""

WITH_REASON = ("kick", "ban", "mute")
FOR_A_TIME = ("ban", "mute")
WITH_NETWORKS = ("ban", "unban")


def _add(action: Action, help: str, done: str) -> None:
    """Make the command that does this about somebody."""

    def moderate(person: str, room: str, chat: Chat, json: bool, **given: Any) -> None:
        from wire.frames import Moderate

        name = people.subject(person).text if action in WITH_NETWORKS else people.name(person)
        fields: dict[str, Any] = {"action": action, "name": name}
        if "reason" in given:
            fields["reason"] = people.reason(given["reason"])
        seconds = given.get("for")
        if seconds is not None:
            fields["seconds"] = max(1, round(seconds))
        id = _change(Moderate, chat, room, **fields)
        with shared_redis.reached():
            reason = fields.get("reason", "")
            audited(chat, action, room=room, target=name, reason=reason)
        until = "" if seconds is None else f" for {span(seconds)}"
        data = {"room": room, "id": id, "action": action, "name": name}
        _answer(json, data, done.format(name, room=room) + until)

    command: Any = _in_room(moderate)
    command = chat_and_json(command)
    if action in WITH_REASON:
        command = _reason(command)
    if action in FOR_A_TIME:
        command = _for(command)
    command = argument("person", metavar="NAME", shell_complete=offers.people)(command)
    room.command(action, help=help, epilog=_example(f"{action} mallory"))(command)


for _action, (_help, _done) in MODERATION.items():
    _add(_action, _help, _done)


def _change(kind: type[Change], chat: Chat, room: str, **fields: Any) -> str | None:
    """Change the room; returns the id of the event that tells people, None if nothing changed.

    Raises:
        Misuse: no such change can be asked for.
        Failure: it is refused.
    """
    from msgspec import ValidationError, convert

    from gateway.backplane.operators.rooms import change_room
    from gateway.chat.texts import check_line
    from gateway.errors import NoSuchRoom, RoomChanged
    from wire.reasons import WireError

    try:
        for name in ("topic", "key"):
            check_line(fields.get(name, ""), name)
        tag = kind.__struct_config__.tag
        request = convert({"op": tag, "room": room, **fields}, kind)
    except WireError as error:
        raise Misuse(error.text) from error
    except ValidationError as error:
        raise Misuse(f"{str(error).rpartition('.')[2].rstrip('`')} is too long") from error
    with shared_redis.reached():
        try:
            return change_room(*chat.at, request)
        except NoSuchRoom:
            raise no_room(room) from None
        except RoomChanged:
            raise Failure(f"others keep changing {room}: try again") from None
        except WireError as error:
            raise Failure(error.text) from error


def _answer(json: bool, data: dict[str, Any], done: str) -> None:
    answer(json, data, done if data["id"] else f"nothing to change in {data['room']}")


def _for_people(found: RoomDetails, now: datetime) -> str:
    state = found.state
    roles = _roles(found)
    lines = [("room", state.room), ("topic", state.topic or "-")]
    if state.topic:
        lines.append(("topic by", f"{_person(state.topic_by)}, {since(state.topic_at, now)}"))
    lines.append(("modes", " ".join(modes.written(state.modes)) or "-"))
    if state.key:
        lines.append(("key", state.key))
    lines.append(("kept", "until you delete it" if found.kept else "while somebody uses it"))
    lines.append(("last message", "-" if found.last is None else since(found.last, now)))
    lines += [
        ("operators", _names(state.operators.values())),
        ("voices", _names(state.voices.values())),
        ("invited", _names(each.name for each in state.invited.values())),
    ]
    shown = [table(lines)]
    for title, sanctions in (("BANNED", state.bans), ("MUTED", state.muted)):
        if holding := [each for each in sanctions.values() if each.holds(found.now)]:
            rows = [(title, "BY", "UNTIL", "REASON")]
            rows += (_sanction(each, now) for each in holding)
            shown.append(table(rows))
    members = [("PEOPLE", "ROLE", "ACCOUNT", "GATEWAY")]
    for folded, [each, *more] in sorted(found.members.items()):
        gateways = ", ".join(dict.fromkeys(one.gateway for one in (each, *more)))
        members.append((each.name, roles[folded] or "-", each.account or "-", gateways))
    shown.append(table(members) if found.members else "nobody is in it")
    return "\n\n".join(shown)


def _sanction(each: Sanction, now: datetime) -> tuple[str, str, str, str]:
    ends = "never" if each.until is None else since(each.until, now)
    return each.name, _person(each.by), ends, each.reason


def _person(name: str) -> str:
    from wire.frames import OPERATOR

    return "an operator of the chat" if name == OPERATOR else name


def _roles(found: RoomDetails) -> dict[str, str]:
    from gateway.chat.rooms import role

    return {name: role(found.state, each.account) for name, [each, *_] in found.members.items()}


def _names(names: Iterator[str] | Sequence[str] | Any) -> str:
    return ", ".join(sorted(names, key=str.casefold)) or "-"


def _for_programs(found: RoomDetails) -> dict[str, Any]:
    from msgspec.structs import asdict

    state = found.state
    roles = _roles(found)
    return {
        "room": state.room,
        "topic": state.topic,
        "topic_by": state.topic_by,
        "topic_at": rfc3339(state.topic_at or None),
        "modes": asdict(state.modes),
        "key": state.key or None,
        "kept": found.kept,
        "last": rfc3339(found.last),
        "operators": sorted(state.operators.values()),
        "voices": sorted(state.voices.values()),
        "invited": sorted(each.name for each in state.invited.values()),
        "bans": _holding(state.bans.values(), found.now),
        "muted": _holding(state.muted.values(), found.now),
        "members": [
            {
                "name": each.name,
                "role": roles[folded],
                "account": each.account or None,
                "gateways": list(dict.fromkeys(one.gateway for one in (each, *more))),
            }
            for folded, [each, *more] in sorted(found.members.items())
        ],
    }


def _holding(sanctions: Iterable[Sanction], now: int) -> list[dict[str, Any]]:
    from msgspec.structs import asdict

    return [asdict(each) | {"until": rfc3339(each.until)} for each in sanctions if each.holds(now)]
