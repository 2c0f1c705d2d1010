"""Exported calibrations: other programs' files say what the calibration says, and come back as it was."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.exporters.iai_kinect2 import iai_kinect2_files
from mavfer.calibrate.exporters.opencv import opencv_files
from mavfer.calibrate.exporters.ros import quaternion_xyzw, ros_files, yaml_number
from mavfer.calibrate.importers.iai_kinect2 import import_iai_kinect2
from mavfer.calibrate.importers.opencv import OpenCVFiles, import_opencv, import_opencv_folder
from mavfer.calibrate.importers.yaml_file import read_yaml
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.errors import CalibrationError


def written(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def same_pose(a: RigidTransform | None, b: RigidTransform | None) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.all(a.rotation == b.rotation) and np.all(a.translation_mm == b.translation_mm))


@pytest.mark.parametrize("rig", ["test", "", "12", "1e5", "true", 'lab "ä": #1', "0x10", "[a", "a\\b", "~"])
@pytest.mark.parametrize("thermal", [True, False])
def test_opencv_files_come_back_to_the_last_bit(
    true_rig: Calibration, tmp_path: Path, rig: str, thermal: bool
) -> None:
    lens = (-0.22, 1e-17, 5e-300, -1e-3 / 3, 0.0)
    third = Intrinsics(640, 512, 2317 / 3, 2315 / 3, 1000 / 3, 254 / 0.9, lens)
    calibration = replace(
        true_rig, rig=rig, depth_scale=1 / 0.999, thermal=third, method="solved from boards"
    )
    if not thermal:
        calibration = replace(calibration, thermal=None, thermal_from_color=None)
    folder = written(tmp_path / "files", opencv_files(calibration))
    back = import_opencv_folder(folder)
    assert back.cameras == calibration.cameras
    assert same_pose(back.color_from_depth, calibration.color_from_depth)
    assert same_pose(back.thermal_from_color, calibration.thermal_from_color)
    for name in ("depth_shift_mm", "depth_scale", "method"):
        assert getattr(back, name) == getattr(calibration, name)
    assert back.rig == (rig or "files")


def test_opencv_camera_files_alone_say_which_way_their_poses_lead_and_in_what_unit(
    true_rig: Calibration, tmp_path: Path
) -> None:
    folder = written(tmp_path / "files", opencv_files(true_rig))
    back = import_opencv(OpenCVFiles(folder / "color.yml", folder / "depth.yml", folder / "thermal.yml"))
    assert back.cameras == true_rig.cameras
    np.testing.assert_allclose(
        back.color_from_depth.translation_mm, true_rig.color_from_depth.translation_mm, atol=1e-9
    )
    assert same_pose(back.thermal_from_color, true_rig.thermal_from_color)


def test_opencv_files_project_with_opencv_as_the_calibration_does(
    true_rig: Calibration, tmp_path: Path
) -> None:
    folder = written(tmp_path / "files", opencv_files(true_rig))
    xyz_mm = np.random.default_rng(2).uniform((-300, -200, 700), (300, 200, 1200), (30, 3))
    storage = cv2.FileStorage(str(folder / "thermal.yml"), cv2.FILE_STORAGE_READ)
    turn, shift, matrix, lens = (
        storage.getNode(key).mat() for key in ("R", "T", "camera_matrix", "distortion_coefficients")
    )
    px, _ = cv2.projectPoints(xyz_mm, cv2.Rodrigues(turn)[0], shift, matrix, lens)
    assert true_rig.thermal is not None
    assert true_rig.thermal_from_color is not None
    wanted = true_rig.thermal.project(true_rig.thermal_from_color.apply(xyz_mm))
    np.testing.assert_allclose(px[:, 0], wanted, atol=1e-7)


def test_a_folder_without_a_file_or_with_nonsense_in_one_is_refused(
    true_rig: Calibration, tmp_path: Path
) -> None:
    texts = opencv_files(true_rig)
    for number, (name, old, new, complaint) in enumerate(
        [
            ("thermal.yml", None, None, "found nothing: .*thermal.yml"),
            ("rig.yml", "depth_scale: 1.", "depth_scale: 0.", "depth scale"),
            ("rig.yml", "depth_shift_mm: -13", "depth_shift_mm: -1300", "depth shift"),
            ("rig.yml", "thermal_from_color_T_mm", "thermal", "thermal_from_color"),
            ("color.yml", "camera_matrix", "matrix_camera", "wanted the color camera's camera_matrix"),
        ]
    ):
        folder = written(tmp_path / str(number), texts)
        if old is None:
            (folder / name).unlink()
        else:
            assert old in texts[name]
            (folder / name).write_text(texts[name].replace(old, new or ""), encoding="utf-8")
        with pytest.raises(CalibrationError, match=complaint):
            import_opencv_folder(folder)


def test_an_iai_folder_comes_back_without_a_second_correction(true_rig: Calibration, tmp_path: Path) -> None:
    back = import_iai_kinect2(written(tmp_path / "lab", iai_kinect2_files(true_rig)))
    assert (back.color, back.depth, back.depth_shift_mm) == (true_rig.color, true_rig.depth, -13.35)
    assert back.remarks == ()
    np.testing.assert_allclose(
        back.color_from_depth.translation_mm, true_rig.color_from_depth.translation_mm, atol=1e-12
    )


def test_an_iai_depth_shift_is_right_at_one_metre_where_depth_has_a_scale(
    true_rig: Calibration, tmp_path: Path
) -> None:
    scaled = replace(true_rig, depth_scale=1.01)
    back = import_iai_kinect2(written(tmp_path / "lab", iai_kinect2_files(scaled)))
    reading = (1000 - scaled.depth_shift_mm) / scaled.depth_scale
    assert reading + back.depth_shift_mm == pytest.approx(1000, abs=1e-9)


def test_an_iai_folder_has_epipolar_matrices_that_vanish_on_seen_points(
    true_rig: Calibration, tmp_path: Path
) -> None:
    folder = written(tmp_path / "lab", iai_kinect2_files(true_rig))
    fundamental = read_yaml(folder / "calib_pose.yaml")["fundamental"]
    xyz_mm = np.random.default_rng(4).uniform((-300, -200, 700), (300, 200, 1200), (30, 3))
    pinholes = [
        replace(one, distortion=(0.0, 0.0, 0.0, 0.0, 0.0)) for one in (true_rig.depth, true_rig.color)
    ]
    ir, color = (
        np.concatenate([camera.project(points), np.ones((30, 1))], axis=1)
        for camera, points in zip(pinholes, (xyz_mm, true_rig.color_from_depth.apply(xyz_mm)), strict=True)
    )
    lines = ir @ fundamental.T
    away_px = np.abs((color * lines).sum(axis=1)) / np.linalg.norm(lines[:, :2], axis=1)
    assert away_px.max() < 1e-6


def test_a_rig_that_is_no_kinect_has_no_iai_folder(true_rig: Calibration) -> None:
    small = replace(true_rig, color=replace(true_rig.color, width=1280, height=720))
    with pytest.raises(CalibrationError, match="1280 x 720"):
        iai_kinect2_files(small)


def test_ros_files_have_every_entry_of_camera_info_to_the_last_bit(
    true_rig: Calibration, tmp_path: Path
) -> None:
    folder = written(tmp_path / "ros", ros_files(true_rig))
    for name, camera in true_rig.cameras.items():
        table = read_yaml(folder / f"{name}.yaml")
        assert (table["image_width"], table["image_height"]) == (camera.width, camera.height)
        assert (table["camera_name"], table["distortion_model"]) == (name, "plumb_bob")
        np.testing.assert_array_equal(table["camera_matrix"], camera.matrix)
        np.testing.assert_array_equal(table["distortion_coefficients"], [camera.distortion])
        np.testing.assert_array_equal(table["rectification_matrix"], np.eye(3))
        np.testing.assert_array_equal(table["projection_matrix"], np.c_[camera.matrix, np.zeros(3)])


def test_ros_camera_info_is_read_back_by_the_opencv_importer(true_rig: Calibration, tmp_path: Path) -> None:
    folder = written(tmp_path / "ros", ros_files(true_rig))
    poses = written(tmp_path / "cv", opencv_files(true_rig))
    names = ("color", "depth", "thermal")
    files = OpenCVFiles(
        *(folder / f"{name}.yaml" for name in names),
        stereo={name: poses / f"{name}.yml" for name in names[1:]},
    )
    assert import_opencv(files).cameras == true_rig.cameras


def test_ros_transforms_are_the_poses_of_the_cameras_in_the_color_frame_in_metres(
    true_rig: Calibration,
) -> None:
    text = ros_files(true_rig)["extrinsics.yaml"]
    assert true_rig.thermal_from_color is not None
    wanted = {"depth": true_rig.color_from_depth, "thermal": true_rig.thermal_from_color.inverse()}
    found = re.findall(
        r"frame_id: color_optical_frame\n    child_frame_id: (\w+)_optical_frame\n    transform:\n"
        r"      translation:\n        x: (\S+)\n        y: (\S+)\n        z: (\S+)\n"
        r"      rotation:\n        x: (\S+)\n        y: (\S+)\n        z: (\S+)\n        w: (\S+)\n",
        text,
    )
    assert [name for name, *_ in found] == list(wanted)
    for name, *values in found:
        x, y, z, qx, qy, qz, qw = map(float, values)
        np.testing.assert_allclose((x, y, z), wanted[name].translation_mm / 1000, atol=1e-15)
        np.testing.assert_allclose(rotation_of((qx, qy, qz, qw)), wanted[name].rotation, atol=1e-12)
    for line in ("metres", "REP 103", "x, y, z, w"):
        assert line in text


def rotation_of(xyzw: Any) -> np.ndarray:
    """Return the rotation of a unit quaternion, column by column: q e q*."""
    x, y, z, w = xyzw
    vector = np.array([x, y, z])
    return np.stack(
        [
            2 * vector * vector[i] + (w * w - vector @ vector) * e + 2 * w * np.cross(vector, e)
            for i, e in enumerate(np.eye(3))
        ],
        axis=-1,
    )


@given(st.tuples(*[st.floats(-4, 4)] * 3))
def test_a_quaternion_turns_as_its_rotation_does(vector: tuple[float, float, float]) -> None:
    rotation = RigidTransform.from_rotation_vector(np.array(vector), np.zeros(3)).rotation
    quaternion = quaternion_xyzw(rotation)
    assert np.linalg.norm(quaternion) == pytest.approx(1)
    assert quaternion[3] >= 0
    np.testing.assert_allclose(rotation_of(quaternion), rotation, atol=1e-9)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_as_yaml_1_1_has_floats_and_keeps_every_digit(value: float) -> None:
    text = yaml_number(value)
    assert re.fullmatch(r"[-+]?\d+\.\d*([eE][-+]\d+)?", text)  # https://yaml.org/type/float.html
    assert float(text) == value
