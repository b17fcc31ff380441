"""What a gateway counts: plain numbers, because counting is on the hot path.

There are no locks, formatting or lookups here. The numbers are read only when somebody asks for
them (`gateway.http.metrics`).
"""

from __future__ import annotations

from bisect import bisect_left

from gateway.outcomes import Outcome
from wire.reasons import REASONS, ErrorCode

LINES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

CLAIMS: tuple[str, ...] = tuple(Outcome)
"""What became of a claim."""

RESUMES = ("resumed", "returned", "stranger")
"""What became of a hello that showed a token; stranger: the token was of no use."""

DOORSTEP = (
    *("crowded", "banned", "proxy", "tls"),
    *("http", "ssh", "smtp", "irc", "sip", "redis", "binary"),
)
"""Why a connection was refused at the door, or which other protocol it spoke."""


class Histogram:
    """Counts values by size.

    Args:
        bounds: the greatest value that each bucket takes; greater values have one more bucket.

    Attributes:
        counts: the values in each bucket; the last is for those above all bounds.
        total: the sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float, times: int = 1) -> None:
        """Count a value, once or several times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


class Meters:
    """The numbers of one gateway, since it started.

    Attributes:
        frames_received: lines received from peers.
        bytes_received: the same in bytes.
        frames_sent: lines written to peers.
        bytes_sent: the same in bytes.
        deliveries: lines from channels, times the peers that each was written to.
        frames_per_flush: lines that were joined in one write.
        publish_to_deliver: seconds from a message's arrival here to its delivery here; the oldest
            message of each batch.
        redis_full: calls that Redis refused because its memory was full.
        roundtrip: seconds that a call to Redis took.
        lag: seconds that the event loop was late.
        gaps_found: holes found in what Redis published.
        gaps_repaired: holes that were filled from the log.
        claims: by `CLAIMS`.
        resumes: by `RESUMES`.
        ends: connections that ended, by the code of the reason.
        refusals: requests that were refused, by code.
        doorstep: connections that were refused at the door, by `DOORSTEP`.
        swept: users of dead gateways that this one removed.
    """

    __slots__ = (
        "_worst_lag",
        "bytes_received",
        "bytes_sent",
        "claims",
        "deliveries",
        "doorstep",
        "ends",
        "frames_per_flush",
        "frames_received",
        "frames_sent",
        "gaps_found",
        "gaps_repaired",
        "lag",
        "publish_to_deliver",
        "redis_full",
        "refusals",
        "resumes",
        "roundtrip",
        "swept",
    )

    def __init__(self) -> None:
        self.frames_received = self.bytes_received = 0
        self.frames_sent = self.bytes_sent = 0
        self.deliveries = 0
        self.frames_per_flush = Histogram(LINES)
        self.publish_to_deliver = Histogram(SECONDS)
        self.roundtrip = Histogram(SECONDS)
        self.lag = Histogram(LATE)
        self.gaps_found = self.gaps_repaired = 0
        self.swept = 0
        self.redis_full = 0
        self.claims = dict.fromkeys(CLAIMS, 0)
        self.resumes = dict.fromkeys(RESUMES, 0)
        self.ends = {reason.code: 0 for reason in REASONS}
        self.refusals = {code.value: 0 for code in ErrorCode}
        self.doorstep = dict.fromkeys(DOORSTEP, 0)
        self._worst_lag = 0.0

    def received(self, data: bytes) -> None:
        """Count bytes received from a peer."""
        self.bytes_received += len(data)
        self.frames_received += data.count(b"\n")

    def sent(self, size: int, lines: int, links: int = 1) -> None:
        """Count something that was written.

        Args:
            size: the number of bytes.
            lines: the number of lines in it.
            links: the number of links that it was written to.
        """
        self.bytes_sent += size * links
        self.frames_sent += lines * links
        self.frames_per_flush.note(lines, links)

    def claimed(self, outcome: str, *, shown: bool) -> None:
        """It is known what became of a claim.

        Args:
            outcome: one of `CLAIMS`.
            shown: the peer showed a token.
        """
        self.claims[outcome] += 1
        if shown:
            self.resumes[outcome if outcome in RESUMES else "stranger"] += 1

    def late(self, seconds: float) -> None:
        """Count how late the event loop was."""
        self.lag.note(seconds)
        self._worst_lag = max(self._worst_lag, seconds)

    def worst_lag(self) -> float:
        """The most seconds that the event loop was late since the last call of this."""
        worst, self._worst_lag = self._worst_lag, 0.0
        return worst
