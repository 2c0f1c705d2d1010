from pathlib import Path

import numpy as np
import pytest

from mavfer.model.explain.regions import (
    FACE,
    REGIONS,
    by_subject,
    crop_landmarks,
    region_labels,
    shares_of,
    times_chance,
)
from mavfer.preprocess.dataset.clips import open_dataset

MIRRORED = [
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
]  # fmt: skip


def name_at(labels: np.ndarray, point: np.ndarray) -> str:
    x, y = np.rint(point).astype(int)
    return REGIONS[labels[y, x]]


def test_a_landmark_lies_in_the_part_that_it_belongs_to(landmarks_px: np.ndarray) -> None:
    labels = region_labels(landmarks_px, size_px=48)
    assert name_at(labels, landmarks_px[30]) == "nose"
    assert name_at(labels, landmarks_px[36:42].mean(0)) == "eyes"
    assert name_at(labels, landmarks_px[42:48].mean(0)) == "eyes"
    assert name_at(labels, landmarks_px[19]) == "brows"
    assert name_at(labels, landmarks_px[62]) == "mouth"
    assert name_at(labels, landmarks_px[8] - (0, 1)) == "jaw"
    assert name_at(labels, (landmarks_px[2] + landmarks_px[31]) / 2) == "cheeks"
    assert name_at(labels, (landmarks_px[21] + landmarks_px[22]) / 2 - (0, 5)) == "forehead"
    assert name_at(labels, np.array([1, 46])) == "background"


def test_every_part_of_the_face_is_there(landmarks_px: np.ndarray) -> None:
    labels = region_labels(landmarks_px, size_px=96 // 2)
    assert set(np.unique(labels)) == set(range(len(REGIONS)))


def test_the_parts_of_a_mirrored_face_are_mirrored(landmarks_px: np.ndarray) -> None:
    whole = np.rint(landmarks_px)  # so that rounding has nothing to decide
    mirrored = whole[MIRRORED] * (-1, 1) + (47, 0)
    there, back = region_labels(whole, size_px=48), region_labels(mirrored, size_px=48)[:, ::-1]
    assert (there != back).mean() < 0.02


def test_a_uniform_map_is_at_chance_on_every_part(landmarks_px: np.ndarray) -> None:
    shares = shares_of("S", np.ones((4, 48, 48)), np.repeat(landmarks_px[None], 4, axis=0))
    for name in REGIONS:
        one = times_chance([shares], (name,))
        assert one.weight.value == pytest.approx(1)
        assert one.share == pytest.approx(one.area)
    whole = times_chance([shares], REGIONS)
    assert (whole.area, whole.share) == (pytest.approx(1), pytest.approx(1))


def test_a_map_on_the_mouth_alone_is_there_as_often_as_the_mouth_is_small(landmarks_px: np.ndarray) -> None:
    labels = region_labels(landmarks_px, size_px=48)
    mouth = (labels == REGIONS.index("mouth")).astype(np.float32)
    shares = shares_of("S", np.stack([mouth, 2 * mouth]), np.stack([landmarks_px, landmarks_px]))
    one = times_chance([shares], ("mouth",))
    assert one.area == pytest.approx(mouth.mean())
    assert one.weight.value == pytest.approx(1 / mouth.mean())
    assert one.peaks.value == pytest.approx(1 / mouth.mean())
    assert times_chance([shares], ("eyes", "nose")).weight.value == 0
    assert times_chance([shares], FACE).share == pytest.approx(1)
    assert shares.highest / 2 == pytest.approx(1 / mouth.mean())


def test_frames_without_landmarks_are_left_out(landmarks_px: np.ndarray) -> None:
    points = np.stack([landmarks_px, np.full((68, 2), np.nan, np.float32)])
    assert shares_of("S", np.ones((2, 48, 48)), points).n_frames == 1
    none = shares_of("T", np.ones((1, 48, 48)), points[1:])
    assert by_subject([none]) == []


def test_sums_of_a_subject_do_not_depend_on_how_frames_come(landmarks_px: np.ndarray) -> None:
    maps = np.random.default_rng(0).random((6, 48, 48))
    points = np.repeat(landmarks_px[None], 6, axis=0)
    together = shares_of("S", maps, points)
    parts = by_subject([shares_of("S", maps[:2], points[:2]), shares_of("S", maps[2:], points[2:])])
    assert [one.subject for one in parts] == ["S"]
    np.testing.assert_allclose(parts[0].weight, together.weight)
    np.testing.assert_array_equal(parts[0].peaks, together.peaks)


def test_landmarks_of_a_session_come_in_pixels_of_its_crop(faces: Path, landmarks_px: np.ndarray) -> None:
    found = crop_landmarks(open_dataset(faces).split("test")[0])
    assert found.shape == (32, 68, 2)
    np.testing.assert_allclose(found[5], landmarks_px, atol=1e-3)
