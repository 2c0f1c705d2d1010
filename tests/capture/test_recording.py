"""One take of one recorder, in this process."""

import threading
from types import SimpleNamespace

import numpy as np

from mavfer.capture.camera import Capture
from mavfer.capture.clock import VirtualClock
from mavfer.capture.complaints import MOST
from mavfer.capture.now import monotonic_ns
from mavfer.capture.plan_clock import PlanClock
from mavfer.capture.recording import Recording
from mavfer.capture.rig import Rig
from mavfer.capture.session_writer import recorder_files
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan

DEPTH = StreamSpec(Stream.DEPTH, (4, 5), "uint16", "mm")
RIG = Rig.model_validate(
    {"recorders": {"kinect": {"camera": "simulated_kinect"}}, "simulated": {"clock": "virtual"}}
)
WAIT_S = 20.0


class PausingSensor:
    """A camera of ten frames a second on a virtual clock; after the fifth it waits until it may go on."""

    specs = (DEPTH,)
    fps = 10.0

    def __init__(self, clock):
        self.clock = clock
        self.n = -1
        self.paused, self.may_go_on = threading.Event(), threading.Event()

    def start(self, first_tick_ns):
        self.first_tick_ns = first_tick_ns

    def grab(self, timeout_s):  # noqa: ARG002 - a virtual clock has no time-out
        self.n += 1
        if self.n == 5:
            self.paused.set()
            assert self.may_go_on.wait(WAIT_S)
        t_ns, number = self.first_tick_ns + self.n * 100_000_000, self.n
        self.clock.wait_until_ns(t_ns)
        pixels = np.full(DEPTH.shape, number, np.uint16)
        return Capture(number, t_ns, t_ns, lambda: (Frame(Stream.DEPTH, pixels, t_ns, t_ns, number),))

    def documents(self):
        return {}


def test_a_full_disk_ends_the_take_whatever_went_wrong_before(tmp_path):
    clock = VirtualClock(0)
    camera = PausingSensor(clock)
    recording = Recording(
        tmp_path,
        session="take",
        recorder="kinect",
        rig=RIG,
        settings=RIG.recorders["kinect"],
        sensor=SimpleNamespace(camera=camera, previewer=None, rouse=lambda: None),  # type: ignore[arg-type]
        clock=clock,
        pings=PlanClock(),
        free_bytes=lambda: 0,
    )
    recording.start(Plan(first_tick_ns=monotonic_ns() + 10 * 10**9, fps=10, n_ticks=50), header={})
    assert camera.paused.wait(WAIT_S)
    for i in range(MOST):
        recording.tell("clock step", f"the camera's clock jumped by +{i} s")
    recording.look_after()
    camera.may_go_on.set()
    assert recording._drain is not None
    assert recording._drain.finished.wait(WAIT_S)
    recording.look_after()
    assert recording.finished
    assert recording.failed
    assert recording.counters.kept < 10
    assert recording.files == recorder_files(tmp_path, "kinect")
