"""Laws of landmarks in space: depth under them is theirs, and every camera sees them where it should."""

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.carry import carry
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
from mavfer.preprocess.dataset.record import Align
from mavfer.preprocess.rows import align, in_space
from mavfer.preprocess.rows.template import INNER, TEMPLATE

COLOR = Intrinsics(1920, 1080, 1060.0, 1058.0, 962.0, 538.0, (0.05, -0.04, 0.001, -0.0005, 0.01))
DEPTH = Intrinsics(512, 424, 366.0, 366.5, 256.0, 210.0, (0.09, -0.27, 0.0, 0.0, 0.09))
THERMAL = Intrinsics(640, 512, 772.0, 772.0, 320.0, 255.0, (-0.2, 0.15, 0.0, 0.0, 0.0))
CALIBRATION = Calibration(
    rig="test",
    color=COLOR,
    depth=DEPTH,
    thermal=THERMAL,
    color_from_depth=RigidTransform.from_rotation_vector(
        np.array([0.0, 0.004, 0.002]), np.array([-52.0, 0, 1])
    ),
    thermal_from_color=RigidTransform.from_rotation_vector(
        np.array([0.01, -0.02, 0.01]), np.array([80.0, 5, 3])
    ),
    depth_shift_mm=0.0,
)


def similarity_matrix(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def face_at(center: tuple[float, float], eye_px: float, angle: float = 0.0) -> np.ndarray:
    """Return 68 landmarks of a mean face; the jaw lies on a half circle."""
    t = np.linspace(np.pi, 0, 17)
    jaw = np.column_stack([1.08 * np.cos(t), 0.1 + 1.7 * np.sin(t)])
    return align.apply(similarity_matrix(eye_px, angle, center), np.concatenate([jaw, TEMPLATE]))


def test_landmarks_take_the_depth_under_them_and_holes_take_the_faces() -> None:
    landmarks = face_at((200, 200), 60)
    depth_mm = np.full((400, 400), 900, np.uint16)
    x, y = np.rint(landmarks[30]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 870  # the nose
    x, y = np.rint(landmarks[0]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 2500  # the wall beside the jaw
    x, y = np.rint(landmarks[45]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 0
    z_mm = in_space.landmark_depth(depth_mm, landmarks + np.array([1000, 300]), origin_px=(1000, 300))
    assert z_mm is not None
    assert z_mm[30] == 870
    assert z_mm[0] == z_mm[45] == 900


def test_a_face_without_depth_has_no_landmark_depth() -> None:
    empty = np.zeros((400, 400), np.uint16)
    assert in_space.landmark_depth(empty, face_at((200, 200), 60), origin_px=(0, 0)) is None
    assert in_space.landmark_depth(empty[:0], face_at((200, 200), 60), origin_px=(0, 0)) is None


def test_a_face_of_mean_size_is_placed_by_its_size() -> None:
    eye_px = COLOR.fx * in_space.EYE_DISTANCE_MM / 800
    assert in_space.plane_depth(face_at((900, 500), eye_px, 0.4), focal_px=COLOR.fx) == pytest.approx(800)


def face_in_space(z_mm: float) -> np.ndarray:
    """Return 68 points (mm, color camera) of a face with a nose, `z_mm` away."""
    flat = face_at((0, 0), in_space.EYE_DISTANCE_MM)
    height = 30 * np.exp(-(np.linalg.norm(flat - flat[30], axis=1) ** 2) / 400)
    return np.column_stack([flat + np.array([40, -20]), z_mm - height])


def carried(landmarks: np.ndarray, z_mm: np.ndarray | None, *, into: Stream) -> np.ndarray:
    return in_space.seen_by(into, in_space.face_in_space(landmarks, z_mm, CALIBRATION), CALIBRATION)


@pytest.mark.parametrize("stream", [Stream.THERMAL, Stream.INFRARED])
def test_landmarks_with_depth_are_carried_to_where_the_camera_sees_them(stream: Stream) -> None:
    xyz = face_in_space(900.0)
    landmarks = COLOR.project(xyz)
    camera, from_color = CALIBRATION.camera_of(stream), CALIBRATION.from_color(stream)
    wanted = camera.project(from_color.apply(xyz))
    found = carried(landmarks, xyz[:, 2], into=stream)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(found, carry(landmarks, xyz[:, 2], CALIBRATION, stream), atol=1e-9)


def test_without_depth_a_mean_face_is_carried_within_the_noses_height() -> None:
    xyz = face_in_space(900.0)
    wanted = THERMAL.project(CALIBRATION.from_color(Stream.THERMAL).apply(xyz))
    found = carried(COLOR.project(xyz), None, into=Stream.THERMAL)
    assert np.abs(found - wanted).max() < 4


def test_the_thermal_crop_lays_the_face_where_the_color_crop_does() -> None:
    xyz = face_in_space(900.0)
    landmarks = COLOR.project(xyz)
    there = carried(landmarks, xyz[:, 2], into=Stream.THERMAL)
    in_color = align.apply(align.face_transform(landmarks, size_px=96, align=Align.POINTS51), landmarks)
    in_thermal = align.apply(align.face_transform(there, size_px=96, align=Align.POINTS51), there)
    assert np.abs(in_color - in_thermal)[INNER].max() < 1.5


def test_a_face_is_carried_by_the_subjects_own_size_where_that_is_known() -> None:
    xyz = face_in_space(900.0)
    landmarks = COLOR.project(xyz)
    eyes_mm = in_space.eye_distance_of(landmarks, 885.0, focal_px=COLOR.fx)
    found_mm = in_space.plane_depth(landmarks, focal_px=COLOR.fx, eye_distance_mm=eyes_mm)
    assert found_mm == pytest.approx(885.0)


def test_points_behind_a_camera_are_seen_nowhere() -> None:
    behind = np.array([[0.0, 0.0, -500.0]])
    for stream in (Stream.THERMAL, Stream.INFRARED):
        assert np.isnan(in_space.seen_by(stream, behind, CALIBRATION)).all()
