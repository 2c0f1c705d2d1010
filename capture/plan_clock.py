"""Where a plan's ticks lie on a recorder's timeline while it records, as its pings tell.

The timeline is that of a moment that the caller names, such as the take's beginning: a clock that steps after
it does not move the plan.
"""

import threading

import numpy as np

from .clock import ClockMap, ping_offsets, solve_clock
from .device_clock import MAX_DRIFT

WINDOW = 480
"""Pings that count: two minutes at eight every two seconds."""
BURST = 8
JUMP_NS = 50_000_000
"""An offset that changes by more than this, and by more than the round trips explain, is a step of a clock; a
drift of 1000 ppm makes 2 ms between two bursts."""

Stamps = tuple[int, int, int, int]


class PlanClock:
    """The pings of one recorder as they come; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pings: list[Stamps] = []
        self._n = 0
        self._jumps_ns = 0
        self._solved: tuple[int, ClockMap, int] | None = None
        self._doubtful: list[tuple[int, Stamps]] = []
        """Exchanges that contradict `_pings`, and by how much."""

    def add(self, stamps: Stamps) -> None:
        """Take in an exchange: sent, received and answered by the master, back; see `Session.pings`.

        One that contradicts those before has no say until there are as many in a row as make a step.
        """
        with self._lock:
            self._n += 1
            if ping_offsets(np.array([stamps], np.int64))[0][0] < 0:
                return  # the clock stepped back while the ping was under way
            change_ns = self._change_ns(stamps)
            if not change_ns:
                self._doubtful.clear()
                self._pings.append(stamps)
                del self._pings[:-WINDOW]
                return
            if self._doubtful and (change_ns > 0) != (self._doubtful[-1][0] > 0):
                self._doubtful.clear()
            self._doubtful.append((change_ns, stamps))
            if len(self._doubtful) == BURST // 2:
                self._pings = [stamps for _, stamps in self._doubtful]
                trip, _, _ = ping_offsets(np.array(self._pings, np.int64))
                self._jumps_ns += self._doubtful[int(trip.argmin())][0]
                self._doubtful.clear()

    def pings(self) -> list[Stamps]:
        """Return the exchanges that count."""
        with self._lock:
            return list(self._pings)

    @property
    def n_pings(self) -> int:
        """Exchanges so far."""
        return self._n

    def solve(self) -> ClockMap:
        """Return the map from the recorder's clock, as it reads now, to the master's."""
        return self._solve()[1]

    def round_trip_ms(self) -> float:
        """Return the best round trip of the newest burst; 0 before the first."""
        pings = self.pings()[-BURST:]
        return float(ping_offsets(np.array(pings, np.int64))[0].min()) / 1e6 if pings else 0.0

    @property
    def jumps_ns(self) -> int:
        """How far the offset has jumped so far, over all steps."""
        return self._solve()[2]

    def shift_ns(self, now_ns: int, *, jumps_ns: int) -> int:
        """Return what to add to the master's time to have the timeline of a moment.

        Parameters
        ----------
        now_ns : on the recorder's clock
        jumps_ns : `self.jumps_ns` at that moment
        """
        _, clock, jumps_now_ns = self._solve()
        return now_ns - clock.at(now_ns) + jumps_now_ns - jumps_ns

    def _solve(self) -> tuple[int, ClockMap, int]:
        """Return after how many exchanges, the map, and the jumps before those that it is made of."""
        with self._lock:
            solved, n, pings, jumps_ns = self._solved, self._n, list(self._pings), self._jumps_ns
        if solved is None or solved[0] != n:
            solved = n, solve_clock(np.array(pings, np.int64).reshape(-1, 4)), jumps_ns
            self._solved = solved
        return solved

    def _change_ns(self, stamps: Stamps) -> int:
        """Return by how much an exchange differs from those before; 0 if it may be the same offset."""
        if not self._pings:
            return 0
        trip, offset, middle = ping_offsets(np.array([stamps], np.int64))
        old_trip, _, old_middle = ping_offsets(np.array(self._pings[-2 * BURST :], np.int64))
        expected_ns = solve_clock(np.array(self._pings, np.int64)).at(int(middle[0])) - int(middle[0])
        change_ns = float(offset[0]) - expected_ns
        drifted_ns = 2 * MAX_DRIFT * abs(int(middle[0]) - int(old_middle[-1]))
        return round(change_ns) if abs(change_ns) > max(JUMP_NS, trip[0] + old_trip.min(), drifted_ns) else 0
