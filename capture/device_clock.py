"""The sensor's clock against the host's, frame by frame: delays come and go, clocks step, the timeline stays.

drain.py asks it while recording; frame_times.py runs it over what was stored.
"""

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Literal

MAX_DRIFT = 200e-6
"""Between two quartz clocks; those of cameras and computers are specified to 10 to 100 ppm each."""
STEP_NS = 100_000_000
"""Frames show a jump of a clock from this size on; what is smaller may be a machine that is late."""
DOUBT_NS = 2_000_000_000
DOUBT_FRAMES = 10
AGREE_NS = 20_000_000
"""A longer delay is a step of the host's clock once two seconds and ten frames all have it, and the least of
each quarter of them agree: the delays of a queue that is being emptied fall."""
LOWERED_NS = 5_000_000
STILL_FRAMES = 3


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A jump of one of two clocks.

    Attributes
    ----------
    host_time_ns : int, of the first frame after it, on the host's clock as it then read
    step_ns : int, how far the clock jumped; below 0 back
    who : which clock
    n_before : frames before it
    """

    host_time_ns: int
    step_ns: int
    who: Literal["host", "device"]
    n_before: int


class DeviceClock:
    """When frames would have come had nothing been late, on the host's timeline as the first frame found it.

    A frame arrives after its exposure by a delay that has a floor; its device time plus that floor is
    wanted. The floor is the least delay seen, let rise by MAX_DRIFT so that it follows a host that runs
    faster (as the clock filter of RFC 5905, section 10, trusts a sample less as it ages). A frame later than
    the floor by STEP_NS has no say: it was late, or the host's clock stepped forward, which is believed when
    the delay stays. Host times that go back, or a delay far below a floor that has long stood, are a step
    back. From a step on delays are counted from the stepped clock, and the timeline goes on as before. Where
    the device's time goes back, or leaps while host and frame ids do not, its clock began anew, and the floor
    with it. One call costs about 1 us.
    """

    def __init__(self) -> None:
        self.steps: list[ClockStep] = []
        """What was seen so far, oldest first; the last host step may still be refined, or taken back."""
        self.host_step_ns = 0
        """How much the host's clock has jumped since the first frame: host time minus timeline."""
        self._n = 0
        self._floor_ns = 0
        self._last: tuple[int, int, int | None] | None = None  # device time, host time, frame id
        self._period_ns = 0
        self._n_still = 0
        self._low_since: tuple[int, int] = (
            0,
            0,
        )  # frame number and device time when the floor was last lowered
        self._stepped_ns: int | None = None  # device time
        self._doubtful: deque[tuple[int, int]] = deque()  # device time, delay
        self._doubt = (0, 0)  # frame number and host time of the first doubtful frame

    def host_ns(self, device_time_ns: int, host_time_ns: int, *, frame_id: int | None = None) -> int:
        """Take a frame's two times; return when it would have come undelayed, on the old timeline."""
        number, self._n = self._n, self._n + 1
        delay_ns = host_time_ns - self.host_step_ns - device_time_ns
        if self._last is None:
            self._anchor(number, device_time_ns, delay_ns)
        else:
            device_ns, host_ns = device_time_ns - self._last[0], host_time_ns - self._last[1]
            n_frames = self._frames_since(frame_id, host_ns)
            if self._device_began_anew(device_ns, host_ns, n_frames, numbered=frame_id is not None):
                step_ns = self._floor_ns - delay_ns
                self.steps.append(ClockStep(host_time_ns, step_ns, "device", number))
                self._anchor(number, device_time_ns, delay_ns)
            elif device_ns <= 0:  # repeated, or out of order: it has no say
                self._n_still += 1
                if self._n_still >= STILL_FRAMES:  # a device clock that stands still tells nothing
                    return host_time_ns - self.host_step_ns
                return device_time_ns + self._floor_ns
            else:
                self._follow(number, device_time_ns, host_time_ns, delay_ns, device_ns, host_ns)
                self._period_ns = device_ns // n_frames
        self._n_still = 0
        self._last = (device_time_ns, host_time_ns, frame_id)
        return device_time_ns + self._floor_ns

    @property
    def doubtful_from(self) -> int | None:
        """Number of the first of the last frames that are late, or show a step: it is not yet known."""
        return self._doubt[0] if self._doubtful else None

    def _anchor(self, number: int, device_time_ns: int, delay_ns: int) -> None:
        self._floor_ns = delay_ns
        self._low_since = (number, device_time_ns)
        self._stepped_ns = None
        self._period_ns = 0
        self._doubtful.clear()

    def _frames_since(self, frame_id: int | None, host_ns: int) -> int:
        """Return how many frames the sensor made since the last one, by ids or else by the host."""
        last_id = self._last[2] if self._last else None
        if frame_id is not None and last_id is not None:
            return max(1, frame_id - last_id)
        return max(1, round(host_ns / self._period_ns)) if self._period_ns else 1

    def _device_began_anew(self, device_ns: int, host_ns: int, n_frames: int, *, numbered: bool) -> bool:
        """Whether the device's clock jumped: it disagrees with the number of frames, and the host does not.

        Without frame ids a short device interval says nothing: the host may have been late.
        """
        if device_ns < -STEP_NS:
            return True
        if not self._period_ns or device_ns <= 0 or host_ns < 0 or (not numbered and device_ns < host_ns):
            return False
        wanted_ns = n_frames * self._period_ns
        off_ns = abs(device_ns - wanted_ns)
        return off_ns > STEP_NS and 2 * abs(host_ns - wanted_ns) < off_ns

    def _follow(
        self, number: int, device_time_ns: int, host_time_ns: int, delay_ns: int, device_ns: int, host_ns: int
    ) -> None:
        """Let one delay have its say about floor and steps."""
        drifted_ns = round(MAX_DRIFT * device_ns)
        self._floor_ns += drifted_ns
        below_ns = self._floor_ns - delay_ns
        if below_ns <= -STEP_NS:
            self._doubt_it(number, device_time_ns, host_time_ns, delay_ns)
            return
        self._doubtful.clear()
        if below_ns <= 0:
            return
        n_low, low_ns = number - self._low_since[0], device_time_ns - self._low_since[1]
        stood = n_low >= DOUBT_FRAMES and low_ns >= DOUBT_NS
        refining = self._stepped_ns is not None and device_time_ns - self._stepped_ns <= DOUBT_NS
        if host_ns < 0 or (stood and below_ns - 2 * drifted_ns > STEP_NS):
            self._step_host(number, host_time_ns, -below_ns)
            self._stepped_ns = device_time_ns
        elif refining:  # the frames that showed the step were late themselves
            last = self.steps.pop()
            self.host_step_ns -= last.step_ns
            if abs(last.step_ns - below_ns) > LOWERED_NS:
                self._step_host(last.n_before, last.host_time_ns, last.step_ns - below_ns)
                self._stepped_ns = device_time_ns if below_ns > LOWERED_NS else self._stepped_ns
            else:  # there was none
                self._stepped_ns = None
                self._floor_ns = min(self._floor_ns, host_time_ns - self.host_step_ns - device_time_ns)
        else:
            self._floor_ns = delay_ns
            if below_ns > LOWERED_NS:
                self._low_since = (number, device_time_ns)

    def _doubt_it(self, number: int, device_time_ns: int, host_time_ns: int, delay_ns: int) -> None:
        """Remember a delay that is far too long; where it stays, the host's clock has stepped forward."""
        if not self._doubtful:
            self._doubt = (number, host_time_ns)
        seen = self._doubtful
        seen.append((device_time_ns, delay_ns))
        while len(seen) > DOUBT_FRAMES and device_time_ns - seen[1][0] >= DOUBT_NS:
            seen.popleft()
        if len(seen) < DOUBT_FRAMES or device_time_ns - seen[0][0] < DOUBT_NS:
            return
        delays = [delay for _, delay in seen]
        edges = [len(delays) * quarter // 4 for quarter in range(5)]
        least = [min(delays[start:stop]) for start, stop in itertools.pairwise(edges)]
        if max(least) - min(least) <= AGREE_NS:
            self._step_host(*self._doubt, min(least) - self._floor_ns)
            self._stepped_ns = device_time_ns
            seen.clear()

    def _step_host(self, number: int, host_time_ns: int, step_ns: int) -> None:
        self.host_step_ns += step_ns
        self.steps.append(ClockStep(host_time_ns, step_ns, "host", number))
