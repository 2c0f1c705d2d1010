"""The calibration file: nothing is lost in it, and nothing else is taken for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration, ViewResidual, camera_name, require_rig
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.capture.streams import Stream
from mavfer.errors import CalibrationError, OutputError


@pytest.fixture
def written(tmp_path: Path, true_rig: Calibration) -> tuple[Path, Calibration]:
    calibration = replace(
        true_rig,
        residuals=(
            ViewResidual("0.400 s", "color", 0.03, 54),
            ViewResidual("0.400 s", "depth", 1.2, 54, used=False),
        ),
        coverage={"color": 0.8, "depth": 0.7},
        rms_px={"color": 0.03, "depth": 0.05},
        created_utc="2026-11-21T10:00:00+00:00",
        software="mavfer 0.1.0",
    )
    path = tmp_path / "calibration.toml"
    write_calibration(path, calibration)
    return path, calibration


def assert_same(read: Calibration, wanted: Calibration) -> None:
    for name in ("color_from_depth", "thermal_from_color"):
        a, b = getattr(read, name), getattr(wanted, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.rotation, b.rotation)
            np.testing.assert_array_equal(a.translation_mm, b.translation_mm)
    for name in ("rig", "color", "depth", "thermal", "depth_shift_mm", "residuals", "coverage", "rms_px"):
        assert getattr(read, name) == getattr(wanted, name)
    assert (read.created_utc, read.software) == (
        wanted.created_utc,
        wanted.software,
    )


def test_reading_gives_back_every_digit_that_was_written(written: tuple[Path, Calibration]) -> None:
    path, calibration = written
    assert_same(read_calibration(path), calibration)


def test_a_rig_without_a_thermal_camera_reads_back_without_one(tmp_path: Path, true_rig: Calibration) -> None:
    path = tmp_path / "calibration.toml"
    calibration = replace(true_rig, thermal=None, thermal_from_color=None)
    write_calibration(path, calibration)
    assert_same(read_calibration(path), calibration)
    with pytest.raises(CalibrationError, match="has only color, depth"):
        read_calibration(path).camera_of(Stream.THERMAL)


def test_a_calibration_of_schema_1_reads_as_it_always_did() -> None:
    calibration = read_calibration(Path(__file__).parent / "golden" / "calibration-schema-1.toml")
    assert calibration.rig == "golden"
    assert calibration.color.distortion == (0.05, -0.06, 0.001, -0.001, 0.015)
    np.testing.assert_array_equal(calibration.color_from_depth.translation_mm, [-52.0, 0.5, 1.0])
    assert calibration.thermal_from_color is not None
    assert calibration.depth_shift_mm == -13.0
    assert calibration.residuals == (ViewResidual("0.400 s", "color", 0.03, 54),)


def test_infrared_is_seen_by_the_depth_camera(true_rig: Calibration) -> None:
    assert camera_name(Stream.INFRARED) == camera_name(Stream.DEPTH) == "depth"
    assert true_rig.camera_of(Stream.INFRARED) is true_rig.depth


def test_nothing_is_overwritten_unless_asked(written: tuple[Path, Calibration]) -> None:
    path, calibration = written
    with pytest.raises(OutputError, match="--overwrite"):
        write_calibration(path, calibration)
    write_calibration(path, replace(calibration, rig="other"), overwrite=True)
    assert read_calibration(path).rig == "other"


def test_the_golden_file_of_schema_2_is_read_for_ever() -> None:
    calibration = read_calibration(Path(__file__).parent / "golden" / "calibration-schema-2.toml")
    assert (calibration.rig, calibration.board, calibration.sources) == ("golden", "9x6x25mm", ("board",))
    assert (calibration.depth_shift_mm, calibration.depth_scale) == (-13.35, 1.001)
    assert calibration.uncertainty["color"]["fx"] == 0.25
    assert list(calibration.color_from_board) == ["1.200 s"]
    (picture,) = calibration.residuals
    assert (picture.view, picture.camera, picture.used, picture.reason) == (
        "1.200 s",
        "thermal",
        False,
        "blur",
    )
    assert picture.corners_px is not None
    np.testing.assert_array_equal(picture.corners_px, [[10.25, 20.5], [np.nan, np.nan]])


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="found nothing; `mavfer calibrate BOARD_SESSION"):
        read_calibration(tmp_path / "none.toml")
    with pytest.raises(CalibrationError, match="found a folder"):
        read_calibration(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("this is no TOML", "syntax error"),
        ('name = "rig"\n', "found kind = ''"),
        ('kind = "calibration"\nschema_version = 99\n', "schema 1 to 2, found schema 99"),
        ('kind = "calibration"\nschema_version = 1\n', "camera"),
    ],
)
def test_another_file_is_not_taken_for_a_calibration(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=complaint) as raised:
        read_calibration(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("fx = 1059.9", "fx = -1059.9", "fx"),
        ("fx = 1059.9", 'fx = "wide"', "fx"),
        ("fx = 1059.9", "fx = nan", "fx"),
        ("rotation = [\n    [0.99", "rotation = [\n    [0.19", "rotation matrix"),
        ("fx = 1059.9", "fx = true", "fx"),
        ("cx = 954.9", "cx = -3.0", "principal point"),
        ("distortion = [0.056", "distortion = [1e9", "lens of the color camera"),
        ("distortion = [-0.22", "distortion = [-5.0", "lens of the thermal camera"),
        ("translation_mm = [-52.05", "translation_mm = [-1e6", "at most 2000 mm apart"),
        ("depth_shift_mm = -13.35", "depth_shift_mm = 1e7", "depth_shift_mm"),
        ("depth_scale = 1.0", "depth_scale = 0.0", "depth_scale"),
        ('board = ""', 'board = "bananas"', "board: wanted a board such as"),
        ("depth_shift_mm", "depth_drift_mm", "depth_drift_mm"),
    ],
)
def test_values_that_no_rig_can_have_are_refused(
    written: tuple[Path, Calibration], old: str, new: str, complaint: str
) -> None:
    path, _ = written
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CalibrationError, match=complaint):
        read_calibration(path)


def test_a_calibration_of_another_rig_is_refused(true_rig: Calibration) -> None:
    require_rig(true_rig, "test", Path("calibration.toml"))
    with pytest.raises(CalibrationError, match=r"rig 'lab-2', found one of 'test'.*: calibration\.toml"):
        require_rig(true_rig, "lab-2", Path("calibration.toml"))
