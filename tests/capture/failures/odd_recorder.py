"""A recorder with a part that misbehaves: `python odd_recorder.py KIND NAME RIG`."""

import sys
import threading
import time
from pathlib import Path

from mavfer.capture import recorder, recording
from mavfer.capture.rig import read_rig
from mavfer.capture.session_writer import SessionWriter
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
        time.sleep(2)
        super().open()


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
    recording.CAMERA_HUNG_S = 3.0
elif kind == "slow to open":
    recorder.make_camera = camera_of(SlowToOpen)
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
