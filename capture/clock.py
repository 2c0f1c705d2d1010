"""Time in integer nanoseconds: clocks to wait on, ping exchanges, and the maps from one clock to another.

No clock is ever set. A VirtualClock lets simulated cameras run as fast as they render.
"""

import platform
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LINE_SPAN_NS = 60_000_000_000
"""Shortest span over which a drift is fitted: 8 s runs were off by 1 to 400 ppm, 120 s runs by 0.3 ppm."""
BURST_NS = 2_000_000_000
"""Pings come in bursts this far apart; of each the best round trip counts (as in Lab Streaming Layer)."""
BIN_NS = 1_000_000_000
HUBER = 1.5  # in standard deviations (Huber 1964, Robust estimation of a location parameter)


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


def boot_id() -> str:
    """Return the epoch of this machine's monotonic clock; two epochs share no time."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.is_file():
        return linux.read_text(encoding="ascii").strip()
    booted_s = time.time() - time.monotonic()
    return f"{platform.node()}-{round(booted_s / 60)}"


@dataclass(frozen=True, slots=True)
class ClockMap:
    """A straight line from one clock to another: `t + offset_ns + drift * (t - at_ns)`.

    Attributes
    ----------
    offset_ns : float, at `at_ns`
    drift : float, seconds per second; 0 where the span was too short to tell
    at_ns : int, on the first clock
    residual_ms : float, 99th percentile of what the best pings leave over
    """

    offset_ns: float = 0.0
    drift: float = 0.0
    at_ns: int = 0
    residual_ms: float = 0.0

    def at(self, t_ns: int) -> int:
        """Return a time of the first clock as the second clock shows it."""
        return t_ns + round(self.offset_ns + self.drift * (t_ns - self.at_ns))

    def apply(self, t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return times of the first clock as the second clock shows them."""
        t_ns = np.asarray(t_ns, np.int64)
        return t_ns + np.rint(self.offset_ns + self.drift * (t_ns - self.at_ns)).astype(np.int64)


def ping_offsets(pings: NDArray[np.int64]) -> tuple[NDArray, NDArray, NDArray]:
    """Return round trip, offset (master minus recorder) and local middle of ping exchanges, each (N,) ns.

    Parameters
    ----------
    pings : (N, 4) int64 as `Session.pings` gives them. RFC 5905 section 8 has the formulas.
    """
    t0, t1, t2, t3 = np.asarray(pings, np.int64).reshape(-1, 4).T
    return (t3 - t0) - (t2 - t1), ((t1 - t0) + (t2 - t3)) / 2, t0 + (t3 - t0) // 2


def solve_clock(pings: NDArray[np.int64]) -> ClockMap:
    """Return the map from a recorder's clock to the master's that its pings (N, 4) tell.

    Of every burst the best round trip is taken, of the bursts the best quarter; over a span of 60 s or more a
    robust line goes through them, over less the best of all is taken as it is. An asymmetric path leaves half
    its asymmetry as an error that no ping can show. Without pings the clocks are taken to be one.
    """
    if len(pings) == 0:
        return ClockMap()
    trip, offset, middle = ping_offsets(pings)
    burst = (middle - middle.min()) // BURST_NS
    order = np.lexsort((trip, burst))
    best = order[np.unique(burst[order], return_index=True)[1]]
    best = best[trip[best] <= np.quantile(trip[best], 0.25)]
    at_ns = int(middle[best].mean())
    if np.ptp(middle[best]) < LINE_SPAN_NS:
        return ClockMap(float(offset[trip.argmin()]), 0.0, at_ns, float(trip.min()) / 2e6)
    drift, offset_ns = robust_line((middle[best] - at_ns).astype(float), offset[best])
    left = np.abs(offset[best] - offset_ns - drift * (middle[best] - at_ns))
    return ClockMap(offset_ns, drift, at_ns, float(np.percentile(left, 99)) / 1e6)


def robust_line(x: NDArray[np.float64], y: NDArray[np.float64], *, n_steps: int = 30) -> tuple[float, float]:
    """Return slope and value at 0 of the line through points, outliers weighed down by Huber's rule."""
    scale = float(np.abs(x).max()) or 1.0
    design = np.stack([x / scale, np.ones_like(x)], axis=1)
    weights = np.ones_like(y)
    slope = value = 0.0
    for _ in range(n_steps):
        root = np.sqrt(weights)
        slope, value = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
        left = np.abs(y - design @ (slope, value))
        spread = 1.4826 * np.median(left) + 1e-9
        weights = np.minimum(1.0, HUBER * spread / np.maximum(left, 1e-12))
    return float(slope) / scale, float(value)


class DeviceClock:
    """The sensor's clock against the host's, while recording: arrival is exposure plus a delay >= some floor.

    The smallest delay of the last `n_frames` frames is taken as the floor, so that a frame that the machine
    was late to collect keeps its place. Where the sensor's clock goes back it has started anew, and so does
    the floor.
    """

    def __init__(self, n_frames: int = 300) -> None:
        self._delays = deque[int](maxlen=n_frames)
        self._last_ns = 0

    def host_ns(self, device_time_ns: int, host_time_ns: int) -> int:
        """Take a frame's two times; return when, on the host's clock, an undelayed frame would have come."""
        if device_time_ns < self._last_ns:
            self._delays.clear()
        self._last_ns = device_time_ns
        self._delays.append(host_time_ns - device_time_ns)
        return device_time_ns + min(self._delays)


def host_from_device(device_ns: NDArray[np.int64], host_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the times (N,) on the host's clock at which undelayed frames would have come.

    Offline twin of `DeviceClock`: the floor of the delays is a robust line through the smallest delay of
    each second. Device times that go backward tell nothing; then the host's times are returned as they are.
    """
    device_ns, host_ns = np.asarray(device_ns, np.int64), np.asarray(host_ns, np.int64)
    if len(device_ns) < 2 or np.any(np.diff(device_ns) <= 0):
        return host_ns
    delay = host_ns - device_ns
    bin_of = (device_ns - device_ns[0]) // BIN_NS
    order = np.lexsort((delay, bin_of))
    floor = order[np.unique(bin_of[order], return_index=True)[1]]
    base = int(delay.min())
    if len(floor) < 10:
        return device_ns + base
    elapsed = (device_ns - device_ns[0]).astype(float)
    drift, value = robust_line(elapsed[floor], (delay[floor] - base).astype(float))
    return device_ns + base + np.rint(value + drift * elapsed).astype(np.int64)
