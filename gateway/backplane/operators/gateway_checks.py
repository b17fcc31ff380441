"""The findings of `chatctl doctor` about the gateways. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.backplane.alike import differences
from gateway.backplane.contract import LEASE
from gateway.backplane.operators.checks import Finding
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.open_files import FEW

CLOCKS_APART = 5.0
"""Seconds by which clocks may differ."""

LATE_LEASE = 4.0
"""If a lease has fewer seconds left, two renewals have failed."""

LATE_LOOP = 1.0
"""Seconds by which an event loop may be late."""

FULL = 0.9
"""The part of its connections that a gateway may use."""


class Probed(NamedTuple):
    """What came of sending a frame through a gateway.

    Attributes:
        gateway: its id.
        heard: it listens on its control channel.
        answer: ``ok``, ``seconds`` and ``text``; None for no answer.
    """

    gateway: str
    heard: bool
    answer: Mapping[str, Any] | None


def clock(ahead: float) -> Iterator[Finding]:
    """Whether this machine's clock agrees with Redis'."""
    yield _clock("clock here", ahead)


def gateways(found: Sequence[GatewayRecord], now: int) -> Iterator[Finding]:
    """Whether they are alive and keep up.

    Args:
        found: all known gateways.
        now: milliseconds since 1970 by Redis' clock.
    """
    any_lives = any(each.lease is not None for each in found)
    if not any_lives:
        yield Finding("failure", "gateways", "none is alive: start one with `chatctl gateway`")
    for each in found:
        what = f"gateway {each.id}"
        if each.lease is None:
            text = f"is dead; the others remove its {each.names} names within seconds"
            if not any_lives:
                text = f"is dead; the next gateway that starts removes its {each.names} names"
            yield Finding("warning", what, text)
        elif each.draining:
            yield Finding("ok", what, "drains")
        else:
            yield from _living(what, each, each.lease, now)


def alike(found: Sequence[GatewayRecord]) -> Iterator[Finding]:
    """Whether the gateways have the same settings for what concerns the whole chat."""
    reported = {
        each.id: each.info.settings for each in found if each.lease is not None and each.info
    }
    known = {id: settings for id, settings in reported.items() if settings is not None}
    different = differences(known)
    for each in different:
        text = f"{each}. Start all gateways with the same value"
        yield Finding("warning", "gateways' settings", text)
    if len(known) > 1 and not different:
        yield Finding("ok", "gateways' settings", "all have the same")


def _living(what: str, gateway: GatewayRecord, left: float, now: int) -> Iterator[Finding]:
    info = gateway.info
    if info is None:
        yield Finding("warning", what, "is of another version: its report cannot be read")
        return
    where = f"{info.listen} on {info.host}, {info.connections} connections"
    if left < LATE_LEASE:
        text = f"{left:.1f} s left of its lease, which it renews every 3 s: is it overloaded?"
        yield Finding("warning", what, text)
    elif info.lag > LATE_LOOP:
        text = f"its event loop was {info.lag:.1f} s late: it is overloaded, add a gateway"
        yield Finding("warning", what, text)
    elif info.most_connections is not None and (
        info.most_connections < FEW or info.connections > info.most_connections * FULL
    ):
        text = f"{where} of {info.most_connections} that its limit of open files allows: raise that"
        yield Finding("warning", what, f"{text} limit (ulimit -n), or add a gateway")
    else:
        yield Finding("ok", what, f"{where}, {left:.0f} s left of its lease")
    # `at` is when the gateway wrote its lease.
    written = now / 1000 - (LEASE - left)
    yield _clock(f"clock of {gateway.id}", info.at / 1000 - written)


def _clock(what: str, ahead: float) -> Finding:
    if abs(ahead) <= CLOCKS_APART:
        return Finding("ok", what, f"within {CLOCKS_APART:.0f} s of Redis'")
    side = "ahead of" if ahead > 0 else "behind"
    text = f"{abs(ahead):.0f} s {side} Redis': wrong times are shown. Let NTP set both clocks"
    return Finding("warning", what, text)


def probed(found: Probed) -> Finding:
    """Whether a frame gets through a gateway."""
    what = f"frame through {found.gateway}"
    if not found.heard:
        return Finding(
            "failure", what, "it does not listen: its people get no messages. Restart it"
        )
    if found.answer is None:
        return Finding(
            "failure", what, "no answer: it hangs, is overloaded, or Redis is full. See its log"
        )
    if not found.answer.get("ok"):
        return Finding("failure", what, f"{found.answer.get('text', 'failed')}. See its log")
    return Finding("ok", what, f"took {found.answer.get('seconds', 0) * 1000:.0f} ms")
