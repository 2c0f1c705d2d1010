import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.clock import (
    ClockMap,
    DeviceClock,
    MonotonicClock,
    VirtualClock,
    boot_id,
    host_from_device,
    ping_offsets,
    robust_line,
    solve_clock,
)

S = 1_000_000_000


def pings_of(*, span_s, offset_s, drift_ppm, jitter_ms, seed=0, spikes=0.0):
    """Return pings of a recorder whose clock reads master * (1 + drift) + offset, and the way back."""
    rng = np.random.default_rng(seed)
    stamps = []
    for burst_s in np.arange(0, span_s, 2.0):
        for i in range(8):
            out, back = rng.exponential(jitter_ms / 1e3, 2) + 20e-6
            if rng.random() < spikes:
                out += rng.uniform(5e-3, 40e-3)
            sent = 100 + burst_s + 0.02 * i
            stamps.append([recorder_ns(t, offset_s, drift_ppm) for t in (sent,)])
            arrived = sent + out
            stamps[-1] += [round(arrived * S), round(arrived * S) + 10_000]
            stamps[-1].append(recorder_ns(arrived + 1e-5 + back, offset_s, drift_ppm))
    return np.array(stamps, np.int64)


def recorder_ns(master_s, offset_s, drift_ppm):
    return round((master_s * (1 + drift_ppm * 1e-6) + offset_s) * S)


@pytest.mark.parametrize(("offset_s", "drift_ppm"), [(5.0, 50.0), (12.25, -35.0), (-99.0, 0.0)])
@pytest.mark.parametrize(
    ("jitter_ms", "spikes", "worst_ms"), [(0.05, 0.0, 0.05), (0.3, 0.0, 0.15), (3.0, 0.05, 1.0)]
)
def test_two_minutes_of_pings_tell_offset_and_drift(offset_s, drift_ppm, jitter_ms, spikes, worst_ms):
    pings = pings_of(span_s=120, offset_s=offset_s, drift_ppm=drift_ppm, jitter_ms=jitter_ms, spikes=spikes)
    clock = solve_clock(pings)
    master_s = np.linspace(100, 220, 50)
    local_ns = np.array([recorder_ns(t, offset_s, drift_ppm) for t in master_s])
    error_ms = np.abs(clock.apply(local_ns) - np.rint(master_s * S)) / 1e6
    assert error_ms.max() < worst_ms
    assert clock.drift * 1e6 == pytest.approx(-drift_ppm, abs=8 if spikes else 1)


def test_no_drift_is_fitted_to_a_span_below_a_minute():
    clock = solve_clock(pings_of(span_s=30, offset_s=5, drift_ppm=50, jitter_ms=0.3))
    assert clock.drift == 0
    local_ns = recorder_ns(115, 5, 50)
    assert abs(int(clock.apply(np.array([local_ns]))[0]) - 115 * S) < 2_000_000


def test_without_pings_two_clocks_are_taken_to_be_one():
    assert solve_clock(np.empty((0, 4), np.int64)) == ClockMap()
    np.testing.assert_array_equal(ClockMap().apply(np.array([1, 2**62])), [1, 2**62])


def test_a_symmetric_ping_tells_the_offset_exactly():
    trip, offset, middle = ping_offsets(np.array([[1000, 5600, 5700, 2300]]))
    assert (trip[0], offset[0], middle[0]) == (1200, 4000, 1650)


@given(st.integers(0, 2**62), st.floats(-1e9, 1e9))
def test_a_constant_offset_is_added_to_the_nanosecond(t_ns, offset_ns):
    found = ClockMap(offset_ns=offset_ns).apply(np.array([t_ns]))[0]
    assert abs(int(found) - t_ns - round(offset_ns)) <= 1


def test_a_robust_line_is_not_bent_by_a_few_wild_points():
    x = np.linspace(-50, 50, 101)
    y = 3 * x + 7 + np.random.default_rng(0).normal(0, 0.01, 101)
    y[::10] += 500
    slope, value = robust_line(x, y)
    assert slope == pytest.approx(3, abs=1e-3)
    assert value == pytest.approx(7, abs=0.02)


def delayed(*, n, drift_ppm, seed):
    rng = np.random.default_rng(seed)
    exposure_s = 50 + np.arange(n) / 30
    device_ns = np.rint((exposure_s * (1 + drift_ppm * 1e-6) - 40) * S).astype(np.int64)
    late_s = np.where(rng.random(n) < 0.1, rng.uniform(0, 0.08, n), rng.exponential(0.0003, n))
    host_ns = np.maximum.accumulate(np.rint((exposure_s + 0.02 + late_s) * S)).astype(np.int64)
    return device_ns, host_ns, np.rint((exposure_s + 0.02) * S).astype(np.int64)


@pytest.mark.parametrize(("n", "drift_ppm"), [(90, 20.0), (3600, 40.0), (3600, -40.0)])
def test_late_collection_does_not_move_a_frame(n, drift_ppm):
    device_ns, host_ns, undelayed_ns = delayed(n=n, drift_ppm=drift_ppm, seed=0)
    found = host_from_device(device_ns, host_ns)
    assert np.abs(found - undelayed_ns).max() < 1_000_000
    assert np.abs(host_ns - undelayed_ns).max() > 50_000_000


def test_the_recorder_s_own_estimate_agrees_with_the_one_made_afterwards():
    device_ns, host_ns, undelayed_ns = delayed(n=900, drift_ppm=30, seed=1)
    clock = DeviceClock()
    found = np.array([clock.host_ns(int(d), int(h)) for d, h in zip(device_ns, host_ns, strict=True)])
    assert np.abs(found - undelayed_ns)[30:].max() < 1_500_000


def test_device_times_that_go_backward_tell_nothing():
    host_ns = np.array([10, 20, 30])
    np.testing.assert_array_equal(host_from_device(np.array([5, 4, 6]), host_ns), host_ns)
    np.testing.assert_array_equal(host_from_device(np.array([5]), np.array([9])), [9])


def test_a_virtual_clock_jumps_to_where_one_waits_and_never_back():
    clock = VirtualClock(100)
    clock.wait_until_ns(5000)
    clock.wait_until_ns(50)
    assert clock.now_ns() == 5000


def test_a_real_clock_has_reached_the_time_that_was_waited_for():
    clock = MonotonicClock()
    until_ns = clock.now_ns() + 20_000_000
    clock.wait_until_ns(until_ns)
    assert until_ns <= clock.now_ns() <= time.monotonic_ns()


def test_the_epoch_is_the_same_as_long_as_the_machine_runs():
    assert boot_id() == boot_id() != ""


def test_a_device_clock_that_starts_anew_costs_no_frame():
    clock = DeviceClock()
    for i in range(30):
        clock.host_ns(10**12 + i * 33_000_000, 5 * 10**9 + i * 33_000_000)
    assert clock.host_ns(0, 7 * 10**9) == 7 * 10**9


def test_a_clock_map_is_carried_to_the_time_it_is_asked_for():
    line = ClockMap(offset_ns=1e9, drift=50e-6, at_ns=0)
    assert line.at(100_000_000_000) == 101_005_000_000
