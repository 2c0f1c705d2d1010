import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import (
    StampReport,
    nearest_per_tick,
    runs_of,
    summary_ms,
    synchronize,
)

MS = 1_000_000


def test_a_session_without_a_fault_is_complete(make_session):
    found = synchronize(open_session(make_session(n_ticks=20)))
    assert found.report.complete
    assert found.report.problems == ()
    np.testing.assert_allclose(found.time_s, np.arange(20) / 10)
    for index in found.index.values():
        np.testing.assert_array_equal(index, np.arange(20))
    assert found.report.skew_ms == {"median": 0.0, "p99": 0.0, "max": 0.0}


def test_the_skew_is_the_time_between_the_streams(make_session):
    report = synchronize(open_session(make_session(shift_ns={"thermal": 7 * MS}))).report
    assert report.complete
    assert report.pair_skew_ms["color-depth"]["max"] == 0
    assert report.pair_skew_ms["color-thermal"] == {"median": 7.0, "p99": 7.0, "max": 7.0}
    assert report.skew_ms == report.pair_skew_ms["depth-thermal"]
    assert report.tick_error_ms[Stream.THERMAL]["median"] == 7.0
    assert report.tick_error_ms[Stream.COLOR]["max"] == 0


def test_a_recorder_s_clock_is_carried_to_the_master_s_by_its_pings(make_session):
    ahead_ns = 12_250 * MS  # the recorder's clock reads this much more than the master's
    pings = [(ahead_ns + t, t + 50, t + 60, ahead_ns + t + 110) for t in range(10**9, 2 * 10**9, 10**8)]
    path = make_session(shift_ns={"thermal": ahead_ns}, pings={"thermal": pings})
    found = synchronize(open_session(path))
    assert found.report.complete
    assert found.report.skew_ms["max"] < 0.001


def test_missing_ticks_are_counted_and_named(make_session):
    path = make_session(n_ticks=20, skip={"thermal": [0, 5, 6, 7, 19]})
    found = synchronize(open_session(path))
    assert found.report.missing == {Stream.COLOR: 0, Stream.DEPTH: 0, Stream.THERMAL: 5}
    assert found.report.gaps[Stream.THERMAL] == ((0, 1), (5, 3), (19, 1))
    assert found.index[Stream.THERMAL].tolist() == [-1, *range(4), -1, -1, -1, *range(4, 15), -1]
    assert found.report.problems == ("thermal: 5 of 20 ticks have no frame (0, 5-7, 19)",)


def test_frames_lost_by_a_recorder_are_a_problem_even_if_every_tick_is_filled(make_session):
    path = make_session()
    record = read_record(path)
    kinect = record.recorders["kinect"].model_copy(update={"frames_lost": {"sensor": 2, "queue": 1}})
    write_record(path, record.model_copy(update={"recorders": record.recorders | {"kinect": kinect}}))
    report = synchronize(open_session(path)).report
    assert not report.complete
    assert report.problems == ("kinect: 2 frames lost (sensor)", "kinect: 1 frames lost (queue)")


def test_a_take_that_failed_is_a_problem(make_session):
    report = synchronize(open_session(make_session(state="failed"))).report
    assert report.problems == ("the take failed before its end",)


@given(st.integers(1, 40), st.lists(st.integers(-(10**9), 5 * 10**9), max_size=80))
def test_a_tick_takes_the_nearest_frame_within_half_a_period_and_shares_it_with_none(n_ticks, times):
    ticks = np.arange(n_ticks) * 100 * MS
    times = np.array(times, np.int64)
    found = nearest_per_tick(times, ticks_ns=ticks, half_period_ns=50 * MS)
    used = found[found >= 0]
    assert len(set(used.tolist())) == len(used)
    for tick, frame in enumerate(found):
        distances = np.abs(times - ticks[tick])
        if frame >= 0:
            assert distances[frame] == distances.min() <= 50 * MS
        else:  # whatever lies within half a period lies on its very border, and may be the neighbor's
            assert np.all(distances >= 50 * MS)


def test_no_frames_and_no_ticks_are_no_error():
    empty = np.empty(0, np.int64)
    assert nearest_per_tick(empty, ticks_ns=np.arange(3), half_period_ns=1).tolist() == [-1, -1, -1]
    assert nearest_per_tick(np.arange(3), ticks_ns=empty, half_period_ns=1).tolist() == []
    assert all(math.isnan(value) for value in summary_ms(np.array([np.nan])).values())


@given(st.lists(st.booleans(), max_size=60))
def test_runs_cover_exactly_what_is_true(flags):
    flags = np.array(flags, bool)
    covered = np.zeros(len(flags), bool)
    for first, n in runs_of(flags):
        covered[first : first + n] = True
        assert n > 0
        assert not flags[first - 1 : first].any()
    np.testing.assert_array_equal(covered, flags)


@pytest.mark.parametrize("repeat", ["time", "id"])
def test_repeated_frames_are_a_problem(make_session, make_frame, small, repeat):
    path = make_session(recorders={"thermal": (small.thermal,)}, n_ticks=3)
    (path / "thermal.0000.mcap").unlink()
    ticks = read_record(path).plan.ticks_ns().tolist()
    writer = SessionWriter(path, recorder="thermal", specs=(small.thermal,))
    for i, t_ns in zip((0, 1, 1 if repeat == "id" else 2), ticks, strict=True):
        device_ns = 77 if repeat == "time" else t_ns
        writer.append([make_frame(small.thermal, i, host_ns=t_ns, device_ns=device_ns)])
    writer.finish()
    report = synchronize(open_session(path)).report
    stamps = report.stamps[Stream.THERMAL]
    if repeat == "time":
        assert report.problems == ("thermal: 2 frames repeat the device time of the frame before",)
        assert stamps == StampReport(device_repeated=2)
    else:
        assert report.problems == ("thermal: 1 frames repeat the number of the frame before",)
        assert stamps == StampReport(id_repeated=1)


def test_stamps_that_go_back_are_counted_apart(make_session, make_frame, small):
    path = make_session(recorders={"thermal": (small.thermal,)}, n_ticks=6)
    (path / "thermal.0000.mcap").unlink()
    ticks = read_record(path).plan.ticks_ns().tolist()
    writer = SessionWriter(path, recorder="thermal", specs=(small.thermal,))
    device = [ticks[0], ticks[1], 5, 6, 7, 8]
    host = [ticks[0], ticks[1], ticks[1] - 1, *ticks[3:]]
    for number, device_ns, host_ns in zip((7, 8, 9, 2, 3, 3), device, host, strict=True):
        writer.append([make_frame(small.thermal, number, host_ns=host_ns, device_ns=device_ns)])
    writer.finish()
    report = synchronize(open_session(path)).report
    assert report.stamps[Stream.THERMAL] == StampReport(
        device_backward=1, host_backward=1, id_repeated=1, id_backward=1
    )
    assert {"thermal: 1 frames go back in device time", "thermal: 1 frames go back in number"} <= set(
        report.problems
    )


def test_a_single_stream_has_no_skew_and_not_one_of_zero(make_session, small):
    report = synchronize(open_session(make_session(recorders={"thermal": (small.thermal,)}))).report
    assert report.pair_skew_ms == {}
    assert all(math.isnan(value) for value in report.skew_ms.values())
    assert math.isnan(report.clock_residual_ms["thermal"])


def test_a_clock_known_worse_than_half_a_tick_is_a_problem(make_session):
    pings = [(t, t + 10**8, t + 10**8, t + 2 * 10**8) for t in range(10**9, 2 * 10**9, 10**8)]
    bent = [
        (t0, t1 + 9 * 10**7 * (i % 2), t2 + 9 * 10**7 * (i % 2), t3)
        for i, (t0, t1, t2, t3) in enumerate(pings)
    ]
    path = make_session(pings={"thermal": bent}, fps=50, n_ticks=10)
    problems = synchronize(open_session(path)).report.problems
    assert any(line.startswith("thermal: its clock is known to ") for line in problems)


def test_frames_that_vanished_between_stored_ones_are_told_where_every_frame_was_wanted(make_session):
    path = make_session(fps=10.0, skip={"thermal": [5]})
    record = read_record(path)
    settings = Rig.model_validate({"keep": "all", "recorders": {"thermal": {"camera": "simulated_a65"}}})
    plan = record.plan.model_copy(update={"fps": 2.0, "n_ticks": 4})
    write_record(path, record.model_copy(update={"settings": settings, "plan": plan}))
    report = synchronize(open_session(path)).report
    assert sum(report.missing.values()) == 0
    assert report.problems == ("thermal: 1 frames between the stored ones are absent",)


@pytest.mark.parametrize("state", ["failed", "recovered"])
def test_a_take_that_broke_off_is_not_complete_though_its_last_plan_is(make_session, state):
    path = make_session(state=state)
    write_record(path, read_record(path).model_copy(update={"n_ticks_planned": 600}))
    problems = synchronize(open_session(path)).report.problems
    assert any("ended after 20 of 600 ticks" in problem for problem in problems)
