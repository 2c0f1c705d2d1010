"""What a simulated camera counts, for tests and for whoever looks for a fault."""

from dataclasses import dataclass, field

MAX_LISTED = 100_000  # block ids in one list: an hour


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
    dropped : packets lost on purpose;  damaged : block ids of frames that lost any, in order
    resend_requests, resent, unavailable : of packets asked for again: how often, sent, and not kept any more
    corrections : how often the detector was corrected;  frozen : block ids of frames that repeat another
    """

    frames: int = 0
    packets: int = 0
    skipped: int = 0
    dropped: int = 0
    resend_requests: int = 0
    resent: int = 0
    unavailable: int = 0
    corrections: int = 0
    damaged: list[int] = field(default_factory=list)
    frozen: list[int] = field(default_factory=list)
