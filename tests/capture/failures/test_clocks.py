"""Machines whose clocks are wrong: hours off, fast or slow, and set while a take runs."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.capture.clock import ping_bounds
from mavfer.capture.desk import Desk
from mavfer.capture.device_clock import MAX_DRIFT
from mavfer.capture.epochs import recorder_times
from mavfer.capture.master import record
from mavfer.capture.plan_clock import PlanClock
from mavfer.capture.recording import RETIME_EVERY_S
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize

WAIT_S = 60.0
OFFSET_S = 100.0
STEP_AT_S = 12.0
"""After the recorder began; it takes up to half of that until the first tick, where the machine is busy."""
A65_DRIFT = -9e-6
STEPS_S = (5.0, -5.0)
HOURS = ("ahead", "behind")


def thermal(**skew):
    return {"camera": "simulated_a65", "skew": skew}


def rig_of(recorders, *, fps=10.0, sensor_fps=30.0):
    scene = {"target": "board", "fps": sensor_fps}  # the cheapest to render
    return Rig.model_validate({"fps": fps, "recorders": recorders, "simulated": scene, "reserve_mb": 1})


@pytest.fixture(scope="module")
def takes(tmp_path_factory, long_film):
    """Return, for every wrong clock, a take: its session, its report, and what the operator saw when."""
    folder = tmp_path_factory.mktemp("takes")
    video = {"camera": "video", "path": str(long_film)}
    behind_s = time.monotonic() / 2  # no clock reads less than 0
    hours = {
        "ahead": {"offset_s": 7 * 3600.0, "drift_ppm": -MAX_DRIFT * 1e6},
        "behind": {"offset_s": -behind_s, "drift_ppm": MAX_DRIFT * 1e6},
    }

    def stepped(step_s):
        skew = {"offset_s": OFFSET_S, "drift_ppm": 50.0, "step_at_s": STEP_AT_S, "step_s": step_s}
        return rig_of({"thermal": thermal(**skew), "cam": video}), 15

    wanted = {step_s: stepped(step_s) for step_s in STEPS_S}
    wanted |= {
        name: (rig_of({"thermal": thermal(**hours[name])}, fps=11, sensor_fps=120), 10) for name in HOURS
    }

    def take(key):
        rig, seconds = wanted[key]
        desk, seen = Desk(), []

        def look(statuses):
            seen.append((min(status.tick for status in statuses), statuses, desk.status().problems))

        begun_s = time.monotonic()
        report = record(
            folder / f"take{key}", rig=rig, subject="S01", seconds=seconds, desk=desk, on_status=look
        )
        took_s = time.monotonic() - begun_s
        return SimpleNamespace(session=open_session(report.path), report=report, seen=seen, took_s=took_s)

    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(take, wanted), strict=True))


@pytest.fixture(params=STEPS_S, ids=["forward", "back"])
def stepped(request, takes):
    take = takes[request.param]
    frames = take.session.index(Stream.THERMAL)
    jumps_ns = np.diff(frames.host_time_ns) - np.diff(frames.device_time_ns)
    (after,) = np.flatnonzero(np.abs(jumps_ns) > 10**9)  # else it did not fall into the take
    return SimpleNamespace(step_s=request.param, first=int(after) + 1, frames=frames, **vars(take))


def test_a_clock_that_steps_in_mid_take_costs_no_frame_and_every_tick_is_matched(stepped):
    assert 5 < stepped.first < 145
    assert (stepped.report.state, stepped.report.n_lost) == ("complete", 0)
    assert stepped.report.frames_kept == {"thermal": 150, "cam": 150}
    report = synchronize(stepped.session).report
    assert report.problems == ()
    assert report.n_ticks == report.n_ticks_planned == 150
    assert set(report.missing.values()) == {0}
    np.testing.assert_array_equal(np.diff(stepped.frames.frame_id), 3)  # 30 frames a second, 10 ticks


def test_frames_lie_after_a_step_where_they_lie_without_one(stepped):
    times_ns = recorder_times(stepped.session, "thermal").master_ns[Stream.THERMAL]
    number = stepped.frames.frame_id - stepped.frames.frame_id[0]
    true_ns = number * 1e9 / 30 / (1 + A65_DRIFT)
    off_ms = (times_ns - times_ns[0] - true_ns) / 1e6
    assert np.ptp(off_ms) < 3
    assert synchronize(stepped.session).report.pair_skew_ms["color-thermal"]["max"] < 1000 / 30 + 3


def test_a_step_is_told_to_the_operator_while_the_take_runs_and_stands_in_the_session(stepped):
    number, statuses, _ = next(one for one in stepped.seen if any(status.complaints for status in one[1]))
    complaints = {status.name: status.complaints for status in statuses}
    assert complaints["cam"] == ()
    assert stepped.first - 5 < number < stepped.first + 60
    (line,) = complaints["thermal"]
    found = re.fullmatch(r"this machine's clock jumped by ([+-]\d\.\d{3}) s", line)
    assert found is not None, line
    assert float(found[1]) == pytest.approx(stepped.step_s, abs=0.05)
    assert any(f"thermal: {line}" in problems for _, _, problems in stepped.seen)
    (event,) = stepped.session.events("thermal")
    assert (event["kind"], event["text"]) == ("clock step", line)
    assert f"recorder 'thermal': {line}" in stepped.report.complaints


def test_check_session_reports_a_step(stepped):
    (found_s,) = synchronize(stepped.session).report.clocks["thermal"].steps_s
    assert found_s == pytest.approx(stepped.step_s, abs=0.005)
    words = [sys.executable, "-m", "mavfer", "check-session", str(stepped.session.path)]
    run = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    row = next(line for line in run.stdout.splitlines() if re.match(r"thermal +\d+ +\d+\.\d+ ", line))
    assert row.endswith(f" {found_s:+.3f} s")
    assert "thermal told: clock step: this machine's clock jumped by " in run.stdout


def unknown_ns(pings, *, until_ns, at_ns):
    """Return how far apart two straight clocks may be at a time, both of which fit the pings back until then.

    The truth is one of them, the plan's line while recording another, and check-session's line a third.
    """
    known = pings[pings[:, 3] <= until_ns]
    if len(known) == 0:
        return np.inf
    least, most = ping_bounds(known)
    drifts = np.linspace(-2 * MAX_DRIFT, 2 * MAX_DRIFT, 801)  # as far as `solve_clock` looks
    highest = np.min(most[:, None] - drifts * (known[:, 0] - at_ns)[:, None], axis=0)
    lowest = np.max(least[:, None] - drifts * (known[:, 3] - at_ns)[:, None], axis=0)
    fits = highest >= lowest
    return highest[fits].max() - lowest[fits].min()


@pytest.mark.parametrize("name", HOURS)
def test_a_clock_that_is_hours_off_and_drifts_keeps_the_frames_nearest_to_the_ticks(takes, name):
    take = takes[name]
    assert (take.report.state, take.report.n_lost) == ("complete", 0)
    assert take.report.complaints == ()
    synchronized = synchronize(take.session)
    assert synchronized.report.problems == ()
    assert synchronized.report.missing == {Stream.THERMAL: 0}
    kept = synchronized.index[Stream.THERMAL]
    times_ns = recorder_times(take.session, "thermal").master_ns[Stream.THERMAL][kept]
    error_ns = np.abs(times_ns - take.session.record.plan.ticks_ns())
    pings, here_ns = take.session.pings("thermal"), take.session.index(Stream.THERMAL).host_time_ns[kept]
    # The plan is moved once a second, on a busy machine later: it may be as old as this.
    age_ns = 2 * RETIME_EVERY_S * 1e9
    unknown = np.array([unknown_ns(pings, until_ns=t_ns - age_ns, at_ns=t_ns) for t_ns in here_ns])
    assert np.all(error_ns <= 1e9 / 120 / 2 + unknown + MAX_DRIFT * age_ns)
    assert np.isfinite(unknown[len(unknown) // 2 :]).all()


@pytest.mark.parametrize("name", HOURS)
def test_the_operator_is_told_how_many_hours_a_clock_is_off(takes, name):
    take = takes[name]
    offset_ms = take.session.record.settings.recorders["thermal"].skew.offset_s * 1000
    told = [status for _, (status,), _ in take.seen if status.tick >= 0]
    off_ms = np.array([status.clock_offset_ms + offset_ms for status in told])
    trip_ms = np.array([status.round_trip_ms for status in told])  # no ping tells more than its round trip
    assert np.all(np.abs(off_ms) <= trip_ms + 2 * MAX_DRIFT * take.took_s * 1000)


def pings_of(*, step_ns, step_at_ns, n_bursts=6, trip_ns=300_000):
    """Yield exchanges as a recorder stamps them whose clock is 100 s ahead and steps; as `Session.pings`."""
    for burst in range(n_bursts):
        for i in range(8):
            sent_ns = 10**12 + 2 * 10**9 * burst + 20_000_000 * i
            back_ns = sent_ns + trip_ns
            skew_ns = [10**11 + (step_ns if t_ns >= step_at_ns else 0) for t_ns in (sent_ns, back_ns)]
            middle_ns = sent_ns + trip_ns // 2
            yield sent_ns + skew_ns[0], middle_ns, middle_ns, back_ns + skew_ns[1]


@pytest.mark.parametrize("step_s", [5.0, -5.0, 0.2, -0.2, 3600.0, -900.0])
@pytest.mark.parametrize("after_pings", [*range(16, 25), 16.01, 18.01, 23.01])
def test_no_ping_around_a_step_moves_the_plan(step_s, after_pings):
    burst, within = divmod(after_pings, 8)
    step_at_ns = 10**12 + 2 * 10**9 * int(burst) + round(20_000_000 * within)
    clock = PlanClock()
    offsets_ns = []
    for stamps in pings_of(step_ns=round(step_s * 1e9), step_at_ns=step_at_ns):
        clock.add(stamps)
        assert clock.shift_ns(stamps[3], jumps_ns=0) == pytest.approx(10**11, abs=1_000_000)
        offsets_ns.append(clock.solve().at(stamps[3]) - stamps[3])
    assert offsets_ns[15] == pytest.approx(-(10**11), abs=1_000_000)
    assert offsets_ns[-1] == pytest.approx(-(10**11) - step_s * 1e9, abs=1_000_000)
    since_then_ns = clock.shift_ns(stamps[3], jumps_ns=clock.jumps_ns)  # for a take that begins now
    assert since_then_ns == pytest.approx(10**11 + step_s * 1e9, abs=1_000_000)
