import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.flir.pictures import is_swapped


def scene(seed, *, noise=1.5, middle=7400):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:120, 0:160]
    warm = 400 * np.exp(-((x - 80) ** 2 + (y - 60) ** 2) / 900)
    return np.rint(middle + warm + rng.normal(0, noise, x.shape)).clip(0, 16383).astype("<u2")


@given(st.integers(0, 2**32 - 1), st.floats(0.4, 12), st.integers(300, 15_000))
def test_a_scene_is_told_from_the_same_with_its_bytes_exchanged(seed, noise, middle):
    pixels = scene(seed, noise=noise, middle=middle)
    assert not is_swapped(pixels)
    assert is_swapped(pixels.byteswap())


@pytest.mark.parametrize("value", [0, 255, 256, 7500, 65535])
def test_a_picture_of_one_value_is_left_alone(value):
    pixels = np.full((512, 640), value, np.uint16)
    assert not is_swapped(pixels)
    assert not is_swapped(pixels.byteswap())


def test_eight_bits_that_were_shifted_up_are_left_alone():
    gray = np.random.default_rng(0).integers(0, 256, (120, 160), np.uint16)
    assert not is_swapped(gray << 8)


def test_noise_in_all_bits_is_left_alone():
    pixels = np.random.default_rng(0).integers(0, 65536, (120, 160), np.uint16)
    assert not is_swapped(pixels)
    assert not is_swapped(pixels.byteswap())
