import numpy as np
import pytest

from mavfer.errors import ModelError
from mavfer.model.explain.overlay import enlarged, overlay, strip


def crop(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def test_where_nothing_is_attended_the_crop_stays_in_gray() -> None:
    gray = np.repeat(crop()[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(overlay(gray, np.zeros((32, 32))), gray)


def test_the_attended_half_is_drawn_brighter_than_the_other() -> None:
    black = np.zeros((32, 32, 3), np.uint8)
    weights = np.zeros((8, 8))
    weights[:, :4] = 2.0
    shown = overlay(black, weights).astype(int)
    assert shown[:, :12].min() >= 0
    assert shown[:, :12].sum() > 20 * max(1, shown[:, 20:].sum())


def test_a_clip_is_drawn_as_its_frames() -> None:
    color, weights = np.stack([crop(0), crop(1)]), np.random.default_rng(2).random((2, 16, 16))
    both = overlay(color, weights)
    for one in range(2):
        np.testing.assert_array_equal(both[one], overlay(color[one], weights[one]))


def test_crops_and_maps_of_different_number_are_refused() -> None:
    with pytest.raises(ModelError, match=r"one map \(H, W\) per crop"):
        overlay(np.zeros((2, 32, 32, 3), np.uint8), np.ones((3, 32, 32)))


def test_a_strip_shows_every_picture_and_gaps_between() -> None:
    sheet = strip([crop(0), crop(1), crop(2)], gap_px=2)
    assert sheet.shape == (32, 3 * 32 + 2 * 2, 4)
    np.testing.assert_array_equal(sheet[:, 34:66, :3], crop(1))
    assert (sheet[:, 32:34, 3] == 0).all()


def test_an_enlarged_picture_has_sides_a_whole_factor_longer() -> None:
    assert enlarged(crop(), 3).shape == (96, 96, 3)
    np.testing.assert_array_equal(enlarged(crop(), 1), crop())
