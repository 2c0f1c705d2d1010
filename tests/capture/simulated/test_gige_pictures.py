"""When the simulated A65 exposes, and how its pictures are coded."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.simulated.a65_nodes import MONO8, MONO14, MONO16, PLANCK, TICK_HZ
from mavfer.capture.simulated.a65_pictures import (
    Coding,
    TickClock,
    encode,
    exposure_after,
    exposure_ticks,
    picture,
)

RATES = st.sampled_from((Fraction(30), Fraction(9)))
CLOCKS = st.builds(TickClock, st.integers(0, 2**62), st.floats(-500, 500))
COUNTS = np.arange(6000, 9000, dtype=np.uint16).reshape(60, 50)  # -33 to 87 degrees Celsius


@given(CLOCKS, st.integers(0, 2**44))
def test_a_clock_shows_at_the_time_of_a_tick_that_tick(clock, ticks):
    assert clock.ticks(clock.host_ns(ticks)) == ticks
    assert clock.ticks(clock.host_ns(ticks) - 1) == ticks - 1


def test_a_clock_without_drift_ticks_62_and_a_half_times_a_microsecond():
    clock = TickClock(1000)
    assert clock.host_ns(TICK_HZ) == 1000 + 10**9
    assert clock.host_ns(1) == 1016


def test_a_clock_that_drifts_gains_what_it_is_said_to():
    gained = TickClock(0, drift_ppm=20).ticks(1000 * 10**9) - TickClock(0).ticks(1000 * 10**9)
    assert gained / TICK_HZ == pytest.approx(0.02, rel=1e-6)


@given(st.integers(0, 2**44), RATES)
def test_the_next_exposure_is_the_first_that_comes(ticks, fps):
    number = exposure_after(ticks, fps)
    assert exposure_ticks(number, fps) > ticks
    assert number == 0 or exposure_ticks(number - 1, fps) <= ticks


@given(st.integers(0, 10**9), RATES)
def test_exposures_lie_on_a_grid_that_never_wanders(number, fps):
    assert 0 <= number * TICK_HZ / fps - exposure_ticks(number, fps) < 1


@given(CLOCKS, st.integers(0, 2**40), st.integers(1, 65535), st.integers(-(10**9), 10**9))
def test_a_picture_is_of_the_scene_s_time_at_the_exposure(clock, ticks, block_id, lead_ns):
    def film(scene_s, frame_id):
        return (scene_s, frame_id)

    start_ns = clock.start_ns + lead_ns
    shown = picture(film, ticks=ticks, block_id=block_id, clock=clock, scene_start_ns=start_ns)
    assert shown == ((clock.host_ns(ticks) - start_ns) / 1e9, block_id)


def decoded(coding, kind="<u2"):
    return np.frombuffer(encode(COUNTS, coding), kind).reshape(COUNTS.shape)


@pytest.mark.parametrize("pixel_format", [MONO14, MONO16])
def test_fine_linear_counts_travel_as_they_are(pixel_format):
    assert np.array_equal(decoded(Coding(pixel_format)), COUNTS)


def test_coarse_linear_counts_are_ten_times_as_coarse():
    error_k = decoded(Coding(MONO14, fine=False)) * 0.4 - COUNTS * 0.04
    assert np.abs(error_k).max() <= 0.2 + 1e-9


@pytest.mark.parametrize(("gain", "count_k"), [(0, 0.06), (1, 0.4)])
def test_signals_turned_into_kelvin_by_planck_s_law_are_the_temperatures(gain, count_k):
    signal = decoded(Coding(MONO14, linear=False, gain=gain)).astype(float)
    r, b, f, o = PLANCK[gain]
    kelvin = b / np.log(r / (signal - o) + f)
    assert np.abs(kelvin - COUNTS * 0.04).max() < count_k


@pytest.mark.parametrize(("gain", "celsius", "signal"), [(0, 30.0, 3386), (1, 30.0, 524), (1, 550.0, 12833)])
def test_a_signal_is_what_planck_s_law_gives_by_hand(gain, celsius, signal):
    # R / (exp(B / T) - F) + O, as 380000 / (exp(1428 / 303.15) - 1) - 65.5 = 380000 / 110.12 - 65.5 = 3385.5
    counts = np.array([[round((celsius + 273.15) / 0.04)]])
    assert (
        abs(int(np.frombuffer(encode(counts, Coding(MONO14, linear=False, gain=gain)), "<u2")[0]) - signal)
        <= 1
    )


def test_no_signal_needs_more_than_14_bits():
    counts = np.array([[0, 1, 16383, 65535]], np.uint16)
    for gain in PLANCK:
        signal = np.frombuffer(encode(counts, Coding(MONO16, linear=False, gain=gain)), "<u2")
        assert np.array_equal(signal, np.sort(signal))
        assert signal.max() <= 16383


def test_swapped_bytes_are_swapped_in_mono16_alone():
    assert np.array_equal(decoded(Coding(MONO16, swapped=True), ">u2"), COUNTS)
    assert np.array_equal(decoded(Coding(MONO14, swapped=True)), COUNTS)


def test_eight_bits_are_gray_levels():
    gray = np.frombuffer(encode(COUNTS, Coding(MONO8)), np.uint8)
    assert np.array_equal(gray, np.sort(gray))
    assert (gray.min(), gray.max()) == (0, 255)
    assert math.isclose(gray[COUNTS.ravel() == round((27.5 + 273.15) / 0.04)][0], 127.5, abs_tol=1)
    assert np.array_equal(decoded(Coding(MONO14, eight_bits=True)).ravel(), gray)
