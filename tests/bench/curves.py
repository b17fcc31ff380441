"""``python -m tests.bench.curves``: what things cost as they grow, as JSON and as drawings.

Each curve is a list of points. CPU is of gateways and Redis together, unless it says otherwise.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from gateway.open_files import raise_limit
from tests.bench.load import Load
from tests.bench.servers import Servers, servers

SETTLE = 1.0
"""Seconds after the last login in which joins arrive and nothing is measured."""

DELIVERIES = 300_000
"""About how many deliveries a point is measured with."""

PEOPLE = (2, 10, 50, 100, 500, 1000, 2000, 5000)
ROOMS = (1, 10, 100, 1000, 5000)
ROOMS_OF_CLUSTERS = (1, 10, 100, 1000)
GATEWAYS = (1, 2, 3, 4, 6)
CONNECTIONS = (1000, 3000, 6000, 9000, 12_000, 15_000)
RATES = (50, 100, 250, 500, 1000, 2000, 4000, 8000, 16_000)
ARRIVALS = (100, 500, 1000, 2000, 5000, 10_000)
RETURNS = (250, 500, 1000, 2000)

Point = dict[str, float]


class Curve(NamedTuple):
    """A curve, and how it is drawn.

    Attributes:
        measure: measures its points.
        x: the figure along the bottom.
        ys: the figures that are drawn.
        title: what it shows.
        logarithmic: whether the bottom is logarithmic.
    """

    measure: Callable[[], list[Point]]
    x: str
    ys: tuple[str, ...]
    title: str
    logarithmic: bool = True


def people_in_a_room() -> list[Point]:
    """CPU per delivery over the people in one room, saturated."""
    points = []
    for people in PEOPLE:
        with servers("uvloop") as at:
            load = Load(*at.ports)
            load.log_in(people)
            load.listen(SETTLE)
            messages = max(100, DELIVERIES // people)
            window = min(200, max(10, 20_000 // people))
            points.append({"people": people} | _talk(at, load, messages, window=window))
            load.close()
    return points


def rooms() -> list[Point]:
    """CPU per delivery over the number of rooms, ten people in each, who talk in all of them."""
    points = []
    for count in ROOMS:
        with servers("uvloop") as at:
            load = Load(*at.ports)
            load.log_in(max(10, count))
            load.listen(SETTLE)
            load.enter(count, 10)
            load.listen(SETTLE)
            before = at.cpu()
            delivered, seconds = load.talk_in_rooms(count, 10, 20_000, window=200)
            cpu = at.cpu() - before
            points.append({"rooms": count} | _figures(load, delivered, seconds, cpu))
            load.close()
    return points


def cluster() -> list[Point]:
    """One Redis and a cluster of three masters, over the number of rooms.

    What counts is the busiest server of Redis, since each is one thread.
    """
    points = []
    for count in ROOMS_OF_CLUSTERS:
        point: Point = {"rooms": count}
        for name, several in (("one", False), ("cluster", True)):
            with servers("uvloop", cluster=several) as at:
                load = Load(*at.ports)
                load.log_in(max(10, count))
                load.listen(SETTLE)
                load.enter(count, 10)
                load.listen(SETTLE)
                before, of_redis = at.cpu(), at.cpu_of_redis()
                delivered, _ = load.talk_in_rooms(count, 10, 20_000, window=200)
                cpu = at.cpu() - before
                busiest = max(b - a for a, b in zip(of_redis, at.cpu_of_redis(), strict=True))
                point[f"busiest_redis_us_per_message_{name}"] = round(busiest / 20_000 * 1e6, 2)
                point[f"cpu_us_per_delivery_{name}"] = round(cpu / delivered * 1e6, 3)
                load.close()
        points.append(point)
    return points


def gateways() -> list[Point]:
    """CPU per delivery over the gateways of one Redis, a hundred people in one room on them."""
    points = []
    for count in GATEWAYS:
        with servers("uvloop", count) as at:
            load = Load(*at.ports)
            load.log_in(100)
            load.listen(SETTLE)
            points.append({"gateways": count} | _talk(at, load, 3000, window=200))
            load.close()
    return points


def connections() -> list[Point]:
    """Memory of a gateway over its connections."""
    points = []
    with servers("uvloop") as at:
        load, empty = Load(*at.ports), at.memory()
        for count in CONNECTIONS:
            load.log_in(count - len(load.clients))
            load.listen(SETTLE)
            grown = at.memory() - empty
            points.append(
                {
                    "connections": count,
                    "mib": round(at.memory() / 2**20, 1),
                    "kib_per_connection": round(grown / count / 1024, 2),
                }
            )
        load.close()
    return points


def latency() -> list[Point]:
    """Latency over the messages per second, a hundred people in one room, up to saturation."""
    points = []
    with servers("uvloop") as at:
        load = Load(*at.ports)
        load.log_in(100)
        load.listen(SETTLE)
        for rate in RATES:
            found = _talk(at, load, rate * 5, rate=rate)
            got = found["deliveries_per_second"] / 100
            points.append({"asked_per_second": rate, "messages_per_second": round(got)} | found)
            if got < 0.9 * rate:
                break
        load.close()
    return points


def arrivals() -> list[Point]:
    """CPU of a login over the people who are in the room already."""
    points = []
    with servers("uvloop") as at:
        load = Load(*at.ports)
        for people in ARRIVALS:
            count, before = people - len(load.clients), at.cpu()
            load.log_in(count)
            cpu = (at.cpu() - before) / count
            points.append({"people": people, "cpu_ms_per_login": round(cpu * 1e3, 3)})
        load.close()
    return points


def returns() -> list[Point]:
    """Time until all people of a gateway that is killed are back on another."""
    points = []
    for people in RETURNS:
        with servers("uvloop", 2) as at:
            dead, alive = at.ports
            load = Load(dead)
            load.log_in(people)
            load.listen(SETTLE)
            before = at.cpu()
            os.kill(at.gateways[0], signal.SIGKILL)
            begun = time.monotonic()
            load.come_back(alive)
            seconds = time.monotonic() - begun
            cpu = at.cpu() - before
            points.append(
                {
                    "people": people,
                    "seconds": round(seconds, 2),
                    "cpu_ms_per_return": round(cpu / people * 1e3, 3),
                }
            )
            load.close()
    return points


CURVES = {
    "people": Curve(
        people_in_a_room, "people", ("cpu_us_per_delivery",), "CPU per delivery: people in a room"
    ),
    "rooms": Curve(rooms, "rooms", ("cpu_us_per_delivery",), "CPU per delivery: rooms of ten"),
    "cluster": Curve(
        cluster,
        "rooms",
        ("busiest_redis_us_per_message_one", "busiest_redis_us_per_message_cluster"),
        "CPU of the busiest Redis for a message: rooms of ten",
    ),
    "gateways": Curve(
        gateways, "gateways", ("cpu_us_per_delivery",), "CPU per delivery: gateways", False
    ),
    "connections": Curve(
        connections, "connections", ("mib",), "Memory of a gateway: connections", False
    ),
    "latency": Curve(
        latency,
        "messages_per_second",
        ("p50_ms", "p99_ms"),
        "Latency: messages a second, 100 people",
    ),
    "arrivals": Curve(
        arrivals, "people", ("cpu_ms_per_login",), "CPU per login: people in the room", False
    ),
    "returns": Curve(
        returns, "people", ("seconds",), "All back after a gateway was killed: people", False
    ),
}


def _talk(at: Servers, load: Load, messages: int, *, window: int = 0, rate: float = 0.0) -> Point:
    before = at.cpu()
    senders = min(10, len(load.clients))
    delivered, seconds = load.talk(senders, messages, window=window, rate=rate)
    return _figures(load, delivered, seconds, at.cpu() - before)


def _figures(load: Load, delivered: int, seconds: float, cpu: float) -> Point:
    latencies = sorted(load.latencies)
    return {
        "deliveries_per_second": round(delivered / seconds),
        "cpu_us_per_delivery": round(cpu / delivered * 1e6, 3),
        "p50_ms": round(latencies[len(latencies) // 2], 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100], 2),
    }


def draw(curve: Curve, points: Sequence[Point], file: Path) -> None:
    """Draw a curve, with matplotlib, which the extra ``bench`` brings."""
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(6, 3.4), layout="constrained")
    for y in curve.ys:
        axes.plot([each[curve.x] for each in points], [each[y] for each in points], "o-", label=y)
    axes.set(title=curve.title, xlabel=curve.x.replace("_", " "), ylim=(0, None))
    axes.set_ylabel(", ".join(curve.ys).replace("_", " "))
    if curve.logarithmic:
        axes.set_xscale("log")
    if len(curve.ys) > 1:
        axes.legend()
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


@click.command()
@click.option("--out", default="bench-curves", type=Path, show_default=True, help="A folder.")
@click.argument("names", nargs=-1, type=click.Choice(list(CURVES)))
def main(out: Path, names: tuple[str, ...]) -> None:
    """Measure the curves, or only those that are named; write JSON, and drawings beside it."""
    if not sys.platform.startswith("linux"):
        raise click.ClickException("CPU and memory are read from /proc: this needs Linux.")
    raise_limit()
    out.mkdir(parents=True, exist_ok=True)
    for name in names or CURVES:
        curve = CURVES[name]
        points = curve.measure()
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "title": curve.title}
        (out / f"{name}.json").write_text(
            json.dumps({"about": about, "points": points}, indent=1) + "\n"
        )
        click.echo(f"{name}: {json.dumps(points)}")
        try:
            draw(curve, points, out / f"{name}.svg")
        except ImportError:
            click.echo("not drawn: pip install -e '.[bench]' brings matplotlib", err=True)


if __name__ == "__main__":
    main()
