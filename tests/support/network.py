"""Addresses of this machine that answer, or do not."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from network import connecting

Address = tuple[str, int]


def names(monkeypatch: pytest.MonkeyPatch, **hosts: list[Address | None]) -> None:
    """Have names of hosts mean these addresses; None for the one of the port that is asked for.

    Every name may be asked for with a dot at its end, too.
    """

    async def resolve(host: str, port: int) -> list[connecting.Endpoint]:
        known = hosts[host.removesuffix(".").partition(".")[0]]
        return [(socket.AF_INET, address or ("127.0.0.1", port)) for address in known]

    monkeypatch.setattr(connecting, "resolve", resolve)


def link_local() -> str | None:
    """One of this machine's addresses that mean something on one interface only, with that."""
    known = Path("/proc/net/if_inet6")
    for line in known.read_text().splitlines() if known.exists() else ():
        address, _, _, scope, _, interface = line.split()
        if scope == "20":
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))}%{interface}"
    return None


@contextlib.contextmanager
def listening() -> Iterator[Address]:
    """An address where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@contextlib.contextmanager
def silent() -> Iterator[Address]:
    """An address that answers nothing, as behind a firewall: its queue is full."""
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
