"""Addresses of this machine that answer or stay silent."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wire import connecting

Address = tuple[str, int]


def names(monkeypatch: pytest.MonkeyPatch, **hosts: list[Address | None]) -> None:
    """Make host names resolve to these addresses; None is 127.0.0.1 and the requested port.

    Each name also works with a dot at its end.
    """

    async def resolve(host: str, port: int) -> list[connecting.Endpoint]:
        known = hosts[host.removesuffix(".").partition(".")[0]]
        return [(socket.AF_INET, address or ("127.0.0.1", port)) for address in known]

    monkeypatch.setattr(connecting, "resolve", resolve)


def link_local() -> str | None:
    """A link-local address of this machine, with its interface; None if it has none."""
    known = Path("/proc/net/if_inet6")
    for line in known.read_text().splitlines() if known.exists() else ():
        address, _, _, scope, _, interface = line.split()
        if scope == "20":
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))}%{interface}"
    return None


@contextlib.contextmanager
def listening() -> Iterator[Address]:
    """An address with a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@contextlib.contextmanager
def silent() -> Iterator[Address]:
    """An address that never answers, as behind a firewall: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = server.getsockname()
        while True:
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        yield address
