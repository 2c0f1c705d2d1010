"""Frame ids made from time, for a sensor that counts none: a frame that did not come leaves its id free."""

from collections import deque
from itertools import pairwise

from ..device_clock import MAX_DRIFT
from .driver import PERIOD_NS

EARLY_NS = 500_000_000
"""A frame so much sooner after its exposure than any before has a wrong time."""
BELIEVED_FRAMES = 3
"""So many frames in a row on a time of their own, and the sensor's clock has begun anew."""


class Numbering:
    """Ids that count periods of the sensor's time.

    A frame whose time is not believed (not after the last one, or so far ahead that it would have come before
    it was exposed) gets no id and is dropped, so that one bad time costs one frame and shows as a gap. If
    three in a row agree with each other, the sensor's clock has begun anew: from then on its new time counts,
    and the gap is as long as the host's clock says.
    """

    def __init__(self) -> None:
        self.n_refused = 0
        """Frames whose time was not believed."""
        self._last: tuple[int, int, int] | None = None  # id, device time, host time
        self._floor_ns = 0
        self._odd: deque[int] = deque(maxlen=BELIEVED_FRAMES - 1)  # times of the last refused in a row
        self._anew = False

    def begin_anew(self) -> None:
        """The sensor was opened again: its clock may have any time now."""
        self._anew = True

    def place(self, device_time_ns: int, host_time_ns: int, *, period_ns: int) -> int | None:
        """Return a frame's id, greater than any before; None if its time is not believed.

        Parameters
        ----------
        device_time_ns, host_time_ns : when it was exposed, on the sensor's clock; when it came, on the host's
        period_ns : the sensor's period now
        """
        if self._last is None:
            return self._take(0, device_time_ns, host_time_ns, anchor=True)
        last_id, last_device_ns, last_host_ns = self._last
        if self._anew or self._agrees_with_odd(device_time_ns):
            n_periods = max(1, round((host_time_ns - last_host_ns) / period_ns))
            return self._take(last_id + n_periods, device_time_ns, host_time_ns, anchor=True)
        since_ns = device_time_ns - last_device_ns
        floor_ns = self._floor_ns + round(MAX_DRIFT * max(0, since_ns))
        too_early = host_time_ns - device_time_ns < floor_ns - EARLY_NS
        if since_ns <= 0 or too_early:
            self.n_refused += 1
            self._odd.append(device_time_ns)
            return None
        self._floor_ns = min(floor_ns, host_time_ns - device_time_ns)
        n_periods = max(1, round(since_ns / period_ns))
        return self._take(last_id + n_periods, device_time_ns, host_time_ns, anchor=False)

    def _agrees_with_odd(self, device_time_ns: int) -> bool:
        """Whether enough frames in a row, this one the last, follow each other on a time of their own."""
        times = [*self._odd, device_time_ns]
        if len(times) < BELIEVED_FRAMES:
            return False
        steps = [after - before for before, after in pairwise(times)]
        return all(PERIOD_NS / 2 < step < 20 * PERIOD_NS for step in steps)

    def _take(self, number: int, device_time_ns: int, host_time_ns: int, *, anchor: bool) -> int:
        if anchor:
            self._floor_ns = host_time_ns - device_time_ns
        self._last = (number, device_time_ns, host_time_ns)
        self._odd.clear()
        self._anew = False
        return number
