"""A camera between takes: what it shows, and whether it is there."""

import threading

import numpy as np
import pytest

from mavfer.capture.camera import Capture
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.recorder import Recorder
from mavfer.capture.rig import Rig
from mavfer.capture.sensor import Sensor
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.errors import CameraGone, RecordError

DEPTH = StreamSpec(Stream.DEPTH, (4, 5), "uint16", "mm")
WAIT_S = 20.0


class Unplugged:
    """A camera that is away while `plugged_in` is not set; it says so once per grab."""

    specs = (DEPTH,)
    fps = 30.0

    def __init__(self):
        self.plugged_in = threading.Event()
        self.grabbed, self.missed = threading.Event(), threading.Event()

    def start(self, first_tick_ns):
        pass

    def grab(self, timeout_s):  # noqa: ARG002 - it knows at once
        if not self.plugged_in.is_set():
            self.missed.set()
            raise CameraGone("the camera is unplugged")
        self.grabbed.set()
        pixels = np.zeros(DEPTH.shape, np.uint16)
        threading.Event().wait(0.01)
        return Capture(1, 1, 1, lambda: (Frame(Stream.DEPTH, pixels, 1, 1, 1),))

    def close(self):
        pass


def seen_twice(event):
    """Return once something has happened anew, and what followed it is over."""
    for _ in range(2):
        event.clear()
        assert event.wait(WAIT_S)


def test_a_camera_that_is_gone_at_rest_is_known_to_be_gone_until_it_is_back():
    camera = Unplugged()
    sensor = Sensor(camera, clock=MonotonicClock(), color="jpeg", send_preview=lambda _head, _jpeg: None)
    try:
        assert sensor.gone == ""
        sensor.rest()
        seen_twice(camera.missed)
        assert sensor.gone == sensor.complaint == "the camera is unplugged"
        camera.plugged_in.set()
        seen_twice(camera.grabbed)
        assert sensor.gone == sensor.complaint == ""
    finally:
        sensor.close()


def test_no_take_is_armed_while_the_camera_is_gone_and_one_is_when_it_is_back(tmp_path):
    rig = Rig.model_validate({"recorders": {"kinect": {"camera": "simulated_kinect"}}})
    recorder = Recorder("kinect", rig=rig, master="tcp://127.0.0.1:1", stays=True, folder=tmp_path)
    camera = Unplugged()
    sensor = Sensor(camera, clock=MonotonicClock(), color="jpeg", send_preview=lambda _head, _jpeg: None)
    recorder._sensor = sensor
    try:
        sensor.rest()
        seen_twice(camera.missed)
        assert not sensor.hangs()  # looked at as a take's opening does, which may end the rest
        sensor.rest()
        with pytest.raises(RecordError, match="the camera is unplugged"):
            recorder._arm({"session": "S01"})
        assert list(tmp_path.iterdir()) == []
        camera.plugged_in.set()
        seen_twice(camera.grabbed)
        recorder._arm({"session": "S01"})
        assert (tmp_path / "S01" / "kinect.0000.mcap").exists()
    finally:
        recorder._close()
