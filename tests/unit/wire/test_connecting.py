import asyncio
import socket

import pytest

from tests.support.deadlines import eventually, within
from tests.support.network import listening, names, silent
from wire import connecting as module
from wire.connecting import certificate_name, interleaved, open_socket, staggered

V4, V6 = socket.AF_INET, socket.AF_INET6


class Attempts:
    """Attempts that end when the test says so."""

    def __init__(self, count):
        self.begun = []
        self.ends = [asyncio.get_running_loop().create_future() for _ in range(count)]
        self.cancelled = []

    def __iter__(self):
        for number, end in enumerate(self.ends):
            yield lambda number=number, end=end: self._try(number, end)

    async def _try(self, number, end):
        self.begun.append(number)
        try:
            return await end
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise


@pytest.fixture
def never(monkeypatch):
    """The next attempt starts only after a failure."""
    monkeypatch.setattr(module, "NEXT_AFTER", 3600.0)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "NEXT_AFTER", 0.001)


async def test_a_silent_address_does_not_hold_up_the_next(monkeypatch):
    with silent() as nobody, listening() as somebody:
        names(monkeypatch, h=[nobody, somebody])
        async with asyncio.timeout(within(3)):
            with await open_socket("h", 1) as link:
                assert link.getpeername() == somebody
                assert link.getblocking() is False
                assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_many_silent_addresses_are_tried_side_by_side(monkeypatch):
    with silent() as nobody, listening() as somebody:
        names(monkeypatch, h=[nobody] * 4 + [somebody])
        async with asyncio.timeout(within(6)):
            with await open_socket("h", 1) as link:
                assert link.getpeername() == somebody


async def test_an_address_that_refuses_costs_no_time(monkeypatch, never):
    with listening() as somebody:
        names(monkeypatch, h=[("127.0.0.1", 1), ("127.0.0.1", 2), somebody])
        with await open_socket("h", 1) as link:
            assert link.getpeername() == somebody


async def test_if_every_address_fails_the_error_says_why(monkeypatch, never):
    names(monkeypatch, h=[("127.0.0.1", 1), ("127.0.0.1", 2)])
    with pytest.raises(ConnectionRefusedError):
        await open_socket("h", 1)


async def test_giving_up_leaves_nothing_behind(monkeypatch, soon):
    with silent() as nobody:
        names(monkeypatch, h=[nobody] * 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await open_socket("h", 1)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64])
async def test_an_impossible_host_name_is_an_error(host):
    with pytest.raises(socket.gaierror):
        await open_socket(host, 1)


async def test_a_host_may_be_an_address():
    with listening() as (host, port), await open_socket(host, port) as link:
        assert link.getpeername() == (host, port)


def test_address_families_alternate_and_the_preferred_one_is_first():
    found = [(V6, 1), (V6, 2), (V6, 3), (V4, 4)]
    assert interleaved(found) == [(V6, 1), (V4, 4), (V6, 2), (V6, 3)]
    assert interleaved(reversed(found)) == [(V4, 4), (V6, 3), (V6, 2), (V6, 1)]
    assert interleaved([]) == []


async def test_the_first_success_wins_and_the_others_are_cancelled(soon):
    attempts = Attempts(4)
    attempts.ends[1].set_result("one")
    assert await staggered(attempts) == "one"
    assert attempts.begun == [0, 1]
    assert attempts.cancelled == [0]


async def test_a_second_success_at_the_same_moment_is_discarded(soon):
    attempts, discarded = Attempts(2), []
    task = asyncio.create_task(staggered(attempts, discarded.append))
    await eventually(lambda: len(attempts.begun) == 2)
    for number, end in enumerate(attempts.ends):
        end.set_result(number)
    got = await task
    assert sorted([got, *discarded]) == [0, 1]


async def test_after_a_failure_the_next_attempt_starts_at_once(never):
    attempts = Attempts(3)
    attempts.ends[0].set_exception(OSError())
    attempts.ends[1].set_exception(ValueError())
    attempts.ends[2].set_result("two")
    assert await staggered(attempts) == "two"


async def test_a_failure_does_not_end_attempts_under_way(soon):
    attempts = Attempts(2)
    task = asyncio.create_task(staggered(attempts))
    await eventually(lambda: len(attempts.begun) == 2)
    attempts.ends[1].set_exception(OSError())
    await asyncio.sleep(0)
    attempts.ends[0].set_result("zero")
    assert await task == "zero"


async def test_a_success_at_the_moment_of_the_last_failure_counts(soon):
    attempts = Attempts(2)
    task = asyncio.create_task(staggered(attempts))
    await eventually(lambda: len(attempts.begun) == 2)
    loop = asyncio.get_running_loop()
    attempts.ends[1].set_exception(OSError())
    # In time: the waiting task has not run yet.
    loop.call_soon(loop.call_soon, attempts.ends[0].set_result, "zero")
    assert await task == "zero"


async def test_if_all_attempts_fail_the_last_error_is_raised(soon):
    attempts = Attempts(2)
    attempts.ends[0].set_exception(OSError("first"))
    attempts.ends[1].set_exception(OSError("last"))
    with pytest.raises(OSError, match="last"):
        await staggered(attempts)


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost.", "localhost"), ("a.example", "a.example"), ("127.0.0.1", "127.0.0.1")],
)
def test_a_name_in_a_certificate_has_no_dot_at_the_end(host, name):
    assert certificate_name(host) == name
