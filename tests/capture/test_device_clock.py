import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.capture.device_clock import DeviceClock
from mavfer.capture.frame_times import frame_times, host_from_device

LAW = settings(deadline=None, derandomize=True)  # a busy machine is no failure; the same cases every time
S = 1_000_000_000
MS = 1_000_000
FLOOR_S = 0.02


def frames(
    *,
    n=900,
    fps=30.0,
    drift_ppm=0.0,
    seed=0,
    late_s=None,
    stall=None,
    host_steps=(),
    device_steps=(),
    lost=(),
):
    """Return frames' device times, host times, undelayed times (before any step), and ids, (N,) each.

    `stall` is (when, how long) nothing is collected; steps are (when, by how much), on the first timeline.
    """
    rng = np.random.default_rng(seed)
    number = np.setdiff1d(np.arange(n), lost)
    exposed_s = 50 + number / fps
    undelayed_s = exposed_s + FLOOR_S
    if late_s is None:
        late_s = np.where(rng.random(n) < 0.1, rng.uniform(0, 0.08, n), rng.exponential(0.0003, n))
    arrived_s = undelayed_s + np.asarray(late_s)[number]
    if stall is not None:
        at_s, long_s = stall
        held = (arrived_s > at_s) & (arrived_s < at_s + long_s)
        arrived_s[held] = at_s + long_s + 1e-4 * np.arange(held.sum())  # the queue is emptied at once
    arrived_s = np.maximum.accumulate(arrived_s)
    device_s = exposed_s * (1 - drift_ppm * 1e-6) - 40
    host_s = arrived_s.copy()
    for at_s, step_s in host_steps:
        host_s[arrived_s > at_s] += step_s
    for at_s, step_s in device_steps:
        device_s[exposed_s > at_s] += step_s
    return *(np.rint(s * S).astype(np.int64) for s in (device_s, host_s, undelayed_s)), number


def follow(device_ns, host_ns, ids=None):
    """Return what a DeviceClock makes of frames, and the clock."""
    clock = DeviceClock()
    ids = [None] * len(device_ns) if ids is None else ids.tolist()
    stamps = zip(device_ns.tolist(), host_ns.tolist(), ids, strict=True)
    return np.array([clock.host_ns(device, host, frame_id=number) for device, host, number in stamps]), clock


@pytest.mark.parametrize("drift_ppm", [100.0, -100.0, 0.0])
def test_late_collection_does_not_move_a_frame_and_drift_is_followed(drift_ppm):
    device_ns, host_ns, undelayed_ns, ids = frames(n=3600, drift_ppm=drift_ppm)
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(host_ns - undelayed_ns).max() > 50 * MS
    assert np.abs(found - undelayed_ns).max() < 2 * MS
    assert clock.steps == []


@pytest.mark.parametrize("step_s", [5.0, -5.0, 0.5, -0.5, 3600.0, -3600.0])
@pytest.mark.parametrize("numbered", [True, False])
def test_a_step_of_the_host_s_clock_moves_no_frame_and_is_told(step_s, numbered):
    device_ns, host_ns, undelayed_ns, ids = frames(drift_ppm=50, host_steps=[(65, step_s)])
    found, clock = follow(device_ns, host_ns, ids if numbered else None)
    assert np.abs(found - undelayed_ns).max() < 3 * MS
    (step,) = clock.steps
    assert (step.who, step.n_before) == ("host", int(np.argmax(np.abs(host_ns - undelayed_ns) > 0.3 * S)))
    assert step.host_time_ns == host_ns[step.n_before]
    assert abs(step.step_ns - step_s * S) < 3 * MS
    assert clock.host_step_ns == step.step_ns


def test_steps_there_and_back_are_both_told():
    device_ns, host_ns, undelayed_ns, ids = frames(n=1800, host_steps=[(65, 5), (90, -7)])
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() < 3 * MS
    assert [round(step.step_ns / S, 2) for step in clock.steps] == [5.0, -7.0]


@pytest.mark.parametrize("long_s", [2.0, 8.0])
@pytest.mark.parametrize("numbered", [True, False])
def test_frames_that_come_after_a_stall_keep_their_places_and_are_no_step(long_s, numbered):
    device_ns, host_ns, undelayed_ns, ids = frames(stall=(60, long_s))
    found, clock = follow(device_ns, host_ns, ids if numbered else None)
    assert np.abs(found - undelayed_ns).max() < 3 * MS
    assert clock.steps == []


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_in_the_middle_of_a_stall_moves_no_frame(step_s):
    device_ns, host_ns, undelayed_ns, ids = frames(stall=(60, 2), host_steps=[(61, step_s)])
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() < 8 * MS
    assert [round(step.step_ns / S, 1) for step in clock.steps] == [step_s]


@pytest.mark.parametrize("step_s", [-1000.0, -15.0, 40.0])
def test_a_device_clock_that_begins_anew_costs_no_frame_its_place(step_s):
    device_ns, host_ns, undelayed_ns, ids = frames(device_steps=[(65, step_s)], late_s=np.zeros(900))
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() < 1 * MS
    assert [(step.who, round(step.step_ns / S, 3)) for step in clock.steps] == [("device", step_s)]
    assert clock.host_step_ns == 0


@pytest.mark.parametrize("numbered", [True, False])
def test_a_pause_of_the_sensor_and_lost_frames_are_no_step(numbered):
    device_ns, host_ns, undelayed_ns, ids = frames(lost=[*range(300, 420), 500, 501])
    ids = ids if numbered else None
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() < 2 * MS
    if numbered:  # ids that skip nothing: the sensor itself paused
        found, clock = follow(device_ns, host_ns, np.arange(len(ids)))
        assert np.abs(found - undelayed_ns).max() < 2 * MS
    assert clock.steps == []


def test_frames_of_a_backlog_at_the_beginning_are_placed_as_the_floor_is_found():
    device_ns, host_ns, undelayed_ns, ids = frames(stall=(49, 4), late_s=np.zeros(900))
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns)[120:].max() < 1 * MS
    assert clock.steps == []


def test_a_device_clock_that_stands_still_is_not_believed():
    host_ns = np.arange(100) * 33 * MS
    found, _ = follow(np.full(100, 77), host_ns, np.arange(100))
    np.testing.assert_array_equal(found[5:], host_ns[5:])


late = st.lists(st.tuples(st.integers(60, 299), st.integers(1, 40), st.floats(0, 3)), max_size=6)


@LAW
@given(late)
def test_whatever_is_late_and_for_how_long_no_frame_is_moved(pieces):
    late_s = np.zeros(300)
    for start, length, extra_s in pieces:
        late_s[start : start + length] += extra_s
    device_ns, host_ns, undelayed_ns, ids = frames(n=300, late_s=late_s)
    found, _ = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() <= 300 / 30 * 200e-6 * S + 2
    assert np.all(found <= host_ns)


@LAW
@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15), st.integers(0, 2**32))
def test_where_the_two_clocks_have_their_zeros_does_not_matter(host_zero_ns, device_zero_ns, seed):
    device_ns, host_ns, _, ids = frames(n=200, seed=seed, host_steps=[(53, 4)])
    found, _ = follow(device_ns, host_ns, ids)
    shifted, _ = follow(device_ns + device_zero_ns, host_ns + host_zero_ns, ids)
    np.testing.assert_array_equal(shifted, found + host_zero_ns)


@LAW
@given(st.floats(0.2, 1e6), st.booleans(), st.integers(80, 200), st.floats(-100, 100))
def test_a_step_of_any_size_at_any_time_moves_no_frame(size_s, back, at_frame, drift_ppm):
    step_s = -size_s if back else size_s
    when_s = 50 + FLOOR_S + (at_frame - 0.5) / 30
    device_ns, host_ns, undelayed_ns, ids = frames(
        n=300, drift_ppm=drift_ppm, late_s=np.zeros(300), host_steps=[(when_s, step_s)]
    )
    found, clock = follow(device_ns, host_ns, ids)
    assert np.abs(found - undelayed_ns).max() < 3 * MS
    (step,) = clock.steps
    assert step.n_before == at_frame
    assert abs(step.step_ns - step_s * S) < 3 * MS


@pytest.mark.parametrize(("n", "drift_ppm"), [(90, 20.0), (3600, 40.0), (3600, -40.0)])
def test_offline_late_collection_does_not_move_a_frame(n, drift_ppm):
    device_ns, host_ns, undelayed_ns, _ = frames(n=n, drift_ppm=drift_ppm)
    assert np.abs(host_from_device(device_ns, host_ns) - undelayed_ns).max() < 1 * MS


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_offline_the_frames_after_a_step_are_told_on_the_stepped_clock(step_s):
    device_ns, host_ns, undelayed_ns, ids = frames(n=1800, drift_ppm=30, host_steps=[(80, step_s)])
    found = frame_times(device_ns, host_ns, frame_id=ids)
    stepped = found.n_steps == 1
    assert np.count_nonzero(np.diff(found.n_steps)) == 1
    np.testing.assert_array_equal(stepped, np.abs(host_ns - undelayed_ns) > S)
    wanted_ns = undelayed_ns + stepped * round(step_s * S)
    assert np.abs(found.host_ns - wanted_ns).max() < 1 * MS


def test_offline_a_device_clock_that_begins_anew_begins_a_new_line():
    device_ns, host_ns, undelayed_ns, ids = frames(n=1800, drift_ppm=30, device_steps=[(80, -25.0)])
    found = frame_times(device_ns, host_ns, frame_id=ids)
    assert np.abs(found.host_ns - undelayed_ns).max() < 1 * MS
    assert [step.who for step in found.steps] == ["device"]
    assert found.host_steps == ()


@pytest.mark.parametrize("last", [{"stall": (79, 30)}, {"host_steps": [(79.5, 5)]}])
def test_offline_the_last_frames_are_placed_by_those_before_while_they_may_be_late(last):
    device_ns, host_ns, undelayed_ns, ids = frames(n=900, **last)
    found = frame_times(device_ns, host_ns, frame_id=ids)
    assert np.abs(found.host_ns - undelayed_ns).max() < 1 * MS


def test_offline_a_device_clock_that_does_not_run_in_nanoseconds_is_not_believed():
    device_ns, host_ns, _, _ = frames(n=900, late_s=np.zeros(900))
    np.testing.assert_array_equal(host_from_device(device_ns * 2, host_ns), host_ns)
    np.testing.assert_array_equal(host_from_device(device_ns * 0, host_ns), host_ns)
    np.testing.assert_array_equal(host_from_device(np.array([5]), np.array([9])), [9])


def test_frames_far_apart_are_placed_by_a_line_when_they_span_a_minute():
    device_ns, host_ns, undelayed_ns, ids = frames(n=8, fps=0.1, drift_ppm=50, late_s=np.zeros(8))
    found = frame_times(device_ns, host_ns, frame_id=ids)
    assert np.abs(found.host_ns - undelayed_ns).max() < 10_000
