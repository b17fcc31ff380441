"""What every link does: the TCP link, and the fake one that other tests use."""

import asyncio
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listeners import tcp
from gateway.listeners.json_lines import JSON_LINES
from gateway.listeners.tcp import TcpLink
from gateway.meters import Meters
from tests.unit.gateway.fakes import FakeLink, quiet, until
from wire.limits import Limits
from wire.reasons import CONNECTION_LOST, IDLE, KICKED, SLOW

BACKLOG = 1000
HIGH_WATER = 100


class Transport:
    """One whose peer takes in nothing while it is told so."""

    def __init__(self):
        self.written = []
        self.waiting = 0
        self.link = None
        self.stopped = False
        self.looks = 0
        self.dribbles = False

    def write(self, data):
        self.written.append(data)
        if self.stopped:
            before, self.waiting = self.waiting, self.waiting + len(data)
            if before <= HIGH_WATER < self.waiting:
                self.link.pause_writing()

    def get_write_buffer_size(self):
        self.looks += 1
        self.waiting -= self.dribbles
        return self.waiting

    def take(self, count):
        before, self.waiting = self.waiting, self.waiting - count
        if before > HIGH_WATER >= self.waiting:
            self.link.resume_writing()

    def is_closing(self):
        return False

    def can_write_eof(self):
        return False

    def pause_reading(self):
        pass

    resume_reading = abort = pause_reading


class OfTcp:
    """The real one."""

    def __init__(self):
        self.ended = []
        limits, ip = Limits(backlog=BACKLOG), ip_address("192.0.2.7")
        self.link = TcpLink(
            lambda link: self,
            JSON_LINES,
            limits,
            ip,
            "192.0.2.7:5",
            lambda: None,
            Meters(),
        )
        self.transport = Transport()
        self.transport.link = self.link
        self.link.connection_made(self.transport)

    def end(self, reason):
        self.ended.append(reason)

    def stop(self):
        """The peer reads no more. What it got before fills what lies between."""
        self.transport.stopped = True
        self.link.write(b"." * (HIGH_WATER + 1))
        self.transport.written.pop()

    def go_on(self):
        """The peer reads on."""
        self.transport.stopped = False
        self.transport.take(self.transport.waiting)

    @property
    def written(self):
        return [data for data in self.transport.written if b'"bye"' not in data]


class OfTests(OfTcp):
    """The imitation."""

    def __init__(self):
        self.ended = []
        self.link = FakeLink()
        self.link.backlog = BACKLOG
        self.link.end = self.end

    def stop(self):
        self.link.slow = asyncio.Event()

    def go_on(self):
        self.link.slow.set()

    @property
    def written(self):
        return self.link.writes


LINKS = (OfTcp, OfTests)


@pytest.fixture(params=LINKS)
async def one(request):
    return request.param()


async def waits(link):
    """Somebody who waits until the peer keeps up."""
    task = asyncio.create_task(link.drained())
    await quiet()
    return task


async def test_what_is_written_is_sent_in_order(one):
    for line in (b"1\n", b"2\n", b"3\n"):
        one.link.write(line)
    assert one.written == [b"1\n", b"2\n", b"3\n"]


async def test_nobody_waits_for_a_peer_that_keeps_up(one):
    one.link.write(b"x" * 5000)
    await one.link.drained()


async def test_all_who_wait_for_a_slow_peer_go_on_when_it_reads_on(one):
    one.stop()
    first, second = await waits(one.link), await waits(one.link)
    assert not first.done()
    one.go_on()
    await asyncio.gather(first, second)
    await one.link.drained()
    one.stop()
    again = await waits(one.link)
    assert not again.done()
    again.cancel()


async def test_after_the_end_nothing_is_written_and_nobody_waits(one):
    one.stop()
    waiting = await waits(one.link)
    one.link.close(IDLE)
    one.link.write(b"late\n")
    await one.link.drained()
    await waiting
    one.go_on()
    one.link.write(b"later\n")
    assert one.written == []


async def test_who_gave_up_waiting_does_no_harm_to_the_end(one):
    one.stop()
    waiting, another = await waits(one.link), await waits(one.link)
    waiting.cancel()
    await quiet()
    one.link.close(KICKED)
    await another


async def test_too_much_that_waits_is_the_end_once_and_not_at_once(one):
    one.stop()
    for _ in range(5):
        one.link.write(b"x" * 400)
    assert one.ended == [], "not while the hub may be going through a room's members"
    await quiet()
    assert one.ended == [SLOW]
    one.link.write(b"x")
    one.go_on()
    one.link.write(b"x")
    await quiet()
    assert one.ended == [SLOW]
    assert len(one.written) == 2


async def test_nobody_waits_for_a_peer_that_was_too_slow(one):
    one.stop()
    waiting = await waits(one.link)
    one.link.write(b"x" * 2000)
    await waiting
    await one.link.drained()


@pytest.mark.parametrize("make", LINKS)
@given(
    before=st.lists(st.integers(1, 600), max_size=8),
    after=st.lists(st.integers(1, 600), max_size=8),
)
def test_what_a_slow_peer_gets_has_no_hole(make, before, after):
    # It comes back and tells what it has seen last: a hole before that would never be filled.
    async def run():
        one = make()
        blobs = [b"%d:" % n + b"x" * size for n, size in enumerate(before + after)]
        one.stop()
        for blob in blobs[: len(before)]:
            one.link.write(blob)
        one.go_on()
        for blob in blobs[len(before) :]:
            one.link.write(blob)
        await quiet()
        assert one.written == blobs[: len(one.written)]
        assert one.ended == ([] if one.written == blobs else [SLOW])

    asyncio.run(run())


async def test_a_peer_that_has_gone_and_is_not_known_to_does_no_harm():
    # Its socket says so only when it is asked to send no more.
    def gone():
        raise OSError(107, "Transport endpoint is not connected")

    one, aborted = OfTcp(), []
    one.transport.can_write_eof = lambda: True
    one.transport.write_eof = gone
    one.transport.abort = lambda: aborted.append(True)
    one.link.close(IDLE)
    assert aborted == [True]


class TestStuck:
    """Of TCP only: time is the loop's."""

    @pytest.fixture
    async def one(self, monkeypatch):
        monkeypatch.setattr(tcp, "STUCK", 0.02)
        return OfTcp()

    async def test_who_takes_in_nothing_at_all_is_let_go(self, one):
        one.stop()
        waiting = await waits(one.link)
        await until(lambda: one.ended)
        assert one.ended == [SLOW]
        await waiting
        one.link.write(b"late")
        assert one.written == []

    async def test_who_takes_in_a_little_at_a_time_stays(self, one):
        one.transport.dribbles = True
        one.stop()
        await until(lambda: one.transport.looks > 8)
        assert one.ended == []
        one.link.close(IDLE)

    async def test_it_is_not_the_peer_who_is_stuck_when_the_gateway_stood_still(
        self, one, monkeypatch
    ):
        monkeypatch.setattr(tcp, "STUCK", 3600)
        one.stop()
        one.link._check(0, due=asyncio.get_running_loop().time() - 60)
        await quiet()
        assert one.ended == []
        one.link.close(IDLE)

    async def test_once_it_has_caught_up_or_gone_nobody_looks(self, one):
        one.stop()
        one.go_on()
        assert one.link._stuck is None
        one.stop()
        one.link.connection_lost(None)
        assert one.link._stuck is None
        assert one.ended == [CONNECTION_LOST]
