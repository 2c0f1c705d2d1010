import numpy as np
import pytest

from mavfer.capture.export.colors import LEAST_HEIGHT_PX, STRIP_PX, coloring_of, scale_marks
from mavfer.capture.streams import A65_THERMAL, KINECT_DEPTH, KINECT_INFRARED


def counts_of(temperature_c):
    return np.rint((np.asarray(temperature_c) + 273.15) / 0.04).astype(np.uint16)


def test_warmer_is_brighter_and_the_same_count_is_the_same_color_in_every_picture():
    ramp = counts_of(np.linspace(20, 38, 512 * 640).reshape(512, 640))
    coloring = coloring_of(A65_THERMAL, [ramp])
    whole = coloring.picture(ramp)[:, :640]
    brightness = whole.astype(int).sum(axis=-1).mean(axis=1)
    assert np.all(np.diff(brightness) >= 0)
    flat = coloring.picture(np.full((512, 640), ramp[300, 100]))
    assert np.all(flat[:, :640] == whole[300, 100])


def test_a_hot_pixel_does_not_move_the_coloring():
    face = counts_of(np.random.default_rng(0).uniform(22, 36, (512, 640)))
    lamp = face.copy()
    lamp[0, 0] = 65535
    assert coloring_of(A65_THERMAL, [lamp]).high == pytest.approx(
        coloring_of(A65_THERMAL, [face]).high, abs=1
    )


def test_the_scale_says_the_temperature_whose_color_stands_beside_it():
    coloring = coloring_of(A65_THERMAL, [counts_of(np.linspace(21.3, 36.8, 512 * 640).reshape(512, 640))])
    texts = [text for _, text in coloring.scale]
    assert texts[0] == "22 °C"
    assert texts[-1] == "36 °C"
    for place, text in coloring.scale:
        shown = coloring.table[counts_of(float(text.split()[0]))]
        beside = coloring.colors[round(place * 255)]
        assert np.abs(shown.astype(int) - beside).max() <= 8, text


def test_depth_without_a_reading_has_a_color_that_no_distance_has():
    depth = np.random.default_rng(0).integers(500, 4000, (424, 512)).astype(np.uint16)
    depth[:50] = 0
    coloring = coloring_of(KINECT_DEPTH, [depth])
    nothing = coloring.picture(depth)[0, 0]
    assert not np.any(np.all(coloring.colors == nothing, axis=1))
    assert coloring.low > 400


@pytest.mark.parametrize("spec", [KINECT_DEPTH, KINECT_INFRARED, A65_THERMAL])
@pytest.mark.parametrize("value", [0, 900, 65535])
def test_a_flat_picture_is_colored_too(spec, value):
    flat = np.full(spec.shape, value, np.uint16)
    picture = coloring_of(spec, [flat]).picture(flat)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


def test_nothing_to_look_at_gives_a_coloring_all_the_same():
    assert coloring_of(KINECT_DEPTH, []).picture(np.zeros((424, 512), np.uint16)).shape == (424, 596, 3)


def test_a_low_picture_is_enlarged_until_its_scale_can_be_read():
    small = counts_of(np.linspace(20, 38, 10 * 14).reshape(10, 14))
    coloring = coloring_of(A65_THERMAL, [small])
    picture = coloring.picture(small)
    assert picture.shape == (LEAST_HEIGHT_PX, 24 * 14 + STRIP_PX, 3)
    np.testing.assert_array_equal(picture[::24, : 24 * 14 : 24], coloring.table[small])


@pytest.mark.parametrize(
    ("low", "high"), [(21.3, 36.8), (0.0, 4.0), (412.0, 4499.0), (0.0, 65535.0), (-3, 2)]
)
def test_marks_are_round_values_inside_the_range(low, high):
    marks = scale_marks(low, high, "mm")
    values = [float(text.split()[0]) for _, text in marks]
    assert 3 <= len(marks) <= 9
    assert low <= values[0] < values[-1] <= high
    np.testing.assert_allclose(
        [place for place, _ in marks], (np.array(values) - low) / (high - low), atol=1e-9
    )
