"""Laws of rows: every lost, late, repeated, damaged or hidden picture has its reason; no other row pays."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.session import Session, open_session
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream
from mavfer.capture.synchronize import synchronize
from mavfer.preprocess.building.jobs import SessionJob
from mavfer.preprocess.dataset.clips import DatasetSession
from mavfer.preprocess.dataset.record import ClipConfig, Reason, SessionRecord, Smoothing
from mavfer.preprocess.faces.track import LandmarkTrack
from mavfer.preprocess.rows import align
from mavfer.preprocess.rows.clip_grid import clip_grid
from mavfer.preprocess.rows.cut import RowCutter
from mavfer.preprocess.rows.moments import MomentReader, usable_at_ticks
from mavfer.preprocess.rows.row_maker import MOST_WAITING, RowMaker
from mavfer.preprocess.rows.session_file import build_session

Change = Callable[[Frame, int], Frame | None]
"""Returns a stored frame changed, or None to leave it out; the number is its tick."""
N_TICKS = 42


def altered(source: Path, path: Path, change: Change) -> Path:
    """Write a recorded session anew with its frames changed."""
    session = open_session(source)
    tick_of = {
        stream: {int(i): tick for tick, i in enumerate(index) if i >= 0}
        for stream, index in synchronize(session).index.items()
    }
    path.mkdir()
    for name, recorder in session.record.recorders.items():
        specs = [session.spec(stream) for stream in recorder.streams]
        writer = SessionWriter(path, recorder=name, specs=specs)
        writer.begin({"boot_id": recorder.boot_id}, now_ns=0)
        for ping in session.pings(name).tolist():
            writer.add_ping(*ping)
        for i in range(len(session.index(recorder.streams[0]))):
            frames = [session.frame(stream, i) for stream in recorder.streams]
            changed = [change(frame, tick_of[frame.stream].get(i, -1)) for frame in frames]
            writer.append([frame for frame in changed if frame is not None])
        assert writer.finish() == recorder.files
    for file in source.glob("master.*"):
        shutil.copy(file, path)
    text = (source / "session.toml").read_text(encoding="utf-8")
    (path / "session.toml").write_text(text.replace('id = "take"', f'id = "{path.name}"'), encoding="utf-8")
    return path


def job_of(path: Path, calibration: Calibration | None, out: Path, **config) -> SessionJob:
    return SessionJob(
        path=path,
        id=path.name,
        subject="S01",
        simulated=True,
        calibration=calibration,
        calibration_sha256=None,
        traces=(),
        config=ClipConfig(**({"fps": 0, "verify_moments": 0} | config)),
        yunet=None,
        out=out / f"{path.name}.h5",
        n_frames=N_TICKS,
    )


def built(
    path: Path, calibration: Calibration | None, out: Path, **config
) -> tuple[SessionRecord, DatasetSession]:
    job = job_of(path, calibration, out, **config)
    done: list[int] = []
    record = build_session(job, done.append)
    assert sum(done) == record.n_frames
    rows = DatasetSession(
        id=record.id,
        session_id=record.id,
        subject=record.subject,
        split="train",
        start=0,
        n_frames=record.n_frames,
        fps=record.fps,
        streams=record.streams,
        path=job.out,
        n_ticks=record.n_ticks,
    )
    return record, rows


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, simulated_session: Path, calibration: Calibration
) -> tuple[SessionRecord, DatasetSession]:
    """The simulated session, every tick a row."""
    return built(simulated_session, calibration, tmp_path_factory.mktemp("plain"))


def reasons(rows: DatasetSession, stream: Stream) -> list[Reason]:
    return [Reason(int(reason)) for reason in rows.read(f"reason_{stream}")]


def test_a_normal_session_has_nothing_but_good_rows(plain: tuple[SessionRecord, DatasetSession]) -> None:
    record, _ = plain
    assert record.reasons == {stream.value: {"ok": N_TICKS} for stream in Stream}
    assert record.ticks == record.reasons
    assert record.stored == {stream.value: N_TICKS for stream in Stream}
    assert record.at_no_tick == {stream.value: 0 for stream in Stream}
    assert record.remarks == ()
    assert record.aligned_share == 1
    assert "the only face" in record.subject_choice


def test_columns_are_filled_with_what_they_promise(plain: tuple[SessionRecord, DatasetSession]) -> None:
    _, rows = plain
    assert np.all((rows.read("eye_distance_px") > 55) & (rows.read("eye_distance_px") < 90))
    assert np.all((rows.read("distance_mm") > 800) & (rows.read("distance_mm") < 1050))
    assert np.all(np.abs(rows.read("pose_deg")) < 30)
    assert np.all((rows.read("sharpness") > 0.2) & (rows.read("sharpness") < 0.9))
    assert np.all((rows.read("brightness") > 20) & (rows.read("brightness") < 235))
    assert np.all(rows.read("n_faces") == 1)
    box = rows.read("box")
    assert np.all(box[:, 2:] - box[:, :2] > 100)
    assert np.all(np.abs(rows.read("offset_ms_thermal")) < 50)
    np.testing.assert_allclose(rows.read("offset_ms_depth"), 0, atol=1e-3)


def test_ticks_between_the_rows_are_not_sampled_and_none_is_forgotten(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    record, rows = built(simulated_session, calibration, tmp_path, fps=4)
    assert record.n_frames == 17
    for stream in Stream:
        assert record.ticks[stream] == {"not_sampled": N_TICKS - 17, "ok": 17}
    row = rows.read_ticks("row")
    np.testing.assert_array_equal(row[rows.read("tick")], np.arange(17))
    assert np.all(rows.read_ticks("reason_color")[row < 0] == Reason.NOT_SAMPLED)


def test_lost_late_and_repeated_frames_are_told_apart(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    def change(frame: Frame, tick: int) -> Frame | None:
        if (frame.stream, tick) in {(Stream.COLOR, 3), (Stream.DEPTH, 5), (Stream.THERMAL, 7)}:
            return None
        if frame.stream is Stream.THERMAL and tick in (9, 10):
            return replace(frame, flags=("nuc",))
        if frame.stream is Stream.COLOR and tick == 12:
            return replace(frame, flags=("repeated",))
        return frame

    record, rows = built(altered(simulated_session, tmp_path / "lossy", change), calibration, tmp_path)
    found = {stream: reasons(rows, stream) for stream in Stream}
    assert found[Stream.COLOR][3] is Reason.NOT_RECORDED
    assert found[Stream.DEPTH][3] is found[Stream.THERMAL][3] is Reason.NO_FACE
    assert found[Stream.DEPTH][5] is Reason.NOT_RECORDED
    assert found[Stream.THERMAL][5] is found[Stream.INFRARED][5] is Reason.PLANE
    assert found[Stream.THERMAL][7] is Reason.NOT_RECORDED
    assert found[Stream.THERMAL][9:11] == [Reason.UNSYNCHRONISED] * 2
    assert found[Stream.COLOR][12] is Reason.UNSYNCHRONISED
    assert found[Stream.DEPTH][12] is Reason.NO_FACE
    assert np.isnan(rows.read("offset_ms_thermal")[[3, 7]]).all()
    assert not rows.read("valid_thermal")[[3, 7, 9, 10, 12]].any()
    for i in (7, 9):
        assert not rows.read("thermal", i, i + 1).any()
    assert record.reasons["color"] == {"not_recorded": 1, "ok": N_TICKS - 2, "unsynchronised": 1}
    assert record.stored["thermal"] == N_TICKS - 1
    assert sum("thermal: 2 of 42 rows have a frame that" in line for line in record.remarks) == 1


def test_a_stream_that_runs_behind_is_unsynchronised(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    rows = built(simulated_session, calibration, tmp_path, max_skew_ms=5)[1]
    off_ms = np.abs(rows.read("offset_ms_thermal"))
    late = np.array([reason is Reason.UNSYNCHRONISED for reason in reasons(rows, Stream.THERMAL)])
    np.testing.assert_array_equal(late, off_ms > 5)
    assert Reason.UNSYNCHRONISED not in reasons(rows, Stream.DEPTH)


def damage(session: Session, stream: Stream, i: int) -> None:
    """Flip a byte in the middle of a stored frame."""
    recorder = session.record.recorders[session.recorder_of(stream)]
    path = session.path / recorder.files[0]
    reader = McapReader(path)
    (channel,) = (one.id for one in reader.channels.values() if one.topic == stream)
    row = reader.rows[reader.rows["channel"] == channel][i]
    reader.close()
    content = bytearray(path.read_bytes())
    content[(int(row["payload"]) + int(row["end"])) // 2] ^= 0xFF
    path.write_bytes(content)


def test_a_damaged_frame_is_lost_alone_and_loudly(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    path = tmp_path / "torn"
    shutil.copytree(simulated_session, path)
    session = open_session(path)
    for stream, i in ((Stream.THERMAL, 4), (Stream.DEPTH, 8), (Stream.COLOR, 20)):
        damage(session, stream, i)
    record, rows = built(path, calibration, tmp_path)
    assert reasons(rows, Stream.THERMAL)[4] is Reason.DAMAGED
    assert reasons(rows, Stream.COLOR)[4] is Reason.OK
    assert reasons(rows, Stream.DEPTH)[8] is Reason.DAMAGED
    assert reasons(rows, Stream.THERMAL)[8] is Reason.PLANE
    assert reasons(rows, Stream.COLOR)[20] is Reason.DAMAGED
    assert reasons(rows, Stream.THERMAL)[20] is Reason.NO_FACE
    assert record.reasons["color"] == {"damaged": 1, "ok": N_TICKS - 1}
    damaged = [line for line in record.remarks if "damaged" in line]
    assert [line.split(":")[0] for line in damaged] == ["color", "depth", "thermal"]
    assert all("1 of 42 rows" in line for line in damaged)


def test_a_hand_before_the_face_is_seen_in_every_stream_and_nowhere_else(
    tmp_path: Path,
    simulated_session: Path,
    calibration: Calibration,
    plain: tuple[SessionRecord, DatasetSession],
) -> None:
    """A patch over mouth and chin: skin in color, 80 mm nearer in depth, warmer in thermal."""
    hand = range(15, 22)
    landmarks, distance_mm = plain[1].read("landmarks"), plain[1].read("distance_mm")

    def change(frame: Frame, tick: int) -> Frame:
        if tick not in hand:
            return frame
        corners = landmarks[tick][[4, 33, 12, 8]].astype(float)
        xyz = calibration.color.unproject(corners, np.full(4, distance_mm[tick] - 80.0))
        camera = calibration.camera_of(frame.stream)
        px = camera.project(calibration.from_color(frame.stream).apply(xyz))
        (x0, y0), (x1, y1) = np.rint(px.min(axis=0)).astype(int), np.rint(px.max(axis=0)).astype(int)
        pixels = frame.pixels.copy()
        z_mm = round(float(calibration.from_color(Stream.DEPTH).apply(xyz)[:, 2].mean()))
        value = {Stream.COLOR: (205, 160, 135), Stream.DEPTH: z_mm, Stream.THERMAL: 7720}
        pixels[y0:y1, x0:x1] = value.get(frame.stream, 3000)
        return replace(frame, pixels=pixels, encoded=None)

    rows = built(altered(simulated_session, tmp_path / "hand", change), calibration, tmp_path)[1]
    for stream in Stream:
        found = reasons(rows, stream)
        told = [tick for tick, reason in enumerate(found) if reason is Reason.OCCLUDED]
        assert set(told) == set(hand)
        assert not rows.read(f"valid_{stream}")[hand.start : hand.stop].any()
    with_landmarks = [i for i in hand if rows.read("found")[i]]
    for i in with_landmarks:  # the pixels stay
        assert rows.read("color", i, i + 1).any()
        assert rows.read("thermal", i, i + 1).any()
    assert not np.any([rows.read(f"reason_{s}")[:15] for s in Stream])


def test_a_subject_who_leans_forward_while_color_is_lost_is_not_called_occluded(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    def change(frame: Frame, tick: int) -> Frame | None:
        if tick != 12 or frame.stream not in (Stream.COLOR, Stream.DEPTH):
            return frame
        if frame.stream is Stream.COLOR:
            return None
        nearer = np.where(frame.pixels > 0, frame.pixels - 70, 0).astype(np.uint16)
        return replace(frame, pixels=nearer, encoded=None)

    rows = built(altered(simulated_session, tmp_path / "lean", change), calibration, tmp_path)[1]
    assert reasons(rows, Stream.COLOR)[12] is Reason.NOT_RECORDED
    for stream in (Stream.DEPTH, Stream.INFRARED, Stream.THERMAL):
        assert reasons(rows, stream)[12] is Reason.NO_FACE


def test_a_face_that_is_wholly_hidden_is_occluded_and_one_that_left_is_not(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    def change(frame: Frame, tick: int) -> Frame:
        pixels = frame.pixels.copy()
        if 10 <= tick < 14:  # a sheet of paper before everything
            pixels[:] = {Stream.COLOR: 230, Stream.DEPTH: 700}.get(frame.stream, 5000)
        elif 20 <= tick < 24:  # an empty room
            pixels[:] = {Stream.COLOR: 90, Stream.DEPTH: 2400}.get(frame.stream, 5000)
        return replace(frame, pixels=pixels, encoded=None)

    rows = built(altered(simulated_session, tmp_path / "away", change), calibration, tmp_path)[1]
    for stream in Stream:
        found = reasons(rows, stream)
        assert found[10:14] == [Reason.OCCLUDED] * 4
        assert found[20:24] == [Reason.NO_FACE] * 4
        assert not rows.read(stream.value, 10, 14).any()
    assert not rows.read("found")[10:14].any()
    assert np.isnan(rows.read("eye_distance_px")[10:14]).all()


def test_readings_out_of_the_depth_cameras_range_stay_zero(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    def change(frame: Frame, tick: int) -> Frame:
        if frame.stream is Stream.DEPTH and tick in (5, 6):
            return replace(frame, pixels=np.zeros_like(frame.pixels))
        return frame

    rows = built(altered(simulated_session, tmp_path / "far", change), calibration, tmp_path)[1]
    assert reasons(rows, Stream.DEPTH)[5:7] == [Reason.NO_DEPTH] * 2
    assert reasons(rows, Stream.THERMAL)[5:7] == [Reason.PLANE] * 2
    assert not rows.read("depth", 5, 7).any()
    assert np.isnan(rows.read("distance_mm")[5:7]).all()


def test_a_plane_by_the_subjects_own_size_is_near_the_cut_by_depth(
    tmp_path: Path,
    simulated_session: Path,
    calibration: Calibration,
    plain: tuple[SessionRecord, DatasetSession],
) -> None:
    def change(frame: Frame, tick: int) -> Frame | None:
        return None if frame.stream is Stream.DEPTH and tick in (20, 30) else frame

    rows = built(altered(simulated_session, tmp_path / "flat", change), calibration, tmp_path)[1]
    center = np.full((1, 2), 47.5)
    for i in (20, 30):
        there = rows.read("transforms_thermal")[i]
        whole = plain[1].read("transforms_thermal")[i]
        assert np.linalg.norm(align.apply(there, align.apply(align.inverse(whole), center)) - center) < 2


@pytest.mark.parametrize(("size_px", "margin"), [(32, 0.0), (112, 0.3), (192, 0.0)])
def test_any_size_and_margin_gives_whole_rows(
    tmp_path: Path, simulated_session: Path, calibration: Calibration, size_px: int, margin: float
) -> None:
    record, rows = built(simulated_session, calibration, tmp_path, size_px=size_px, margin=margin, fps=1)
    assert record.reasons == {stream.value: {"ok": 5} for stream in Stream}
    assert rows.read("color").shape == (5, size_px, size_px, 3)
    eyes_px = rows.read("eye_distance_px") * np.sqrt(np.linalg.det(rows.read("transforms")[:, :, :2]))
    np.testing.assert_allclose(eyes_px, 0.34 * size_px / (1 + 2 * margin), rtol=0.1)


def test_the_same_session_gives_the_same_bytes(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (
        built(simulated_session, calibration, tmp_path / name, fps=2)[0].sha256 for name in ("a", "b")
    )
    assert first == second


def test_what_the_rig_says_of_itself_is_recorded(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    record = built(simulated_session, calibration, tmp_path, fps=2, verify_moments=5)[0]
    assert record.geometry == "agrees", record.geometry_reason
    moved = replace(
        calibration.color_from_depth, translation_mm=calibration.color_from_depth.translation_mm + 15
    )
    knocked = built(
        simulated_session, replace(calibration, color_from_depth=moved), tmp_path, fps=2, verify_moments=5
    )[0]
    assert knocked.geometry == "knocked"
    assert any("the rig does not stand as calibrated" in line for line in knocked.remarks)
    assert built(simulated_session, calibration, tmp_path, fps=2)[0].geometry == "not checked"


class Delayed(LandmarkTrack):
    """A track that wants rows to be cut later than they are found."""

    def __init__(self, lookahead: int) -> None:
        super().__init__(smoothing=Smoothing.NONE, fps=10, fill_gaps_s=0)
        self.lookahead = lookahead


@pytest.mark.parametrize("lookahead", [3, MOST_WAITING + 1, 100])
def test_rows_that_wait_for_later_ones_are_the_same_rows(
    simulated_session: Path, calibration: Calibration, lookahead: int
) -> None:
    """With few rows to wait for pictures are kept, with many they are read again."""
    session = open_session(simulated_session)
    synchronized = synchronize(session)
    usable = usable_at_ticks(session, synchronized, max_skew_ms=50)
    tick, time_s = clip_grid(synchronized.time_s, fps=4, path=simulated_session)
    made = []
    for track in (Delayed(0), Delayed(lookahead)):
        reader = MomentReader(session, synchronized, tick=tick, time_s=time_s, usable=usable)
        specs = [session.spec(stream) for stream in session.streams]
        cutter = RowCutter(specs, calibration, size_px=48)
        made.append(list(RowMaker(reader, cutter, track).blocks()))
    at_once, late = made
    assert [start for start, _ in late] == [start for start, _ in at_once] == [0, 16]
    for (_, first), (_, second) in zip(at_once, late, strict=True):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


def test_frames_nobody_recorded_together_are_told_before_any_is_decoded(simulated_session: Path) -> None:
    session = open_session(simulated_session)
    synchronized = synchronize(session)
    frame_s = dict(synchronized.frame_s)
    frame_s[Stream.THERMAL] = frame_s[Stream.THERMAL] + np.where(np.arange(N_TICKS) == 7, 0.2, 0.0)
    frame_s[Stream.COLOR] = np.where(np.arange(N_TICKS) == 9, np.nan, frame_s[Stream.COLOR])
    usable = usable_at_ticks(session, replace(synchronized, frame_s=frame_s), max_skew_ms=50)
    assert usable[Stream.THERMAL][7] == Reason.UNSYNCHRONISED
    assert usable[Stream.THERMAL][9] == Reason.OK
    assert np.count_nonzero(usable[Stream.THERMAL]) == 1


def test_the_time_of_each_ticks_frame_is_near_its_tick(simulated_session: Path) -> None:
    synchronized = synchronize(open_session(simulated_session))
    for stream, frame_s in synchronized.frame_s.items():
        assert frame_s.shape == synchronized.time_s.shape
        assert np.all(np.abs(frame_s - synchronized.time_s) <= 0.05)
        np.testing.assert_array_equal(np.isnan(frame_s), synchronized.index[stream] < 0)
