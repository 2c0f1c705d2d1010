import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
from mavfer.errors import CalibrationError, DatasetError, SessionError, TraceError
from mavfer.view.landmarks import landmarks_of
from mavfer.view.overlay import open_overlay
from mavfer.view.session_view import open_view

MISSING, LATE, N_TICKS = 5, 20, 30


@pytest.fixture(scope="module")
def view(lab):
    return open_view(lab / "S01-a")


def identity_rig(rig="test", *, depth_px=(32, 24)):
    """A rig whose cameras are one: color has twice the pixels of depth, on the same rays."""
    width, height = depth_px
    depth = Intrinsics(width, height, 40, 40, (width - 1) / 2, (height - 1) / 2)
    color = Intrinsics(64, 48, 80, 80, 31.5, 23.5)
    thermal = Intrinsics(28, 20, 35, 35, 13.5, 9.5)
    same = RigidTransform.identity()
    return Calibration(rig, color, depth, thermal, same, same, 0.0)


def test_every_tick_shows_its_own_frame(view):
    depth = np.frombuffer(view.counts(Stream.DEPTH, 12), "<u2")
    assert (depth == 712).all()
    assert view.color_jpeg(12)[:2] == b"\xff\xd8"


def test_a_tick_without_a_frame_is_told_and_a_late_one_is(view):
    table = view.table()
    thermal = next(one for one in table["streams"] if one["name"] == "thermal")
    assert [tick for tick, frame in enumerate(thermal["frame"]) if frame < 0] == [MISSING]
    assert thermal["offset_ms"][MISSING] is None
    assert thermal["offset_ms"][LATE] == pytest.approx(40, abs=1)
    with pytest.raises(SessionError, match="tick 5 has no thermal frame"):
        view.counts(Stream.THERMAL, MISSING)
    with pytest.raises(SessionError, match="wanted one of 30 ticks, found 30"):
        view.counts(Stream.THERMAL, N_TICKS)


def test_markers_steps_events_and_losses_lie_at_their_times(view):
    found = {(one.kind, round(one.time_s, 3)) for one in view.moments}
    assert {("marker", 0.0), ("marker", 1.0), ("marker", 1.5), ("event", 2.0), ("missing", 0.5)} <= found
    rest, video = view.steps
    assert (rest.name, rest.start_s, rest.stop_s, rest.text) == ("rest", 0.0, 1.0, "Look at the cross.")
    assert (video.name, video.start_s, round(video.stop_s, 3)) == ("video", 1.0, 3.0)


def test_the_colors_of_a_scale_are_those_of_the_pictures(view):
    table = np.frombuffer(view.color_table(Stream.DEPTH), np.uint8).reshape(65536, 3)
    np.testing.assert_array_equal(table, view.coloring(Stream.DEPTH).table)
    celsius = np.frombuffer(view.celsius_table(Stream.THERMAL), "<f4")
    assert celsius[7579] == pytest.approx(7579 * 0.04 - 273.15, abs=1e-3)
    with pytest.raises(SessionError, match="no temperature"):
        view.celsius_table(Stream.DEPTH)


def test_traces_beside_a_session_are_found_and_a_folder_without_them_is_refused(view, lab, tmp_path):
    assert {trace.dimension for trace in view.traces} == {"valence", "arousal"}
    with pytest.raises(TraceError, match="wanted traces of session"):
        open_view(lab / "S01-a", traces=tmp_path)


def test_a_session_that_is_being_written_and_a_torn_one_say_what_to_do(make_session, tmp_path):
    with pytest.raises(SessionError, match="mavfer recover"):
        open_view(make_session(tmp_path / "running", state="recording"))
    torn = make_session(tmp_path / "torn")
    file = torn / "kinect.0000.mcap"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(SessionError, match="mavfer recover"):
        open_view(torn)


def test_depth_laid_over_color_by_cameras_that_are_one_is_depth_itself(view, tmp_path):
    path = tmp_path / "calibration.toml"
    write_calibration(path, identity_rig())
    overlay = open_overlay(view, path)
    assert overlay.streams == (Stream.DEPTH, Stream.THERMAL)
    assert overlay.size_px == (32, 24)
    laid = np.frombuffer(overlay.counts(Stream.DEPTH, 7), "<u2").reshape(24, 32)
    assert (laid[4:-4, 4:-4] == 707).all()
    thermal = np.frombuffer(overlay.counts(Stream.THERMAL, 7), "<u2").reshape(24, 32)
    inner = thermal[6:-6, 6:-6]
    assert (np.diff(inner.astype(int), axis=1) > 0).all()  # it rises along the row, as in its own picture
    with pytest.raises(SessionError, match="tick 5 has no thermal frame"):
        overlay.counts(Stream.THERMAL, MISSING)
    with pytest.raises(CalibrationError, match="to lay over color"):
        overlay.counts(Stream.COLOR, 7)


def test_a_calibration_of_another_rig_or_another_camera_is_refused(view, tmp_path):
    write_calibration(tmp_path / "other.toml", identity_rig("elsewhere"))
    with pytest.raises(CalibrationError, match="elsewhere"):
        open_overlay(view, tmp_path / "other.toml")
    write_calibration(tmp_path / "larger.toml", identity_rig(depth_px=(64, 48)))
    with pytest.raises(CalibrationError, match=r"depth of 32 x 24 pixels, found one for 64 x 48"):
        open_overlay(view, tmp_path / "larger.toml")


def test_landmarks_of_a_dataset_are_those_of_the_row_at_or_before_a_tick(view, lab):
    points = landmarks_of(view, dataset=lab / "clips")
    np.testing.assert_array_equal(points.at(3), points.at(4))
    assert points.at(3).shape == (68, 2)


def test_a_dataset_without_the_session_is_refused(lab, make_session, tmp_path):
    other = open_view(make_session(tmp_path / "S99-a"))
    with pytest.raises(DatasetError, match="wanted the dataset that session 'S99-a' is in"):
        landmarks_of(other, dataset=lab / "clips")
