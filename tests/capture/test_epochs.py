"""A recorder's clock over a take, from files as a recorder writes them: boots, steps, other masters."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from mavfer.capture.epochs import recorder_times
from mavfer.capture.ping_pieces import clock_pieces
from mavfer.capture.session import RecorderRecord, SessionRecord, open_session, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.synchronize import synchronize
from mavfer.capture.trigger import Plan

S = 1_000_000_000
MS = 1_000_000
SPEC = StreamSpec(Stream.THERMAL, (2, 3), "uint16", "0.04 K")
FPS = 10.0


@dataclass(frozen=True)
class Boot:
    """A stretch of a take, in seconds of the master's clock, on one boot of the recorder's machine."""

    begin_s: float
    end_s: float
    boot_id: str = "here"
    ahead_s: float = 5.0
    drift_ppm: float = 50.0
    steps: tuple[tuple[float, float], ...] = ()
    pings: bool = True
    pings_until_s: float = math.inf
    frames_step: bool = True
    masters: tuple[tuple[float, str], ...] = ()

    def local_ns(self, master_s, *, stepped=True):
        """Return a time of the master's clock as the recorder's shows it."""
        jumped_s = sum(step_s for at_s, step_s in self.steps if master_s >= at_s) if stepped else 0
        return round((master_s * (1 + self.drift_ppm * 1e-6) + self.ahead_s + jumped_s) * S)


def write_session(path, boots, *, seconds=80.0, record_boot="here", master_boot="desk"):
    """Write a session of one thermal recorder, its frames 3 ms after the ticks; return the ticks' frames."""
    path.mkdir()
    plan = Plan(first_tick_ns=100 * S, fps=FPS, n_ticks=round(seconds * FPS))
    recorder = RecorderRecord(camera="test", streams=(Stream.THERMAL,), boot_id=record_boot)
    record = SessionRecord.model_validate(
        {
            "id": path.name,
            "subject": "S01",
            "rig": "test",
            "simulated": False,
            "state": "complete",
            "started_utc": "2026-01-01T00:00:00Z",
            "plan": plan,
            "master": {"address": "", "boot_id": master_boot},
            "recorders": {"thermal": recorder},
        }
    )
    rng = np.random.default_rng(0)
    files = []
    for boot in boots:
        writer = SessionWriter(path, recorder="thermal", specs=(SPEC,))
        header = {"session": record.model_dump(mode="json"), "boot_id": boot.boot_id}
        writer.begin(header, now_ns=boot.local_ns(boot.begin_s))
        ticks_s = 100 + np.arange(plan.n_ticks) / FPS
        mine = [(t, "frame", i) for i, t in enumerate(ticks_s) if boot.begin_s <= t < boot.end_s]
        if boot.pings:
            until_s = min(boot.end_s, boot.pings_until_s)
            bursts = np.arange(boot.begin_s, until_s, 2.0)
            mine += [(t + 0.02 * k, "ping", 0) for t in bursts for k in range(4)]
        for t, kind, i in sorted(mine):
            if kind == "ping":
                out_s, back_s = 0.0001 + rng.exponential(0.0002, 2)
                sent, back = boot.local_ns(t), boot.local_ns(t + out_s + back_s)
                arrived = round((t + out_s) * S)
                owner = [name for at_s, name in boot.masters if t >= at_s]
                ahead = 0 if not owner or owner[-1] == master_boot else 7777 * S
                writer.add_ping(
                    sent, arrived + ahead, arrived + ahead, back, master_boot_id=(owner or [master_boot])[-1]
                )
            else:
                host_ns = boot.local_ns(t + 0.003, stepped=boot.frames_step)
                pixels = np.full(SPEC.shape, i, np.uint16)
                device_ns = round((t - boot.begin_s + 1) * S)
                writer.append([Frame(Stream.THERMAL, pixels, device_ns, host_ns, i)])
        files += writer.finish()
    recorder = recorder.model_copy(update={"files": tuple(files), "frames_kept": plan.n_ticks})
    write_record(path, record.model_copy(update={"recorders": {"thermal": recorder}}))
    return open_session(path)


def error_ms(session):
    """Return how far each frame is from where it was on the master's clock."""
    ids = session.index(Stream.THERMAL).frame_id
    wanted_ns = 100 * S + np.rint((ids / FPS + 0.003) * S)
    return np.abs(recorder_times(session, "thermal").master_ns[Stream.THERMAL] - wanted_ns) / MS


def test_a_recorder_s_clock_is_told_with_its_drift(tmp_path):
    session = write_session(tmp_path / "take", [Boot(95, 185)])
    report = synchronize(session).report
    assert report.complete
    clock = report.clocks["thermal"]
    assert (clock.n_epochs, clock.steps_s, clock.n_restarts, clock.n_foreign) == (1, (), 0, 0)
    assert clock.drift_ppm == pytest.approx(50, abs=2)
    assert 0 < clock.residual_ms < 0.3
    assert clock.round_trip_ms == pytest.approx(0.55, abs=0.2)
    assert clock.span_s == pytest.approx(88, abs=2)
    assert error_ms(session).max() < 0.2


def test_every_boot_has_a_clock_of_its_own(tmp_path):
    boots = [Boot(95, 130), Boot(133, 185, boot_id="again", ahead_s=-99.0, drift_ppm=-35)]
    session = write_session(tmp_path / "take", boots)
    report = synchronize(session).report
    assert report.clocks["thermal"].n_epochs == 2
    assert error_ms(session).max() < 0.2
    assert report.problems == ("thermal: 30 of 800 ticks have no frame (300-329)",)
    assert report.stamps[Stream.THERMAL].host_backward == 0


def test_a_boot_without_pings_is_not_placed_by_those_of_another(tmp_path):
    boots = [Boot(95, 140), Boot(140, 185, boot_id="again", ahead_s=-99.0, pings=False)]
    report = synchronize(write_session(tmp_path / "take", boots)).report
    assert report.unplaced[Stream.THERMAL] == 400
    assert report.missing[Stream.THERMAL] == 400
    wanted = "thermal: no clock measured; its 400 frames cannot be placed on the plan (epoch 2 of 2)"
    assert wanted in report.problems


def test_a_recorder_on_the_master_s_own_machine_needs_no_pings(tmp_path):
    boot = Boot(100, 180, boot_id="desk", ahead_s=0, drift_ppm=0, pings=False)
    report = synchronize(write_session(tmp_path / "take", [boot], record_boot="desk")).report
    assert report.complete
    clock = report.clocks["thermal"]
    assert clock.n_pings == 0
    assert all(map(math.isnan, (clock.residual_ms, clock.round_trip_ms, clock.drift_ppm, clock.span_s)))


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_that_pings_and_frames_show_is_taken_out(tmp_path, step_s):
    session = write_session(tmp_path / "take", [Boot(95, 185, steps=((140.07, step_s),))])
    report = synchronize(session).report
    assert report.problems == ()
    assert report.clocks["thermal"].steps_s == pytest.approx((step_s,), abs=0.001)
    assert error_ms(session).max() < 0.5


def test_steps_before_the_first_frame_and_between_them_are_told_apart(tmp_path):
    steps = ((97.0, 5.0), (130.07, 5.0), (150.07, -7.0))
    session = write_session(tmp_path / "take", [Boot(91, 185, steps=steps)])
    report = synchronize(session).report
    assert report.problems == ()
    assert report.clocks["thermal"].steps_s == pytest.approx((5.0, 5.0, -7.0), abs=0.001)
    assert error_ms(session).max() < 0.5


def test_a_step_that_only_the_frames_show_is_taken_out_and_told(tmp_path):
    boot = Boot(95, 185, steps=((140.07, 5.0),), pings_until_s=138)
    session = write_session(tmp_path / "take", [boot])
    report = synchronize(session).report
    (problem,) = report.problems
    assert "its frames show that its clock stepped by +4.999 s" in problem
    assert "its pings do not" in problem
    assert error_ms(session).max() < 3


def test_a_step_that_only_the_pings_show_is_told(tmp_path):
    boot = Boot(95, 185, steps=((140.07, 5.0),), frames_step=False)
    session = write_session(tmp_path / "take", [boot])
    assert [round(piece.step_ns / S, 3) for piece in clock_pieces(session.pings("thermal"))] == [0.0, 5.0]
    problems = synchronize(session).report.problems
    assert any(
        "its pings show that its clock stepped by +5.000 s, its frames do not" in line for line in problems
    )


def test_pings_of_another_master_s_boot_are_not_used(tmp_path):
    boot = Boot(95, 185, masters=((0, "desk"), (150, "laptop")))
    session = write_session(tmp_path / "take", [boot])
    report = synchronize(session).report
    clock = report.clocks["thermal"]
    assert clock.n_foreign == len(session.pings("thermal")) - clock.n_pings > 0
    assert report.problems == (
        f"thermal: {clock.n_foreign} of {clock.n_foreign + clock.n_pings} pings measure another epoch of the "
        "master's clock and are not used",
    )
    assert error_ms(session).max() < 0.3


def test_a_single_ping_that_contradicts_the_others_is_left_out():
    pings = np.array([[t, t + 5 * S, t + 5 * S, t + 2000] for t in range(0, 100 * S, S)], np.int64)
    wrong = pings.copy()
    wrong[50, 1:3] -= 3 * S
    (piece,) = clock_pieces(wrong)
    assert piece.clock.at(7) == clock_pieces(pings)[0].clock.at(7)


def test_no_pings_are_no_pieces():
    assert clock_pieces(np.empty((0, 4), np.int64)) == ()
