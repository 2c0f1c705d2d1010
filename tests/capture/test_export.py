import csv
import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mavfer.capture.export.arrays import npz_bytes
from mavfer.capture.export.export import ExportFormat, export, require_room
from mavfer.capture.export.frames import select
from mavfer.capture.mcap_file import McapWriter
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.payload import DOCUMENTS, FLAGS, MARKERS, decode, encode, stream_channel
from mavfer.capture.session import MASTER, MasterRecord, open_session, read_record, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream
from mavfer.errors import ConfigError, OutputError, SessionError

FOLDERS = {ExportFormat.MP4, ExportFormat.PNG}


def add_markers(path, *moments):
    """Give a session a master's file with markers at seconds since the first tick."""
    session = open_session(path)
    writer = SessionWriter(path, recorder=MASTER, specs=())
    writer.begin({"session": {}}, now_ns=0)
    for t_s, label in moments:
        t_ns = session.record.plan.first_tick_ns + round(t_s * 1e9)
        writer.add_table(MARKERS, {"t_ns": t_ns, "label": label, "source": "operator"}, now_ns=t_ns)
    master = MasterRecord(address="tcp://127.0.0.1:1", boot_id="", files=writer.finish())
    write_record(path, session.record.model_copy(update={"master": master}))


def damage(path, stream, number):
    """Flip one byte in the middle of a stored frame."""
    session = open_session(path)
    for name in session.record.recorders[session.recorder_of(stream)].files:
        reader = McapReader(path / name)
        (channel,) = (c.id for c in reader.channels.values() if c.topic == stream)
        row = reader.rows[reader.rows["channel"] == channel][number]
        reader.close()
        with (path / name).open("r+b") as file:
            file.seek(int(row["end"]) - 5)
            byte = file.read(1)[0]
            file.seek(int(row["end"]) - 5)
            file.write(bytes([byte ^ 0x10]))


def leftovers(folder, *known):
    return sorted(file.name for file in folder.iterdir() if file.name not in known)


def test_arrays_hold_every_frame_and_when_it_was(make_session, tmp_path):
    path = make_session(segment_bytes=20_000, shift_ns={"thermal": 7_000_000}, skip={"thermal": (3, 4)})
    session = open_session(path)
    export(session, out=tmp_path / "take.npz", format=ExportFormat.NPZ)
    with np.load(tmp_path / "take.npz") as arrays:
        for stream in session.streams:
            index = session.index(stream)
            stored = np.stack([frame.pixels for frame in session.frames(stream)])
            np.testing.assert_array_equal(arrays[stream.value], stored)
            assert arrays[stream.value].dtype == session.spec(stream).dtype
            np.testing.assert_array_equal(arrays[f"{stream.value}_frame_id"], index.frame_id)
            np.testing.assert_array_equal(arrays[f"{stream.value}_host_time_ns"], index.host_time_ns)
            np.testing.assert_array_equal(arrays[f"{stream.value}_device_time_ns"], index.device_time_ns)
            np.testing.assert_array_equal(arrays[f"{stream.value}_tick"], index.frame_id)
            assert np.all(arrays[f"{stream.value}_readable"])
            assert arrays[f"{stream.value}_unit"] == session.spec(stream).unit
        seen = [i for i in range(20) if i not in (3, 4)]
        np.testing.assert_allclose(arrays["color_time_s"], np.arange(20) / 10, atol=1e-9)
        np.testing.assert_allclose(arrays["thermal_time_s"], np.array(seen) / 10 + 0.007, atol=1e-9)
        np.testing.assert_array_equal(arrays["thermal_time_ns"], np.rint(arrays["thermal_time_s"] * 1e9))


def test_the_archive_is_as_large_as_was_said_before_and_the_same_every_time(make_session, tmp_path):
    session = open_session(make_session())
    for name in ("one.npz", "two.npz"):
        export(session, out=tmp_path / name, format=ExportFormat.NPZ)
    size = (tmp_path / "one.npz").stat().st_size
    assert size <= npz_bytes(select(session)) <= size + 200_000
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_pictures_are_the_stored_pixels_and_the_table_says_which(make_session, tmp_path):
    session = open_session(make_session(skip={"thermal": (5,)}))
    report = export(session, out=tmp_path / "pictures", format=ExportFormat.PNG)
    with (tmp_path / "pictures" / "frames.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(report.n_frames.values()) == 20 + 20 + 19
    for row in rows:
        frame = session.frame(Stream(row["stream"]), int(row["frame"]))
        png = cv2.imread(str(tmp_path / "pictures" / row["file"]), cv2.IMREAD_UNCHANGED)
        assert png.dtype == frame.pixels.dtype
        np.testing.assert_array_equal(png[..., ::-1] if png.ndim == 3 else png, frame.pixels)
        assert int(row["frame_id"]) == int(row["tick"]) == frame.frame_id
        assert int(row["host_time_ns"]) == frame.host_time_ns
        assert float(row["time_s"]) == pytest.approx(int(row["time_ns"]) / 1e9, abs=1e-6)
        assert int(row["time_ns"]) == frame.host_time_ns - session.record.plan.first_tick_ns
    named = {row["file"] for row in rows}
    found = {
        str(f.relative_to(tmp_path / "pictures").as_posix()) for f in (tmp_path / "pictures").rglob("*.png")
    }
    assert named == found


def test_what_a_camera_said_of_frames_and_left_with_them_is_exported(make_session, small, tmp_path):
    path = make_session(n_ticks=4)
    writer = SessionWriter(path, recorder="thermal", specs=(small.thermal,))
    writer.begin({}, now_ns=0)
    writer.add_table(FLAGS, {"stream": "thermal", "frame_id": 2, "flags": ["nuc", "repeated"]}, now_ns=0)
    writer.add_table(DOCUMENTS, {"name": "../genicam.xml", "text": "<a/>\r\n"}, now_ns=0)
    names = writer.finish()
    record = read_record(path)
    thermal = record.recorders["thermal"]
    thermal = thermal.model_copy(update={"files": (*thermal.files, *names)})
    write_record(path, record.model_copy(update={"recorders": record.recorders | {"thermal": thermal}}))
    session = open_session(path)
    export(session, out=tmp_path / "pictures", format=ExportFormat.PNG)
    with (tmp_path / "pictures" / "frames.csv").open(encoding="utf-8", newline="") as file:
        flags = {(row["stream"], int(row["frame_id"])): row["flags"] for row in csv.DictReader(file)}
    assert {one for one, said in flags.items() if said} == {("thermal", 2)}
    assert flags["thermal", 2] == "nuc repeated"
    document = tmp_path / "pictures" / "documents" / "thermal" / "_genicam.xml"
    assert document.read_bytes() == b"<a/>\r\n"
    export(session, out=tmp_path / "arrays.npz", format=ExportFormat.NPZ)
    with np.load(tmp_path / "arrays.npz") as arrays:
        assert arrays["thermal_flags"].tolist() == ["", "", "nuc repeated", ""]


def test_markers_stand_on_the_session_s_time(make_session, tmp_path):
    path = make_session()
    add_markers(path, (0.25, "video 1 starts"), (1.5, "Gespräch, ruhig"))
    session = open_session(path)
    export(session, out=tmp_path / "a.npz", format=ExportFormat.NPZ, streams=[Stream.DEPTH])
    export(session, out=tmp_path / "a", format=ExportFormat.PNG, streams=[Stream.DEPTH], start_s=1.0)
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_allclose(arrays["marker_time_s"], [0.25, 1.5])
        assert list(arrays["marker_label"]) == ["video 1 starts", "Gespräch, ruhig"]
    lines = (tmp_path / "a" / "markers.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["time_s,time_ns,label,source", '1.500000,1500000000,"Gespräch, ruhig",operator']


@pytest.mark.parametrize(
    ("start_s", "end_s", "ticks"),
    [(None, None, range(20)), (0.5, None, range(5, 20)), (None, 0.5, range(5)), (0.31, 0.72, range(4, 8))],
)
def test_a_stretch_begins_with_its_first_time_and_ends_before_its_last(
    make_session, tmp_path, start_s, end_s, ticks
):
    session = open_session(make_session())
    export(session, out=tmp_path / "a.npz", format=ExportFormat.NPZ, start_s=start_s, end_s=end_s)
    with np.load(tmp_path / "a.npz") as arrays:
        for stream in session.streams:
            assert list(arrays[f"{stream.value}_tick"]) == list(ticks)


def test_a_recorder_whose_clock_is_ahead_is_exported_on_the_master_s_time(make_session, tmp_path):
    ahead_ns, trip_ns = 5_000_000_000, 2_000
    sent = [9_500_000_000 + ahead_ns + i * 500_000_000 for i in range(5)]
    pings = [(t, t - ahead_ns + trip_ns // 2, t - ahead_ns + trip_ns // 2, t + trip_ns) for t in sent]
    path = make_session(shift_ns={"thermal": ahead_ns}, pings={"thermal": pings})
    selection = select(open_session(path))
    for frames in selection.streams:
        np.testing.assert_allclose(frames.time_ns, np.arange(20) * 100_000_000, atol=trip_ns)
        np.testing.assert_array_equal(frames.tick, np.arange(20))
    time_ns, counters = selection.counters("thermal")
    assert [table["kept"] for table in counters] == [20]
    np.testing.assert_allclose(time_ns, 1_950_000_000 - ahead_ns, atol=trip_ns)
    export(open_session(path), out=tmp_path / "a.npz", format=ExportFormat.NPZ, start_s=1.0)
    with np.load(tmp_path / "a.npz") as arrays:
        assert list(arrays["thermal_tick"]) == list(arrays["color_tick"]) == list(range(10, 20))


def test_frames_that_nothing_ties_to_the_session_s_time_are_not_exported(make_session, tmp_path):
    path = make_session()
    record = open_session(path).record
    boots = {"kinect": "the master's", "thermal": "another"}
    recorders = {
        name: one.model_copy(update={"boot_id": boots[name]}) for name, one in record.recorders.items()
    }
    master = MasterRecord(address="tcp://127.0.0.1:1", boot_id="the master's")
    write_record(path, record.model_copy(update={"recorders": recorders, "master": master}))
    session = open_session(path)
    report = export(session, out=tmp_path / "a.npz", format=ExportFormat.NPZ)
    assert report.n_frames == {Stream.COLOR: 20, Stream.DEPTH: 20, Stream.THERMAL: 0}
    assert report.left_out == ("thermal: 20 frames that no clock ping ties to the session's time",)
    with pytest.raises(SessionError, match="found no frame"):
        export(session, out=tmp_path / "b.npz", format=ExportFormat.NPZ, streams=[Stream.THERMAL])


def test_frames_that_belong_to_no_tick_are_exported_all_the_same(make_session, tmp_path):
    path = make_session(fps=30.0, n_ticks=30)
    session = open_session(path)
    plan = session.record.plan.model_copy(update={"fps": 10.0, "n_ticks": 10})
    write_record(path, session.record.model_copy(update={"plan": plan}))
    export(open_session(path), out=tmp_path / "a.npz", format=ExportFormat.NPZ, streams=[Stream.DEPTH])
    with np.load(tmp_path / "a.npz") as arrays:
        assert len(arrays["depth"]) == 30
        np.testing.assert_array_equal(arrays["depth_tick"][::3], np.arange(10))
        assert np.all(np.delete(arrays["depth_tick"], np.s_[::3]) == -1)


def store_color_without_loss(path):
    """Write a session's color anew, from what its JPEGs decode to, in the lossless codec."""
    session = open_session(path)
    (name,) = session.record.recorders[session.recorder_of(Stream.COLOR)].files
    spec = session.spec(Stream.COLOR)
    reader, writer = McapReader(path / name), McapWriter(path / "anew.mcap")
    for row in reader.rows:
        channel, payload = reader.channels[int(row["channel"])], reader.payload(row)
        if channel.topic == Stream.COLOR:
            frame = Frame(Stream.COLOR, decode(payload, spec), int(row["publish_ns"]), int(row["log_ns"]), 0)
            channel = stream_channel(spec, color="lossless")
            payload = encode(frame, spec, color="lossless")
        writer.append(
            channel,
            payload,
            log_ns=int(row["log_ns"]),
            publish_ns=int(row["publish_ns"]),
            sequence=int(row["sequence"]),
        )
    writer.finish()
    writer.close()
    reader.close()
    (path / "anew.mcap").replace(path / name)


@pytest.mark.parametrize("format", list(ExportFormat))
def test_color_stored_without_loss_is_exported_as_it_is(make_session, tmp_path, format):
    path = make_session()
    before = [frame.pixels for frame in open_session(path).frames(Stream.COLOR)]
    store_color_without_loss(path)
    out = tmp_path / "result"
    report = export(open_session(path), out=out, format=format, streams=[Stream.COLOR])
    assert report.n_frames == {Stream.COLOR: 20}
    if format is ExportFormat.NPZ:
        with np.load(out) as arrays:
            np.testing.assert_array_equal(arrays["color"], before)
    if format is ExportFormat.PNG:
        for i, pixels in enumerate(before):
            png = cv2.imread(str(out / "color" / f"{i:06d}.png"), cv2.IMREAD_COLOR_RGB)
            np.testing.assert_array_equal(png, pixels)
    if format is ExportFormat.RRD:
        from rerun.chunk import RrdReader

        chunks = RrdReader(out).stream().to_chunks()
        rows = [row for chunk in chunks for row in chunk.to_record_batch().to_pylist()]
        found = [bytes(row["Image:buffer"][0]) for row in rows if "Image:buffer" in row]
        assert found == [pixels.tobytes() for pixels in before]


@pytest.mark.parametrize("format", list(ExportFormat))
def test_a_damaged_frame_is_left_out_and_named(make_session, tmp_path, format):
    path = make_session()
    damage(path, Stream.DEPTH, 7)
    session = open_session(path)
    out = tmp_path / "result"
    report = export(session, out=out, format=format, streams=[Stream.DEPTH])
    assert report.n_frames == {Stream.DEPTH: 19}
    assert len(report.left_out) == 1
    assert "depth frame 7: " in report.left_out[0]
    if format is ExportFormat.NPZ:
        with np.load(out) as arrays:
            assert list(np.flatnonzero(~arrays["depth_readable"])) == [7]
            assert not arrays["depth"][7].any()
            np.testing.assert_array_equal(arrays["depth"][8], session.frame(Stream.DEPTH, 8).pixels)
    if format in FOLDERS:
        lines = (out / "frames.csv").read_text(encoding="utf-8").splitlines()
        assert [int(line.split(",")[1]) for line in lines[1:]] == [i for i in range(20) if i != 7]


@pytest.mark.parametrize("format", list(ExportFormat))
def test_a_result_is_not_overwritten_unless_asked(make_session, tmp_path, format):
    session = open_session(make_session(n_ticks=3))
    out = tmp_path / "result"
    export(session, out=out, format=format, end_s=0.1)
    before = {file: file.read_bytes() for file in (out, *out.rglob("*")) if file.is_file()}
    with pytest.raises(OutputError, match="--overwrite"):
        export(session, out=out, format=format)
    assert {file: file.read_bytes() for file in before} == before
    assert sum(export(session, out=out, format=format, overwrite=True).n_frames.values()) == 9
    assert leftovers(tmp_path, "take") == ["result"]


def test_overwriting_replaces_no_folder_that_is_not_an_export(make_session):
    path = make_session(n_ticks=3)
    for format in FOLDERS:
        with pytest.raises(OutputError, match=r"frames\.csv"):
            export(open_session(path), out=path, format=format, overwrite=True)
    assert (path / "session.toml").is_file()


@pytest.mark.parametrize(
    ("choice", "error", "match"),
    [
        (
            {"streams": [Stream.INFRARED]},
            SessionError,
            "wanted stream 'infrared', the session has color, depth",
        ),
        ({"start_s": 5.0}, SessionError, r"wanted frames from 5 s to the end, found 0\.000 to 1\.900 s"),
        ({"start_s": 1.0, "end_s": 1.0}, ConfigError, "--to wants a time after --from, found 1 s to 1 s"),
    ],
)
@pytest.mark.parametrize("format", list(ExportFormat))
def test_a_choice_that_cannot_be_met_is_refused_and_leaves_nothing(
    make_session, tmp_path, format, choice, error, match
):
    session = open_session(make_session())
    with pytest.raises(error, match=match):
        export(session, out=tmp_path / "result", format=format, **choice)
    assert leftovers(tmp_path, "take") == []


def test_what_does_not_fit_the_disk_is_refused_with_its_size(tmp_path):
    n_free = shutil.disk_usage(tmp_path).free
    require_room(tmp_path / "deep" / "down.npz", n_free // 2, what="npz")
    with pytest.raises(OutputError, match=r"the npz wants about .* GB free; take less with --stream, --from"):
        require_room(tmp_path / "deep" / "down.npz", n_free * 2, what="npz")


LIMITED = """
import resource, sys
from mavfer.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
sys.argv = ["mavfer", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="only there can a process limit its files")
@pytest.mark.parametrize("format", list(ExportFormat))
def test_a_disk_that_refuses_is_one_line_and_nothing_is_left(make_session, tmp_path, format):
    path = make_session()
    command = [sys.executable, "-c", LIMITED, "export", str(path), "--format", format, "--out", "result"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    assert run.returncode == 1, run.stderr
    assert "error: cannot write the result: File too large; nothing was left behind" in lines[-1]
    assert "Traceback" not in run.stderr
    assert leftovers(tmp_path, "take") == []


INTERRUPTED = """
import os, signal, sys
from mavfer.__main__ import main
from mavfer.capture.export.frames import StreamFrames
read, n = StreamFrames.payload, 0
def payload(self, i):
    global n
    n += 1
    if n == 12:
        os.kill(os.getpid(), signal.SIGINT)
    return read(self, i)
StreamFrames.payload = payload
sys.argv = ["mavfer", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("format", list(ExportFormat))
def test_ctrl_c_amid_the_frames_leaves_nothing(make_session, tmp_path, format):
    path = make_session()
    command = [sys.executable, "-c", INTERRUPTED, "export", str(path), "--format", format, "--out", "result"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 130, run.stderr
    assert run.stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in run.stderr
    assert leftovers(tmp_path, "take") == []


def test_the_command_says_what_it_wrote_and_exits_1_where_a_frame_is_missing(make_session, tmp_path):
    path = make_session()
    command = [sys.executable, "-m", "mavfer", "export", str(path), "--format", "npz", "--out"]
    choice = ["--stream", "depth", "--stream", "color", "--from", "0.5", "--to", "1"]
    whole = subprocess.run([*command, "a.npz", *choice], cwd=tmp_path, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout == f"depth 5, color 5 frames: {tmp_path / 'a.npz'}\n"
    damage(path, Stream.DEPTH, 7)
    torn = subprocess.run([*command, "b.npz", *choice], cwd=tmp_path, capture_output=True, text=True)
    assert torn.returncode == 1
    assert torn.stdout == f"depth 4, color 5 frames: {tmp_path / 'b.npz'}\n"
    assert "left out: depth frame 7: " in torn.stderr
    words = [*command, "b.npz", *choice, "--overwrite", "--json"]
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 1
    told = json.loads(again.stdout)
    assert told["n_frames"] == {"depth": 4, "color": 5}
    assert [line.startswith("depth frame 7: ") for line in told["left_out"]] == [True]
    assert told["size_bytes"] == (tmp_path / "b.npz").stat().st_size
    assert (tmp_path / "b.npz").is_file()


def test_misuse_of_the_command_exits_2(make_session, tmp_path):
    command = [sys.executable, "-m", "mavfer", "export", str(make_session()), "--out", "a", "--format", "avi"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2
    assert leftovers(tmp_path, "take") == []
