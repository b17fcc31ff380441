"""``python -m tests.bench``: run the cases, print a table, write it as JSON."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import click

from gateway.open_files import raise_limit
from tests.bench.load import Load
from tests.bench.servers import Servers, servers

SETTLE = 1.0
"""Seconds after the last login in which joins arrive and nothing is measured."""


class Case(NamedTuple):
    """A room and how it is used; either a window of messages under way, or a rate."""

    name: str
    clients: int
    messages: int
    window: int = 0
    rate: float = 0.0


SENDERS = 10
CASES = (
    Case("100 clients, saturated", 100, 20_000, window=200),
    Case("10 clients, saturated", 10, 40_000, window=200),
    Case("100 clients, 500 messages/s", 100, 2_500, rate=500),
)


def measure(case: Case, at: Servers) -> dict[str, Any]:
    """Run one case once."""
    load = Load(*at.ports)
    load.log_in(case.clients)
    load.listen(SETTLE)
    before = at.cpu()
    delivered, seconds = load.talk(SENDERS, case.messages, window=case.window, rate=case.rate)
    cpu = at.cpu() - before
    load.close()
    latencies = sorted(load.latencies)
    return {
        "case": case.name,
        "deliveries_per_second": round(delivered / seconds),
        "cpu_us_per_delivery": round(cpu / delivered * 1e6, 3),
        "p50_ms": round(latencies[len(latencies) // 2], 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100], 2),
    }


def measure_logins(at: Servers, clients: int) -> dict[str, Any]:
    """Log clients in as fast as possible, and measure the CPU and memory that they take.

    The CPU is shown for each tenth of them too: it must not grow with the room.
    """
    load = Load(*at.ports)
    memory, before, tenths = at.memory(), at.cpu(), []
    start = time.monotonic()
    for tenth in range(10):
        last = at.cpu()
        count = clients // 10 + (tenth < clients % 10)
        load.log_in(count)
        tenths.append(round((at.cpu() - last) / count * 1e3, 2))
    seconds = time.monotonic() - start
    load.listen(SETTLE)
    # With what they cause a little later.
    cpu = at.cpu() - before
    weight = (at.memory() - memory) / clients
    load.close()
    where = f"{len(at.ports)} gateways" if len(at.ports) > 1 else "one gateway"
    return {
        "case": f"{clients} logins, {where}",
        "cpu_ms_per_login": round(cpu / clients * 1e3, 3),
        "cpu_ms_by_tenths": " ".join(map(str, tenths)),
        "seconds": round(seconds, 2),
        "kib_per_connection": round(weight / 1024, 1),
    }


def measure_rooms(at: Servers, rooms: int, people: int, messages: int) -> dict[str, Any]:
    """Have people in many rooms, who talk in all of them."""
    load = Load(*at.ports)
    load.log_in(rooms)
    load.listen(SETTLE)
    before = at.cpu()
    load.enter(rooms, people)
    entering = at.cpu() - before
    load.listen(SETTLE)
    before = at.cpu()
    delivered, seconds = load.talk_in_rooms(rooms, people, messages, window=200)
    cpu = at.cpu() - before
    load.close()
    latencies = sorted(load.latencies)
    return {
        "case": f"{rooms} rooms of {people} people",
        "cpu_ms_per_join": round(entering / (rooms * people) * 1e3, 3),
        "deliveries_per_second": round(delivered / seconds),
        "cpu_us_per_delivery": round(cpu / delivered * 1e6, 3),
        "p50_ms": round(latencies[len(latencies) // 2], 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100], 2),
    }


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure."""
    return {
        key: first if isinstance(first, str) else statistics.median(run[key] for run in runs)
        for key, first in runs[0].items()
    }


@click.command()
@click.option("--runs", default=3, show_default=True, help="Runs of each case; medians are shown.")
@click.option("--loop", default="uvloop", show_default=True, help="Event loop of the gateway.")
@click.option("--logins", default=1_000, show_default=True, help="Clients that log in at once.")
@click.option("--arrivals", default=10_000, show_default=True, help="Clients that fill one room.")
@click.option("--json", "file", default="bench-results.json", type=Path, show_default=True)
def main(runs: int, loop: str, logins: int, arrivals: int, file: Path) -> None:
    """Measure gateways and a Redis of their own on this machine."""
    if not sys.platform.startswith("linux"):
        raise click.ClickException("CPU and memory are read from /proc: this needs Linux.")
    results = []
    raise_limit()
    with servers(loop) as at:
        # Logins come first: only a gateway that has had no users yet shows what they weigh.
        results.append(measure_logins(at, logins))
        results += [median([measure(case, at) for _ in range(runs)]) for case in CASES]
        results.append(measure_rooms(at, 1_000, 10, 20_000))
        redis = at.description
    for gateways in (1, 3):
        with servers(loop, gateways) as at:
            results.append(measure_logins(at, arrivals))
    for result in results:
        figures = "  ".join(f"{key} {value}" for key, value in result.items() if key != "case")
        click.echo(f"{result['case']:<28}  {figures}")
    about = {"python": platform.python_version(), "loop": loop, "redis": redis, "runs": runs}
    file.write_text(json.dumps({"about": about, "results": results}, indent=2) + "\n")
    click.echo(f"medians of {runs} runs; written to {file}")


if __name__ == "__main__":
    main()
