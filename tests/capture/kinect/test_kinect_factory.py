import json

import numpy as np
import pytest

from mavfer.capture.kinect_v2.factory import (
    Correspondence,
    FactoryCalibration,
    FactoryIntrinsics,
    FactoryPose,
    factory_from_json,
)
from mavfer.errors import CalibrationError

DEPTH = FactoryIntrinsics(
    width=512,
    height=424,
    fx=366.1,
    fy=365.2,
    cx=254.3,
    cy=208.4,
    k1=0.09,
    k2=-0.27,
    k3=0.1,
    p1=0.002,
    p2=-0.003,
)
COLOR = FactoryIntrinsics(width=1920, height=1080, fx=1081.4, fy=1081.4, cx=959.5, cy=539.5, p2=0.001)
POSE = FactoryPose(
    rotation=((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0)), translation_mm=(52.0, 0.5, -1.0)
)
TERMS = ("x3y0", "x0y3", "x2y1", "x1y2", "x2y0", "x0y2", "x1y1", "x1y0", "x0y1", "x0y0")


def calibration(**changes):
    table = {
        "driver": "test",
        "driver_version": "1",
        "serial": None,
        "mirrored": True,
        "depth": DEPTH,
        "color": COLOR,
        "color_from_depth": POSE,
    }
    return FactoryCalibration(**(table | changes))


def test_a_calibration_survives_its_document_to_the_last_bit():
    parameters = {f"mx_{term}": 1 / 3 * n for n, term in enumerate(TERMS)}
    samples = (Correspondence(depth_x=0.1, depth_y=2, depth_mm=600, color_x=1 / 7, color_y=9),)
    written = calibration(color_parameters=parameters, depth_to_color=samples, remarks=("none",))
    assert factory_from_json(written.to_json(), where="test") == written
    assert json.loads(written.to_json())["depth"]["k6"] == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda table: table.pop("depth"), "depth is missing"),
        (lambda table: table["depth"].pop("fx"), r"depth\.fx is missing"),
        (lambda table: table["depth"].update(fx=0), r"depth\.fx: wanted more than 0, found 0"),
        (lambda table: table["depth"].update(fx="366"), r"depth\.fx: wanted a number, found '366'"),
        (lambda table: table["depth"].update(k7=1.0), r"depth\.k7: no such key"),
        (lambda table: table.update(version=2), "version: wanted 1, found 2"),
    ],
)
def test_a_document_that_is_none_is_one_line_that_names_the_key_and_the_file(change, complaint):
    table = json.loads(calibration().to_json())
    change(table)
    with pytest.raises(CalibrationError, match=complaint) as caught:
        factory_from_json(json.dumps(table), where="some/factory_calibration.json")
    assert str(caught.value).endswith(": some/factory_calibration.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\0", '{"depth": NaN}'])
def test_what_is_no_json_is_refused_in_one_line(text):
    with pytest.raises(CalibrationError, match="wanted a factory calibration") as caught:
        factory_from_json(text, where="file")
    assert "\n" not in str(caught.value)


def test_unmirrored_cameras_see_a_point_where_the_flipped_picture_has_it():
    rng = np.random.default_rng(8)
    seen = calibration()
    turned = seen.unmirrored()
    xyz = np.stack([rng.uniform(-300, 300, 50), rng.uniform(-200, 200, 50), rng.uniform(600, 900, 50)], -1)
    mirror = np.array([-1, 1, 1])
    assert seen.color is not None
    assert turned.color is not None
    for before, after in ((seen.depth, turned.depth), (seen.color, turned.color)):
        px = before.intrinsics().project(xyz)
        flipped = np.stack([before.width - 1 - px[:, 0], px[:, 1]], -1)
        np.testing.assert_allclose(after.intrinsics().project(xyz * mirror), flipped, atol=1e-9)


def test_an_unmirrored_pose_carries_mirrored_points_to_mirrored_points():
    turned = calibration().unmirrored()
    mirror = np.array([-1, 1, 1])
    xyz = np.random.default_rng(9).normal(size=(20, 3))
    assert turned.color_from_depth is not None
    np.testing.assert_allclose(
        turned.color_from_depth.transform().apply(xyz * mirror),
        POSE.transform().apply(xyz) * mirror,
        atol=1e-12,
    )


def libfreenect2_color_of(px, z_mm, *, depth, color):
    """Return where libfreenect2's Registration sees a depth pixel in color (its formula; lens left out)."""
    x, y = (px[0] - depth.cx) * 0.01, (px[1] - depth.cy) * 0.01
    sums = {
        axis: sum(color[f"m{axis}_{term}"] * x ** int(term[1]) * y ** int(term[3]) for term in TERMS)
        for axis in "xy"
    }
    shift = color["shift_m"] / z_mm - color["shift_m"] / color["shift_d"]
    return (
        (sums["x"] / (color["fx"] * 0.002199) + shift) * color["fx"] + color["cx"],
        sums["y"] / 0.002199 + color["cy"],
    )


def test_unmirrored_color_parameters_see_a_flipped_pixel_where_the_flipped_color_picture_has_it():
    rng = np.random.default_rng(10)
    color = {f"m{axis}_{term}": float(rng.normal()) for axis in "xy" for term in TERMS}
    color |= {"fx": 1081.4, "fy": 1081.4, "cx": 959.5, "cy": 539.5, "shift_d": 863.0, "shift_m": 52.0}
    turned = calibration(color_parameters=color).unmirrored()
    for px, z_mm in zip(rng.uniform(0, 424, (20, 2)), rng.uniform(500, 4000, 20), strict=True):
        x, y = libfreenect2_color_of(px, z_mm, depth=DEPTH, color=color)
        flipped = libfreenect2_color_of(
            (511 - px[0], px[1]), z_mm, depth=turned.depth, color=turned.color_parameters
        )
        np.testing.assert_allclose(flipped, (1919 - x, y), atol=1e-8)


def test_unmirrored_samples_are_flipped_in_both_pictures_and_nothing_is_turned_twice():
    sample = Correspondence(depth_x=0, depth_y=2, depth_mm=600, color_x=1919, color_y=9)
    turned = calibration(depth_to_color=(sample,)).unmirrored()
    assert turned.depth_to_color[0] == sample.model_copy(update={"depth_x": 511.0, "color_x": 0.0})
    assert turned.unmirrored() is turned


def test_a_lens_with_a_denominator_is_not_passed_off_as_one_without():
    with pytest.raises(CalibrationError, match="k4, k5, k6"):
        DEPTH.model_copy(update={"k4": 0.1}).intrinsics()
