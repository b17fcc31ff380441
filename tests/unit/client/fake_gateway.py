"""A gateway that does what a test tells it: real sockets, real frames, no rules."""

import asyncio
import itertools

import msgspec

from wire.codec import decode_request, encode
from wire.frames import Ack, Active, Bye, Hello, Msg, Ping, Pong, Quit, Send, Users, Welcome, Who
from wire.limits import Limits
from wire.reasons import QUIT

TS = 1_795_428_000_000
"""A gateway's clock: 2026-11-23T10:00:00Z."""


class Peer:
    """The gateway's end of one connection.

    `ids` gives the messages theirs; `hello` is what the client came with, if it was let in.
    """

    def __init__(self, reader, writer, ids):
        self._ids = ids
        self._reader = reader
        self._writer = writer

    async def request(self):
        """The next request; None when the client has hung up."""
        line = await self._reader.readline()
        return decode_request(line) if line else None

    async def expect(self, kind):
        """The next request of a kind; those that a client sends by itself are passed over."""
        while True:
            request = await self.request()
            if isinstance(request, kind):
                return request
            if isinstance(request, Who):
                self.tell(Users(users=[], seq=request.seq))
            elif isinstance(request, Ping):
                self.tell(Pong())
            else:
                assert isinstance(request, Active), request

    def tell(self, *events):
        self.write(b"".join(encode(event) for event in events))

    def write(self, data):
        self._writer.write(data)

    async def welcome(
        self,
        *,
        resume="token-1",
        limits=None,
        idle=60.0,
        resumed=None,
        seen=None,
        rooms=None,
        away_idle=msgspec.UNSET,
    ):
        """Grant the hello that comes, and return it; a peer that shows a token is known."""
        hello = await self.expect(Hello)
        self.tell(
            Welcome(
                v=1,
                name=hello.name,
                gateway="g1",
                resume=resume,
                idle=idle,
                rooms=["lobby"] if rooms is None else rooms,
                limits=limits or Limits(),
                resumed=bool(hello.resume) if resumed is None else resumed,
                seen=seen or {},
                away_idle=away_idle,
            )
        )
        return hello

    def say(self, text, *, sender="sis", id=None, **fields):
        """Let somebody say something to the client."""
        if "to" not in fields:
            fields.setdefault("room", "lobby")
        self.tell(Msg(id=id or f"1-{next(self._ids)}", from_=sender, text=text, ts=TS, **fields))

    async def acknowledge(self, **fields):
        """Take the send that comes, and return it."""
        send = await self.expect(Send)
        self.tell(Ack(seq=send.seq, id="1-1", **(fields or {"room": "lobby"})))
        return send

    async def farewell(self):
        """Let the client quit, as it should."""
        await self.expect(Quit)
        self.tell(Bye(*QUIT))

    def hang_up(self):
        self._writer.close()


class FakeGateway:
    """Listens on a free port, in TLS with a context for it; every connection becomes a `Peer`."""

    host = "127.0.0.1"

    def __init__(self, tls=None):
        self._tls = tls

    async def __aenter__(self):
        self._peers = asyncio.Queue()
        self._writers = []
        self._ids = itertools.count(1)
        self._server = await asyncio.start_server(self._connected, self.host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def _connected(self, reader, writer):
        self._writers.append(writer)
        self._peers.put_nowait(Peer(reader, writer, self._ids))

    async def peer(self):
        """The next connection."""
        return await self._peers.get()

    async def close(self):
        """Stop to listen, and hang up on everybody."""
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in self._writers), return_exceptions=True)
        await self._server.wait_closed()


class Steps:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now
