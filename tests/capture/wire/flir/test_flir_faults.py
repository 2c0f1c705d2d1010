"""Faults of a camera on the wire: each is one line, and a camera that comes back is taken up again."""

import os
import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from mavfer.capture import flir_a65
from mavfer.capture.now import monotonic_ns
from mavfer.errors import CameraError, CameraGone

PATIENCE_S = 60.0
"""Longer than anything here takes on a loaded machine."""
CRASHING = """
#include <stdlib.h>
int GCInitLib(void) { abort(); }
int TLOpen(void **h) { return 0; }
"""
ODD_FRAME = """
import os, sys
from pathlib import Path
from mavfer.capture.flir.device import Device, OddFrame
from mavfer.capture.flir.harvest import choose_camera, load_producer, open_camera
from mavfer.capture.flir.nodes import Nodes
from mavfer.capture.flir_settings import FlirSettings

saying = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the producer talks
cti = Path(sys.argv[1])
device = Device(cti, FlirSettings())
harvester = load_producer(cti)
device.camera = choose_camera(harvester, "0", cti=cti)
device.acquirer = open_camera(harvester, device.camera)
device.nodes = Nodes(device.acquirer.remote_device.node_map)
device.start()
try:
    while device.fetch(1.0) is None:
        pass
except OddFrame as error:
    print(error, file=saying, flush=True)
device.close()
"""
RECORDER = """
import sys, time
import psutil
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.flir_a65 import FlirA65
from mavfer.capture.flir_settings import FlirSettings

camera = FlirA65(FlirSettings(cti=sys.argv[1]), clock=MonotonicClock())
camera.open()
print(psutil.Process().children()[0].pid, flush=True)
while True:
    camera.grab(60)
"""
NO_PRODUCER = "int answer(void) { return 42; }"


def refusal(lab, **settings):
    """Return the one line that opening a camera ends with."""
    with pytest.raises(CameraError) as told:
        lab.open(**settings)
    line = str(told.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


def until_gone(camera):
    """Grab until the camera is known to be gone; return the frames until then, and what is said of it."""
    captures, end_s = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            captures.append(camera.grab(1.0))
        except CameraGone as error:
            return captures, str(error)
        except CameraError:
            continue
    raise AssertionError("nobody said that it is gone")


def assert_outage_is_a_gap(camera, before, after):
    """The ids count on by as many frames as the camera would have sent meanwhile."""
    outage_s = (after.host_time_ns - before.host_time_ns) / 1e9
    assert after.frame_id - before.frame_id == pytest.approx(outage_s * camera.fps, abs=1.01)


def test_a_camera_that_vanishes_is_told_of_and_taken_up_again_when_it_returns(lab):
    device = lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    camera.start(monotonic_ns() + 10**9)
    before = lab.frames(camera, 30)
    device.tell("vanish")
    more, told = until_gone(camera)
    assert told.endswith("; it is looked for")
    assert "65000001 (FLIR AX5 A65)" in told
    with pytest.raises(CameraGone):
        camera.grab(0.2)
    device.tell("return")
    after = lab.frames_until(camera, lambda _: True)
    assert_outage_is_a_gap(camera, [*before, *more][-1], after[0])
    assert lab.missing([*after, *lab.frames(camera, 30)]) == []
    assert camera.nodes()["NUCMode"] == "Manual", "it is still the same take"
    assert camera.specs[0].unit == "0.04 K"


def test_a_camera_whose_frames_all_come_broken_is_told_so(lab):
    device = lab.wire.simulated_a65("--nuc-every", 0, "--no-resend")
    camera = lab.open()
    lab.frames(camera, 10)
    device.tell("drop 0.2")
    _, told = until_gone(camera)
    assert told.startswith("the camera has sent nothing but broken frames for 2 s: 65000001")


def test_a_camera_that_is_switched_off_and_another_of_its_serial_come_to_the_same(lab):
    first = lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    before = lab.frames(camera, 10)[-1]
    first._process.kill()
    first._process.wait()
    until_gone(camera)
    lab.wire.simulated_a65("--nuc-every", 0)
    after = lab.frames_until(camera, lambda _: True)
    assert after[0].frame_id > before.frame_id
    assert lab.missing([*after, *lab.frames(camera, 30)]) == []


def test_a_crash_of_the_producer_costs_the_frames_of_its_restart_and_no_more(lab):
    lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    lab.frames(camera, 10)
    (host,) = lab.hosts()
    host.kill()
    _, told = until_gone(camera)
    assert "ended the camera's process (signal 9)" in told
    after = lab.frames_until(camera, lambda _: True)
    assert lab.missing([*after, *lab.frames(camera, 30)]) == []


def test_a_driver_that_hangs_does_not_hold_up_the_recorder_and_is_replaced(lab, monkeypatch):
    lab.wire.simulated_a65("--nuc-every", 0)
    camera = lab.open()
    lab.frames(camera, 10)
    (host,) = lab.hosts()
    lab.hang(host)
    with pytest.raises(CameraError, match=r"no frame came within 0.2 s: 65000001"):
        while True:
            camera.grab(0.2)  # what was on its way
    assert camera.health()
    assert camera.nodes()
    assert camera.documents()
    camera.notices()
    camera.clock_readings()
    monkeypatch.setattr(flir_a65, "HUNG_S", 0.1)
    until_gone(camera)
    monkeypatch.undo()
    camera.close()


def test_a_driver_that_hangs_does_not_keep_a_camera_from_being_closed(lab, monkeypatch):
    monkeypatch.setattr(flir_a65, "CLOSE_TIMEOUT_S", 0.5)
    lab.wire.simulated_a65()
    camera = lab.open()
    lab.hang(lab.hosts()[0])
    camera.close()
    assert lab.hosts() == []
    camera.close()


def test_a_recorder_that_is_killed_takes_its_cameras_process_with_it(lab):
    lab.wire.simulated_a65()
    recorder = lab.wire.start(sys.executable, "-c", RECORDER, lab.producer)
    host = psutil.Process(int(recorder.stdout.readline()))
    recorder.kill()
    host.wait(PATIENCE_S)
    assert lab.frames(lab.open(), 1), "the camera is free at once"


def test_a_closed_camera_can_be_opened_again(lab):
    lab.wire.simulated_a65()
    camera = lab.open()
    camera.close()
    for action in (lambda: camera.grab(0.1), lambda: camera.start(0), camera.nodes, lambda: camera.specs):
        with pytest.raises(CameraError, match="call open"):
            action()
    camera.open()
    camera.start(0)
    assert lab.missing(lab.frames(camera, 10)) == []


def test_a_camera_in_use_is_refused_and_can_be_had_once_it_is_free(lab):
    lab.wire.simulated_a65()
    first = lab.open()
    line = refusal(lab)
    assert line == (
        "the camera is in use by another program; close that one, or wait some seconds if it has crashed: "
        "65000001 (FLIR AX5 A65)"
    )
    assert lab.missing(lab.frames(first, 10)) == [], "who has it is not disturbed"
    first.close()
    assert lab.frames(lab.open(), 1)


def test_a_wrong_serial_names_the_cameras_that_are_there(lab):
    for number in (1, 2):
        lab.wire.simulated_a65("--address", f"127.0.0.{number}", "--serial", f"6500000{number}")
    line = refusal(lab, serial="12345678")
    assert "wanted the camera with serial '12345678'" in line
    assert "65000001 (FLIR AX5 A65)" in line
    assert "65000002 (FLIR AX5 A65)" in line
    assert "say which with serial in the rig file" in refusal(lab)


def test_a_node_that_does_not_exist_is_named_with_those_that_are_like_it(lab):
    lab.wire.simulated_a65()
    line = refusal(lab, nodes={"SensorGainMod": "HighGainMode"})
    assert line.startswith("nodes in the rig file wants a node 'SensorGainMod'")
    assert "it has SensorGainMode" in line
    line = refusal(lab, nodes={"SensorGainMode": "TinyGainMode"})
    assert "SensorGainMode was to be TinyGainMode, the camera has HighGainMode, it takes HighGainMode" in line
    assert "PixelFormat Mono14 or Mono16, found Mono8" in refusal(lab, nodes={"PixelFormat": "Mono8"})


def test_a_producer_without_cameras_says_so(lab):
    line = refusal(lab)
    assert line.startswith("the producer finds no camera; is it powered, plugged in")
    assert line.endswith(str(lab.producer))


def test_a_camera_that_is_there_but_sends_nothing_says_what_to_look_at(lab):
    lab.wire.simulated_a65("--drop", 1, "--no-resend")
    line = refusal(lab)
    assert line.startswith("the camera is open, but sends nothing: let UDP packets of 1500 bytes through")
    assert line.endswith("or look whether it waits for a sync signal: 65000001 (FLIR AX5 A65)")


def test_a_file_that_is_no_producer_says_so(lab, tmp_path):
    text = tmp_path / "text.cti"
    text.write_text("hello")
    line = refusal(lab, cti=str(text))
    assert "found a file that cannot be loaded as one" in line
    assert line.endswith(str(text))
    library = lab.library(tmp_path, NO_PRODUCER)
    assert (
        refusal(lab, cti=str(library)) == f"wanted a GenTL producer, found a library that is none: {library}"
    )


def test_a_producer_that_crashes_does_not_take_the_recorder_with_it(lab, tmp_path):
    library = lab.library(tmp_path, CRASHING)
    line = refusal(lab, cti=str(library))
    assert line == f"the producer's library ended the camera's process (signal 6): {library}"


def test_of_several_producers_the_first_that_has_the_camera_is_taken(lab, tmp_path, monkeypatch):
    lab.wire.simulated_a65()
    (tmp_path / "a.cti").write_text("hello")
    shutil.copy(lab.producer, tmp_path / "b.cti")
    monkeypatch.setenv("GENICAM_GENTL64_PATH", os.pathsep.join(["", str(tmp_path), str(tmp_path)]))
    camera = lab.open(cti=None)
    assert camera.nodes()["producer"] == "b.cti"


def test_the_demonstration_producer_of_the_wheel_is_listed_and_its_8_bits_refused(lab):
    genicam = pytest.importorskip("genicam")
    viky = Path(genicam.__file__).with_name("viky.cti")
    assert "found 3: 0 (Viky), 1 (Viky), 2 (Viky)" in refusal(lab, cti=str(viky))
    line = refusal(lab, cti=str(viky), serial="0")
    assert line.startswith("wanted pictures of 14 or 16 bits (Mono14, Mono16), the camera offers ")
    assert "Mono8" in line
    assert line.endswith("0 (Viky)")


def test_a_frame_that_is_not_what_was_announced_is_refused_in_one_line(lab):
    genicam = pytest.importorskip("genicam")
    viky = Path(genicam.__file__).with_name("viky.cti")
    line = lab.wire.run(sys.executable, "-c", ODD_FRAME, viky).stdout.strip()
    assert line.startswith(
        "wanted frames of 400x400 with 16 bits a pixel, found one of 400x400 in pixel format"
    )
    assert line.endswith("switch it off and on: 0 (Viky)")
