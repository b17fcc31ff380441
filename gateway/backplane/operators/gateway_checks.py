"""What `chatctl doctor` makes of what gateways tell of themselves: pure, from facts to findings."""

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
"""Seconds left of a lease below which two renewals have failed."""

LATE_LOOP = 1.0
"""Seconds that an event loop may be late."""

FULL = 0.9
"""How full a gateway may be."""


class Probed(NamedTuple):
    """What became of a frame through a gateway.

    Attributes:
        gateway: its id.
        heard: it listens on its channel.
        answer: ``ok``, ``seconds`` and ``text``; None for none.
    """

    gateway: str
    heard: bool
    answer: Mapping[str, Any] | None


def clock(ahead: float) -> Iterator[Finding]:
    """That this machine's clock and Redis' agree."""
    yield _clock("clock here", ahead)


def gateways(found: Sequence[GatewayRecord], now: int) -> Iterator[Finding]:
    """That they live, and are in time.

    Args:
        found: all that are known.
        now: milliseconds since 1970 by Redis' clock.
    """
    any_lives = any(each.lease is not None for each in found)
    if not any_lives:
        yield Finding("failure", "gateways", "none lives: start one with `chatctl gateway`")
    for each in found:
        what = f"gateway {each.id}"
        if each.lease is None:
            text = f"is dead; the others take its {each.names} names out within seconds"
            if not any_lives:
                text = f"is dead, and the next one that is started takes its {each.names} names out"
            yield Finding("warning", what, text)
        elif each.draining:
            yield Finding("ok", what, "drains")
        else:
            yield from _living(what, each, each.lease, now)


def alike(found: Sequence[GatewayRecord]) -> Iterator[Finding]:
    """That the gateways have the same settings, where these concern the whole chat."""
    told = {each.id: each.info.settings for each in found if each.lease is not None and each.info}
    known = {id: settings for id, settings in told.items() if settings is not None}
    different = differences(known)
    for each in different:
        text = f"{each}. Start all of them with the same"
        yield Finding("warning", "gateways' settings", text)
    if len(known) > 1 and not different:
        yield Finding("ok", "gateways' settings", "all have the same")


def _living(what: str, gateway: GatewayRecord, left: float, now: int) -> Iterator[Finding]:
    told = gateway.info
    if told is None:
        yield Finding("warning", what, "is of another version: what it tells cannot be read")
        return
    where = f"{told.listen} on {told.host}, {told.connections} connections"
    if left < LATE_LEASE:
        text = f"{left:.1f} s left of its lease, which it renews every 3 s: is it overloaded?"
        yield Finding("warning", what, text)
    elif told.lag > LATE_LOOP:
        text = f"its event loop was {told.lag:.1f} s late: it is overloaded, add a gateway"
        yield Finding("warning", what, text)
    elif told.most_connections is not None and (
        told.most_connections < FEW or told.connections > told.most_connections * FULL
    ):
        text = f"{where} of {told.most_connections} that its limit of open files allows: raise that"
        yield Finding("warning", what, f"{text} (ulimit -n), or add a gateway")
    else:
        yield Finding("ok", what, f"{where}, {left:.0f} s left of its lease")
    # The lease is written in the moment that the gateway calls `at`.
    written = now / 1000 - (LEASE - left)
    yield _clock(f"clock of {gateway.id}", told.at / 1000 - written)


def _clock(what: str, ahead: float) -> Finding:
    if abs(ahead) <= CLOCKS_APART:
        return Finding("ok", what, f"within {CLOCKS_APART:.0f} s of Redis'")
    side = "ahead of" if ahead > 0 else "behind"
    text = f"{abs(ahead):.0f} s {side} Redis': times are shown wrong. Let NTP set both"
    return Finding("warning", what, text)


def probed(found: Probed) -> Finding:
    """That a frame gets through a gateway."""
    what = f"frame through {found.gateway}"
    if not found.heard:
        return Finding("failure", what, "it does not listen: its people hear nothing. Restart it")
    if found.answer is None:
        return Finding(
            "failure", what, "no answer: it hangs, is overloaded, or Redis is full. See its log"
        )
    if not found.answer.get("ok"):
        return Finding("failure", what, f"{found.answer.get('text', 'failed')}. See its log")
    return Finding("ok", what, f"took {found.answer.get('seconds', 0) * 1000:.0f} ms")
