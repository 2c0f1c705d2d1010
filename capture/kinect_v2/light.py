"""Whether the light is low: below some brightness a Kinect v2 exposes color for longer, 15 times a second.

Known from libfreenect2's issues 141 and 898; depth that is paired with color then comes as seldom. Never seen
with a sensor here.
"""

from collections import deque
from itertools import pairwise

from .driver import PERIOD_NS

INTERVALS = 15
"""Half a second of them, in good light, is looked at."""
LEAST_INTERVALS = 7
SLOW_PERIODS = (1.5, 2.5)
NOTICE = (
    "the light is low: color runs at 15 frames a second, not 30; put more light on the face "
    "(a Kinect on a slow USB controller looks alike)"
)


class Rate:
    """How often pictures come that are new, by the sensor's clock."""

    def __init__(self) -> None:
        self.halved = False
        """Whether they come at half their rate: most of the last intervals are of two periods."""
        self.frames_per_s = 0.0
        """New pictures per second over the last half to whole second; 0 while it is not known."""
        self._times: deque[int] = deque(maxlen=INTERVALS + 1)

    def begin_anew(self) -> None:
        """Forget the times before an outage; whether the rate was halved counts until others tell."""
        self._times.clear()
        self.frames_per_s = 0.0

    def add(self, time_ns: int) -> bool:
        """Take a picture's time; return whether the picture is a new one."""
        if self._times and time_ns == self._times[-1]:
            return False
        if self._times and time_ns < self._times[-1]:
            self._times.clear()
        self._times.append(time_ns)
        if len(self._times) > 1:
            self.frames_per_s = (len(self._times) - 1) * 1e9 / (self._times[-1] - self._times[0])
        intervals = sorted(after - before for before, after in pairwise(self._times))
        if len(intervals) >= LEAST_INTERVALS:
            middle = intervals[len(intervals) // 2]
            self.halved = SLOW_PERIODS[0] < middle / PERIOD_NS < SLOW_PERIODS[1]
        return True
