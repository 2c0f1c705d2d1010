"""Time in integer nanoseconds: clocks to wait on, ping exchanges, and the maps from one clock to another.

No clock is ever set. A VirtualClock lets simulated cameras run as fast as they render.
"""

import platform
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .device_clock import MAX_DRIFT
from .now import monotonic_ns

LINE_SPAN_NS = 60_000_000_000
"""Shortest span over which a drift is fitted: 8 s runs were off by 1 to 400 ppm, 120 s runs by 0.3 ppm."""
BURST_NS = 2_000_000_000
"""Pings come in bursts this far apart; of each the best round trip tells what the line leaves over."""
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
        return monotonic_ns()

    def wait_until_ns(self, t_ns: int) -> None:
        """Sleep until `t_ns`."""
        while (left_ns := t_ns - monotonic_ns()) > 0:
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


class SkewedClock:
    """The monotonic clock read through a wrong line: another machine, simulated. It may step.

    Parameters
    ----------
    offset_ns : int, what it reads too much when it is made
    drift_ppm : float, how much too fast it runs from then on
    step_at_s, step_s : so long after it was made it jumps, once, so far; back if below 0
    """

    def __init__(
        self,
        offset_ns: int = 0,
        drift_ppm: float = 0.0,
        step_at_s: float | None = None,
        step_s: float = 0.0,
    ) -> None:
        self.made_ns = monotonic_ns()
        """When it was made, on the monotonic clock."""
        self._offset_ns = offset_ns
        self._drift = drift_ppm * 1e-6
        self._step_at_ns = None if step_at_s is None else self.made_ns + round(step_at_s * 1e9)
        self._step_ns = round(step_s * 1e9)

    def at(self, monotonic_ns: int) -> int:
        """Return what this clock shows when the monotonic clock shows `monotonic_ns`."""
        stepped = self._step_at_ns is not None and monotonic_ns >= self._step_at_ns
        drifted_ns = round(self._drift * (monotonic_ns - self.made_ns))
        return monotonic_ns + self._offset_ns + drifted_ns + (self._step_ns if stepped else 0)

    def now_ns(self) -> int:
        """Return the wrong time, nanoseconds."""
        return self.at(monotonic_ns())

    def wait_until_ns(self, t_ns: int) -> None:
        """Sleep until `t_ns` of this clock."""
        while (left_ns := t_ns - self.at(now_ns := monotonic_ns())) > 0:
            sleep_ns = left_ns / (1 + self._drift)
            if self._step_at_ns is not None and now_ns < self._step_at_ns:
                sleep_ns = min(sleep_ns, self._step_at_ns - now_ns)
            time.sleep(sleep_ns / 1e9)


def boot_id() -> str:
    """Return the epoch of this machine's monotonic clock; two epochs share no time."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.is_file():
        return linux.read_text(encoding="ascii").strip()
    if sys.platform == "win32":
        import winreg

        key = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return f"{platform.node()}-boot-{winreg.QueryValueEx(opened, 'BootId')[0]}"
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


def ping_bounds(pings: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Return the least and the most that the master's clock can be ahead, each (N,) ns, one pair per ping.

    No message arrives before it is sent, so the master's clock minus the recorder's is at most t1 - t0 when
    the ping is sent, and at least t2 - t3 when the answer has come.
    """
    t0, t1, t2, t3 = np.asarray(pings, np.int64).reshape(-1, 4).T
    return t2 - t3, t1 - t0


def solve_clock(pings: NDArray[np.int64], *, line_span_ns: int = LINE_SPAN_NS) -> ClockMap:
    """Return the map from a recorder's clock to the master's that its pings (N, 4) tell.

    Every ping bounds the offset from above when it leaves and from below when its answer is back. The line
    runs in the middle of the highest straight corridor between the two clouds of bounds: late messages lie
    outside it and do not touch it, however many they are (Zhang, Liu and Xia 2002, "Clock synchronization
    algorithms for network measurements"; Geng et al. 2018, "Exploiting a natural network effect for scalable,
    fine-grained clock synchronization", find the same line as a support vector machine). Over less than
    `line_span_ns` a level corridor is taken if there is one: a drift is believed only if the pings prove that
    there is some. A clock that did not run straight leaves no corridor; the line then misses the worst bounds
    on both sides by equally little. An asymmetric path leaves half its asymmetry as an error that no ping can
    show. Without pings the clocks are taken to be one. Costs milliseconds for 10,000 pings.
    """
    pings = np.asarray(pings, np.int64).reshape(-1, 4)
    pings = pings[ping_offsets(pings)[0] >= 0]
    if len(pings) == 0:
        return ClockMap()
    trip, offset, middle = ping_offsets(pings)
    burst = (middle - middle.min()) // BURST_NS
    order = np.lexsort((trip, burst))
    best = order[np.unique(burst[order], return_index=True)[1]]
    best = best[trip[best] <= np.quantile(trip[best], 0.25)]
    at_ns, base_ns = int((middle.min() + middle.max()) // 2), int(offset[trip.argmin()])
    least_ns, most_ns = ping_bounds(pings)
    sent_ns, back_ns = (pings[:, 0] - at_ns).astype(float), (pings[:, 3] - at_ns).astype(float)
    clouds = (sent_ns, (most_ns - base_ns).astype(float), back_ns, (least_ns - base_ns).astype(float))
    drift, value, height_ns = widest_corridor(*clouds, max_slope=0.0)
    if np.ptp(middle) >= line_span_ns or height_ns < 0:
        drift, value, height_ns = widest_corridor(*clouds, max_slope=2 * MAX_DRIFT)
    left = np.abs(offset[best] - base_ns - value - drift * (middle[best] - at_ns))
    residual_ms = float(np.percentile(left, 99)) / 1e6
    return ClockMap(base_ns + value, drift, at_ns, residual_ms)


def widest_corridor(
    x_above: NDArray[np.float64],
    above: NDArray[np.float64],
    x_below: NDArray[np.float64],
    below: NDArray[np.float64],
    *,
    max_slope: float,
    n_steps: int = 80,
) -> tuple[float, float, float]:
    """Return slope, value at 0 and height of the highest straight corridor under some points and over others.

    Its height as a function of its slope is concave, so that a ternary search within +-max_slope finds the
    best. The height is below 0 where the points overlap.
    """

    def ceiling_and_floor(slope: float) -> tuple[float, float]:
        return float(np.min(above - slope * x_above)), float(np.max(below - slope * x_below))

    def height(slope: float) -> float:
        ceiling, floor = ceiling_and_floor(slope)
        return ceiling - floor

    low, high = -max_slope, max_slope
    for _ in range(n_steps if max_slope else 0):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if height(left) < height(right):
            low = left
        else:
            high = right
    slope = (low + high) / 2
    ceiling, floor = ceiling_and_floor(slope)
    return slope, (ceiling + floor) / 2, ceiling - floor


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
