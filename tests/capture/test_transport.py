"""The camera's clock read beside the host's: frames are moved from their arrival back to their exposure."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.frame_times import frame_times
from mavfer.capture.transport import exposure_times

N = 300
S = 1_000_000_000


def camera(*, offset_s=0.0, drift_ppm=0.0, travel_ms=8.0, seed=0):
    """Return exposures and arrivals on the host's clock and device times, at 30 frames a second, (N,) ns."""
    rng = np.random.default_rng(seed)
    exposed = 50 * S + np.arange(N) * S // 30
    device = np.rint((exposed + offset_s * S) * (1 + drift_ppm * 1e-6)).astype(np.int64)
    arrived = exposed + np.rint(travel_ms * 1e6 + rng.exponential(0.3e6, N)).astype(np.int64)
    return exposed, device, arrived


def readings_of(exposed, *, offset_s=0.0, drift_ppm=0.0, round_trip_ms=0.1):
    """Return a reading of the camera's clock every second, (M, 3) ns."""
    middle = np.arange(exposed[0], exposed[-1], S)
    device = np.rint((middle + offset_s * S) * (1 + drift_ppm * 1e-6)).astype(np.int64)
    half = round(round_trip_ms * 1e6 / 2)
    return np.stack([device, middle - half, middle + half], axis=1)


def placed(device, arrived, readings):
    """Return when frames were exposed as a session's readers place them, and the travel time, ms."""
    seen, travelled_ms = exposure_times(device, arrived, readings)
    return frame_times(device, seen, frame_id=np.arange(N)).host_ns, travelled_ms


@given(st.floats(-1000, 1000), st.floats(-100, 100), st.floats(0.5, 60))
def test_frames_are_placed_where_they_were_exposed_whatever_the_cameras_clock_reads(offset, drift, travel):
    exposed, device, arrived = camera(offset_s=offset, drift_ppm=drift, travel_ms=travel)
    readings = readings_of(exposed, offset_s=offset, drift_ppm=drift)
    found, travelled_ms = placed(device, arrived, readings)
    assert np.abs(found - exposed).max() < 0.1e6
    assert abs(travelled_ms - travel) < 0.1


def test_without_readings_frames_keep_their_arrival():
    _, device, arrived = camera()
    same, travelled_ms = exposure_times(device, arrived, np.empty((0, 3), np.int64))
    assert same is arrived
    assert math.isnan(travelled_ms)


def test_readings_of_another_clock_move_nothing():
    exposed, device, arrived = camera()
    same, travelled_ms = exposure_times(device, arrived, readings_of(exposed, offset_s=40.0))
    assert same is arrived
    assert math.isnan(travelled_ms)


def test_readings_that_are_minutes_away_move_nothing():
    exposed, device, arrived = camera()
    same, _ = exposure_times(device, arrived, readings_of(exposed - 300 * S))
    assert same is arrived


def test_a_camera_that_was_switched_off_and_on_keeps_its_frames_where_they_were_exposed():
    exposed, device, arrived = camera()
    half = N // 2
    device[half:] -= device[half] - 7 * S  # its clock began anew
    readings = readings_of(exposed)
    later = readings[:, 1] >= exposed[half]
    readings[later, 0] -= exposed[half] - 7 * S
    found, travelled_ms = placed(device, arrived, readings)
    assert np.abs(found - exposed).max() < 0.1e6
    assert abs(travelled_ms - 8) < 0.1


def test_a_stretch_that_no_reading_tells_of_is_moved_like_the_others():
    exposed, device, arrived = camera()
    half = N // 2
    device[half:] -= device[half] - 7 * S  # its clock began anew, and was not read any more
    readings = readings_of(exposed)
    found, travelled_ms = placed(device, arrived, readings[readings[:, 1] < exposed[half]])
    assert np.abs(found - exposed).max() < 0.5e6
    assert abs(travelled_ms - 8) < 0.1


def test_a_busy_host_does_not_move_frames_whose_cameras_clock_is_read():
    exposed, device, arrived = camera(travel_ms=6)
    arrived[N // 2 :] += 1_200_000_000  # it falls behind, and stays so
    assert frame_times(device, arrived, frame_id=np.arange(N)).host_steps  # like a clock that jumps
    found, _ = placed(device, arrived, readings_of(exposed))
    assert np.abs(found - exposed).max() < 0.1e6


def test_slow_readings_are_passed_over_for_quicker_ones():
    exposed, device, arrived = camera()
    readings = readings_of(exposed)
    readings[1::3, 2] += 40_000_000  # the answer was made at once, and came late
    found, _ = placed(device, arrived, readings)
    assert np.abs(found - exposed).max() < 0.1e6


def test_a_step_of_the_hosts_clock_leaves_frames_on_the_clock_as_it_then_read():
    exposed, device, arrived = camera()
    readings = readings_of(exposed)
    step_ns, at_ns = 5 * S, exposed[N // 2]
    stepped = np.where(exposed >= at_ns, exposed + step_ns, exposed)
    arrived = np.where(exposed >= at_ns, arrived + step_ns, arrived)
    readings[readings[:, 1] >= at_ns, 1:] += step_ns
    found, _ = placed(device, arrived, readings)
    far = np.abs(exposed - at_ns) > S  # closer, it is not known which reading tells of them
    assert np.abs(found - stepped)[far].max() < 0.1e6
