"""Laws of a build: every tick is accounted for, inputs must belong together, nothing half-written is left."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.annotate.trace import Trace, write_trace
from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.session import open_session
from mavfer.capture.simulated.truth import read_truth
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.video import import_video
from mavfer.errors import CalibrationError, DatasetError, FaceError, OutputError, SessionError, TraceError
from mavfer.preprocess.build import BuildReport, build_dataset
from mavfer.preprocess.dataset.checking import verify_dataset
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset
from mavfer.preprocess.dataset.record import ClipConfig, Reason, SplitConfig
from mavfer.preprocess.faces.hog import detector_named
from mavfer.preprocess.rows import align

Write = Callable[..., Path]
ALL_TRAIN = SplitConfig(n_test_subjects=0, n_validation_subjects=0)


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    simulated_session: Path,
    calibration_file: Path,
    write_ramps: Write,
) -> BuildReport:
    folder = tmp_path_factory.mktemp("built")
    traces = write_ramps(folder / "traces", "take")
    done: list[tuple[int, int]] = []
    report = build_dataset(
        [simulated_session],
        calibration=calibration_file,
        traces=traces,
        out=folder / "dataset",
        config=ClipConfig(),
        split=ALL_TRAIN,
        n_workers=1,
        on_progress=lambda *progress: done.append(progress),
    )
    assert done[0] == (0, 17)
    assert done[-1] == (17, 17)
    return report


@pytest.fixture(scope="module")
def rows(built: BuildReport) -> DatasetSession:
    return verify_dataset(built.path).sessions[0]


def test_the_record_names_the_detector_as_it_names_itself(built: BuildReport) -> None:
    assert built.record.detector == detector_named(None).name


def test_every_frame_time_has_a_row_and_every_row_a_reason(built: BuildReport, rows: DatasetSession) -> None:
    assert rows.n_frames == built.n_frames == 17
    assert rows.streams == tuple(Stream)
    for stream in rows.streams:
        assert sum(built.reasons[stream].values()) == rows.n_frames
        reasons = rows.read(f"reason_{stream}")
        np.testing.assert_array_equal(
            rows.read(f"valid_{stream}"), np.isin(reasons, [Reason.OK, Reason.PLANE])
        )
    np.testing.assert_array_equal(
        rows.read("tick"), [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37, 40]
    )
    np.testing.assert_allclose(rows.read("time_s"), rows.read("tick") / 10)


def test_the_simulated_face_is_found_in_all_streams(built: BuildReport) -> None:
    assert built.aligned_share >= 0.98
    assert built.aligned_shares == {"take": built.aligned_share}
    assert built.record.simulated
    for stream in Stream:
        assert built.reasons[stream].get("ok", 0) >= 16


def test_landmarks_lie_where_the_truth_projects(rows: DatasetSession, simulated_session: Path) -> None:
    truth = read_truth(simulated_session.with_name("take.truth.npz"))
    wanted = truth.rig.color.project(truth.landmarks_xyz_color_mm[rows.read("tick")])
    found = rows.read("landmarks")
    eye_px = np.linalg.norm(wanted[:, 36:42].mean(axis=1) - wanted[:, 42:48].mean(axis=1), axis=-1)
    error = np.linalg.norm(found - wanted, axis=-1)[:, align.INNER].mean(axis=1) / eye_px
    assert np.median(error[rows.read("valid_color")]) < 0.08


def test_the_thermal_crop_shows_the_same_face(rows: DatasetSession, simulated_session: Path) -> None:
    """The crop's pixels of the eyes and the nose, by color and by thermal, are one: 1.5 px of 96."""
    truth = read_truth(simulated_session.with_name("take.truth.npz"))
    xyz = truth.landmarks_xyz_color_mm[rows.read("tick")]
    in_color = truth.rig.color.project(xyz)
    in_thermal = truth.rig.thermal.project(truth.rig.thermal_from_color.apply(xyz))
    for i in np.flatnonzero(rows.read("valid_thermal")):
        by_color = align.apply(rows.read("transforms")[i], in_color[i])
        by_thermal = align.apply(rows.read("transforms_thermal")[i], in_thermal[i])
        assert np.linalg.norm(by_color - by_thermal, axis=-1)[align.INNER].mean() < 1.5


def test_depth_and_temperature_of_a_face_are_those_of_a_face(
    rows: DatasetSession, simulated_session: Path
) -> None:
    truth = read_truth(simulated_session.with_name("take.truth.npz"))
    nose_mm = truth.landmarks_xyz_color_mm[rows.read("tick"), 30, 2]
    column, row = np.rint(align.template_px(96)[30 - 17]).astype(int)
    depth_mm = rows.read("depth")[:, row - 2 : row + 3, column - 2 : column + 3].reshape(17, -1)
    assert np.abs(np.median(depth_mm, axis=1) - nose_mm).max() < 25
    celsius = rows.read("thermal")[:, 30:66, 30:66] / 100 - 273.15
    assert 26 < np.median(celsius) < 38


def test_labels_are_the_raters_mean_at_the_frames_times(rows: DatasetSession) -> None:
    np.testing.assert_allclose(rows.read("valence"), (-5 + 0.3 * rows.read("time_s")) / 10, atol=1e-5)
    np.testing.assert_allclose(rows.read("arousal"), 0.3, atol=1e-6)
    assert rows.read("raters_valence").shape == (2, 17)


def test_a_build_gives_the_same_bytes_again(
    built: BuildReport, tmp_path: Path, simulated_session: Path, calibration_file: Path, write_ramps: Write
) -> None:
    traces = write_ramps(tmp_path / "traces", "take")
    again = build_dataset(
        [simulated_session],
        calibration=calibration_file,
        traces=traces,
        out=tmp_path / "again",
        config=ClipConfig(),
        split=ALL_TRAIN,
    )
    for name in ("dataset.toml", "take.h5"):
        assert (again.path / name).read_bytes() == (built.path / name).read_bytes()


def test_a_tick_without_a_picture_keeps_its_row(
    tmp_path: Path, simulated_session: Path, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Depth is lost at some ticks, thermal at others, color at one: the rows stay, and say why."""
    from mavfer.preprocess.rows import session_file

    def with_gaps(session):
        whole = synchronize(session)
        index = {stream: frames.copy() for stream, frames in whole.index.items()}
        index[Stream.DEPTH][:10] = -1
        index[Stream.THERMAL][20:30] = -1
        index[Stream.COLOR][30] = -1
        return replace(whole, index=index)

    monkeypatch.setattr(session_file, "synchronize", with_gaps)
    write_calibration(tmp_path / "c.toml", calibration)
    report = build_dataset(
        [simulated_session],
        calibration=tmp_path / "c.toml",
        traces=None,
        out=tmp_path / "d",
        config=ClipConfig(),
        split=ALL_TRAIN,
    )
    rows = open_dataset(report.path).sessions[0]
    tick = rows.read("tick")
    assert len(tick) == 17
    assert np.all(rows.read("reason_depth")[tick < 10] == Reason.NOT_RECORDED)
    assert np.all(rows.read("reason_thermal")[tick < 10] == Reason.PLANE)
    assert np.all(rows.read("reason_thermal")[(tick >= 20) & (tick < 30)] == Reason.NOT_RECORDED)
    assert rows.read("reason_color")[tick == 30] == [Reason.NOT_RECORDED]
    assert rows.read("reason_depth")[tick == 30] == [Reason.NO_FACE]
    assert not rows.read("color")[tick == 30].any()
    assert not rows.read("depth")[tick < 10].any()
    assert rows.read("valid_color").sum() == 16


def small_video(path: Path, frames: NDArray[np.uint8], write_video: Write) -> Path:
    """Write the frames at half size, back and forth until there are 24 of them (3 s)."""
    half = [np.asarray(cv2.resize(frame, (960, 540), interpolation=cv2.INTER_AREA)) for frame in frames]
    return write_video(path, (half + half[::-1])[:20] + half[:4])


def test_a_video_becomes_a_dataset_split_in_time(
    tmp_path: Path, color_frames: NDArray, write_video: Write, write_ramps: Write
) -> None:
    video = small_video(tmp_path / "v.mp4", color_frames, write_video)
    session = import_video(video, out=tmp_path / "v", subject="S01")
    report = build_dataset(
        [session],
        calibration=None,
        traces=write_ramps(tmp_path / "traces", open_session(session).id),
        out=tmp_path / "d",
        config=ClipConfig(fps=0),
    )
    dataset = verify_dataset(report.path)
    assert report.n_frames == sum(part.n_frames for part in dataset.sessions) == 24
    assert report.aligned_share == 1
    assert dataset.sessions[0].streams == (Stream.COLOR,)
    assert dataset.sessions[0].fps == pytest.approx(8)
    assert dataset.split_by == "time"
    assert "one subject only" in report.warnings[0]


def test_a_video_without_a_face_is_one_line_and_leaves_nothing(tmp_path: Path, write_video: Write) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (10, 240, 320, 3)).astype(np.uint8)
    session = import_video(write_video(tmp_path / "v.mp4", list(noise)), out=tmp_path / "v", subject="S01")
    with pytest.raises(FaceError, match=r"^wanted a face, found none in 10 frames; .*v$"):
        build_dataset([session], calibration=None, traces=None, out=tmp_path / "d", config=ClipConfig(fps=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v", "v.mp4"]


def test_one_bad_session_does_not_stop_the_others_and_its_fate_is_kept(
    tmp_path: Path, color_frames: NDArray, write_video: Write
) -> None:
    """Two processes: one session shows a face, the other none."""
    good = import_video(
        small_video(tmp_path / "a.mp4", color_frames, write_video), out=tmp_path / "a", subject="A"
    )
    noise = np.random.default_rng(0).integers(0, 255, (10, 240, 320, 3)).astype(np.uint8)
    bad = import_video(write_video(tmp_path / "b.mp4", list(noise)), out=tmp_path / "b", subject="B")
    done: list[tuple[int, int]] = []
    report = build_dataset(
        [bad, good],
        calibration=None,
        traces=None,
        out=tmp_path / "d",
        config=ClipConfig(),
        n_workers=2,
        on_progress=lambda *progress: done.append(progress),
    )
    assert [(session.id, session.fate) for session in report.record.sessions] == [
        ("b", "failed"),
        ("a", "built"),
    ]
    assert "wanted a face" in str(report.failed[0].error)
    assert [session.id for session in open_dataset(tmp_path / "d").sessions] == ["a"]
    assert not (tmp_path / "d" / "b.h5").exists()
    assert done[-1][0] == done[-1][1]


def test_a_session_of_four_streams_wants_a_calibration(tmp_path: Path, simulated_session: Path) -> None:
    with pytest.raises(CalibrationError, match=r"wanted a calibration of rig 'simulated'.*take$"):
        build_dataset(
            [simulated_session],
            calibration=None,
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rig": "another"}, "session's rig 'simulated', found one of 'another'"),
        ({"thermal": None, "thermal_from_color": None}, "wanted the camera of stream 'thermal'"),
    ],
)
def test_a_calibration_of_another_rig_is_refused(
    tmp_path: Path, simulated_session: Path, calibration: Calibration, change: dict, complaint: str
) -> None:
    write_calibration(tmp_path / "c.toml", replace(calibration, **change))
    with pytest.raises(CalibrationError, match=complaint):
        build_dataset(
            [simulated_session],
            calibration=tmp_path / "c.toml",
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )


def test_a_calibration_for_another_picture_size_is_refused(
    tmp_path: Path, simulated_session: Path, calibration: Calibration
) -> None:
    small = replace(calibration.color, width=1280, height=720)
    write_calibration(tmp_path / "c.toml", replace(calibration, color=small))
    with pytest.raises(CalibrationError, match="color of 1920x1080 pixels, found one for 1280x720"):
        build_dataset(
            [simulated_session],
            calibration=tmp_path / "c.toml",
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )


def test_traces_of_another_session_are_refused(
    tmp_path: Path, simulated_session: Path, calibration_file: Path, write_ramps: Write
) -> None:
    traces = write_ramps(tmp_path / "traces", "another")
    with pytest.raises(TraceError, match=r"wanted traces of session 'take'.*'another'"):
        build_dataset(
            [simulated_session],
            calibration=calibration_file,
            traces=traces,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )


def test_two_sessions_of_one_name_are_refused(
    tmp_path: Path, simulated_session: Path, calibration_file: Path
) -> None:
    twin = tmp_path / "take"
    shutil.copytree(simulated_session, twin)
    with pytest.raises(DatasetError, match=r"not one of 2 sessions could be built; .*found 'take' twice"):
        build_dataset(
            [simulated_session, twin],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )


def test_what_stands_there_is_not_overwritten(tmp_path: Path, simulated_session: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "precious").write_text("")
    with pytest.raises(OutputError, match="--overwrite"):
        build_dataset(
            [simulated_session],
            calibration=None,
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(),
            split=ALL_TRAIN,
        )
    assert (tmp_path / "d" / "precious").exists()


def test_nothing_but_a_dataset_is_ever_replaced(tmp_path: Path, simulated_session: Path) -> None:
    twin = tmp_path / "take"
    shutil.copytree(simulated_session, twin)
    with pytest.raises(OutputError, match=r"only a folder with a dataset\.toml"):
        build_dataset(
            [twin],
            calibration=None,
            traces=None,
            out=twin,
            config=ClipConfig(),
            split=ALL_TRAIN,
            overwrite=True,
        )
    assert open_session(twin).id == "take"


@pytest.fixture(scope="module")
def clip_of_a_face(
    tmp_path_factory: pytest.TempPathFactory, color_frames: NDArray, write_video: Write
) -> Path:
    folder = tmp_path_factory.mktemp("video")
    video = write_video(folder / "v.mp4", [frame[::2, ::2] for frame in color_frames])
    return import_video(video, out=folder / "v", subject="S01")


def test_a_trace_that_covers_little_of_a_session_is_told(tmp_path: Path, clip_of_a_face: Path) -> None:
    time_s = np.array([-8.0, -5.0])  # long over when the film begins
    write_trace(tmp_path, Trace("v", "A", "valence", time_s, np.array([1.0, 2.0]), simulated=True))
    report = build_dataset(
        [clip_of_a_face], calibration=None, traces=tmp_path, out=tmp_path / "d", config=ClipConfig()
    )
    (session,) = report.built
    assert session.labelled["arousal"] == 0
    assert session.labelled["valence"] <= 1
    told = [warning for warning in report.warnings if "label" in warning]
    assert sum("arousal" in warning for warning in told) == 1, told
    assert any("arousal: nobody rated it" in warning for warning in told)
    assert sum("valence: rater 'A' ends at -5.0 s" in warning for warning in told) == 1
    assert report.record.simulated  # the raters are, if the film is not


def test_one_subject_whose_split_is_asked_for_is_not_split_in_time(
    tmp_path: Path, clip_of_a_face: Path
) -> None:
    report = build_dataset(
        [clip_of_a_face],
        calibration=None,
        traces=None,
        out=tmp_path / "d",
        config=ClipConfig(),
        split=ALL_TRAIN,
    )
    assert report.record.scheme().by == "subject"
    assert not any("split in time" in warning for warning in report.warnings)


def test_a_session_whose_id_is_a_path_is_refused(tmp_path: Path, clip_of_a_face: Path) -> None:
    crooked = tmp_path / "v"
    shutil.copytree(clip_of_a_face, crooked)
    record = crooked / "session.toml"
    record.write_text(record.read_text().replace('id = "v"', 'id = "../../v"'))
    with pytest.raises(SessionError, match=r"id can name a file, found '\.\./\.\./v'"):
        build_dataset([crooked], calibration=None, traces=None, out=tmp_path / "d", config=ClipConfig())
