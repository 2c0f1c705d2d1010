"""The fast warp returns the bits of the plain one, for any rig, region, layout, reading and thread."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.warp import DepthWarp
from mavfer.calibrate.warp_reference import warp_depth
from mavfer.capture.geometry import Intrinsics, RigidTransform


def noisy_scene(camera: Intrinsics, seed: int) -> np.ndarray:
    """Return a ball before a wall, with noise, flying pixels and holes."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, camera.width), np.linspace(-1, 1, camera.height))
    depth_mm = 1700 + 100 * x
    ball = (x - 0.1) ** 2 + (y + 0.1) ** 2 < 0.2
    depth_mm[ball] = (1000 - 300 * np.sqrt(0.2 - (x - 0.1) ** 2 - (y + 0.1) ** 2, where=ball, out=0 * x))[
        ball
    ]
    flying = random.random(depth_mm.shape) < 0.02
    depth_mm[flying] = random.uniform(700, 1700, flying.sum())
    depth_mm = depth_mm + random.normal(0, 1.5, depth_mm.shape)
    depth_mm[random.random(depth_mm.shape) < 0.05] = 0
    return np.round(depth_mm).astype(np.uint16)


def random_rig(seed: int) -> tuple[Calibration, np.random.Generator]:
    """Return a small rig with any lenses, baseline, roll and depth line."""
    random = np.random.default_rng(seed)
    color = Intrinsics(
        int(random.integers(70, 260)), int(random.integers(20, 200)), *random.uniform(80, 300, 2), 100.0, 70.0
    )
    depth = Intrinsics(
        int(random.integers(3, 120)), int(random.integers(1, 100)), *random.uniform(60, 160, 2), 50.0, 40.0
    )
    lens = random.normal(0, 1, 5) * (0.1, 0.1, 0.003, 0.003, 0.05)
    turn = np.radians((random.normal(0, 4), random.normal(0, 4), random.uniform(-44, 44) * (seed % 2)))
    pose = RigidTransform.from_rotation_vector(turn, random.normal(0, 60, 3))
    color = replace(color, distortion=tuple(lens.tolist()))
    depth = replace(depth, distortion=tuple((lens[::-1] / 3).tolist()))
    shift_mm, scale = random.normal(0, 20), random.normal(1, 0.02)
    return Calibration("test", color, depth, None, pose, None, shift_mm, scale), random


@pytest.mark.parametrize("seed", range(24))
def test_the_fast_warp_equals_plain_numpy_for_any_rig_and_region(seed: int) -> None:
    rig, random = random_rig(seed)
    depth_mm = noisy_scene(rig.depth, seed)
    x0, y0 = random.integers(-30, 60, 2).tolist()
    region = (x0, y0, x0 + int(random.integers(1, 300)), y0 + int(random.integers(1, 200)))
    for part in (None, region):
        fast, plain = DepthWarp(rig).to_color(depth_mm, part), warp_depth(depth_mm, rig, region=part)
        np.testing.assert_array_equal(fast, plain)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_fast_warp_equals_plain_numpy_for_a_kinect(true_rig: Calibration, seed: int) -> None:
    depth_mm = noisy_scene(true_rig.depth, seed)
    fast, plain = DepthWarp(true_rig).to_color(depth_mm), warp_depth(depth_mm, true_rig)
    assert (fast > 0).mean() > 0.5
    np.testing.assert_array_equal(fast, plain)


def test_the_fast_warp_equals_plain_numpy_for_readings_of_any_value() -> None:
    camera, same = Intrinsics(120, 90, 100.0, 100.0, 60.0, 45.0), RigidTransform.identity()
    identity_rig = Calibration("test", camera, camera, None, same, None, 0.0)
    random = np.random.default_rng(5)
    depth_mm = random.integers(0, 65536, (90, 120)).astype(np.uint16)
    depth_mm[20:40] = 65535
    depth_mm[40:50] = 65534
    depth_mm[50:60] = 1
    depth_mm[60:80, :50] = random.integers(1, 4, (20, 50))
    for shift_mm in (0.0, -1.0, 0.4, 50.0):
        rig = replace(identity_rig, depth_shift_mm=shift_mm)
        fast = DepthWarp(rig).to_color(depth_mm)
        np.testing.assert_array_equal(fast, warp_depth(depth_mm, rig))
        assert set(np.unique(fast[25:35])) <= {0, 65533, 65534, 65535}
        assert (shift_mm > 0) or fast[45, 60] > 0


def test_a_region_is_that_part_of_the_whole_to_the_last_bit(true_rig: Calibration) -> None:
    depth_mm = noisy_scene(true_rig.depth, 2)
    warp = DepthWarp(true_rig)
    for fill in (False, True):
        whole = warp.to_color(depth_mm, fill=fill)
        random = np.random.default_rng(0)
        for _ in range(12):
            x0, y0 = int(random.integers(0, 1900)), int(random.integers(0, 1060))
            x1, y1 = int(random.integers(x0 + 1, 1921)), int(random.integers(y0 + 1, 1081))
            part = warp.to_color(depth_mm, (x0, y0, x1, y1), fill=fill)
            np.testing.assert_array_equal(part, whole[y0:y1, x0:x1])
    assert not warp.to_color(depth_mm, (-900, -900, -400, -400)).any()


def test_a_region_of_any_size_is_what_it_is_in_the_whole(true_rig: Calibration) -> None:
    depth_mm = noisy_scene(true_rig.depth, 3)
    warp = DepthWarp(true_rig)
    whole = warp.to_color(depth_mm)
    for side in (1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129):
        part = warp.to_color(depth_mm, (901, 401, 901 + side, 401 + side // 2 + 1))
        np.testing.assert_array_equal(part, whole[401 : 401 + side // 2 + 1, 901 : 901 + side])
        assert part.flags["C_CONTIGUOUS"]


def test_an_empty_picture_gives_an_empty_picture(true_rig: Calibration) -> None:
    nothing = np.zeros((424, 512), np.uint16)
    assert not DepthWarp(true_rig).to_color(nothing).any()
    assert not DepthWarp(true_rig).to_color(nothing, fill=True).any()
    assert not warp_depth(nothing, true_rig, region=(0, 0, 50, 50)).any()


def test_a_picture_in_another_layout_gives_the_same(true_rig: Calibration) -> None:
    depth_mm = noisy_scene(true_rig.depth, 4)
    warp = DepthWarp(true_rig)
    np.testing.assert_array_equal(warp.to_color(np.asfortranarray(depth_mm)), warp.to_color(depth_mm))


def test_threads_that_share_a_warp_get_what_one_gets(true_rig: Calibration) -> None:
    warp = DepthWarp(true_rig)
    pictures = [noisy_scene(true_rig.depth, seed) for seed in range(4)] * 4
    wanted = [warp.to_color(picture) for picture in pictures[:4]] * 4
    with ThreadPoolExecutor(4) as threads:
        for found, alone in zip(threads.map(warp.to_color, pictures), wanted, strict=True):
            np.testing.assert_array_equal(found, alone)
