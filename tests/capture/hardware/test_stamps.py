"""What stamps tell: a drift of known ppm within the uncertainty that is stated, gaps counted to the frame."""

import numpy as np
import pytest

from mavfer.capture.camera import ClockReading
from mavfer.capture.hardware.stamps import (
    Stamps,
    arrival_fps,
    counted_flags,
    drift_of,
    gaps_of,
    intervals_of,
    latches_of,
    no_stamps,
    order_of,
    slow_share,
)


def stamps_of(
    n: int = 1800,
    *,
    fps: float = 30.0,
    ppm: float = 0.0,
    jitter_ms: float = 0.8,
    seed: int = 0,
    delay_ns=0,
    drop=(),
    flags=(),
) -> Stamps:
    """Return the stamps of frames that come evenly, late by 5 ms and an exponential delay."""
    rng = np.random.default_rng(seed)
    ids = np.arange(n)
    exposed_ns = np.rint(ids * 1e9 / fps).astype(np.int64)
    host_ns = (
        exposed_ns + 5_000_000 + np.rint(rng.exponential(jitter_ms * 1e6, n)).astype(np.int64) + delay_ns
    )
    host_ns = np.maximum.accumulate(host_ns)  # no frame overtakes another
    device_ns = 10**13 + np.rint(exposed_ns * (1 + ppm * 1e-6)).astype(np.int64)
    kept = ~np.isin(ids, list(drop))
    named = tuple(tuple(flag for flag, where in flags if i in where) for i in ids[kept])
    zero = np.zeros(n, np.int64)
    return Stamps(ids[kept], device_ns[kept], host_ns[kept] + 7 * 10**12, zero[kept], named)


@pytest.mark.parametrize(("n", "ppm"), [(300, -120.0), (300, 0.0), (300, 55.0), (1800, 6.0)])
def test_the_true_drift_lies_within_the_stated_uncertainty_as_often_as_stated(ppm, n):
    found = [drift_of(stamps_of(n, ppm=ppm, seed=seed)) for seed in range(30)]
    within = [abs(one.ppm - ppm) <= one.uncertainty_ppm for one in found]
    assert np.mean(within) >= 0.85
    assert abs(np.mean([one.ppm for one in found]) - ppm) < np.median([one.uncertainty_ppm for one in found])


def test_a_minute_knows_the_drift_better_than_ten_seconds():
    known = [drift_of(stamps_of(n, ppm=20, seed=3)).uncertainty_ppm for n in (300, 1800)]
    assert known[1] < 0.5 * known[0]
    assert known[1] < 2.0


@pytest.mark.parametrize("when", [(600, 780), (0, 400), (1300, 1800)])
def test_seconds_in_which_every_frame_was_late_do_not_move_the_drift(when):
    late = np.zeros(1800, np.int64)
    n = when[1] - when[0]
    late[slice(*when)] = np.linspace(20_000_000, 90_000_000, n).astype(np.int64)  # a queue that grows
    found = drift_of(stamps_of(ppm=20, delay_ns=late))
    assert abs(found.ppm - 20) <= found.uncertainty_ppm
    assert found.uncertainty_ppm < 3
    assert 19 < found.late_ms[slice(*when)].min() < 24
    assert np.median(found.late_ms) < 2
    assert found.n_steps == 0


def test_where_the_device_clock_jumps_the_longest_stretch_is_used():
    one = stamps_of(ppm=20)
    device_ns = one.device_ns.copy()
    device_ns[600:] -= 9 * 10**12
    found = drift_of(Stamps(one.frame_id, device_ns, one.host_ns, one.transport_ns, one.flags))
    assert found.n_steps == 1
    assert (found.used.start, found.used.stop) == (600, 1800)
    assert abs(found.ppm - 20) <= found.uncertainty_ppm


def test_a_driver_that_hands_on_arrivals_tells_no_drift():
    one = stamps_of()
    copied = Stamps(one.frame_id, one.host_ns, one.host_ns, one.transport_ns, one.flags)
    assert not copied.tells_device_time
    assert drift_of(copied) is None


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_too_few_frames_tell_nothing_and_break_nothing(n):
    few = stamps_of(n)
    assert drift_of(few) is None
    assert gaps_of(few).n_absent == 0
    assert slow_share(few, 30) == 0
    assert np.isnan(arrival_fps(few)) == (n < 2)
    assert np.isnan(intervals_of(few.host_ns, few.frame_id).mean_ms) == (n < 2)


def test_gaps_are_counted_to_the_frame():
    drop = {10, 500, 501, 502, 1700}
    found = gaps_of(stamps_of(drop=drop))
    assert (found.n_absent, found.n_gaps, found.longest) == (5, 3, 3)


def test_frames_that_are_lost_do_not_change_the_time_between_those_that_follow_each_other():
    whole, holed = stamps_of(jitter_ms=0), stamps_of(jitter_ms=0, drop=set(range(100, 200)))
    for one in (whole, holed):
        found = intervals_of(one.host_ns, one.frame_id)
        assert found.mean_ms == pytest.approx(1000 / 30, abs=1e-3)
        assert found.max_ms == pytest.approx(1000 / 30, abs=1e-3)
    assert arrival_fps(whole) == pytest.approx(30, abs=1e-3)


def test_fifteen_frames_a_second_of_thirty_are_seen_as_slow_and_lost_ones_are_not():
    assert slow_share(stamps_of(fps=15), 30) == 1
    assert slow_share(stamps_of(drop=set(range(0, 1800, 2))), 30) == 0


def test_stamps_that_go_back_or_stand_still_are_counted():
    one = stamps_of(100)
    ids, times = one.frame_id.copy(), one.device_ns.copy()
    times[10], times[50] = times[9] - 5, times[49]
    ids[80] = ids[79]
    found = order_of(Stamps(ids, times, one.host_ns, one.transport_ns, one.flags))
    assert (found.n_back_times, found.n_repeated_times) == (1, 1)
    assert (found.n_back_ids, found.n_repeated_ids) == (0, 1)


def test_flags_are_counted_by_name():
    found = counted_flags(stamps_of(100, flags=(("nuc", {3, 4, 5}), ("repeated", {4, 5}))))
    assert found == {"nuc": 3, "repeated": 2}
    assert counted_flags(no_stamps()) == {}


def test_readings_of_the_devices_clock_are_a_second_witness_of_its_drift():
    rng = np.random.default_rng(5)
    readings = []
    for at_ns in np.arange(0, 60 * 10**9, 2 * 10**9).tolist():
        trip_ns = 40_000 + int(rng.exponential(20_000))
        device_ns = round((at_ns + trip_ns / 2) * (1 + 30e-6)) + 10**13
        readings.append(ClockReading(device_ns, at_ns, at_ns + trip_ns))
    found = latches_of(tuple(readings))
    assert found.n_readings == 30
    assert 0.04 <= found.median_ms <= found.max_ms
    assert found.drift is not None
    assert abs(found.drift[0] - 30) <= max(found.drift[1], 1e-3)
    assert latches_of(()).n_readings == 0
    assert latches_of(tuple(readings[:3])).drift is None
