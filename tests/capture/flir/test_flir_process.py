"""The recorder's side of the camera, against a process that plays a camera's part over the same pipe."""

import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from mavfer.capture import flir_a65
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.drain import CAMERA_HUNG_S, GRAB_TIMEOUT_S
from mavfer.capture.flir import process
from mavfer.capture.flir_a65 import QUEUE_FRAMES, FlirA65
from mavfer.capture.flir_settings import FlirSettings
from mavfer.errors import CameraEnded, CameraError, CameraGone

PART = """
import json, os, sys
from pathlib import Path
from mavfer.capture.flir.messages import write_message
from mavfer.capture.now import monotonic_ns

out = os.fdopen(os.dup(1), "wb", buffering=0)
turn = Path(json.loads(sys.argv[1])["cti"] + ".turn")
n_turn = int(turn.read_text() or 0) if turn.exists() else 0
turn.write_text(str(n_turn + 1))

def send(kind, **body):
    write_message(out, {"kind": kind, **body})

def opened(**changes):
    facts = dict(serial="7", model="A65", width=6, height=4, unit="0.04 K", fps=30.0, stamps="ns",
                 simulated=True, nodes={"NUCMode": "Automatic"}, documents={"genicam.xml": "<x/>"})
    send("opened", **facts | changes)

def frame(number, flags=(), value=0):
    head = {"kind": "frame", "id": number, "device_ns": number * 10**9 // 30, "host_ns": monotonic_ns(),
            "exposed_ns": None, "transport_ns": 5, "flags": list(flags)}
    write_message(out, head, bytes([value % 256, value // 256]) * 24)

def asked():
    return sys.stdin.readline().strip()
"""


def wait_until(camera, holds):
    """Wait for something that the camera's process has yet to say."""
    with camera._changed:
        assert camera._changed.wait_for(holds, 60)


@pytest.fixture
def play(monkeypatch, tmp_path):
    """Return what opens a camera whose process plays a part, Python code."""
    cameras = []

    def play_one(part, *, opened=True):
        cti = tmp_path / "part.cti"
        cti.write_text("")
        monkeypatch.setattr(process, "HOST", (sys.executable, "-c", PART + part))
        monkeypatch.setattr(flir_a65, "RETRY_S", 0.01)
        cameras.append(FlirA65(FlirSettings(cti=str(cti)), clock=MonotonicClock()))
        if opened:
            cameras[-1].open()
        return cameras[-1]

    yield play_one
    for camera in cameras:
        camera.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "flir"]


def test_frames_come_with_their_pixels_times_and_flags(play):
    camera = play("opened(); frame(5, value=7500); frame(6, flags=('nuc', 'repeated')); asked()")
    first, second = camera.grab(30), camera.grab(30)
    (frame,) = first.retrieve()
    np.testing.assert_array_equal(frame.pixels, np.full((4, 6), 7500, np.uint16))
    assert (frame.frame_id, frame.device_time_ns, frame.host_time_ns, frame.flags) == (
        first.frame_id,
        first.device_time_ns,
        first.host_time_ns,
        (),
    )
    assert (first.frame_id, second.frame_id) == (5, 6)
    assert first.transport_ns == 5
    assert second.flags == ("nuc", "repeated") == second.retrieve()[0].flags


def test_an_odd_frame_is_an_error_until_right_ones_come_again(play):
    camera = play("opened(); send('odd', text='wanted 6x4, found 5x4: 7'); asked(); frame(9); asked()")
    with pytest.raises(CameraError, match="wanted 6x4, found 5x4: 7") as told:
        camera.grab(30)
    assert not isinstance(told.value, CameraGone | CameraEnded)
    camera.start(2**62)  # "take" lets the part go on
    assert camera.grab(30).frame_id == 9


def test_a_slow_reader_loses_the_oldest_frames_and_their_ids_tell(play):
    n_frames = QUEUE_FRAMES + 25
    camera = play(
        f"opened(); [frame(n) for n in range({n_frames})]; send('health', health={{'done': 1}}); asked()"
    )
    wait_until(camera, camera.health)
    ids = [camera.grab(1).frame_id for _ in range(QUEUE_FRAMES)]
    assert ids == list(range(25, n_frames))


def test_frames_that_nobody_wanted_are_not_those_of_the_take(play):
    camera = play(
        "opened(); frame(1); frame(2); send('health', health={'sent': 2}); asked(); frame(3); asked()"
    )
    wait_until(camera, camera.health)
    camera.start(2**62)
    assert camera.grab(30).frame_id == 3


def test_after_an_outage_the_ids_go_on_by_what_the_camera_would_have_sent(play):
    camera = play(
        "opened(); [frame(100 + 7000 * n_turn + n) for n in range(3)]; n_turn or sys.exit(1); asked()"
    )
    before = [camera.grab(30) for _ in range(3)]
    with pytest.raises(CameraGone, match="ended the camera's process"):
        camera.grab(30)
    after = None
    while after is None:
        try:
            after = camera.grab(30)
        except CameraGone:
            continue
    outage_s = (after.host_time_ns - before[-1].host_time_ns) / 1e9
    assert after.frame_id - before[-1].frame_id == max(1, round(outage_s * 30))
    assert [camera.grab(30).frame_id - after.frame_id for _ in range(2)] == [1, 2]


def test_during_a_take_a_camera_that_came_back_is_told_so(play):
    camera = play("opened(); asked() == 'take' or sys.exit(3); frame(n_turn); n_turn or sys.exit(1); asked()")
    camera.start(2**62)
    camera.grab(30)
    with pytest.raises(CameraGone):
        camera.grab(30)
    with pytest.raises(CameraGone, match="exit 1"):
        camera.grab(0.0)
    wait_until(camera, lambda: camera._frames)
    assert camera.grab(1).frame_id > 0


def test_that_the_camera_is_gone_is_told_before_its_process_has_ended(play):
    camera = play("opened(); frame(1); send('gone', text='it sends nothing: 7'); asked()")
    camera.grab(30)
    with pytest.raises(CameraGone, match=r"^it sends nothing: 7; it is looked for$"):
        camera.grab(30)


def test_a_process_that_hangs_while_it_looks_for_the_camera_is_replaced(play, monkeypatch):
    camera = play("n_turn == 1 and asked(); opened(); frame(n_turn); n_turn or sys.exit(1); asked()")
    camera.grab(30)
    monkeypatch.setattr(flir_a65, "OPEN_TIMEOUT_S", 5.0)
    found, end_s = None, time.monotonic() + 60
    while found is None and time.monotonic() < end_s:
        with suppress(CameraGone):
            found = camera.grab(0.05)
    assert found is not None


def test_a_process_that_hangs_is_replaced_before_a_drain_gives_its_camera_up(play, monkeypatch):
    assert flir_a65.HUNG_S + GRAB_TIMEOUT_S < CAMERA_HUNG_S
    camera = play("opened(); frame(1); asked()")
    camera.grab(30)
    monkeypatch.setattr(flir_a65, "HUNG_S", 0.1)
    with pytest.raises(CameraGone, match=r"the producer's library hangs, it is started anew: 7 \(A65\)"):
        camera.grab(0.2)


def test_a_recorder_that_stood_still_itself_does_not_take_its_cameras_process_to_hang(play, monkeypatch):
    camera = play("opened(); frame(1); asked(); frame(2); asked()")
    camera.grab(30)
    monkeypatch.setattr(flir_a65, "HUNG_S", 0.1)
    for moment in ("_heard_s", "_watched_s"):
        setattr(camera, moment, getattr(camera, moment) - 60)
    with pytest.raises(CameraError, match="no frame came within 0 s"):
        camera.grab(0)
    camera.start(2**62)
    assert camera.grab(30).frame_id == 2


def test_another_camera_in_its_place_is_an_error(play):
    camera = play("opened(width=6 + n_turn); n_turn or frame(1); n_turn or sys.exit(1); asked()")
    camera.grab(30)
    told = ""
    while "came back" not in told:
        with pytest.raises(CameraGone) as error:
            camera.grab(0.05)
        told = str(error.value)
    assert "the camera came back with width 7, it had 6; end the take and begin another: 7 (A65)" in told


def test_a_process_that_writes_something_else_is_told_in_one_line(play):
    camera = play("os.write(1, b'Hello, I am a vendor and greet you')", opened=False)
    with pytest.raises(CameraError, match="the GenTL producer writes into the pipe of its pictures"):
        camera.open()


def test_what_it_says_last_is_why_it_could_not_be_opened(play):
    camera = play("send('error', text='wanted a camera, found a kettle: 7')", opened=False)
    with pytest.raises(CameraError, match=r"^wanted a camera, found a kettle: 7$"):
        camera.open()


def test_one_that_never_opens_is_given_up(play, monkeypatch):
    monkeypatch.setattr(flir_a65, "OPEN_TIMEOUT_S", 0.2)
    camera = play("asked()", opened=False)
    with pytest.raises(CameraError, match=r"did not open the camera within 0.2 s: .*part\.cti"):
        camera.open()


def test_what_the_camera_tells_is_handed_on(play):
    camera = play(
        "send('health', health={'sensor_temperature_c': 31.5}); send('notices', notices=['it is cold']); "
        "send('clock', reading=[5, 6, 7]); opened(); send('nodes', nodes={'NUCMode': 'Manual'}); frame(1); "
        "asked()"
    )
    camera.grab(30)
    assert camera.health() == {"sensor_temperature_c": 31.5}
    assert camera.notices() == ("it is cold",)
    assert [(r.device_ns, r.before_ns, r.after_ns) for r in camera.clock_readings()] == [(5, 6, 7)]
    assert camera.clock_readings() == ()
    assert camera.nodes()["NUCMode"] == "Manual"
    assert camera.nodes()["simulated"] is True
    assert camera.documents() == {"genicam.xml": "<x/>"}
    assert camera.fps == 30.0
