"""A gateway's numbers for Prometheus, read when it asks. Imported only if --http is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import accumulate
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.backplane.contract import Backplane
from gateway.channels.outbox import Outbox
from gateway.fleet.shutdown import Shutdown
from gateway.meters import Histogram, Meters

TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of what `Metrics.text` returns."""


class Measured(Protocol):
    """What is read of a gateway."""

    @property
    def id(self) -> str:
        """The gateway's."""

    @property
    def version(self) -> str:
        """The program's."""

    @property
    def peers(self) -> Sized:
        """All who are connected."""

    @property
    def online(self) -> Sized:
        """All who have a name."""

    @property
    def rooms(self) -> Sized:
        """The rooms that somebody here is in."""

    @property
    def outbox(self) -> Outbox:
        """What waits to be published."""

    @property
    def backplane(self) -> Backplane:
        """Whether Redis is there."""

    @property
    def shutdown(self) -> Shutdown:
        """Whether the gateway drains."""

    @property
    def meters(self) -> Meters:
        """What it has counted."""


class Metrics(Collector):
    """The numbers of one gateway and of its process.

    The values of labels come from fixed lists, and are never a name, a room or an address: more
    people do not make more series.

    Args:
        gateway: the gateway whose numbers these are.
    """

    def __init__(self, gateway: Measured) -> None:
        self._gateway = gateway
        self._ready = False
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self, *, ready: bool) -> bytes:
        """The numbers in Prometheus' text format, which all its versions can read.

        Args:
            ready: whether the gateway is ready for people.
        """
        self._ready = ready
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """The numbers as they are now."""
        yield from self._gauges()
        yield from self._counters()
        yield from self._by_kind()
        yield from self._histograms()

    def _gauges(self) -> Iterator[Metric]:
        gateway = self._gateway
        for name, help, value in (
            ("connections", "Connections to the chat port.", len(gateway.peers)),
            ("sessions", "Connections that have a name.", len(gateway.online)),
            ("rooms", "Rooms that have people on this gateway.", len(gateway.rooms)),
            (
                "outbox_bytes",
                "Bytes of lines that wait to be published in rooms.",
                gateway.outbox.waiting,
            ),
            ("backplane_up", "Whether the gateway is connected to Redis.", gateway.backplane.up),
            ("ready", "Whether a frame really gets through, as in /readyz.", self._ready),
            (
                "draining",
                "Whether it is shutting down and takes no new people.",
                gateway.shutdown.draining,
            ),
        ):
            yield GaugeMetricFamily(f"chat_{name}", help, value)
        info = GaugeMetricFamily("chat_info", "The gateway.", labels=("gateway", "version"))
        info.add_metric((gateway.id, gateway.version), 1)
        yield info

    def _counters(self) -> Iterator[Metric]:
        meters = self._gateway.meters
        for name, help, value in (
            ("frames_received", "Lines received from peers.", meters.frames_received),
            ("frames_sent", "Lines written to peers.", meters.frames_sent),
            (
                "deliveries",
                "Lines from rooms and private messages, times the peers they were written to.",
                meters.deliveries,
            ),
            ("bytes_received", "Bytes received from peers.", meters.bytes_received),
            ("bytes_sent", "Bytes written to peers.", meters.bytes_sent),
            ("gaps_found", "Holes found in what Redis published.", meters.gaps_found),
            ("gaps_repaired", "Holes that were filled from the log.", meters.gaps_repaired),
            ("evictions", "Connections that were ended for inactivity.", meters.ends["idle"]),
            (
                "redis_full",
                "Calls that Redis refused because its memory was full.",
                meters.redis_full,
            ),
            (
                "swept_users",
                "Users of dead gateways that this one removed.",
                meters.swept,
            ),
        ):
            yield CounterMetricFamily(f"chat_{name}", help, value)

    def _by_kind(self) -> Iterator[Metric]:
        meters = self._gateway.meters
        for name, help, label, counts in (
            ("claims", "Claims of names.", "outcome", meters.claims),
            ("resumes", "Hellos that showed a resume token.", "outcome", meters.resumes),
            ("ends", "Connections that ended.", "reason", meters.ends),
            ("refusals", "Requests that were refused.", "code", meters.refusals),
            (
                "doorstep_refusals",
                "Connections that were refused at the door.",
                "reason",
                meters.doorstep,
            ),
        ):
            family = CounterMetricFamily(f"chat_{name}", help, labels=(label,))
            for kind, count in counts.items():
                family.add_metric((kind,), count)
            yield family

    def _histograms(self) -> Iterator[Metric]:
        meters = self._gateway.meters
        for name, help, histogram in (
            ("frames_per_flush", "Lines that were joined in one write.", meters.frames_per_flush),
            (
                "publish_to_deliver_seconds",
                "From a message's arrival here to its delivery here; the oldest of a batch.",
                meters.publish_to_deliver,
            ),
            ("backplane_roundtrip_seconds", "Calls to Redis.", meters.roundtrip),
            ("loop_lag_seconds", "How late the event loop was.", meters.lag),
        ):
            yield HistogramMetricFamily(
                f"chat_{name}", help, buckets=_buckets(histogram), sum_value=histogram.total
            )


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))
