"""A recorder that is killed, stopped for a while, told to end, or hangs on its camera, in mid-take."""

import os
import shutil
import signal
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from mavfer.capture.clock import MonotonicClock
from mavfer.capture.desk import Desk, Quit, Start
from mavfer.capture.operate import operate
from mavfer.capture.recovery import recover
from mavfer.capture.rig import Rig
from mavfer.capture.session import Session, open_session, read_record
from mavfer.capture.status import RecorderStatus
from mavfer.capture.streams import Stream
from mavfer.capture.take_report import TakeReport
from mavfer.capture.video import Video
from mavfer.errors import RecordError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

TAKE_S = 1.5
N_BEFORE, N_DURING, N_CLOSING = 8, 30, 12
CLOSING_S = 0.25
"""About as long after a plan's end its files are closed."""
SEEN_WITHIN_S = 2.0
WAIT_S = 60.0


class Struck(NamedTuple):
    """A take whose recorder was sent a signal."""

    path: Path
    pid: int
    last: RecorderStatus
    outcome: TakeReport | BaseException


def local_rig(film, **settings):
    recorder = {"camera": "video", "path": str(film)}
    return Rig.model_validate({"recorders": {"cam": recorder}, "keep": "all", "color": "lossless"} | settings)


def strike(operator_of, path, film, moment_s, numbers):
    """Record, and send signals to the recorder `moment_s` after the first tick."""
    operator = operator_of(path, local_rig(film), seconds=TAKE_S)
    status = operator.until(lambda status: status.state == "recording")
    pid = status.recorders[0].pid
    MonotonicClock().wait_until_ns(status.now_ns + round((moment_s - status.elapsed_s) * 1e9))
    (last,) = operator.desk.status().recorders
    for number in numbers:
        if psutil.pid_exists(pid):
            os.kill(pid, number)
    return Struck(path, pid, last, operator.outcome())


def strike_all(operator_of, folder, film, moments_s, numbers):
    """Do so at every moment, a few takes at a time."""
    with ThreadPoolExecutor(10) as pool:
        takes = [
            pool.submit(strike, operator_of, folder / f"take{i}", film, moment_s, numbers[i % len(numbers)])
            for i, moment_s in enumerate(moments_s)
        ]
        return [take.result() for take in takes]


def pictures_of(film):
    """Return the film's pictures by their time."""
    with Video(film) as video:
        return {picture.t_ns: picture.pixels() for picture in video.pictures()}


def require_true_frames(session: Session, pictures) -> set[int]:
    """See that every stored frame is one of the film, bit for bit, and stored once; return their times."""
    times = session.index(Stream.COLOR).device_time_ns.tolist()
    assert times == sorted(set(times))
    for t_ns, frame in zip(times, session.frames(Stream.COLOR), strict=True):
        np.testing.assert_array_equal(frame.pixels, pictures[t_ns])
    return set(times)


def test_what_a_killed_recorder_had_acknowledged_is_there_after_recovery(
    tmp_path, film, operator_of, monkeypatch
):
    rng = np.random.default_rng(20261121)
    moments_s = [
        *rng.uniform(-0.8, 0, N_BEFORE),
        *rng.uniform(0, TAKE_S, N_DURING),
        *rng.uniform(TAKE_S, TAKE_S + CLOSING_S, N_CLOSING),
    ]
    acknowledged = tmp_path / "acknowledged"
    acknowledged.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("acknowledging")), prepend=os.pathsep)
    monkeypatch.setenv("ACKNOWLEDGED", str(acknowledged))
    pictures = pictures_of(film)
    n_killed = n_mended = 0
    for take in strike_all(operator_of, tmp_path, film, moments_s, [(signal.SIGKILL,)]):
        state = read_record(take.path).state
        if isinstance(take.outcome, TakeReport):  # it had closed its files before
            assert state == take.outcome.state == "complete"
        else:
            n_killed += 1
            assert isinstance(take.outcome, RecordError)
            assert "recorder 'cam' ended by itself (signal 9)" in str(take.outcome)
            assert "\n" not in str(take.outcome)
            assert state == "failed"
        report = recover(take.path)
        n_mended += any(file.mended for file in report.files)
        session = open_session(take.path)
        assert session.record.state in ("complete", "failed", "recovered")
        stored = require_true_frames(session, pictures)
        notebook = acknowledged / str(take.pid)
        written = notebook.read_bytes() if notebook.exists() else b""
        told = {t_ns for (t_ns,) in struct.iter_unpack("<q", written)}
        assert told <= stored
        assert len(stored - told) <= 1  # the frame that was being stored
        assert len(stored) >= take.last.kept
        assert session.record.recorders["cam"].frames_kept == len(stored)
        left = {file.name for file in take.path.iterdir()} - {"torn"}
        assert left == {"cam.0000.mcap", "master.0000.mcap", "session.toml"}
    assert n_killed >= N_BEFORE + N_DURING
    assert n_mended >= N_BEFORE + N_DURING


def test_of_a_take_whose_recorder_is_killed_before_it_starts_nothing_is_left(tmp_path, film, operator_of):
    rng = np.random.default_rng(4)
    n_killed = 0
    for moment_s in rng.uniform(0, 0.8, 4):  # it starts, joins, opens, arms
        before = set(psutil.Process().children())
        operator = operator_of(tmp_path / "out" / "take", local_rig(film), seconds=TAKE_S)
        operator.until(lambda status: status.recorders)
        (recorder,) = set(psutil.Process().children()) - before
        MonotonicClock().wait_until_ns(time.monotonic_ns() + round(moment_s * 1e9))
        begun = operator.desk.status().state == "recording"
        recorder.kill()
        outcome = operator.outcome()
        assert isinstance(outcome, RecordError)
        assert "recorder 'cam' ended by itself (signal 9" in str(outcome)
        assert "\n" not in str(outcome)
        if not begun and read_state(tmp_path / "out" / "take") is None:
            n_killed += 1
            assert not (tmp_path / "out").exists()
        else:
            shutil.rmtree(tmp_path / "out")
    assert n_killed >= 2


def read_state(path):
    """Return the state of the session's record, None if there is none."""
    return read_record(path).state if path.exists() else None


def test_a_recorder_that_is_told_to_end_while_it_closes_its_files_closes_them(tmp_path, film, operator_of):
    rng = np.random.default_rng(3)
    moments_s = rng.uniform(TAKE_S - 0.05, TAKE_S + CLOSING_S, 9)
    numbers = [
        (signal.SIGTERM,),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGTERM, signal.SIGTERM),
    ]
    pictures = pictures_of(film)
    for take in strike_all(operator_of, tmp_path, film, moments_s, numbers):
        if not isinstance(take.outcome, TakeReport):
            assert "recorder 'cam': the recorder was told to end" in str(take.outcome)
        session = open_session(take.path)
        assert len(require_true_frames(session, pictures)) >= 80
        assert not any(file.mended for file in recover(take.path).files)


def test_a_recorder_that_is_stopped_for_two_seconds_is_seen_within_two_and_loses_nothing(
    tmp_path, film, operator_of
):
    operator = operator_of(tmp_path / "take", local_rig(film), seconds=4)
    (recorder,) = operator.until(lambda status: status.tick >= 3).recorders
    stopped_s = time.monotonic()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        seen = operator.until(lambda status: "cam: silent for" in " ".join(status.problems))
        assert seen.now_ns / 1e9 - stopped_s < SEEN_WITHIN_S
        assert seen.state == "recording"
        operator.until(lambda status: status.now_ns / 1e9 - stopped_s > 2)
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    operator.until(lambda status: not status.problems)
    report = operator.outcome()
    assert isinstance(report, TakeReport), report
    assert (report.state, report.n_lost) == ("complete", 0)
    session = open_session(report.path)
    plan = session.record.plan
    within = [
        t_ns for t_ns in pictures_of(film) if 0 <= plan.nearest_tick(t_ns + plan.first_tick_ns) < plan.n_ticks
    ]
    assert session.index(Stream.COLOR).device_time_ns.tolist() == within
    events = [event["text"] for event in session.events("master") if event["kind"] == "silence"]
    assert events == ["recorder cam fell silent", "recorder cam was heard again"]


def test_a_recorder_that_is_stopped_for_longer_than_its_driver_keeps_frames_counts_those_it_lost(
    tmp_path, operator_of
):
    rig = Rig.model_validate({"recorders": {"thermal": {"camera": "simulated_a65"}}, "keep": "all"})
    operator = operator_of(tmp_path / "take", rig, seconds=5)
    (recorder,) = operator.until(lambda status: status.tick >= 1).recorders
    stopped_s = time.monotonic()
    os.kill(recorder.pid, signal.SIGSTOP)
    try:
        operator.until(lambda status: status.now_ns / 1e9 - stopped_s > 3.6)
    finally:
        os.kill(recorder.pid, signal.SIGCONT)
    operator.until(lambda status: "lost (sensor)" in " ".join(status.problems))
    report = operator.outcome()
    assert isinstance(report, TakeReport), report
    session = open_session(report.path)
    ids = session.index(Stream.THERMAL).frame_id
    assert report.frames_kept == {"thermal": len(ids)}
    assert report.frames_lost["thermal"]["sensor"] >= 5  # 3.6 s at 30 a second; the driver keeps 90
    assert len(ids) + report.n_lost == ids[-1] - ids[0] + 1
    assert len(ids) + report.n_lost in (149, 150, 151)


def test_a_camera_that_hangs_is_seen_within_two_seconds_and_given_up_and_opened_anew(tmp_path, lab):
    rig = lab.rig(keep="all", color="lossless")
    recorder = lab.start(odd="hung")  # opened or started, it delivers 30 pictures, 16 ms each, and no more
    desk = Desk()
    wait = partial(until, desk)
    hung = "cam: the camera has delivered nothing for"
    with ThreadPoolExecutor(1) as pool:
        takes = pool.submit(operate, tmp_path / "out", rig=rig, desk=desk, metadata=no_words, seconds=60)
        try:
            ready_ns = wait(lambda status: status.can_start).now_ns
            seen = wait(lambda status: hung in " ".join(status.problems))
            assert (seen.now_ns - ready_ns) / 1e9 < SEEN_WITHIN_S + 0.5  # it hangs half a second later
            for name in ("S01-001", "S01-002"):
                wait(lambda status: status.can_start)
                desk.ask(Start(subject="S01"))
                begun = wait(lambda status: status.state == "recording")
                hung_ns = begun.now_ns - round(begun.elapsed_s * 1e9) + 29 * 16_000_000
                seen = wait(lambda status: status.state == "recording" and hung in " ".join(status.problems))
                assert (seen.now_ns - hung_ns) / 1e9 < SEEN_WITHIN_S
                told = wait(lambda status, name=name: status.notice_is_bad and name in status.notice)
                assert "'cam': the camera delivered nothing for" in told.notice
                assert "s and was given up" in told.notice
        finally:
            desk.ask(Quit())
        assert [report.frames_kept for report in takes.result(WAIT_S)] == [{"cam": 30}, {"cam": 30}]
    for name in ("S01-001", "S01-002"):
        path = tmp_path / "out" / name
        assert read_record(path).state == "failed"
        for file in (lab.folder / "disk-cam" / name).iterdir():
            (path / file.name).write_bytes(file.read_bytes())
        assert len(require_true_frames(open_session(path), pictures_of(lab.film))) == 30
    recorder.process.terminate()
    assert recorder.ended() == 0


def no_words(_):
    return None, None, "", ""


def until(desk, seen):
    """Return the first status of which `seen` is true."""
    n_shown, end_s = 0, time.monotonic() + WAIT_S
    while not seen(status := desk.status()):
        assert time.monotonic() < end_s, status
        n_shown = desk.wait(n_shown, 0.2)
    return status
