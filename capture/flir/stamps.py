"""When a frame was exposed, from whichever of a producer's time stamps runs at the pace of real time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FARTHEST = 20.0
"""By what factor a clock may seem to run fast or slow over a few frames, which a busy machine takes late."""


@dataclass(frozen=True, slots=True)
class RawTimes:
    """What a producer says of one frame's time; None for what it does not know.

    Attributes
    ----------
    host_ns : arrival;  ns : BUFFER_INFO_TIMESTAMP_NS;  ticks : BUFFER_INFO_TIMESTAMP (GenTL 1.5, 6.5)
    """

    host_ns: int
    ns: int | None
    ticks: int | None


@dataclass(frozen=True, slots=True)
class Stamps:
    """How the frames of a camera are stamped.

    Attributes
    ----------
    source : "ns", "ticks", or "host", where neither keeps time and frames are stamped at their arrival
    frequency : ticks a second
    """

    source: str
    frequency: int = 10**9

    def device_ns(self, times: RawTimes) -> int:
        """Return a frame's time on the camera's clock."""
        if self.source == "ns" and times.ns is not None:
            return times.ns
        if self.source == "ticks" and times.ticks is not None:
            return times.ticks * 10**9 // self.frequency
        return times.host_ns


def choose_stamps(frames: Sequence[RawTimes], *, frequency: int | None) -> Stamps:
    """Return the way to stamp whose time passes most nearly as the host's over some frames; ns if in doubt.

    Wrong units are wrong by large factors (62.5 MHz taken for nanoseconds), late arrivals by small ones.

    Parameters
    ----------
    frames : the first frames of a stream, two or more
    frequency : of the camera's ticks, if it tells it
    """
    candidates = [Stamps("ns"), *([Stamps("ticks", frequency)] if frequency else []), Stamps("ticks")]
    first, last = frames[0], frames[-1]
    host_ns = max(1, last.host_ns - first.host_ns)
    best, nearest = Stamps("host"), math.log(FARTHEST)
    for stamps in candidates:
        known = getattr(first, stamps.source) is not None and getattr(last, stamps.source) is not None
        passed_ns = stamps.device_ns(last) - stamps.device_ns(first)
        if known and passed_ns > 0 and (off := abs(math.log(passed_ns / host_ns))) < nearest - 1e-3:
            best, nearest = stamps, off
    return best
