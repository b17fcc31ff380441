"""``chatctl send``: say something and leave, without being seen to come and go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatctl import joining
from chatctl.answers import warn
from chatctl.failure import Failure, Misuse
from chatctl.given import ExistingFile
from chatctl.joining import Entry
from chatctl.options import argument, option
from chatctl.units import names, room_name

if TYPE_CHECKING:
    from client.lasting import LastingChat

EXAMPLE = """\b
Examples:
  chatctl send --name backup --room dev "the backup is done"
  df -h | chatctl send --name disks --to dana --multiline -
"""


@click.command(epilog=EXAMPLE)
@argument("text", required=False)
@joining.name
@joining.joining
@option(
    "room",
    type=room_name,
    metavar="ROOM",
    show_default="lobby",
    help="The room that gets it.",
)
@option("key", metavar="WORD", help="The key of the room, if it has one.")
@option("to", type=names, metavar="NAME[,NAME]", help="The only recipients.")
@option("file", type=ExistingFile(), metavar="FILE", help="Take the text from a file.")
@option("multiline", is_flag=True, help="The whole input is one message, not each line of it.")
def send(
    text: str | None,
    name: str | None,
    entry: Entry,
    room: str | None,
    key: str | None,
    to: tuple[str, ...] | None,
    file: Path | None,
    multiline: bool,
) -> None:
    """Say something, and leave once the gateway has it. Nobody sees you come and go.

    TEXT is one message. Without it, or with -, the text comes from the standard input: each line
    that is not empty is a message. Names in the text are only text: --to and --room alone say who
    gets it.
    """
    if not name:
        raise Misuse("no name: add --name NAME, or set CHATCTL_NAME")
    if to and room:
        raise Misuse("--to and --room exclude each other: it goes to some people, or to a room")
    if file and text not in (None, "-"):
        raise Misuse("both TEXT and --file are there: leave one out")
    if text is None or text == "-":
        text = _input(file)
        texts = [text.strip("\n")] if multiline else text.splitlines()
    else:
        texts = [text]
    texts = [each for each in texts if each.strip()]
    if not texts:
        raise Failure("there is nothing to send: the text is empty")
    _run(name, entry, texts, to, room or "lobby", key)


def _input(file: Path | None) -> str:
    if file:
        return file.read_text(encoding="utf-8", errors="replace")
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _run(
    name: str,
    entry: Entry,
    texts: Sequence[str],
    to: tuple[str, ...] | None,
    room: str,
    key: str | None,
) -> None:
    from client.errors import ChatError

    async def talk() -> None:
        async with joining.quietly(entry, name) as chat:
            if not to:
                alone = (await chat.enter(room, key=key)).people == 1
                if alone:
                    warn(f"nobody is in the room {room}")
            for text in texts:
                await _say(chat, text, to, room)

    try:
        asyncio.run(talk())
    except ChatError as error:
        raise Failure(f"not sent: {error}") from None


async def _say(chat: LastingChat, text: str, to: Sequence[str] | None, room: str) -> None:
    from wire.mentions import escaped

    if to:
        ack = await chat.patiently(lambda: chat.send(text, to=to))
    else:
        ack = await chat.patiently(lambda: chat.send(escaped(text), room=room))
    if ack.absent:
        warn(f"not here: {', '.join(ack.absent)}")
