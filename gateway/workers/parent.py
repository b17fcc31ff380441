"""The parent of the workers: it starts them, starts again what dies, and ends them all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from gateway.errors import StartError
from gateway.journal import event
from gateway.listeners.ports import listening_on, reserve_port
from gateway.server import PATIENCE, Announce, why_not_listening
from gateway.signals import Signals
from gateway.workers.parcel import Failed, Parcel, Up, receive, send

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a worker that has died is started again: the first time, and at most."""

STEADY = 30.0
"""Seconds after which a worker counts as healthy: if it dies then, the pause is short again."""

TO_END = 2 * PATIENCE + 5.0
"""Seconds that a worker has to end, more than the time to drain."""

PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from gateway.workers.worker import main; "
PROGRAM += "sys.exit(main(int(sys.argv[1])))"
"""What a worker's Python runs. It finds our modules, and none of the folder that we are in."""

LOOPBACK = ("127.0.0.1", 0)


@dataclass(frozen=True)
class Worker:
    """A worker that serves.

    Attributes:
        process: it.
        link: our end of the socket; when it is closed, the worker ends.
        http: where its health pages are; None if it has none.
    """

    process: asyncio.subprocess.Process
    link: socket.socket
    http: tuple[str, int] | None


class Workers:
    """The workers of one parent.

    Args:
        parcel: what each of them gets; its port is fixed.
        count: how many.

    Attributes:
        restarts: how many were started again.
        draining: whether they are about to end.
    """

    def __init__(self, parcel: Parcel, count: int) -> None:
        self.restarts = 0
        self.draining = False
        self._parcel = parcel
        self._count = count
        self._processes: set[asyncio.subprocess.Process] = set()
        self._up: dict[int, Worker] = {}

    def pages(self) -> dict[int, tuple[str, int]]:
        """Where the health pages of each worker are that serves, by its number."""
        return {number: each.http for number, each in sorted(self._up.items()) if each.http}

    async def start(self) -> list[asyncio.Task[None]]:
        """Start all of them; returns a task for each, which is done when the worker is, for good.

        Raises:
            StartError: one of them cannot start.
        """
        begun = [asyncio.create_task(self._start(number)) for number in range(self._count)]
        try:
            workers = await asyncio.gather(*begun)
        except BaseException:
            self.end()
            await asyncio.gather(*begun, return_exceptions=True)
            await asyncio.gather(*(each.wait() for each in self._processes))
            raise
        return [asyncio.create_task(self._keep(*each)) for each in enumerate(workers)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of them."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def end(self) -> None:
        """Let all of them drain and end; called again, end at once."""
        self.draining = True
        self.signal(signal.SIGTERM)

    async def _keep(self, number: int, worker: Worker) -> None:
        """Start a worker again whenever it dies; one that ends by an operator's order may."""
        current: Worker | None = worker
        pause = FIRST_PAUSE
        while current is not None:
            begun = monotonic()
            code = await current.process.wait()
            self._gone(number, current)
            if self.draining:
                return
            if code == 0:
                event(log, logging.INFO, "a worker was drained", worker=number)
                return
            event(log, logging.ERROR, "a worker has died", worker=number, code=code)
            # One that dies at once again and again is not started again at once.
            steady = monotonic() - begun > STEADY
            pause = FIRST_PAUSE if steady else min(pause * 2, LONGEST_PAUSE)
            current = await self._start_again(number, pause)

    async def _start_again(self, number: int, pause: float) -> Worker | None:
        """Start a worker, as often as it takes; returns None if all are about to end."""
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            if self.draining:
                return None
            self.restarts += 1
            try:
                return await self._start(number)
            except StartError as error:
                event(log, logging.ERROR, "a worker cannot start", worker=number, why=error)

    async def _start(self, number: int) -> Worker:
        """Start a worker, and wait until it serves.

        Raises:
            StartError: it does not.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno()), *sys.path),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C in the terminal is for the parent.
                start_new_session=True,
            )
        self._processes.add(process)
        answer = await asyncio.to_thread(_hand_over, ours, self._parcel)
        if isinstance(answer, Up):
            worker = self._up[number] = Worker(process, ours, answer.http)
            if self.draining:
                self.signal(signal.SIGTERM)
            return worker
        ours.close()
        await process.wait()
        self._processes.discard(process)
        raise StartError(answer.text if isinstance(answer, Failed) else "a worker ended at once")

    def _gone(self, number: int, worker: Worker) -> None:
        del self._up[number]
        self._processes.discard(worker.process)
        worker.link.close()


def _hand_over(link: socket.socket, parcel: Parcel) -> Parcel | Up | Failed | None:
    try:
        send(link, parcel)
        return receive(link)
    except OSError:  # it has died already
        return None


async def run(parcel: Parcel, count: int, announce: Announce) -> int:
    """Keep workers running until SIGTERM, SIGINT or an operator's order; SIGHUP is for all.

    Args:
        parcel: what each worker gets. All listen on the port that it names.
        count: how many.
        announce: called once all serve, with host and port of the chat, and of HTTP.

    Returns:
        The process's exit code.

    Raises:
        StartError: they cannot start; the text says why.
    """
    running, up, config = asyncio.current_task(), False, parcel.config
    loop = asyncio.get_running_loop()

    def end() -> None:
        workers.end()
        loop.call_later(config.drain + TO_END, workers.signal, signal.SIGKILL)
        if not up and running is not None:
            running.cancel()

    async with contextlib.AsyncExitStack() as stack:
        with why_not_listening(config.host, config.port, "--listen"):
            reserved = await reserve_port(config.host, config.port, shared=config.reuse_port)
        for each in reserved:
            stack.callback(each.close)
        host, port = listening_on(reserved[0])
        http = None if config.http is None else LOOPBACK
        own = replace(config, port=port, reuse_port=True, http=http)
        workers = Workers(replace(parcel, config=own), count)
        signals = Signals(end)
        signals.reload = partial(workers.signal, signal.SIGHUP)
        at = None
        if config.http is not None:
            # Imported here: it takes a tenth of a second.
            from gateway.http.health import serve_pages
            from gateway.workers.pages import Pages

            pages = Pages(count, workers.pages, lambda: workers.restarts, lambda: workers.draining)
            at = await stack.enter_async_context(serve_pages(pages, *config.http))
        try:
            ended = await workers.start()
            announce(host, port, at)
            up = True
            await asyncio.gather(*ended)
        except asyncio.CancelledError:
            if not workers.draining:
                raise
        except StartError:
            if not workers.draining or not up:
                raise
        finally:
            signals.ignore()
    return 0
