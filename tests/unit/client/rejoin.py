"""A chat that lasts over many connections to the fake gateway, and never waits."""

import asyncio

from client.lasting import LastingChat
from wire.reasons import QUIT


class Rejoin:
    """Comes back; first come the failures that a test wants, and not before `until` is set.

    `earlier` and `seen` are what each attempt was told, `peers` are the new connections' ends.
    """

    def __init__(self, join):
        self.join = join
        self.failures = []
        self.earlier = []
        self.seen = []
        self.until = asyncio.Event()
        self.until.set()
        self.welcome = {}
        self.peers = asyncio.Queue()

    async def __call__(self, earlier, seen):
        self.earlier.append(earlier)
        self.seen.append(dict(seen))
        await self.until.wait()
        if self.failures:
            raise self.failures.pop(0)
        connection, peer = await self.join(
            earlier.name, resume=earlier, seen=seen, welcome=self.welcome
        )
        self.peers.put_nowait(peer)
        return connection


class Pauses:
    """A clock that only the pauses of a client move; `slept` are those before attempts."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def lasting_chat(connection, rejoin, pauses=None, pick=lambda _low, _high: 0.0, **given):
    """A chat without randomness and without waiting."""
    pauses = pauses or Pauses()
    return LastingChat(connection, rejoin, pick=pick, sleep=pauses.sleep, clock=pauses, **given)


async def close(chat):
    """End a chat that nobody has left."""
    chat.connection.end(QUIT)
    await chat.quit()
