import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tomlkit

from mavfer.capture.drain import Drain
from mavfer.capture.kinect_v2.factory import FILE_NAME, factory_from_json
from mavfer.capture.master import record
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.payload import codec_of_channel, decode
from mavfer.capture.rig import read_rig
from mavfer.capture.session import open_session
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Stream
from mavfer.capture.trigger import Plan

WAIT_S = 60.0
PERIOD_NS = 33_333_300
PLAN = Plan(first_tick_ns=10_304_000_000, fps=10, n_ticks=10)


class OneAtATime:
    """A Kinect that makes its next frame when it is asked for one, by a script."""

    def __init__(self, kinect, *, lost=(), wrong=(), unplugged=()):
        self.kinect, self.lost, self.wrong, self.unplugged = kinect, lost, wrong, unplugged
        self.n = 0
        self.specs = kinect.camera.specs

    def start(self, first_tick_ns):
        self.kinect.camera.start(first_tick_ns)

    def grab(self, timeout_s):
        self.n += 1
        if self.n in self.unplugged:
            self.kinect.sdk.connected = False
            try:
                return self.kinect.camera.grab(timeout_s)
            finally:
                self.kinect.sdk.connected = True
                self.n = self.unplugged[-1]
        if self.n in self.wrong:
            self.kinect.show(self.n, ticks=1)
            return self.grab(timeout_s)
        if self.n in self.lost:
            return self.grab(timeout_s)
        return self.kinect.see(self.n)


@pytest.fixture
def drained(filming, tmp_path):
    """Return a function that drains the scene by PLAN and a script, and gives counters, complaints and ids.

    Every stored picture was compared with the one that the sensor saw.
    """

    def drain(*, gone_s=60.0, **script):
        filming.open(gone_s=gone_s)
        camera = OneAtATime(filming, **script)
        writer = SessionWriter(tmp_path, recorder="kinect", specs=camera.specs, color="lossless")
        writer.begin({}, now_ns=filming.clock.now_ns())
        work = Drain(
            camera, writer, plan=PLAN, keep="all", queue_length=8, clock=filming.clock, wait_for_writer=True
        )
        assert work.finished.wait(WAIT_S)
        writer.finish()
        reader = McapReader(tmp_path / "kinect.0000.mcap")
        ids = {}
        for number, spec in enumerate(camera.specs):
            (channel,) = (one for one in reader.channels.values() if one.topic == spec.stream.value)
            rows = reader.rows[reader.rows["channel"] == channel.id]
            for row in rows:
                pixels = decode(reader.payload(row), spec, codec_of_channel(channel))
                n = int(row["sequence"])  # the first frame of all is 0 in both
                np.testing.assert_array_equal(pixels, filming.pictures[n % len(filming.pictures)][number])
            ids[spec.stream] = rows["sequence"].tolist()
        assert ids[Stream.COLOR] == ids[Stream.DEPTH] == ids[Stream.INFRARED]
        return work.counters, list(work.complaints.lines()), ids[Stream.COLOR]

    return drain


def test_a_recording_holds_what_the_sensor_saw_frame_for_frame(drained):
    counters, complaints, ids = drained()
    assert ids == list(range(ids[0], ids[0] + 30))
    assert (counters.lost, complaints) == ({}, [])


def test_every_frame_that_is_absent_is_counted(drained):
    counters, complaints, ids = drained(lost=(12, 20, 21, 22), wrong=(15,))
    assert set(range(ids[0], ids[0] + 30)) - set(ids) == {12, 15, 20, 21, 22}
    assert (counters.lost, complaints) == ({"sensor": 5}, [])


def test_an_outage_is_told_and_its_frames_are_counted(drained):
    counters, complaints, ids = drained(unplugged=range(14, 26), gone_s=0.05)
    assert set(range(ids[0], ids[0] + 30)) - set(ids) == set(range(14, 26))
    assert counters.lost == {"sensor": 12}
    assert complaints[0].startswith("the Kinect is gone (the SDK sees no sensor)")
    assert complaints[1].startswith("the camera is back after")


@pytest.fixture
def lab(tmp_path, rendered) -> Iterator[Path]:
    """Return the file of a rig whose Kinect's recorder waits, over the stand-in, in a process of its own."""
    pytest.importorskip("kinect_next")
    pictures = tmp_path / "pictures.npz"
    color, depth, infrared = map(np.stack, zip(*rendered, strict=True))
    np.savez(pictures, color=color, depth=depth, infrared=infrared)
    kinect = {
        "camera": "kinect_v2",
        "kinect_v2": {"driver": "kinect_next"},
        "spawn": False,
        "folder": str(tmp_path / "disk"),
    }
    table = {
        "master": {"port": three_free_ports()},
        "recorders": {"kinect": kinect},
        "reserve_mb": 1,
        "color": "lossless",
    }
    file = tmp_path / "rig.toml"
    file.write_text(tomlkit.dumps(table), encoding="utf-8")
    script = Path(__file__).with_name("kinect_recorder.py")
    words = [sys.executable, str(script), "kinect", str(file), str(pictures)]
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    yield file
    process.kill()
    process.wait(WAIT_S)
    reader.join(WAIT_S)
    assert process.stderr is not None
    process.stderr.close()
    assert not [line for line in said if "Traceback" in line], said


def three_free_ports() -> int:
    """Return the first of three neighbouring ports that nobody listens on now."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second, socket.socket() as third:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                third.bind(("127.0.0.1", port + 2))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no three neighbouring ports are free")


def test_a_rig_with_a_kinect_is_recorded_and_its_session_says_what_it_was(lab, tmp_path, rendered):
    report = record(tmp_path / "take", rig=read_rig(lab), subject="S01", seconds=1.0, gather_timeout_s=WAIT_S)
    for folder in report.elsewhere.values():
        for file in Path(folder).iterdir():
            shutil.copy(file, report.path / file.name)
    session = open_session(report.path)
    assert session.streams == (Stream.COLOR, Stream.DEPTH, Stream.INFRARED)
    for number, stream in enumerate(session.streams):
        frames = session.index(stream)
        assert len(frames) > 0
        shown = (frames.device_time_ns - 7_100_000_000) // PERIOD_NS
        np.testing.assert_array_equal(np.diff(frames.frame_id), np.diff(shown), "a gap is silent")
        for i, n in enumerate(shown):
            np.testing.assert_array_equal(session.frame(stream, i).pixels, rendered[n % 4][number])
    factory = factory_from_json(session.documents("kinect")[FILE_NAME], where="session")
    assert factory.depth.k3 == 0.09375
    nodes = session.record.recorders["kinect"].nodes
    assert (nodes["driver"], nodes["mirrored_by_driver"]) == ("kinect_next", True)
    assert nodes["serial"] == factory.serial
