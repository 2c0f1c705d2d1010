"""Whole takes of `mavfer record` whose thermal camera is a GigE Vision device, in a network of their own."""

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.session import open_session
from mavfer.capture.session_facts import session_facts
from mavfer.capture.simulated.a65_nodes import TICK_HZ
from mavfer.capture.simulated.a65_pictures import TickClock
from mavfer.capture.simulated.renderer import ThermalView
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream

RIG = """\
name = "wire"
fps = {fps}
keep = "{keep}"
[recorders.thermal]
camera = "flir-a65"
[recorders.thermal.flir_a65]
cti = '{cti}'
warm_up_min = 0
"""
NOISE_K = 0.1
"""Of one pixel, twice its standard deviation; the device numbers its frames, and so its noise, by itself."""


def rig_file(folder: Path, cti: Path, *, fps: float = 10, keep: str = "nearest") -> Path:
    path = folder / "rig.toml"
    path.write_text(RIG.format(cti=cti, fps=fps, keep=keep))
    return path


def record(wire, session, rig, *, seconds, **settings):
    words = ("-m", "mavfer", "record", session, "--rig", rig, "--subject", "S01", "--seconds", seconds)
    return wire.start(sys.executable, *words, **settings)


def ended_well(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


def test_a_take_over_the_wire_holds_what_the_camera_saw_when_it_saw_it(wire, producer, tmp_path):
    device = wire.simulated_a65("--drift-ppm", 40)
    ended_well(record(wire, tmp_path / "S01", rig_file(tmp_path, producer), seconds=5))
    session = open_session(tmp_path / "S01")
    assert session.record.state == "complete"
    assert session.record.simulated
    recorder = session.record.recorders["thermal"]
    assert (recorder.frames_kept, recorder.frames_lost) == (50, {})
    assert session.spec(Stream.THERMAL).unit == "0.04 K"
    nodes = recorder.nodes
    assert nodes["PixelFormat"] == "Mono14"
    assert nodes["TemperatureLinearMode"] == "On"
    assert {"R", "B", "F", "O"} <= set(nodes)
    assert "<RegisterDescription" in session.documents("thermal")["genicam.xml"]
    assert len(session.clock_readings("thermal")) >= 2

    clock = TickClock(device.clock_start_ns, drift_ppm=40)
    view = ThermalView(SceneSettings(), subject="S01", seconds=60)
    index = session.index(Stream.THERMAL)
    for i in (0, 25, 49):
        exposed_ns = clock.host_ns(round(int(index.device_time_ns[i]) * TICK_HZ / 10**9))
        scene_s = (exposed_ns - device.scene_start_ns) / 1e9
        seen = session.frame(Stream.THERMAL, i).pixels * 0.04
        error_k = np.abs(seen - view.thermal(scene_s, int(index.frame_id[i])) * 0.04)
        assert np.median(error_k) < NOISE_K

    facts = session_facts(tmp_path / "S01")
    assert facts.problems == ()
    clocks = facts.report.clocks["thermal"]
    assert 0 < clocks.transport_ms < 33
    exposed_ns = np.array([clock.host_ns(round(int(t) * TICK_HZ / 10**9)) for t in index.device_time_ns])
    error_ms = facts.report.tick_error_ms[Stream.THERMAL]
    true_ms = np.abs(exposed_ns - session.record.plan.ticks_ns()) / 1e6
    assert error_ms["max"] == pytest.approx(float(true_ms.max()), abs=2 + clocks.residual_ms)


def test_a_camera_that_vanishes_in_the_midst_of_a_take_comes_back_and_the_outage_is_told(
    wire, producer, tmp_path
):
    device = wire.simulated_a65()
    take = record(wire, tmp_path / "S01", rig_file(tmp_path, producer, keep="all"), seconds=25)
    wait_until_recording(tmp_path / "S01")
    device.tell("vanish")
    wait_for_event(tmp_path / "S01", "thermal")
    device.tell("return")
    ended_well(take)
    session = open_session(tmp_path / "S01")
    texts = [event["text"] for event in session.events("thermal") if event["kind"] == "camera"]
    assert any("is back after" in text for text in texts), texts
    index = session.index(Stream.THERMAL)
    assert np.all(np.diff(index.frame_id) > 0)
    n_absent = int(np.sum(np.diff(index.frame_id) - 1))
    lost = session.record.recorders["thermal"].frames_lost
    assert lost["sensor"] == pytest.approx(n_absent, abs=1)
    outage_s = np.diff(index.host_time_ns).max() / 1e9
    assert n_absent == pytest.approx(30 * outage_s, abs=3)
    facts = session_facts(tmp_path / "S01")
    assert any("thermal" in problem for problem in facts.problems)


def test_rig_check_names_the_camera_and_its_producer(wire, producer, tmp_path):
    wire.simulated_a65("--serial", "65000042")
    rig = rig_file(tmp_path, producer)
    words = (sys.executable, "-m", "mavfer", "rig", "check", rig, "--folder", tmp_path, "--json")
    recorders = json.loads(wire.run(*words).stdout)["recorders"]
    assert recorders[0]["problem"] == ""
    assert "65000042" in json.dumps(recorders[0]["nodes"])


def test_a_take_whose_camera_is_not_there_is_refused_in_one_line(wire, producer, tmp_path):
    take = record(wire, tmp_path / "S01", rig_file(tmp_path, producer), seconds=5, stderr=-1)
    _, said = take.communicate(timeout=120)
    assert take.returncode == 1
    assert "Traceback" not in said
    assert "camera" in said.splitlines()[-1]
    assert not (tmp_path / "S01").exists()


def wait_until_recording(session: Path) -> None:
    """Return when the thermal recorder's file has grown."""
    wait_for(lambda: any(file.stat().st_size > 3_000_000 for file in session.glob("thermal.*.mcap")))


def wait_for_event(session: Path, recorder: str) -> None:
    """Return when the recorder has written down that its camera is gone."""
    wait_for(lambda: any(b'"kind":"camera"' in f.read_bytes() for f in session.glob(f"{recorder}.*.mcap")))


def wait_for(holds, timeout_s: float = 60.0) -> None:
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.1)):
        if holds():
            return
        pause.wait(0.1)
    pytest.fail("what was waited for did not come")
