"""A recorder with a part that misbehaves: `python odd_recorder.py KIND NAME RIG`."""

import sys
import threading
import time
from pathlib import Path

import numpy as np

from mavfer.capture import recorder, recording
from mavfer.capture.camera import Capture
from mavfer.capture.rig import read_rig
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.video_camera import VideoCamera


class HungCamera(VideoCamera):
    """A camera that delivers 30 frames of a take, and then does not come back."""

    left = 0

    def start(self, first_tick_ns):
        """Begin anew."""
        super().start(first_tick_ns)
        self.left = 30

    def grab(self, timeout_s):
        """Return a frame, or never."""
        if self.left == 0:
            threading.Event().wait()
        self.left -= 1
        return super().grab(timeout_s)


class SlowToOpen(VideoCamera):
    """A camera that takes its time, and says so."""

    def open(self):
        """Open late."""
        print("opening", file=sys.stderr, flush=True)
        time.sleep(1)
        super().open()


class SmallThermal:
    """A thermal camera of noise, 30 frames a second: a second stream for a rig that costs little."""

    specs = (StreamSpec(Stream.THERMAL, (120, 160), "uint16", "0.04 K"),)
    fps = 30.0

    def __init__(self, _, *, clock):
        self._clock = clock
        self._begin_ns = self._n = 0
        self._noise = np.random.default_rng(7).integers(0, 65535, (8, 120, 160)).astype(np.uint16)

    def open(self):
        """Nothing to claim."""

    def start(self, first_tick_ns):
        """Begin anew."""
        self._begin_ns, self._n = first_tick_ns, 0

    def grab(self, timeout_s):  # noqa: ARG002 - it is never late
        """Return the next frame in time."""
        n, self._n = self._n, self._n + 1
        t_ns = self._begin_ns + round(n * 1e9 / self.fps)
        self._clock.wait_until_ns(t_ns)
        frame = Frame(Stream.THERMAL, self._noise[n % 8], t_ns, t_ns, n)
        return Capture(n, t_ns, t_ns, lambda: (frame,))

    def nodes(self):
        """Nothing to set."""
        return {}

    def health(self):
        """Nothing to tell."""
        return {}

    def notices(self):
        """Nothing is wrong."""
        return ()

    def documents(self):
        """Nothing to keep."""
        return {}

    def clock_readings(self):
        """Nothing but its frames tells of its clock."""
        return ()

    def close(self):
        """Nothing to let go."""


class SlowWriter(SessionWriter):
    """A disk that takes 300 ms for each frame."""

    def append(self, frames):
        """Store late."""
        time.sleep(0.3)
        super().append(frames)


def camera_of(kind):
    """Return a function that makes cameras of one kind."""
    return lambda settings, *, clock, **_: kind(settings.path, clock=clock)


kind, name, file = sys.argv[1:]
if kind == "hung":
    recorder.make_camera = camera_of(HungCamera)
    recording.CAMERA_HUNG_S = 2.5
elif kind == "slow to open":
    recorder.make_camera = camera_of(SlowToOpen)
elif kind == "small thermal":
    recorder.make_camera = camera_of(SmallThermal)
elif kind == "slow disk":
    recording.SessionWriter = SlowWriter
rig = read_rig(Path(file))
assert rig.master is not None
recorder.run_recorder(
    name,
    rig=rig,
    master=f"tcp://127.0.0.1:{rig.master.port}",
    stays=True,
    folder=rig.recorders[name].folder,
)
