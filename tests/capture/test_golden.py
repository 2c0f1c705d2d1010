"""One session per schema, written by the code of its day: they read for ever, to the pixel."""

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.capture.recovery import recover
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize

GOLDEN = Path(__file__).parent / "golden"
MADE = SimpleNamespace(**runpy.run_path(str(GOLDEN / "make_session.py")))
PLAN, RECORDERS, BOOT_ID = MADE.PLAN, MADE.RECORDERS, MADE.BOOT_ID
SPECS = {spec.stream: spec for specs in RECORDERS.values() for spec in specs}
JPEG_STEPS = 12
"""JPEG may change a channel of a smooth picture by so much."""


@pytest.fixture(params=[1, 2])
def golden(request):
    """Return the golden session of each schema."""
    return open_session(GOLDEN / f"session-v{request.param}")


def test_every_frame_of_a_golden_session_reads_as_it_was_made(golden):
    assert golden.streams == tuple(Stream)
    for stream, spec in SPECS.items():
        recorder = golden.recorder_of(stream)
        frames = list(golden.frames(stream))
        assert len(frames) == PLAN.n_ticks
        for i, frame in enumerate(frames):
            difference = np.abs(frame.pixels.astype(int) - MADE.pixels_of(spec, i).astype(int))
            assert difference.max() <= (JPEG_STEPS if spec.dtype == "uint8" else 0)
            assert frame.frame_id == 100 + i
            assert frame.device_time_ns == PLAN.tick_ns(i)
            assert frame.host_time_ns == MADE.local_ns(recorder, PLAN.tick_ns(i) + MADE.LATE_NS[recorder])


def test_a_golden_session_keeps_its_words_clocks_and_counters(golden):
    record = golden.record
    assert (record.id, record.subject, record.rig, record.state) == ("golden", "S01", "golden", "complete")
    assert (record.simulated, record.plan) == (True, PLAN)
    assert record.consent is not None
    assert record.consent.reference == "C-12, page 3"
    assert record.protocol is not None
    assert record.protocol.name == "relax"
    assert record.recorders["thermal"].nodes == {"Emissivity": 0.98}
    assert record.settings is not None
    assert set(record.settings.recorders) == {"kinect", "thermal"}
    assert record.recorders["kinect"].files == ("kinect.0000.mcap", "kinect.0001.mcap")
    np.testing.assert_array_equal(golden.pings("thermal"), MADE.pings_of("thermal"))
    np.testing.assert_array_equal(golden.pings("kinect"), MADE.pings_of("kinect")[:8])
    assert [table["kept"] for table in golden.counters("thermal")] == list(range(1, PLAN.n_ticks + 1))
    assert set(golden.boot_ids("kinect")) == {BOOT_ID["kinect"]}


def test_a_golden_session_is_complete_and_its_skew_is_known(golden):
    report = synchronize(golden).report
    assert report.problems == ()
    assert report.pair_skew_ms["color-thermal"]["max"] == pytest.approx(2.0, abs=0.01)
    assert report.clocks["thermal"].drift_ppm == pytest.approx(50, abs=0.01)


def test_a_golden_session_is_whole_to_recover(golden, tmp_path):
    copy = shutil.copytree(golden.path, tmp_path / "golden")
    assert not any(file.mended for file in recover(copy).files)
    for file in golden.path.iterdir():
        assert (copy / file.name).read_bytes() == file.read_bytes()


def test_schema_2_adds_master_markers_and_who_ran_it():
    session = open_session(GOLDEN / "session-v2")
    record = session.record
    assert (record.operator, record.notes) == ("OP1", "warm room")
    assert record.consent is not None
    assert record.consent.scope == ("analysis", "archive")
    assert record.protocol is not None
    assert [(step.name, step.seconds) for step in record.protocol.steps] == [("video", 60), ("talk", None)]
    assert record.master is not None
    assert (record.master.boot_id, record.master.host) == (BOOT_ID["master"], "desk")
    assert [(m.t_ns, m.label, m.source) for m in session.markers()] == [
        (11_000_000_000, "video starts", "operator"),
        (71_000_000_000, "video ends", "operator"),
    ]
    assert [event["text"] for event in session.events("master")] == ["the door opened"]
