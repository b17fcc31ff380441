"""``chatctl doctor``: what is not as it should be, and what to do about it."""

from __future__ import annotations

import click

from chatctl.answers import answer
from chatctl.options import chat_and_json
from chatctl.shared_redis import Chat
from chatctl.tables import printable

EXAMPLE = """\b
Examples:
  chatctl doctor
  chatctl doctor --json | jq '.[] | select(.level != "ok")'
"""

MARKS = {"ok": "ok", "warning": "!", "failure": "FAIL"}


@click.command(epilog=EXAMPLE, short_help="Say what is wrong, and what to do about it.")
@chat_and_json
@click.pass_context
def doctor(context: click.Context, chat: Chat, json: bool) -> None:
    """Look whether the chat is well: its Redis, its gateways, what is in Redis, and the clocks.

    Each line is ok, ! for what should be seen to, or FAIL for what does not work. It ends with 1 if
    anything fails. Nothing is changed.
    """
    from gateway.backplane.operators.doctor import examine

    findings = examine(*chat.at)
    lines = [f"{MARKS[each.level]:<4}  {each.what}: {printable(each.text)}" for each in findings]
    answer(json, [each._asdict() for each in findings], "\n".join(lines))
    context.exit(any(each.level == "failure" for each in findings))
