"""Laws of occlusion: what stands before a face is seen in depth, and a face by itself is not."""

import numpy as np
import pytest

from mavfer.preprocess.rows.occlusion import MEMORY_S, FaceWatch, face_surface

SIZE_PX = 96


def face_depth(z_mm: float = 940.0, *, slant: float = 0.0, nose_mm: float = 28.0) -> np.ndarray:
    """Return the depth crop of a bowl with a nose before a wall; `slant` is mm per pixel across."""
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(float)
    u, v = (x - 47.5) / 40, (y - 50) / 46
    surface = z_mm + slant * (x - 47.5) + 35 * (u**2 + 0.4 * v**2)
    surface -= nose_mm * np.exp(-(((x - 47.5) / 7) ** 2) - ((y - 52) / 12) ** 2)
    return np.where(u**2 + v**2 < 1, surface, 2500).astype(np.uint16)


def with_hand(depth: np.ndarray, *, box: tuple[int, int, int, int], nearer_mm: float) -> np.ndarray:
    x0, y0, x1, y1 = box
    covered = depth.copy()
    covered[y0:y1, x0:x1] = np.median(depth[40:60, 40:56]) - nearer_mm
    return covered


@pytest.mark.parametrize("slant", [0.0, 0.7, -0.7])
@pytest.mark.parametrize("z_mm", [500.0, 940.0, 1500.0])
def test_a_bare_face_has_nothing_before_it(z_mm: float, slant: float) -> None:
    distance_mm, share = face_surface(face_depth(z_mm, slant=slant))
    assert share == 0
    assert distance_mm == pytest.approx(z_mm, abs=15)


@pytest.mark.parametrize(
    "box", [(25, 25, 45, 45), (35, 60, 65, 90), (20, 20, 50, 80), (30, 30, 66, 60), (10, 45, 90, 60)]
)
def test_a_hand_before_part_of_the_face_is_seen(box: tuple[int, int, int, int]) -> None:
    distance_mm, share = face_surface(with_hand(face_depth(), box=box, nearer_mm=80))
    assert share > 0.04
    assert distance_mm == pytest.approx(940, abs=20)


def test_what_lies_behind_the_face_is_nothing_before_it() -> None:
    depth = face_depth()
    depth[20:50, 20:40] = 2500
    depth[60:70, 30:60] = 0
    assert face_surface(depth)[1] == 0


def test_without_readings_nothing_is_said() -> None:
    distance_mm, share = face_surface(np.zeros((SIZE_PX, SIZE_PX), np.uint16))
    assert np.isnan(distance_mm)
    assert share == 0


def watched(n: int = 12, distance_mm: float = 940.0) -> FaceWatch:
    watch = FaceWatch()
    for k in range(n):
        assert not watch.covered(
            k / 4, distance_mm=distance_mm, near_share=0.0, eye_distance_mm=63.0, learn=True
        )
    return watch


def test_something_before_the_whole_face_is_seen_by_the_subjects_distance_and_size() -> None:
    """Depth says 80 mm nearer, color says as large as before: the eyes would be 58 mm apart."""
    watch = watched()
    assert watch.covered(3.0, distance_mm=860.0, near_share=0.0, eye_distance_mm=63.0 * 860 / 940, learn=True)


def test_a_subject_who_leans_forward_is_not_covered() -> None:
    watch = watched()
    for k, distance_mm in enumerate(np.linspace(940, 700, 6)):
        assert not watch.covered(
            3.0 + k / 4, distance_mm=distance_mm, near_share=0.0, eye_distance_mm=63.0, learn=True
        )


def test_a_face_whose_size_is_misjudged_is_not_covered() -> None:
    assert not watched().covered(3.0, distance_mm=942.0, near_share=0.0, eye_distance_mm=56.0, learn=True)


def test_a_subject_who_turns_leans_forward_and_stays_is_not_covered_for_ever() -> None:
    """Turned, the face looks smaller, as if it were farther away than depth says."""
    watch = FaceWatch()
    for k in range(8):
        watch.covered(k / 4, distance_mm=1000, near_share=0, eye_distance_mm=63, learn=True)
    said = [
        watch.covered(2 + k / 4, distance_mm=930, near_share=0, eye_distance_mm=54, learn=True)
        for k in range(80)
    ]
    assert not any(said[24:])


def test_a_lost_face_is_hidden_where_its_place_is_nearer_and_gone_where_it_is_not() -> None:
    watch = watched()
    hand = with_hand(face_depth(), box=(10, 10, 86, 86), nearer_mm=120)
    assert watch.hidden(3.0, hand)
    assert not watch.hidden(3.0, np.full((SIZE_PX, SIZE_PX), 2500, np.uint16))
    assert not watch.hidden(3.0, np.zeros((SIZE_PX, SIZE_PX), np.uint16))
    assert not watch.hidden(30.0, hand)
    assert not FaceWatch().hidden(3.0, hand)


def test_what_is_known_of_the_subject_is_of_the_last_two_seconds() -> None:
    watch = watched(distance_mm=940.0)
    assert watch.eye_distance_mm == 63.0
    for k in range(12):
        watch.covered(
            10 + k * MEMORY_S / 8, distance_mm=700.0, near_share=0.0, eye_distance_mm=60.0, learn=True
        )
    assert watch.eye_distance_mm == 60.0
