import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.capture.clock import (
    ClockMap,
    MonotonicClock,
    SkewedClock,
    VirtualClock,
    boot_id,
    ping_offsets,
    robust_line,
    solve_clock,
    widest_corridor,
)

LAW = settings(deadline=None, derandomize=True)  # a busy machine is no failure; the same cases every time
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


def test_no_drift_is_fitted_to_a_span_below_a_minute_where_the_pings_leave_it_open():
    pings = pings_of(span_s=30, offset_s=5, drift_ppm=50, jitter_ms=0.3)
    pings += np.array([0, 2, 2, 4]) * 1_000_000  # 2 ms more each way hide 1.5 ms of drift
    clock = solve_clock(pings)
    assert clock.drift == 0
    local_ns = recorder_ns(115, 5, 50)
    assert abs(int(clock.apply(np.array([local_ns]))[0]) - 115 * S) < 2_000_000


def test_a_drift_that_the_pings_prove_is_believed_even_in_half_a_minute():
    clock = solve_clock(pings_of(span_s=30, offset_s=5, drift_ppm=50, jitter_ms=0.1))
    assert clock.drift * 1e6 == pytest.approx(-50, abs=5)


@LAW
@given(
    st.floats(-1e4, 1e4),
    st.floats(-100, 100),
    st.lists(st.tuples(*[st.floats(0, 119)] + [st.floats(0.005, 0.3)] * 2), max_size=40),
)
def test_late_messages_however_many_do_not_move_the_line(offset_s, drift_ppm, late):
    prompt = pings_of(span_s=120, offset_s=offset_s, drift_ppm=drift_ppm, jitter_ms=0.02)
    extra = []
    for sent_s, out_s, back_s in late:
        master_s = (100 + sent_s, 100 + sent_s + out_s, 100 + sent_s + out_s + back_s)
        sent, back = (recorder_ns(t, offset_s, drift_ppm) for t in (master_s[0], master_s[2]))
        extra.append([sent, round(master_s[1] * S), round(master_s[1] * S), back])
    both = np.concatenate([prompt, np.array(extra, np.int64).reshape(-1, 4)])
    local_ns = np.array([recorder_ns(t, offset_s, drift_ppm) for t in (100, 160, 220)])
    moved_ns = solve_clock(both).apply(local_ns) - solve_clock(prompt).apply(local_ns)
    assert np.abs(moved_ns).max() < 1000


@LAW
@given(st.integers(0, 2**32), st.floats(-3e-4, 3e-4), st.floats(-1e6, 1e6), st.floats(1.0, 1e6))
def test_the_widest_corridor_holds_every_point_off_and_is_as_high_as_the_one_that_was_built(
    seed, slope, value, height
):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1e9, 1e9, (2, 60))
    x[:, 0], x[:, 1] = -1e9, 1e9
    over = rng.exponential(height, (2, 60))
    over[:, :2] = 0  # the corridor's ends touch
    line = value + slope * x
    found = widest_corridor(
        x[0], line[0] + height / 2 + over[0], x[1], line[1] - height / 2 - over[1], max_slope=4e-4
    )
    assert found[2] >= height * 0.999 - 1e-3
    ceiling, floor = (found[1] + found[0] * x[i] + sign * found[2] / 2 for i, sign in ((0, 1), (1, -1)))
    assert np.all(ceiling <= line[0] + height / 2 + over[0] + 1e-3)
    assert np.all(floor >= line[1] - height / 2 - over[1] - 1e-3)


def test_a_clock_that_did_not_run_straight_is_met_half_way():
    pings = pings_of(span_s=120, offset_s=0, drift_ppm=0, jitter_ms=0.02)
    bent_s = 1e-3 * np.sin(np.arange(len(pings)) / len(pings) * 6)  # a millisecond to either side
    pings[:, [0, 3]] += np.rint(bent_s * S).astype(np.int64)[:, None]
    error_ms = np.abs(solve_clock(pings).apply(pings[:, 0]) - pings[:, 1]) / 1e6
    assert error_ms.max() < 1.2


def test_without_pings_two_clocks_are_taken_to_be_one():
    assert solve_clock(np.empty((0, 4), np.int64)) == ClockMap()
    np.testing.assert_array_equal(ClockMap().apply(np.array([1, 2**62])), [1, 2**62])


def test_a_symmetric_ping_tells_the_offset_exactly():
    trip, offset, middle = ping_offsets(np.array([[1000, 5600, 5700, 2300]]))
    assert (trip[0], offset[0], middle[0]) == (1200, 4000, 1650)


@LAW
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


def test_a_clock_map_is_carried_to_the_time_it_is_asked_for():
    line = ClockMap(offset_ns=1e9, drift=50e-6, at_ns=0)
    assert line.at(100_000_000_000) == 101_005_000_000


@pytest.mark.parametrize(("offset_ns", "drift_ppm"), [(5 * S, 50.0), (-12 * S, -35.0), (0, 0.0)])
def test_a_skewed_clock_reads_the_monotonic_clock_through_its_line(offset_ns, drift_ppm):
    clock = SkewedClock(offset_ns, drift_ppm)
    before, here, after = clock.at(time.monotonic_ns()), clock.now_ns(), clock.at(time.monotonic_ns())
    assert before <= here <= after
    assert clock.at(clock.made_ns) == clock.made_ns + offset_ns
    assert clock.at(clock.made_ns + 100 * S) == clock.made_ns + 100 * S + offset_ns + drift_ppm * 100_000


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_skewed_clock_steps_once(step_s):
    clock = SkewedClock(step_at_s=10, step_s=step_s)
    step_ns = clock.made_ns + 10 * S
    assert clock.at(step_ns) - clock.at(step_ns - 1) == 1 + step_s * S
    assert clock.at(step_ns + 90 * S) - clock.at(step_ns) == 90 * S


@pytest.mark.parametrize(("drift_ppm", "step_s"), [(0.0, 0.0), (100_000.0, 0.0), (0.0, 3600.0), (0.0, -0.03)])
def test_who_waits_on_a_skewed_clock_waits_in_its_own_time(drift_ppm, step_s):
    clock = SkewedClock(5 * S, drift_ppm, step_at_s=0.02, step_s=step_s)
    begun_ns = time.monotonic_ns()
    until_ns = clock.now_ns() + 50_000_000
    clock.wait_until_ns(until_ns)
    assert clock.now_ns() >= until_ns
    if step_s <= 0:
        assert time.monotonic_ns() - begun_ns >= 45_000_000 - step_s * S
