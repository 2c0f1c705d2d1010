"""Laws of alignment: known transforms are recovered, landmarks land on the template, pixels stay."""

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.carry import carry
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.streams import Stream
from mavfer.preprocess import align
from mavfer.preprocess.record import Align

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
    return align.apply(similarity_matrix(eye_px, angle, center), np.concatenate([jaw, align.TEMPLATE]))


@pytest.mark.parametrize("angle", [-2.0, 0.0, 0.4, 3.0])
def test_a_known_similarity_is_recovered(angle: float) -> None:
    points = np.random.default_rng(0).normal(size=(51, 2))
    truth = similarity_matrix(2.3, angle, (5.0, -7.0))
    np.testing.assert_allclose(align.similarity(points, align.apply(truth, points)), truth, atol=1e-12)


def test_the_similarity_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(51, 2)), rng.normal(size=(51, 2))
    best = align.similarity(source, target)

    def error(transform: np.ndarray) -> float:
        return float(np.sum((align.apply(transform, source) - target) ** 2))

    for _ in range(50):
        nudge = similarity_matrix(rng.normal(1, 0.01), rng.normal(0, 0.01), tuple(rng.normal(0, 0.01, 2)))
        nudged = np.column_stack([nudge[:, :2] @ best[:, :2], nudge[:, :2] @ best[:, 2] + nudge[:, 2]])
        assert error(nudged) >= error(best)


@pytest.mark.parametrize("mode", list(Align))
@pytest.mark.parametrize("size_px", [96, 112])
def test_a_mean_face_lands_on_the_template(mode: Align, size_px: int) -> None:
    landmarks = face_at((900, 400), 67, 0.3)
    transform = align.face_transform(landmarks, size_px=size_px, align=mode)
    np.testing.assert_allclose(
        align.apply(transform, landmarks[align.INNER]), align.template_px(size_px), atol=1e-9
    )


def test_eyes_and_nose_of_any_face_land_on_the_same_pixels() -> None:
    rng = np.random.default_rng(2)
    places = []
    for _ in range(5):
        landmarks = face_at((700, 500), 60) + rng.normal(0, 3, (68, 2))
        transform = align.face_transform(landmarks, size_px=96, align=Align.EYES_NOSE)
        places.append(align.apply(transform, align.eyes_and_nose(landmarks)))
    np.testing.assert_allclose(places, np.broadcast_to(places[0], (5, 3, 2)), atol=1e-9)


def test_the_inverse_undoes_the_transform() -> None:
    transform = similarity_matrix(0.4, 0.7, (3, 4))
    points = np.random.default_rng(3).normal(0, 100, (20, 2))
    np.testing.assert_allclose(align.apply(align.inverse(transform), align.apply(transform, points)), points)


@pytest.mark.parametrize("scale", [1.0, 0.45, 0.2, 2.0])
def test_a_cut_shows_the_picture_where_the_transform_says(scale: float) -> None:
    """A picture that holds its own coordinates is cut to coordinates."""
    columns, rows = np.meshgrid(np.arange(400, dtype=np.float32), np.arange(300, dtype=np.float32))
    transform = similarity_matrix(scale, 0.2, (48 - 200 * scale, 48 - 150 * scale))
    wanted = align.crop_grid(transform, 96)
    inside = np.all((wanted > 8) & (wanted < (391, 291)), axis=-1)
    for picture, axis in ((columns, 0), (rows, 1)):
        found = align.cut(picture, transform, 96)
        assert np.abs(found - wanted[..., axis])[inside].max() < 0.1


def test_the_identity_cuts_the_picture_itself() -> None:
    picture = np.random.default_rng(4).integers(0, 65535, (96, 96)).astype(np.uint16)
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(align.cut(picture, identity, 96), picture)
    np.testing.assert_array_equal(align.cut_nearest(picture, identity, 96, origin_px=(0, 0)), picture)


def test_a_nearest_cut_invents_no_depth() -> None:
    picture = np.random.default_rng(5).choice([0, 800, 2000], (300, 400)).astype(np.uint16)
    crop = align.cut_nearest(picture, similarity_matrix(0.5, 0.3, (-20, -30)), 96, origin_px=(0, 0))
    assert set(np.unique(crop)) <= {0, 800, 2000}


def test_a_part_of_the_picture_gives_the_same_cut() -> None:
    picture = np.random.default_rng(6).integers(1, 4000, (1080, 1920)).astype(np.uint16)
    transform = align.face_transform(face_at((900, 400), 67, 0.3), size_px=96, align=Align.POINTS51)
    left, top, right, bottom = align.crop_region(transform, 96, picture.shape)
    part = align.cut_nearest(picture[top:bottom, left:right], transform, 96, origin_px=(left, top))
    np.testing.assert_array_equal(part, align.cut_nearest(picture, transform, 96, origin_px=(0, 0)))
    assert (right - left) * (bottom - top) < 300 * 300


def test_a_face_at_the_edge_is_partly_in_view() -> None:
    transform = align.face_transform(face_at((960, 540), 67), size_px=96, align=Align.POINTS51)
    assert align.share_in_view(transform, 96, (1080, 1920)) == 1
    transform = align.face_transform(face_at((0, 540), 67), size_px=96, align=Align.POINTS51)
    assert 0.4 < align.share_in_view(transform, 96, (1080, 1920)) < 0.6


def test_landmarks_take_the_depth_under_them_and_holes_take_the_faces() -> None:
    landmarks = face_at((200, 200), 60)
    depth_mm = np.full((400, 400), 900, np.uint16)
    x, y = np.rint(landmarks[30]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 870  # the nose
    x, y = np.rint(landmarks[0]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 2500  # the wall beside the jaw
    x, y = np.rint(landmarks[45]).astype(int)
    depth_mm[y - 5 : y + 6, x - 5 : x + 6] = 0
    z_mm = align.landmark_depth(depth_mm, landmarks + np.array([1000, 300]), origin_px=(1000, 300))
    assert z_mm is not None
    assert z_mm[30] == 870
    assert z_mm[0] == z_mm[45] == 900


def test_a_face_without_depth_has_no_landmark_depth() -> None:
    empty = np.zeros((400, 400), np.uint16)
    assert align.landmark_depth(empty, face_at((200, 200), 60), origin_px=(0, 0)) is None
    assert align.landmark_depth(empty[:0], face_at((200, 200), 60), origin_px=(0, 0)) is None


def test_a_face_of_mean_size_is_placed_by_its_size() -> None:
    eye_px = COLOR.fx * align.EYE_DISTANCE_MM / 800
    assert align.plane_depth(face_at((900, 500), eye_px, 0.4), focal_px=COLOR.fx) == pytest.approx(800)


def face_in_space(z_mm: float) -> np.ndarray:
    """Return 68 points (mm, color camera) of a face with a nose, `z_mm` away."""
    flat = face_at((0, 0), align.EYE_DISTANCE_MM)
    height = 30 * np.exp(-(np.linalg.norm(flat - flat[30], axis=1) ** 2) / 400)
    return np.column_stack([flat + np.array([40, -20]), z_mm - height])


def carried(landmarks: np.ndarray, z_mm: np.ndarray | None, *, into: Stream) -> np.ndarray:
    return align.seen_by(into, align.face_in_space(landmarks, z_mm, CALIBRATION), CALIBRATION)


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
    assert np.abs(in_color - in_thermal)[align.INNER].max() < 1.5


@pytest.mark.parametrize("eyes_px", [20, 50])
def test_a_crop_over_the_border_holds_true_values_or_zero_and_nothing_between(eyes_px: int) -> None:
    landmarks = np.concatenate([np.zeros((17, 2)), align.TEMPLATE * eyes_px + (15.3, 250.7)])
    transform = align.face_transform(landmarks, size_px=96, align=Align.POINTS51)
    crop = align.cut(np.full((512, 640), 7700, np.float32), transform, 96)
    assert set(np.unique(crop)) == {0, 7700}
    share = align.share_in_view(transform, 96, (512, 640))
    assert np.mean(crop > 0) == pytest.approx(share, abs=0.1)
