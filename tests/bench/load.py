"""The load: clients who log in, talk and listen, in as little Python as will do."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable

MARK = b'"text":"MK:'
"""What begins the text of a message of ours; the time of sending follows, in hexadecimal ns."""

STUCK_AFTER = 10.0
"""Seconds without a delivery after which a run is given up."""


class Client:
    """One connection. Counts the messages that reach it; every eighth's latency is kept.

    Attributes:
        ready: it has been welcomed.
        token: what takes its name back over another connection.
        entered: the rooms that it has entered since.
    """

    def __init__(
        self, port: int, number: int, selector: selectors.BaseSelector, earlier: bytes = b""
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        resume = b',"resume":"%b","seq":2' % earlier if earlier else b""
        self.socket.sendall(b'{"op":"hello","v":1,"name":"bench%d"%b}\n' % (number, resume))
        self.socket.setblocking(False)
        self.ready = False
        self.token = b""
        self.entered = 0
        self._rest = b""
        selector.register(self.socket, selectors.EVENT_READ, self)

    def read(self, latencies: list[float]) -> int:
        """Take in what is there; return how many messages it completed."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return 0
        if not data:
            raise SystemExit("the gateway ended a connection")
        now = time.monotonic_ns()
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        if not newline:
            return 0
        if not self.ready:
            self.ready = b'"op":"welcome"' in whole
            self.token = whole.partition(b'"resume":"')[2].partition(b'"')[0]
        self.entered += whole.count(b'"op":"entered"')
        parts = whole.split(MARK)
        latencies += [(now - int(part[:16], 16)) / 1e6 for part in parts[1::8]]
        return len(parts) - 1

    def say(self, count: int, room: int | None = None) -> None:
        """Send this number of messages, each of 64 bytes, to the lobby or to a room."""
        text = b"%016x" % time.monotonic_ns()
        where = b"" if room is None else b'"room":"room%d",' % room
        line = b'{"op":"send",%b"text":"MK:%b"}\n' % (where, text.ljust(61, b"x"))
        self._send(line * count)

    def enter(self, rooms: Iterable[int]) -> None:
        """Enter these rooms."""
        self._send(b"".join(b'{"op":"join","room":"room%d"}\n' % room for room in rooms))

    def _send(self, data: bytes) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)


class Load:
    """The clients of some gateways.

    Args:
        ports: of the gateways, in turn.
    """

    def __init__(self, *ports: int) -> None:
        self._ports = ports
        self._selector = selectors.DefaultSelector()
        self.clients: list[Client] = []
        self.latencies: list[float] = []
        self._ready = 0

    def log_in(self, clients: int) -> None:
        """Log in this number more, as fast as they are let in."""
        for _ in range(clients):
            number = len(self.clients)
            port = self._ports[number % len(self._ports)]
            client = Client(port, number, self._selector)
            self.clients.append(client)
            # Not more than the kernel lets wait.
            self._until(lambda: len(self.clients) - self._ready < 200)
        self._until(lambda: len(self.clients) == self._ready)

    def come_back(self, port: int) -> None:
        """All take their names back at another gateway, as fast as they are let in."""
        earlier, self.clients, self._ready = self.clients, [], 0
        for each in earlier:
            self._selector.unregister(each.socket)
            each.socket.close()
        for number, each in enumerate(earlier):
            self.clients.append(Client(port, number, self._selector, each.token))
            self._until(lambda: len(self.clients) - self._ready < 200)
        self._until(lambda: len(self.clients) == self._ready)

    def enter(self, rooms: int, people: int) -> None:
        """Have this number of people in each of this number of rooms; each enters as many."""
        each = rooms * people // len(self.clients)
        for number, client in enumerate(self.clients):
            client.enter((number * each + n) % rooms for n in range(each))
        self._until(lambda: all(client.entered == each for client in self.clients))

    def talk_in_rooms(
        self, rooms: int, people: int, messages: int, window: int
    ) -> tuple[int, float]:
        """Send messages to the rooms in turn, by somebody in each; see `talk`."""
        each = rooms * people // len(self.clients)
        by_room: dict[int, Client] = {}
        for number, client in enumerate(self.clients):
            for n in range(each):
                by_room.setdefault((number * each + n) % rooms, client)
        self.latencies.clear()
        expected, delivered, sent = messages * people, 0, 0
        start = time.monotonic()
        while delivered < expected:
            while sent < min(delivered // people + window, messages):
                room = sent % rooms
                by_room[room].say(1, room)
                sent += 1
            delivered += self._wait(STUCK_AFTER)
        return delivered, time.monotonic() - start

    def talk(
        self, senders: int, messages: int, *, window: int = 0, rate: float = 0.0
    ) -> tuple[int, float]:
        """Send messages, and wait until everybody has received all of them.

        Args:
            senders: how many of the clients send.
            messages: how many to send in all.
            window: how many are on their way at any time; or
            rate: how many to send each second.

        Returns:
            Deliveries, and the seconds that they took.
        """
        self.latencies.clear()
        expected, delivered, sent = messages * len(self.clients), 0, 0
        start = time.monotonic()
        while delivered < expected:
            allowed = delivered // len(self.clients) + window
            if rate:
                allowed = int((time.monotonic() - start) * rate) + 1
            due = min(allowed, messages) - sent
            if due > 0:
                for number in range(min(senders, due)):
                    share = due // senders + (number < due % senders)
                    self.clients[(sent + number) % senders].say(share)
                sent += due
            delivered += self._wait(0.001 if rate else STUCK_AFTER)
        return delivered, time.monotonic() - start

    def listen(self, seconds: float) -> None:
        """Only take in what comes, for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._wait(left)

    def close(self) -> None:
        """End all connections."""
        for client in self.clients:
            self._selector.unregister(client.socket)
            client.socket.close()

    def _wait(self, timeout: float) -> int:
        ready = self._selector.select(timeout)
        if not ready and timeout == STUCK_AFTER:
            raise SystemExit(f"nothing was delivered for {STUCK_AFTER:.0f} seconds")
        delivered = 0
        for key, _ in ready:
            client: Client = key.data
            was_ready = client.ready
            delivered += client.read(self.latencies)
            self._ready += client.ready and not was_ready
        return delivered

    def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._wait(STUCK_AFTER)
