"""One set of health pages for all workers: each is asked, and the answers become one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from gateway.http.metrics import TYPE
from gateway.http.port import Answer

WITHIN = 5.0
"""Seconds that a worker has for an answer; what asks us waits for longer."""

MOST = 8 * 1024 * 1024
"""The most bytes of an answer."""

Address = tuple[str, int]


class Pages:
    """The pages of a parent.

    Args:
        count: how many workers there should be.
        up: for each worker that serves, by its number, where its own pages are.
        restarts: how many workers were started again.
        draining: whether all are about to end.
    """

    def __init__(
        self,
        count: int,
        up: Callable[[], Mapping[int, Address]],
        restarts: Callable[[], int],
        draining: Callable[[], bool],
    ) -> None:
        self._count = count
        self._up = up
        self._restarts = restarts
        self._draining = draining

    async def alive(self) -> Answer:
        """Always yes: a worker that dies is started again."""
        return Answer(200, b"ok\n")

    async def ready(self) -> Answer:
        """Whether people can be sent here: each worker that serves must be ready, and one at least.

        One that has just died gets no connections: the kernel gives them to the others.
        """
        if self._draining():
            return Answer(503, b"draining\n")
        answers = await self._ask("/readyz")
        for number, answer in answers.items():
            if answer.status != 200:
                return Answer(503, b"worker %d: %s" % (number, answer.body))
        return Answer(200, b"ready\n") if answers else Answer(503, b"no worker serves yet\n")

    async def metrics(self) -> Answer:
        """What the workers have counted, each with its number as the label ``worker``."""
        answers = await self._ask("/metrics")
        texts = {number: each.body.decode() for number, each in answers.items()}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Together(texts, self._count, self._restarts()))
        return Answer(200, generate_latest(registry), TYPE)

    async def _ask(self, path: str) -> dict[int, Answer]:
        up = self._up()
        answers = await asyncio.gather(*(_get(at, path) for at in up.values()))
        return dict(zip(up, answers, strict=True))


class _Together(Collector):
    """The metrics of all workers as one set."""

    def __init__(self, texts: Mapping[int, str], count: int, restarts: int) -> None:
        self._texts = texts
        self._count = count
        self._restarts = restarts

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for number, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                whole = families.get(family.name)
                if whole is None:
                    whole = Metric(family.name, family.documentation, family.type)
                    families[family.name] = whole
                for sample in family.samples:
                    labels = {**sample.labels, "worker": str(number)}
                    whole.add_sample(sample.name, labels, sample.value)
        yield from families.values()
        up = len(self._texts)
        yield GaugeMetricFamily("chat_workers", "Workers that there should be.", self._count)
        yield GaugeMetricFamily("chat_workers_up", "Workers that serve.", up)
        yield CounterMetricFamily(
            "chat_worker_restarts", "Workers that were started again.", self._restarts
        )


async def _get(at: Address, path: str) -> Answer:
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(*at)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
                answer = await reader.read(MOST)
                while len(answer) < MOST and (more := await reader.read(MOST - len(answer))):
                    answer += more
            finally:
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return Answer(int(head.split()[1]), body)
    except (OSError, TimeoutError, ValueError, IndexError) as error:
        return Answer(503, f"no answer ({type(error).__name__})\n".encode())
