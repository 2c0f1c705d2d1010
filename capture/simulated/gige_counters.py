"""What a simulated camera counts, for tests and for whoever looks for a fault."""

from collections import deque
from dataclasses import asdict, dataclass, field

MAX_LISTED = 1000
"""So many block ids of the last frames of a kind are kept."""


@dataclass(slots=True)
class ControlCounters:
    """What came in: requests understood, datagrams that were none, and what was refused."""

    requests: int = 0
    malformed: int = 0
    unknown: int = 0
    denied: int = 0
    lost_heartbeats: int = 0


@dataclass(slots=True)
class StreamCounters:
    """What went out.

    Attributes
    ----------
    frames, packets : sent;  skipped : frames that were not, because they were too late
    dropped : packets lost on purpose
    n_damaged : frames that lost any;  damaged : block ids of the last 1000 of them, in order
    resend_requests, resent, unavailable : of packets asked for again: how often, sent, and not kept any more
    corrections : how often the detector was corrected
    n_frozen : frames that repeat another;  frozen : block ids of the last 1000 of them, in order
    """

    frames: int = 0
    packets: int = 0
    skipped: int = 0
    dropped: int = 0
    resend_requests: int = 0
    resent: int = 0
    unavailable: int = 0
    corrections: int = 0
    n_damaged: int = 0
    n_frozen: int = 0
    damaged: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_LISTED))
    frozen: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_LISTED))

    def add_damaged(self, block_id: int) -> None:
        """Count a frame that lost packets."""
        self.n_damaged += 1
        self.damaged.append(block_id)

    def add_frozen(self, block_id: int) -> None:
        """Count a frame that repeats another."""
        self.n_frozen += 1
        self.frozen.append(block_id)

    def table(self) -> dict[str, object]:
        """Return the counters as JSON can hold them."""
        return {**asdict(self), "damaged": list(self.damaged), "frozen": list(self.frozen)}
