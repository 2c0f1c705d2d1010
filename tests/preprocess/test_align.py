"""Laws of alignment: known transforms are recovered, landmarks land on the template, pixels stay."""

import numpy as np
import pytest

from mavfer.preprocess.dataset.record import Align
from mavfer.preprocess.rows import align
from mavfer.preprocess.rows.template import TEMPLATE, eye_distance, eyes_and_nose, template_px


def similarity_matrix(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def face_at(center: tuple[float, float], eye_px: float, angle: float = 0.0) -> np.ndarray:
    """Return 68 landmarks of a mean face; the jaw lies on a half circle."""
    t = np.linspace(np.pi, 0, 17)
    jaw = np.column_stack([1.08 * np.cos(t), 0.1 + 1.7 * np.sin(t)])
    return align.apply(similarity_matrix(eye_px, angle, center), np.concatenate([jaw, TEMPLATE]))


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
@pytest.mark.parametrize("size_px", [32, 96, 112, 192, 512])
def test_a_mean_face_lands_on_the_template(mode: Align, size_px: int) -> None:
    landmarks = face_at((900, 400), 67, 0.3)
    transform = align.face_transform(landmarks, size_px=size_px, align=mode)
    np.testing.assert_allclose(
        align.apply(transform, landmarks[align.INNER]), template_px(size_px), atol=1e-9
    )


def test_eyes_and_nose_of_any_face_land_on_the_same_pixels() -> None:
    rng = np.random.default_rng(2)
    places = []
    for _ in range(5):
        landmarks = face_at((700, 500), 60) + rng.normal(0, 3, (68, 2))
        transform = align.face_transform(landmarks, size_px=96, align=Align.EYES_NOSE)
        places.append(align.apply(transform, eyes_and_nose(landmarks)))
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


@pytest.mark.parametrize("eyes_px", [20, 50])
def test_a_crop_over_the_border_holds_true_values_or_zero_and_nothing_between(eyes_px: int) -> None:
    landmarks = np.concatenate([np.zeros((17, 2)), TEMPLATE * eyes_px + (15.3, 250.7)])
    transform = align.face_transform(landmarks, size_px=96, align=Align.POINTS51)
    crop = align.cut(np.full((512, 640), 7700, np.float32), transform, 96)
    assert set(np.unique(crop)) == {0, 7700}
    share = align.share_in_view(transform, 96, (512, 640))
    assert np.mean(crop > 0) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("mode", list(Align))
def test_a_margin_shows_more_around_the_same_face(mode: Align) -> None:
    landmarks = face_at((900, 400), 67, 0.3)
    plain = align.face_transform(landmarks, size_px=96, align=mode)
    wide = align.face_transform(landmarks, size_px=96, align=mode, margin=0.25)
    middle = np.full((1, 2), 47.5)
    np.testing.assert_allclose(
        align.apply(align.inverse(wide), middle), align.apply(align.inverse(plain), middle), atol=1e-9
    )
    plain_px = eye_distance(align.apply(plain, landmarks))
    assert eye_distance(align.apply(wide, landmarks)) == pytest.approx(plain_px / 1.5)


def test_a_margin_beyond_the_picture_leaves_the_face_in_view() -> None:
    landmarks = face_at((100, 120), 60)
    wide = align.face_transform(landmarks, size_px=96, align=Align.POINTS51, margin=1.0)
    assert align.share_in_view(wide, 96, (400, 400)) < align.MIN_IN_VIEW
    assert align.share_in_view(wide, 96, (400, 400), margin=1.0) == 1


def test_a_part_of_the_picture_and_its_transform_give_the_same_cut() -> None:
    picture = np.random.default_rng(7).integers(0, 255, (400, 600, 3)).astype(np.uint8)
    transform = align.face_transform(face_at((300, 200), 50, 0.2), size_px=96, align=Align.POINTS51)
    left, top, right, bottom = align.crop_region(transform, 96, picture.shape)
    part = align.cut(picture[top:bottom, left:right], align.moved(transform, (left, top)), 96)
    whole = align.cut(picture, transform, 96)
    assert np.abs(part.astype(int) - whole.astype(int)).max() <= 12  # warpAffine rounds to 1/32 pixel
    assert np.abs(part.astype(float) - whole).mean() < 1


def test_no_pixel_of_a_much_finer_picture_is_left_out() -> None:
    """A face of 900 pixels in a crop of 32 is its mean, not a choice of its pixels: noise averages out."""
    rng = np.random.default_rng(8)
    noisy = np.clip(rng.normal(128, 40, (1500, 1500)), 0, 255).astype(np.uint8)
    transform = align.face_transform(face_at((750, 600), 300), size_px=32, align=Align.POINTS51)
    fineness = 1 / np.sqrt(np.linalg.det(transform[:, :2]))
    assert fineness > 2 * align.MOST_SAMPLES
    assert align.cut(noisy, transform, 32).std() < 2 * 40 / fineness


@pytest.mark.parametrize("scale", [0.05, 0.12])
def test_a_much_finer_picture_is_cut_where_the_transform_says(scale: float) -> None:
    columns, rows = np.meshgrid(np.arange(1900, dtype=np.float32), np.arange(1000, dtype=np.float32))
    transform = similarity_matrix(scale, 0.2, (20 - 900 * scale, 20 - 500 * scale))
    wanted = align.crop_grid(transform, 40)
    margin = 2 / scale
    inside = np.all((wanted > margin) & (wanted < (1899 - margin, 999 - margin)), axis=-1)
    assert inside.any()
    for picture, axis in ((columns, 0), (rows, 1)):
        assert np.abs(align.cut(picture, transform, 40) - wanted[..., axis])[inside].max() < 0.03 / scale


def test_a_crop_beside_the_picture_is_empty_and_needs_none_of_it() -> None:
    transform = align.face_transform(face_at((-900, 400), 67), size_px=96, align=Align.POINTS51)
    left, _, right, _ = align.crop_region(transform, 96, (1080, 1920))
    assert right <= left
    assert align.share_in_view(transform, 96, (1080, 1920)) == 0
    picture = np.full((1080, 1920), 7, np.uint16)
    assert not align.cut_nearest(picture, transform, 96, origin_px=(0, 0)).any()
    assert not align.cut(picture, transform, 96).any()
