"""``chatctl doctor``: what is wrong with the chat, and what to do about it."""

from __future__ import annotations

import click

from chatctl import shared_redis
from chatctl.answers import answer
from chatctl.options import chat_and_json, option
from chatctl.shared_redis import Chat
from wire.unseen import printable

EXAMPLE = """\b
Examples:
  chatctl doctor
  chatctl doctor --capacity
  chatctl doctor --json | jq '.[] | select(.level != "ok")'
"""

MARKS = {"ok": "ok", "warning": "!", "failure": "FAIL"}


@click.command(epilog=EXAMPLE, short_help="Say what is wrong, and what to do about it.")
@option(
    "capacity",
    is_flag=True,
    help="Say how far the chat is from each of its limits. It takes seven seconds.",
)
@chat_and_json
@click.pass_context
def doctor(context: click.Context, capacity: bool, chat: Chat, json: bool) -> None:
    """Check the chat: its Redis, its gateways, what is stored in Redis, and the clocks.

    A line begins with ok, with ! if something needs attention, or with FAIL if something does not
    work. If anything fails the exit code is 1. Nothing is changed.
    """
    from gateway.backplane.operators.capacity import measure
    from gateway.backplane.operators.doctor import examine

    if capacity:
        with shared_redis.reached():
            findings = measure(*chat.at)
    else:
        findings = examine(*chat.at)
    lines = [f"{MARKS[each.level]:<4}  {each.what}: {printable(each.text)}" for each in findings]
    answer(json, [each._asdict() for each in findings], "\n".join(lines))
    context.exit(any(each.level == "failure" for each in findings))
