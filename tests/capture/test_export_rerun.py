import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mavfer.capture.export.export import ExportFormat, export
from mavfer.capture.export.frames import select
from mavfer.capture.export.rerun_file import rrd_bytes
from mavfer.capture.payload import MARKERS, jpeg_of
from mavfer.capture.session import MASTER, MasterRecord, open_session, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Stream, StreamSpec

pytest.importorskip("rerun")
INFRARED = StreamSpec(Stream.INFRARED, (12, 16), "uint16", "counts")


def read_back(path):
    """Return, by entity, the rows of a recording: {column: value}, as Rerun's own reader gives them."""
    from rerun.chunk import RrdReader

    found = {}
    for chunk in RrdReader(path).stream().to_chunks():
        for row in chunk.to_record_batch().to_pylist():
            found.setdefault(chunk.entity_path, []).append(row)
    return found


def fixed(rows):
    """Return what holds for all rows of an entity."""
    return {key: value for row in rows if "session_time" not in row for key, value in row.items()}


def timed(rows):
    return [row for row in rows if "session_time" in row]


def nanoseconds(row):
    time = row["session_time"]
    return time.value if hasattr(time, "value") else round(time.total_seconds() * 1e9)


@pytest.fixture
def session(make_session, small):
    recorders = {"kinect": (small.color, small.depth, INFRARED), "thermal": (small.thermal,)}
    path = make_session(recorders=recorders, shift_ns={"thermal": 7_000_000})
    opened = open_session(path)
    writer = SessionWriter(path, recorder=MASTER, specs=())
    writer.begin({"session": {}}, now_ns=0)
    t_ns = opened.record.plan.first_tick_ns + 300_000_000
    writer.add_table(MARKERS, {"t_ns": t_ns, "label": "video 1 starts", "source": "operator"}, now_ns=t_ns)
    master = MasterRecord(address="tcp://127.0.0.1:1", boot_id="", files=writer.finish())
    write_record(path, opened.record.model_copy(update={"master": master}))
    return open_session(path)


@pytest.fixture
def recording(session, tmp_path):
    export(session, out=tmp_path / "take.rrd", format=ExportFormat.RRD)
    return read_back(tmp_path / "take.rrd")


def test_color_stands_in_the_recording_as_the_stored_jpeg_byte_for_byte(session, recording):
    (frames,) = select(session, streams=[Stream.COLOR]).streams
    assert fixed(recording["/color"])["EncodedImage:media_type"] == ["image/jpeg"]
    rows = timed(recording["/color"])
    assert len(rows) == 20
    for i, row in enumerate(rows):
        jpeg = bytes(row["EncodedImage:blob"][0])
        assert jpeg == jpeg_of(frames.payload(i))
        assert Image.open(io.BytesIO(jpeg)).size == (32, 24)


@pytest.mark.parametrize(
    ("stream", "entity", "archetype"),
    [
        (Stream.DEPTH, "/depth", "DepthImage"),
        (Stream.INFRARED, "/infrared", "Image"),
        (Stream.THERMAL, "/thermal/counts", "Image"),
    ],
)
def test_16_bit_pixels_come_back_bit_for_bit(session, recording, stream, entity, archetype):
    layout = fixed(recording[entity])[f"{archetype}:format"][0]
    height, width = session.spec(stream).shape
    assert (layout["height"], layout["width"]) == (height, width)
    rows = timed(recording[entity])
    for row, frame in zip(rows, session.frames(stream), strict=True):
        pixels = np.frombuffer(bytes(row[f"{archetype}:buffer"][0]), np.uint16).reshape(height, width)
        np.testing.assert_array_equal(pixels, frame.pixels)


def test_rerun_takes_the_layout_for_what_it_is(recording):
    import rerun as rr

    for entity, archetype in (("/depth", "DepthImage"), ("/infrared", "Image")):
        layout = fixed(recording[entity])[f"{archetype}:format"][0]
        assert layout["channel_datatype"] == rr.ChannelDatatype.U16.value
        assert layout["color_model"] == rr.ColorModel.L.value
        assert layout["pixel_format"] is None
    assert fixed(recording["/depth"])["DepthImage:meter"] == [1000.0]


def test_frames_stand_on_the_session_s_time_and_on_their_ticks(recording):
    for entity, late_ns in (("/color", 0), ("/infrared", 0), ("/thermal/counts", 7_000_000)):
        rows = timed(recording[entity])
        assert [nanoseconds(row) for row in rows] == [i * 100_000_000 + late_ns for i in range(20)]
        assert [row["tick"] for row in rows] == list(range(20))


def test_thermal_is_there_in_false_color_with_its_scale(session, recording):
    rows = timed(recording["/thermal/colors"])
    assert len(rows) == 20
    picture = np.asarray(Image.open(io.BytesIO(bytes(rows[0]["EncodedImage:blob"][0]))))
    assert picture.shape[0] >= 240
    assert picture.shape[1] > picture.shape[0] * session.spec(Stream.THERMAL).shape[1] / 10


def test_markers_and_counters_stand_beside_the_pictures(recording):
    (marker,) = recording["/markers"]
    assert marker["TextLog:text"] == ["video 1 starts (operator)"]
    assert nanoseconds(marker) == 300_000_000
    (counted,) = recording["/counters/kinect/kept"]
    assert counted["Scalars:scalars"] == [20.0]
    assert nanoseconds(counted) == 1_950_000_000


def test_the_recording_carries_the_session_s_name(session, tmp_path):
    from rerun.chunk import RrdReader

    export(session, out=tmp_path / "take.rrd", format=ExportFormat.RRD)
    (entry,) = RrdReader(tmp_path / "take.rrd").recordings()
    assert (entry.application_id, entry.recording_id) == ("mavfer", session.id)
    assert fixed(read_back(tmp_path / "take.rrd")["/__properties"])["RecordingInfo:name"] == [session.id]


def test_the_size_said_before_is_no_less_than_that_of_the_recording(session, tmp_path):
    export(session, out=tmp_path / "take.rrd", format=ExportFormat.RRD)
    assert (tmp_path / "take.rrd").stat().st_size <= rrd_bytes(select(session))


WITHOUT_RERUN = """
import sys
sys.modules["rerun"] = None
from mavfer.__main__ import main
sys.argv = ["mavfer", *sys.argv[1:]]
main()
"""


def test_without_rerun_one_line_says_what_to_install(session, tmp_path):
    command = [sys.executable, "-c", WITHOUT_RERUN, "export", str(session.path), "--format", "rrd"]
    run = subprocess.run([*command, "--out", "take.rrd"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "run `pip install 'mavfer[view]'`" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "take.rrd").exists()
