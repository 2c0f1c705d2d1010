"""OpenCV's files of single cameras: every common spelling is read, and nothing is guessed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.importers.opencv import OpenCVFiles, import_opencv
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.errors import CalibrationError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file as OpenCV does."""

    def with_opencv(name: str, **entries: float | str | np.ndarray) -> Path:
        path = tmp_path / name
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
        for key, value in entries.items():
            storage.write(key, value)
        storage.release()
        return path

    return with_opencv


def camera(camera: Intrinsics, n_coefficients: int = 5) -> dict[str, np.ndarray | int]:
    return {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_matrix": camera.matrix,
        "distortion_coefficients": np.array([camera.distortion])[:, :n_coefficients].copy(),
    }


@pytest.fixture
def files(true_rig: Calibration, write: Write) -> OpenCVFiles:
    """Return the files of a whole rig, poses as cv2.stereoCalibrate gives them with color first, in mm."""
    assert true_rig.thermal is not None
    assert true_rig.thermal_from_color is not None
    poses = {"depth": true_rig.color_from_depth.inverse(), "thermal": true_rig.thermal_from_color}
    return OpenCVFiles(
        color=write("color.yml", **camera(true_rig.color)),
        depth=write("depth.yml", **camera(true_rig.depth)),
        thermal=write("thermal.yml", **camera(true_rig.thermal)),
        stereo={
            name: write(f"stereo_{name}.yml", R=pose.rotation, T=pose.translation_mm[:, None].copy())
            for name, pose in poses.items()
        },
        first_is_color=True,
        unit="mm",
    )


def assert_same_geometry(found: Calibration, wanted: Calibration) -> None:
    assert found.cameras == wanted.cameras
    for name in ("color_from_depth", "thermal_from_color"):
        a: RigidTransform | None = getattr(found, name)
        b: RigidTransform | None = getattr(wanted, name)
        assert a is not None
        assert b is not None
        np.testing.assert_allclose(a.rotation, b.rotation, atol=1e-12)
        np.testing.assert_allclose(a.translation_mm, b.translation_mm, atol=1e-9)


def test_single_cameras_and_their_poses_make_the_rig(
    files: OpenCVFiles, true_rig: Calibration, tmp_path: Path
) -> None:
    calibration = import_opencv(files, rig="lab", depth_shift_mm=-13.35, depth_scale=1.01)
    assert_same_geometry(calibration, true_rig)
    assert (calibration.rig, calibration.depth_shift_mm, calibration.depth_scale) == ("lab", -13.35, 1.01)
    cameras = ("color.yml", "depth.yml", "thermal.yml")
    assert calibration.sources == (*cameras, "stereo_depth.yml", "stereo_thermal.yml")
    assert calibration.remarks == ()
    assert any("tells no depth shift" in remark for remark in import_opencv(files).remarks)
    write_calibration(tmp_path / "calibration.toml", calibration)
    assert_same_geometry(read_calibration(tmp_path / "calibration.toml"), true_rig)


def test_poses_of_the_other_direction_and_in_metres_make_the_same_rig(
    files: OpenCVFiles, true_rig: Calibration, write: Write
) -> None:
    assert true_rig.thermal_from_color is not None
    stereo = {}
    poses = {"depth": true_rig.color_from_depth, "thermal": true_rig.thermal_from_color.inverse()}
    for name, pose in poses.items():
        turn, translation_m = cv2.Rodrigues(pose.rotation)[0], pose.translation_mm / 1000
        stereo[name] = write(f"turned_{name}.yml", rvec=turn, tvec=translation_m)
    turned = replace(files, stereo=stereo, first_is_color=False, unit="m")
    assert_same_geometry(import_opencv(turned), true_rig)


def test_a_rig_without_a_thermal_camera_is_imported_without_one(files: OpenCVFiles) -> None:
    two = replace(files, thermal=None, stereo={"depth": files.stereo["depth"]})
    assert import_opencv(two).thermal is None


SPELLINGS = ("cameraMatrix distCoeffs", "K D", "mtx dist", "Camera_Matrix Distortion_Coefficients")


@pytest.mark.parametrize("names", SPELLINGS)
def test_the_common_spellings_are_understood(
    files: OpenCVFiles, true_rig: Calibration, write: Write, names: str
) -> None:
    matrix, lens = names.split()
    color = true_rig.color
    entries = {matrix: color.matrix, lens: np.array(color.distortion)}
    path = write("other.yml", image_Width=color.width, image_Height=color.height, **entries)
    assert import_opencv(replace(files, color=path)).color == color


def test_xml_and_files_written_by_hand_are_read(
    files: OpenCVFiles, true_rig: Calibration, write: Write, tmp_path: Path
) -> None:
    xml = write("color.xml", **camera(true_rig.color))
    assert xml.read_text().startswith("<?xml")
    assert import_opencv(replace(files, color=xml)).color == true_rig.color
    (tmp_path / "hand.yaml").write_text(
        "K: [500, 0, 320, 0, 501, 240, 0, 0, 1]\nD: [0, 0, 0, 0]\nsize: [640, 480]\n"
    )
    by_hand = import_opencv(replace(files, color=tmp_path / "hand.yaml")).color
    assert by_hand == Intrinsics(640, 480, 500, 501, 320, 240)


def test_four_coefficients_leave_k3_zero(files: OpenCVFiles, true_rig: Calibration, write: Write) -> None:
    path = write("four.yml", **camera(true_rig.color, 4))
    assert import_opencv(replace(files, color=path)).color.distortion == (*true_rig.color.distortion[:4], 0)


def test_more_coefficients_are_fine_where_they_are_zero(
    files: OpenCVFiles, true_rig: Calibration, write: Write
) -> None:
    entries = camera(true_rig.color) | {
        "distortion_coefficients": np.array([[*true_rig.color.distortion, 0, 0, 0]])
    }
    assert import_opencv(replace(files, color=write("eight.yml", **entries))).color == true_rig.color


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"distortion_coefficients": np.array([[0, 0, 0, 0, 0, 0.1, 0, 0]])}, r"8 coefficients \(rational\)"),
        ({"distortion_coefficients": np.array([[0.0] * 8 + [0.1, 0, 0, 0]])}, "thin prism"),
        ({"distortion_coefficients": np.array([[0.0] * 12 + [0.1, 0]])}, "tilted"),
        ({"distortion_coefficients": np.array([[0.1, 0.1]])}, "wanted 4 or 5"),
        ({"distortion_model": "equidistant"}, "fisheye"),
        ({"fisheye_model": 1}, "fisheye"),
        ({"camera_matrix": np.eye(4)}, "fx 0 cx"),
        ({"image_width": -5}, "16 to 20000"),
        ({"image_width": 640}, "principal point"),
        ({"camera_matrix": np.diag([1000.0, 3000.0, 1.0])}, "focal lengths"),
    ],
)
def test_a_camera_that_is_none_of_ours_is_refused_with_the_reason(
    files: OpenCVFiles, true_rig: Calibration, write: Write, change: dict, complaint: str
) -> None:
    path = write("bad.yml", **(camera(true_rig.color) | change))
    with pytest.raises(CalibrationError, match=complaint) as caught:
        import_opencv(replace(files, color=path))
    assert str(caught.value).endswith(f": {path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", ["rows: -3, cols: -3", "sizes: [-1, -9]", "rows: 1e9, cols: 1e9"])
def test_a_matrix_of_a_size_that_none_has_is_refused(files: OpenCVFiles, tmp_path: Path, size: str) -> None:
    path = tmp_path / "size.yml"
    path.write_text(f"camera_matrix: {{{size}, data: [1000., 0., 500., 0., 1000., 500., 0., 0., 1.]}}\n")
    with pytest.raises(CalibrationError, match="as many numbers as its size says"):
        import_opencv(replace(files, color=path))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"first_is_color": None}, "--from color"),
        ({"unit": ""}, "--unit mm, cm or m"),
        ({"unit": "m"}, "its unit may be another"),
        ({"stereo": {}}, "--stereo-depth|--stereo-thermal"),
        ({"first_is_color": False}, "mirrored pictures"),
        ({"size_px": {"color": (640, 480)}}, "the file is for 1920 x 1080"),
    ],
)
def test_what_files_leave_open_is_asked_for_and_never_guessed(
    files: OpenCVFiles, change: dict, complaint: str
) -> None:
    with pytest.raises(CalibrationError, match=complaint):
        import_opencv(replace(files, **change))


def test_a_size_that_no_file_says_is_asked_for(
    files: OpenCVFiles, true_rig: Calibration, write: Write
) -> None:
    path = write("no-size.yml", K=true_rig.color.matrix, D=np.array(true_rig.color.distortion))
    with pytest.raises(CalibrationError, match="pass --size color=WIDTHxHEIGHT"):
        import_opencv(replace(files, color=path))
    said = replace(files, color=path, size_px={"color": (1920, 1080)})
    assert import_opencv(said).color == true_rig.color


def test_what_stereo_calibrate_finds_between_the_cameras_is_what_is_imported(
    files: OpenCVFiles, true_rig: Calibration, write: Write
) -> None:
    board = np.array([[x, y, 0] for y in range(6) for x in range(9)], np.float32) * 40
    rng = np.random.default_rng(5)
    seen: dict[str, list[np.ndarray]] = {"color": [], "depth": []}
    for _ in range(8):
        pose = RigidTransform.from_rotation_vector(rng.normal(0, 0.3, 3), np.array([-160, -100, 900.0]))
        xyz = pose.apply(board)
        seen["color"].append(true_rig.color.project(xyz).astype(np.float32))
        seen["depth"].append(
            true_rig.depth.project(true_rig.color_from_depth.inverse().apply(xyz)).astype(np.float32)
        )
    (k1, d1), (k2, d2) = ((one.matrix, np.array(one.distortion)) for one in (true_rig.color, true_rig.depth))
    boards = [board] * 8
    size = (1920, 1080)
    _, _, _, _, _, turn, shift, *_ = cv2.stereoCalibrate(
        boards, seen["color"], seen["depth"], k1, d1, k2, d2, size, flags=cv2.CALIB_FIX_INTRINSIC
    )
    path = write("found.yml", R=turn, T=shift)
    found = import_opencv(replace(files, stereo={**files.stereo, "depth": path})).color_from_depth
    np.testing.assert_allclose(found.translation_mm, true_rig.color_from_depth.translation_mm, atol=0.05)
    np.testing.assert_allclose(found.rotation, true_rig.color_from_depth.rotation, atol=1e-4)
