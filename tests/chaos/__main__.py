"""``python -m tests.chaos``: break everything for a while, and check that the promises hold."""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter

import click

from tests.chaos.faults import EVERY
from tests.chaos.people import run_people
from tests.chaos.run import BOTS, GATEWAYS, Outcome, run
from tests.chaos.verdict import excused
from wire.frames import Entered, Msg

WIDTH = 200
"""The most characters to show of a line."""

SHOWN = 20
"""The most violations to show: the first ones tell the story."""


@click.command()
@click.option("--seed", default=1, show_default=True, help="The seed of the random faults.")
@click.option("--minutes", default=1.0, show_default=True, help="Roughly how long.")
@click.option("--only", default="", help="Only faults whose names contain this.")
def main(seed: int, minutes: float, only: str) -> None:
    """Run bots on gateways that are killed, frozen and cut off, and check every record."""
    began = time.monotonic()
    faults = [fault for fault in EVERY if only in fault.name]
    if not faults:
        raise click.BadParameter(f"no fault has {only!r} in its name.", param_hint="--only")
    outcome = asyncio.run(run(seed, minutes, faults))
    click.echo(table(outcome))
    click.echo(sums(outcome, time.monotonic() - began))
    if outcome.violations:
        raise click.ClickException(report(outcome))
    people = asyncio.run(run_people(seed, minutes / 2))
    click.echo(people.sums())
    if people.violations:
        broken = [violation.what[:WIDTH] for violation in people.violations[:SHOWN]]
        raise click.ClickException("\n".join(broken))


def table(outcome: Outcome) -> str:
    """A table of the faults, in Markdown."""
    lines = [
        "| fault | times | longest, s | everybody whole after, s |",
        "|---|--:|--:|--:|",
    ]
    for name, survived in outcome.survived.items():
        figures = f"{survived.times} | {survived.lasted:.1f} | {survived.whole_after:.2f}"
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def sums(outcome: Outcome, seconds: float) -> str:
    """The figures of the whole run."""
    records = [bot.record for bot in outcome.bots]
    said = [said for record in records for said in record.said]
    acked = sum(one.ack is not None for one in said)
    refused = Counter(one.refused for one in said if one.refused is not None)
    heard = sum(isinstance(event, Msg) for record in records for event in record.heard)
    lost = sum(len(record.lost) for record in records)
    gaps = sum(len(record.gaps) for record in records)
    entered = sum(isinstance(each, Entered) for record in records for each in record.rooms)
    done = outcome.done
    return (
        f"seed {outcome.seed}, {seconds:.0f} s, {BOTS} bots, {GATEWAYS} gateways, "
        f"{platform.python_version()}: {len(said)} messages said, {acked} acknowledged, "
        f"refused {dict(refused)}, {heard} received; "
        f"{lost} connections lost; {gaps} gaps told, "
        f"{excused(records)} messages missed in them; rooms entered {entered} times, "
        f"{len(done.silences)} bans and mutes, {len(done.closed)} times a closed room looked after"
    )


def report(outcome: Outcome) -> str:
    """The broken promises and the timeline."""
    lines = [f"{len(outcome.violations)} promises broken, seed {outcome.seed}", *outcome.timeline]
    for violation in outcome.violations[:SHOWN]:
        lines += [violation.what, *(f"    {line}" for line in violation.excerpt)]
    return "\n".join(line[:WIDTH] for line in lines)


if __name__ == "__main__":
    main()
