"""Folders of iai_kinect2: what they say is what the calibration has, and what is none is refused."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.exporters.iai_kinect2 import iai_kinect2_files
from mavfer.calibrate.importers.iai_kinect2 import import_iai_kinect2
from mavfer.errors import CalibrationError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "kinect2_iai"
COLOR = (1059.9, 0, 954.9, 0, 1053.9, 523.7, 0, 0, 1)
INFRARED = (366.9, 0, 243.0, 0, 364.8, 207.7, 0, 0, 1)
LENS = (0.1, -0.28, 0.0002, -0.0005, 0.105)


def matrix(name: str, rows: int, cols: int, values: tuple[float, ...], kind: str = "d") -> str:
    data = ", ".join(repr(float(value)) for value in values)
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {cols}\n   dt: {kind}\n   data: [ {data} ]\n"


def camera(values: tuple[float, ...], lens: tuple[float, ...] = LENS) -> str:
    return "%YAML:1.0\n" + matrix("cameraMatrix", 3, 3, values) + matrix("distortionCoefficients", 1, 5, lens)


def pose(
    turn: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1), to: tuple[float, ...] = (-0.052, 0, 0)
) -> str:
    return "%YAML:1.0\n" + matrix("rotation", 3, 3, turn) + matrix("translation", 3, 1, to)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as kinect2_calibration writes it."""
    made = tmp_path / "0123456789"
    made.mkdir()
    (made / "calib_color.yaml").write_text(camera(COLOR))
    (made / "calib_ir.yaml").write_text(camera(INFRARED))
    (made / "calib_pose.yaml").write_text(pose())
    (made / "calib_depth.yaml").write_text("%YAML:1.0\ndepthShift: -1.25e+01\n")
    return made


def test_cameras_pose_and_shift_are_those_of_the_files(folder: Path) -> None:
    calibration = import_iai_kinect2(folder, as_is=True)
    assert calibration.rig == "0123456789"
    assert (calibration.color.width, calibration.color.height, calibration.color.fx) == (1920, 1080, 1059.9)
    assert calibration.depth.distortion == LENS
    assert (calibration.depth.width, calibration.depth.height, calibration.depth.cx) == (512, 424, 243.0)
    np.testing.assert_allclose(calibration.color_from_depth.translation_mm, (-52, 0, 0))
    assert calibration.depth_shift_mm == -12.5
    assert calibration.thermal is None
    assert (calibration.method, calibration.remarks) == ("imported from iai_kinect2", ())


def test_the_half_pixel_of_scaled_infrared_corners_is_taken_back_and_said(folder: Path) -> None:
    calibration = import_iai_kinect2(folder, rig="lab")
    assert (calibration.depth.cx, calibration.depth.cy) == (242.75, 207.45)
    assert (calibration.color.cx, calibration.color.cy) == (954.9, 523.7)
    assert "0.25 px were subtracted" in calibration.remarks[0]
    assert calibration.rig == "lab"


def test_corners_found_in_a_picture_scaled_by_two_and_halved_lie_a_quarter_pixel_off() -> None:
    rows, cols = np.mgrid[:40, :40]
    spot = np.exp(-((cols - 17.0) ** 2 + (rows - 21.0) ** 2) / 18).astype(np.float32)
    large = cv2.resize(spot, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:80, :80]
    found = np.array([(x * large).sum(), (y * large).sum()]) / large.sum() / 2
    np.testing.assert_allclose(found - (17, 21), 0.25, atol=0.005)


def test_a_folder_without_a_depth_shift_says_that_depth_is_off(folder: Path) -> None:
    (folder / "calib_depth.yaml").write_text("")
    calibration = import_iai_kinect2(folder)
    assert calibration.depth_shift_mm == 0
    assert "tells no depth shift" in calibration.remarks[-1]
    (folder / "calib_depth.yaml").unlink()
    with pytest.raises(CalibrationError, match="--depth-shift-mm"):
        import_iai_kinect2(folder)
    assert import_iai_kinect2(folder, depth_shift_mm=-9).depth_shift_mm == -9


EMPTY = "%YAML:1.0\n" + "".join(
    matrix(name, 0, 0, (), "u")
    for name in ("cameraMatrix", "distortionCoefficients", "rotation", "translation")
)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("color", EMPTY, "found no board"),
        ("pose", EMPTY, "found no board"),
        ("color", "", "found an empty one"),
        ("color", "nonsense", "wanted YAML"),
        ("color", "%YAML:1.0\na: [1, 2", "wanted YAML"),
        ("color", "\0\1\2", "no text"),
        ("color", camera((530, 0, 477, 0, 527, 262, 0, 0, 1)), "pictures of another size"),
        ("color", camera((-1059.9, *COLOR[1:])), "found fx = -1059.9"),
        ("color", camera(COLOR).replace("1059.9", ".Nan"), "finite numbers"),
        ("color", camera(COLOR).replace("1059.9", "nan"), "found 'nan' in it"),
        ("color", camera((1059.9, 2.0, *COLOR[2:])), "skew of 2"),
        ("color", camera(COLOR, (-9.0, 0, 0, 0, 0)), "that can be undone"),
        ("color", "%YAML:1.0\ncameraMatrix: 5.\n", "fx 0 cx, 0 fy cy"),
        ("color", "%YAML:1.0\ncameraMatrix: hello\n", "as numbers"),
        ("color", camera(COLOR).replace("rows: 3", "rows: 4"), r"\[4.0, 3.0\] and 9 numbers"),
        ("ir", camera(COLOR), "pictures of another size|found fx"),
        ("pose", pose((1, 0, 0, 0, 1, 0, 0, 0, -1)), "with a rotation matrix"),
        ("pose", pose((2, 0, 0, 0, 2, 0, 0, 0, 2)), "with a rotation matrix"),
        ("pose", pose(to=(-52, 0, 0)), "its unit may be another"),
        ("pose", pose(to=(0.052, 0, 0)), "mirrored pictures"),
        ("pose", pose(to=(-0.3, 0, 0)), "cameras of a Kinect v2"),
        ("depth", "%YAML:1.0\ndepthShift: .nan\n", "at most 200 mm"),
        ("depth", "%YAML:1.0\ndepthShift: off\n", "found 'off'"),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line_that_names_the_file(
    folder: Path, file: str, text: str, complaint: str
) -> None:
    path = folder / f"calib_{file}.yaml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=complaint) as caught:
        import_iai_kinect2(folder)
    assert str(caught.value).endswith(f": {path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["color", "ir", "pose"])
def test_a_file_that_is_missing_is_named(folder: Path, file: str) -> None:
    (folder / f"calib_{file}.yaml").unlink()
    with pytest.raises(CalibrationError, match=f"found nothing: .*calib_{file}.yaml"):
        import_iai_kinect2(folder)


def test_a_rotation_written_with_few_digits_is_taken_for_the_nearest(folder: Path) -> None:
    turn = cv2.Rodrigues(np.array([0.01, -0.02, 0.015]))[0]
    (folder / "calib_pose.yaml").write_text(pose(tuple(turn.round(4).ravel().tolist())))
    rotation = import_iai_kinect2(folder).color_from_depth.rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rotation, turn, atol=1e-4)


@pytest.fixture(params=["196605135147", "299150235147"])
def real(request: pytest.FixtureRequest) -> Path:
    """Return a folder that a real sensor's owner published."""
    if not REAL.is_dir():
        pytest.skip(f"real iai_kinect2 calibrations are not here: {REAL}")
    return REAL / request.param


def test_a_real_folder_becomes_a_file_that_is_read_back(real: Path, tmp_path: Path) -> None:
    calibration = import_iai_kinect2(real)
    assert calibration.rig == real.name
    assert calibration.depth_shift_mm == pytest.approx({"196605135147": -13.354}.get(real.name, 0), abs=1e-3)
    np.testing.assert_allclose(calibration.color_from_depth.translation_mm[0], -52, atol=0.1)
    write_calibration(tmp_path / "calibration.toml", calibration)
    assert read_calibration(tmp_path / "calibration.toml").depth == calibration.depth


def test_the_export_of_a_real_folder_has_the_same_matrices(
    real: Path, tmp_path: Path, mats: Callable[[Path], dict[str, np.ndarray]]
) -> None:
    for name, text in iai_kinect2_files(import_iai_kinect2(real, as_is=True)).items():
        (tmp_path / name).write_text(text)
        written, wanted = mats(tmp_path / name), mats(real / name)
        # stereoCalibrate's fundamental matrix is of its own fit; projection is of the rectified picture
        for key in wanted.keys() - {"fundamental", "projection"}:
            np.testing.assert_allclose(written[key], wanted[key], atol=1e-9, err_msg=key)
        if "fundamental" in wanted:
            assert np.abs(written["fundamental"] - wanted["fundamental"]).max() < 1e-6
    again = import_iai_kinect2(tmp_path)
    assert again.remarks[:1] != import_iai_kinect2(real).remarks[:1]
    assert again.depth == import_iai_kinect2(real, as_is=True).depth


@pytest.fixture
def mats() -> Callable[[Path], dict[str, np.ndarray]]:
    """Return a function that reads a file's matrices as OpenCV reads them."""

    def read(path: Path) -> dict[str, np.ndarray]:
        if not path.read_text().strip():
            return {}
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        root = storage.root()
        keys = root.keys()
        return {key: root.getNode(key).mat() for key in keys if root.getNode(key).isMap()}

    return read
