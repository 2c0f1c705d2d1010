"""Where a plan's ticks lie on a recorder's timeline while it records, as its pings tell.

The timeline is that of the take's beginning: a clock that steps in mid-take does not move the plan.
"""

import threading

import numpy as np

from .clock import ClockMap, ping_offsets, solve_clock

WINDOW = 480
"""Pings that count: two minutes at eight every two seconds."""
BURST = 8
JUMP_NS = 50_000_000
"""An offset that changes by more than this between two bursts, and by more than the round trips explain, is
a step of a clock; a drift of 1000 ppm makes 2 ms."""

Stamps = tuple[int, int, int, int]


class PlanClock:
    """The pings of one recorder as they come; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pings: list[Stamps] = []
        self._n = 0
        self._jumps_ns = 0
        self._solved: tuple[int, ClockMap] | None = None  # after how many pings
        self.steps_ns: list[int] = []
        """By how much the recorder's clock jumped, each time; ahead is positive."""

    def add(self, stamps: Stamps) -> None:
        """Take in an exchange: sent, received and answered by the master, back; see `Session.pings`."""
        with self._lock:
            self._n += 1
            self._pings.append(stamps)
            recent = self._pings[-BURST // 2 :]
            if len(self._pings) >= 2 * BURST and (jump_ns := self._jump_ns(recent)):
                self._jumps_ns += jump_ns
                self.steps_ns.append(-jump_ns)
                self._pings = recent
            del self._pings[:-WINDOW]

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
        with self._lock:
            solved, n, pings = self._solved, self._n, list(self._pings)
        if solved is None or solved[0] != n:
            solved = n, solve_clock(np.array(pings, np.int64).reshape(-1, 4))
            self._solved = solved
        return solved[1]

    def round_trip_ms(self) -> float:
        """Return the best round trip of the newest burst; 0 before the first."""
        pings = self.pings()[-BURST:]
        return float(ping_offsets(np.array(pings, np.int64))[0].min()) / 1e6 if pings else 0.0

    def shift_ns(self, now_ns: int) -> int:
        """Return what to add to the master's time to have the timeline of the take's beginning.

        `now_ns` is on the recorder's clock.
        """
        return now_ns - self.solve().at(now_ns) + self._jumps_ns

    def _jump_ns(self, recent: list[Stamps]) -> int:
        """Return by how much the offset of the last exchanges differs from that before, or 0."""
        trip, offset, middle = ping_offsets(np.array(recent, np.int64))
        older = self._pings[: -len(recent)]
        old_trip, old_offset, _ = ping_offsets(np.array(older[-2 * BURST :], np.int64))
        change = offset - old_offset[old_trip.argmin()]
        least = max(JUMP_NS, int(trip.max() + old_trip.min()))
        same_sign = np.all(change > least) or np.all(change < -least)
        return round(float(change[trip.argmin()])) if same_sign and len(middle) else 0
