"""Time in integer nanoseconds: the clocks that recorders and cameras read.

No clock is ever set. A VirtualClock lets simulated cameras run as fast as they render.
"""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What a recorder and its cameras read and wait on."""

    def now_ns(self) -> int:
        """Return the time, nanoseconds; never goes backward."""
        ...

    def wait_until_ns(self, t_ns: int) -> None:
        """Return once `now_ns()` has reached `t_ns`; at once if it has already."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, shared by all processes of one boot."""

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC (or the platform's twin), nanoseconds."""
        return time.monotonic_ns()

    def wait_until_ns(self, t_ns: int) -> None:
        """Sleep until `t_ns`."""
        while (left_ns := t_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / 1e9)


class VirtualClock:
    """A clock that stands still until somebody waits, and then jumps there."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Return the virtual time, nanoseconds."""
        with self._lock:
            return self._now_ns

    def wait_until_ns(self, t_ns: int) -> None:
        """Jump to `t_ns` unless it is past."""
        with self._lock:
            self._now_ns = max(self._now_ns, t_ns)
