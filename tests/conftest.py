"""Every async test runs twice, on plain asyncio in debug mode and on uvloop, and is watched.

A test fails if anything reaches the loop's exception handler, or if it leaves something behind: a
task that still runs or a socket that is still open.
"""

import asyncio
import faulthandler
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvloop
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from pytest_asyncio import is_async_test

from gateway.door import passwords
from tests.support.deadlines import within

pytest_plugins = ["tests.support.fixtures"]

# Property tests have no deadline: on a busy machine an example may take long.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    # A program started with `&` in a script ignores Ctrl-C and Ctrl-\, and one started with `nohup`
    # ignores the end of its terminal. So would everything that the tests start.
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    for number, handler in usual.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    # Debug mode keeps one line of where each callback came from: ten lines took half of the time.
    asyncio.constants.DEBUG_STACK_DEPTH = 1
    # One test checks the real cost of a hash; the others should not have to pay it.
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    # The time limit of a failed test is over, but its teardown may hang.
    faulthandler.dump_traceback_later(within(60), exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_asyncio_loop_factories() -> dict[str, Any]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> None:
    # Set up first, so that it checks after everything else of the test is torn down.
    if is_async_test(request.node):
        request.getfixturevalue("watched_loop")


@pytest.fixture
async def watched_loop() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    loop.set_debug(isinstance(loop, asyncio.SelectorEventLoop))
    stray: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: stray.append(context))
    yield
    left = await _left_behind(loop)
    gc.collect()  # a task's unread exception is reported when the task is collected
    gc.freeze()  # the next collection can skip these objects
    if stray:
        pytest.fail("strayed into the loop:\n" + "\n".join(map(_describe, stray)))
    if left:
        pytest.fail("left behind:\n" + "\n".join(left))


def pytest_collection_finish() -> None:
    # Objects from before the first test are not checked after each test.
    gc.collect()
    gc.freeze()


async def _left_behind(loop: asyncio.AbstractEventLoop) -> list[str]:
    """The tasks and sockets that have not ended in time."""
    deadline = time.monotonic() + within(4)
    sockets = (
        _sockets_of_asyncio if isinstance(loop, asyncio.SelectorEventLoop) else _sockets_of_uvloop
    )
    # There is no event to wait for.
    while (left := [*_tasks(), *sockets(loop)]) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for each in left:
        # It could hang the end of the loop, or the next test.
        for end in ("cancel", "abort", "close"):
            getattr(each, end, int)()
    return [repr(each) for each in left]


def _tasks() -> list[Any]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def _sockets_of_asyncio(loop: Any) -> list[Any]:
    # Their callbacks' owners, except for the socket that wakes the loop up.
    keys = [key for key in loop._selector.get_map().values() if key.fd != loop._ssock.fileno()]
    return [handle for key in keys for handle in key.data if handle is not None]


def _sockets_of_uvloop(_: Any) -> list[Any]:
    found = [each for each in gc.get_objects() if type(each).__module__ == "uvloop.loop"]
    servers = [each for each in found if type(each).__name__ == "Server" and each.is_serving()]
    transports = [
        each for each in found if type(each).__name__ in ("TCPTransport", "UnixTransport")
    ]
    return servers + [each for each in transports if "closed=False" in repr(each)]


def _describe(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message')}: {error!r} {context}"
