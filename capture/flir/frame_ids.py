"""Frame numbers that only go up, from the block ids of GigE Vision, which begin anew after 65535."""

from dataclasses import dataclass

GVSP_IDS = 65535
"""GVSP numbers blocks from 1 to 65535 and goes on with 1; 0 is a test packet (GigE Vision 1.2, 24.1)."""
DISAGREES_FRAMES = 30


@dataclass(slots=True)
class FrameIds:
    """Counts frames on over the end of 16-bit ids, and over a camera that begins to count anew.

    Attributes
    ----------
    fps : frames a second that the camera makes
    """

    fps: float
    _last_raw: int | None = None
    _last_ns: int = 0
    _last: int = 0
    _n_ids: int = GVSP_IDS

    def number(self, raw: int, time_ns: int) -> int:
        """Return the number of the frame with id `raw`, one more than the last one's where none is absent.

        Ids that go up are believed. Where they go back they have wrapped, or the camera has begun anew: they
        are a wrap if that says about as many frames as the time does.

        Parameters
        ----------
        raw : as the producer tells it, 16 or 64 bits
        time_ns : the frame's time on the camera's clock, or its arrival
        """
        if raw == 0:
            self._n_ids = GVSP_IDS + 1  # some count from 0: USB3 Vision, and GigE Vision's 64-bit ids do
        if self._last_raw is None:
            self._last = raw
        elif raw > self._last_raw:
            self._last += raw - self._last_raw
        else:
            by_time = max(1, round((time_ns - self._last_ns) * 1e-9 * self.fps))
            by_wrap = (raw - self._last_raw) % self._n_ids
            wrapped = raw < self._last_raw <= GVSP_IDS
            agrees = abs(by_wrap - by_time) <= max(DISAGREES_FRAMES, by_time // 4)
            self._last += by_wrap if wrapped and agrees else by_time
        self._last_raw, self._last_ns = raw, time_ns
        return self._last


def frames_absent(outage_s: float, fps: float) -> int:
    """Return by how many the number of the first frame after an outage goes up: 1 and what was not sent."""
    return max(1, round(outage_s * fps))
