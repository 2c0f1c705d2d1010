"""The camera's clock read beside the host's, and what that says about how long its frames travel."""

from collections import deque

from ..camera import ClockReading
from ..now import monotonic_ns
from .nodes import Nodes

LATCHES = (("GevTimestampControlLatch", "GevTimestampValue"), ("TimestampLatch", "TimestampLatchValue"))
"""Command and value: GigE Vision's own names, and those of the GenICam SFNC 2; the latter is in ns."""
FREQUENCY = "GevTimestampTickFrequency"
BURST = 4
BURST_NS = 8_000_000
GONE_NS = 1_000_000_000
"""A camera that is gone answers after seconds; one that refuses, because it is busy, at once."""
NEAR_NS = 10_000_000_000
WINDOWS = 5


class Latch:
    """Reads the camera's clock by latching it; from the thread that opened the camera."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._names = next((names for names in LATCHES if all(nodes.has(name) for name in names)), None)
        frequency = nodes.number(FREQUENCY)
        self._frequency = round(frequency) if frequency and frequency >= 1 else 10**9

    def read(self) -> ClockReading | None:
        """Return the reading with the shortest round trip of a few, None where the camera gives none.

        The value is latched between the two host times and fetched afterwards. Costs two register accesses
        each; ends after four or 8 ms, so that no frame waits for it.
        """
        best: ClockReading | None = None
        begun_ns = monotonic_ns()
        for _ in range(BURST):
            if self._names is None:
                break
            command, value = self._names
            before_ns = monotonic_ns()
            n_doubts = len(self._nodes.doubts)
            took = self._nodes.execute(command)
            after_ns = monotonic_ns()
            ticks = self._nodes.number(value) if took else None
            if ticks is None:
                del self._nodes.doubts[n_doubts:]
                if monotonic_ns() - before_ns > GONE_NS:
                    self._names = None  # asked no more
                break
            reading = ClockReading(round(ticks) * 10**9 // self._frequency, before_ns, after_ns)
            if best is None or after_ns - before_ns < best.after_ns - best.before_ns:
                best = reading
            if monotonic_ns() - begun_ns > BURST_NS:
                break
        return best


class Transport:
    """The least time from a frame's time on the camera's clock to its arrival; 0 while it is not known."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None  # host minus device
        self._window_ns: int | None = None
        self._least_ns: deque[int] = deque(maxlen=WINDOWS)  # of each window between two readings
        self._readings: deque[ClockReading] = deque(maxlen=WINDOWS)

    def add_reading(self, reading: ClockReading) -> None:
        """Take a reading of the camera's clock; frames from now on are measured by it."""
        if self._window_ns is not None:
            self._least_ns.append(self._window_ns)
        self._window_ns = None
        self._readings.append(reading)
        best = min(self._readings, key=lambda one: one.after_ns - one.before_ns)
        self._offset_ns = (best.before_ns + best.after_ns) // 2 - best.device_ns

    def exposed_ns(self, device_ns: int, host_ns: int) -> int | None:
        """Return when a frame was exposed, on the host's clock, by the quickest of the last readings; None
        while there is none, or where the latch is of another clock than the frames' times.
        """
        if self._offset_ns is None or abs(host_ns - device_ns - self._offset_ns) >= NEAR_NS:
            return None
        return device_ns + self._offset_ns

    def add_frame(self, device_ns: int, host_ns: int) -> int:
        """Take a frame's two times; return the least transport so far, at most five readings back."""
        if self._offset_ns is None:
            return 0
        transport_ns = host_ns - device_ns - self._offset_ns
        if not -NEAR_NS < transport_ns < NEAR_NS:  # the latch is of another clock than the frames' times
            return 0
        if self._window_ns is None or transport_ns < self._window_ns:
            self._window_ns = transport_ns
        return max(1, min([self._window_ns, *self._least_ns]))
