"""The demo's pictures: what is drawn lies where it belongs, and what is missing looks missing."""

import numpy as np
import pytest

from mavfer.demo import pictures
from mavfer.report import plot_svg

TIMES = np.arange(20.0)
WAVE = np.sin(TIMES)


@pytest.mark.parametrize("center", [(10.0, 10.0), (960.0, 540.0), (1915.0, 1075.0)])
def test_the_region_around_a_face_lies_inside_the_picture_and_has_the_aspect_asked_for(center):
    landmarks = np.array(center) + np.random.default_rng(0).uniform(-60, 60, (68, 2))
    x0, y0, x1, y1 = pictures.face_region(landmarks, factor=2.0, aspect=1.25, width=1920, height=1080)
    assert 0 <= x0 < x1 <= 1920
    assert 0 <= y0 < y1 <= 1080
    assert (x1 - x0) / (y1 - y0) == pytest.approx(1.25, abs=0.02)


def test_a_landmark_is_drawn_on_its_own_pixel():
    drawn = pictures.with_landmarks(
        np.zeros((90, 120, 3), np.uint8), np.array([[130.0, 220.0]]), (100, 200, 220, 290)
    )
    np.testing.assert_array_equal(drawn[20, 30], [255, 255, 255])
    assert not drawn[:10].any()


def test_landmarks_move_with_the_picture_that_is_enlarged():
    drawn = pictures.with_landmarks(
        np.zeros((180, 240, 3), np.uint8), np.array([[130.0, 220.0]]), (100, 200, 220, 290)
    )
    np.testing.assert_array_equal(drawn[40, 60], [255, 255, 255])


def test_what_an_overlay_does_not_see_stays_gray():
    color = np.random.default_rng(1).integers(0, 255, (8, 8, 3), np.uint8)
    overlay = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    mixed = pictures.laid_over(color, overlay, np.zeros((8, 8), bool))
    np.testing.assert_array_equal(mixed[..., 0], mixed[..., 1])
    np.testing.assert_array_equal(mixed[..., 0], mixed[..., 2])
    whole = pictures.laid_over(color, overlay, np.ones((8, 8), bool), share=1.0)
    np.testing.assert_array_equal(whole, overlay)


def test_a_strip_sets_crops_side_by_side_with_gaps_that_are_seen_through():
    crops = [np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = pictures.strip(crops)
    assert sheet.shape == (4, 3 * 4 + 2 * pictures.STRIP_GAP_PX, 4)
    assert (sheet[..., 3] == 0).sum() == 2 * pictures.STRIP_GAP_PX * 4
    for i, crop in enumerate(crops):
        x = i * (4 + pictures.STRIP_GAP_PX)
        np.testing.assert_array_equal(sheet[:, x : x + 4, :3], crop)


def test_attention_is_brightest_where_the_weight_is():
    crop = np.full((96, 96, 3), 100, np.uint8)
    weights = np.zeros((12, 12))
    weights[9, 3] = 8.0
    brightness = pictures.attention_over(crop, weights, brightest=8.0).sum(axis=2)
    row, column = np.unravel_index(np.argmax(brightness), brightness.shape)
    assert abs(row - 9.5 * 8) <= 4
    assert abs(column - 3.5 * 8) <= 4


def test_depth_without_a_reading_has_a_color_of_its_own():
    colors = pictures.depth_colors(np.array([[0, 700, 900, 1100, 4000]], np.uint16), 900.0)[0]
    assert not any(np.array_equal(colors[0], other) for other in colors[1:])


def test_every_plot_draws_its_curves_and_names_its_axes():
    curve = pictures.Curve("S09, MRAN", TIMES, WAVE, 0.5 * WAVE)
    panel = pictures.RatingPanel("valence", [(TIMES, WAVE)] * 3, (TIMES, WAVE), (TIMES, WAVE))
    ratings = plot_svg(lambda f: pictures.draw_ratings(f, [panel]), alt="a", size_in=(8, 3), salt="a")
    predictions = plot_svg(
        lambda f: pictures.draw_predictions(f, [[curve]]), alt="b", size_in=(8, 3), salt="b"
    )
    scores = plot_svg(
        lambda f: pictures.draw_scores(f, ["MRAN", "constant"], {"valence": [0.5, -0.001]}),
        alt="c",
        size_in=(8, 3),
        salt="c",
    )
    assert all(word in ratings for word in ("rater 3", "mean of the raters", "truth", "valence", "seconds"))
    assert all(word in predictions for word in ("S09, MRAN", "predicted", "valence", "seconds"))
    assert all(word in scores for word in ("MRAN", "0.50", "0.00", "CCC"))
    assert "-0.00" not in scores
