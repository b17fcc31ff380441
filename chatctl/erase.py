"""``chatctl erase``: delete what was said in a room."""

from __future__ import annotations

from collections.abc import Sequence

import click

from chatctl import offers, people, shared_redis
from chatctl.answers import answer
from chatctl.audited import audited
from chatctl.failure import Failure, Misuse, no_room
from chatctl.options import argument, chat_and_json, option
from chatctl.shared_redis import Chat
from chatctl.units import room_name

EXAMPLE = """\b
Examples:
  chatctl erase dev 1795428000123-42
  chatctl erase dev --from mallory
  chatctl erase dev --all --yes
"""


@click.command(epilog=EXAMPLE, short_help="Delete what was said in a room.")
@argument("room", type=room_name, shell_complete=offers.rooms)
@argument("id", nargs=-1, metavar="[ID]...")
@option("from", default="", metavar="NAME", help="All messages of this person.")
@option("all", is_flag=True, help="All messages of the room.")
@option("yes", is_flag=True, help="With --all: do not ask.")
@chat_and_json
def erase(room: str, id: Sequence[str], chat: Chat, json: bool, **given: object) -> None:
    """Delete messages of ROOM: those with an ID, those --from a person, or --all.

    They are gone from the chat's memory, and everybody in the room is told, so that clients hide
    them. A terminal goes on showing what it has shown. `chatctl history --json` shows the ids.
    """
    name, everything = str(given["from"] or ""), bool(given["all"])
    if sum((bool(id), bool(name), everything)) != 1:
        raise Misuse("say what to delete: one or more IDs, or --from NAME, or --all.")
    if everything and not given["yes"]:
        click.confirm(f"Delete everything that was said in {room}?", abort=True, err=True)

    from gateway.backplane.operators.erase import erase as erase_messages
    from gateway.errors import NoSuchRoom

    name = people.name(name) if name else ""
    with shared_redis.reached():
        try:
            count = erase_messages(*chat.at, room, ids=list(id), name=name, everything=everything)
        except NoSuchRoom:
            raise no_room(room) from None
        if count:
            what = f"from {name}" if name else "all" if everything else " ".join(id)[:200]
            audited(chat, "erase", room=room, target=what, reason=f"{count} messages")
    if id and count < len(set(id)):
        missing = len(set(id)) - count
        raise Failure(f"{count} were deleted; {room} does not have the other {missing}")
    data = {"room": room, "deleted": count}
    shown = "1 message was" if count == 1 else f"{count} messages were"
    answer(json, data, f"{shown} deleted from {room}")
