import asyncio
from types import SimpleNamespace

import pytest

from client.compose import compose
from client.errors import Ended, Refused, Unconfirmed
from client.news import Held, SentAgain
from client.outgoing import FIRST_RETRY, Outgoing
from wire.frames import Ack
from wire.reasons import IDLE

LOST, NOT_SENT = Unconfirmed("lost"), Ended(IDLE)
UNAVAILABLE, FULL = Refused("unavailable", "-"), Refused("outbox_full", "-")
SLOWER = Refused("slow_down", "-", retry_after=0.0)
A, B, C = "session A", "session B", "session C"


class Connections:
    """Connections of sessions, each with what becomes of the one message that it gets."""

    def __init__(self):
        self.outcomes = []
        self.sent = []
        self.told = []
        self.outgoing = Outgoing(self.next, asyncio.Event(), self.told.append, lambda *_: 0.0)

    async def next(self):
        if not self.outcomes:
            raise Ended(IDLE)
        session, outcome = self.outcomes.pop(0)

        async def deliver(send):
            self.sent.append(send)
            if outcome:
                raise outcome
            return Ack(seq=send.seq, id="1-1")

        return SimpleNamespace(session=session, deliver=deliver)

    async def send(self, *outcomes):
        self.outcomes = list(outcomes)
        return await self.outgoing.send(compose(1, "hello"))


@pytest.fixture
def connections():
    return Connections()


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        # Known again: the gateway makes sure that it is posted once.
        ([(A, LOST), (A, None)], []),
        ([(A, LOST), (A, LOST), (A, None)], []),
        # Not known again: it may have been posted before.
        ([(A, LOST), (B, None)], [SentAgain("hello")]),
        ([(A, LOST), (B, NOT_SENT), (B, None)], [SentAgain("hello")]),
        ([(A, UNAVAILABLE), (B, None)], [Held(UNAVAILABLE, 0.0), SentAgain("hello")]),
        # Nothing was sent, or it was certainly refused.
        ([(A, NOT_SENT), (B, None)], []),
        ([(A, FULL), (B, None)], [Held(FULL, 0.0)]),
        ([(A, SLOWER), (B, None)], [Held(SLOWER, 0.0)]),
    ],
)
async def test_a_possible_duplicate_is_announced_and_nothing_else_is(connections, outcomes, told):
    await connections.send(*outcomes)
    assert connections.told == told
    assert len(set(map(id, connections.sent))) == 1  # the very same request


async def test_at_the_end_of_the_chat_it_says_what_is_known(connections):
    with pytest.raises(Ended):
        await connections.send((A, NOT_SENT), (A, FULL))
    with pytest.raises(Unconfirmed):
        await connections.send((A, LOST))
    with pytest.raises(Unconfirmed):
        await connections.send((A, UNAVAILABLE))


async def test_pauses_between_attempts_grow(connections):
    drawn = []

    def pick(low, high):
        drawn.append((low, high))
        return 0.0

    connections.outgoing._pick = pick
    await connections.send((A, FULL), (A, UNAVAILABLE), (A, SLOWER), (A, FULL), (A, None))
    assert drawn == [(0.0, FIRST_RETRY), (0.0, FIRST_RETRY * 2), (0.0, FIRST_RETRY * 4)]
