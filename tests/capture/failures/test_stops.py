"""Stop means stop: nobody goes on filming after it, whenever a recorder comes back to hear of it."""

import json
import os
import signal

import pytest
from typer.testing import CliRunner

from mavfer.capture.clock import MonotonicClock
from mavfer.capture.crew import Crew
from mavfer.capture.desk import Desk, Stop
from mavfer.capture.master import record
from mavfer.capture.rig_stop import stop_rig
from mavfer.capture.session import open_session
from mavfer.capture.synchronize import synchronize
from mavfer.capture.take import Take
from mavfer.capture.take_report import TakeReport
from mavfer.command_line import command_line
from mavfer.errors import RecordError

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def wait_for(happened, *, timeout_s=60.0):
    clock = MonotonicClock()
    end_ns = clock.now_ns() + round(timeout_s * 1e9)
    while not happened():
        assert clock.now_ns() < end_ns, "it did not happen in time"
        clock.wait_until_ns(clock.now_ns() + 20_000_000)


@pytest.fixture
def rig_of(lab, long_film):
    """Return a function that writes the lab's rig: a film that lasts, and what else is asked for."""
    cam = {"camera": "video", "path": str(long_film)}

    def make(**recorders):
        return lab.rig(recorders={"cam": cam} | recorders)

    return make


@posix
def test_a_recorder_that_hung_at_the_stop_ends_when_it_comes_back(rig_of, operator_of, tmp_path):
    rig = rig_of()
    settings = rig.recorders["cam"].model_copy(update={"spawn": True})
    rig = rig.model_copy(update={"recorders": {"cam": settings}})
    operator = operator_of(tmp_path / "take", rig, seconds=600)
    pid = operator.until(lambda status: status.tick >= 3).recorders[0].pid
    os.kill(pid, signal.SIGSTOP)
    operator.until(lambda status: any("silent" in line for line in status.problems))
    operator.desk.ask(Stop())
    operator.until(lambda status: status.state == "closing")
    os.kill(pid, signal.SIGCONT)
    report = operator.outcome()
    assert isinstance(report, TakeReport)
    assert (report.state, report.n_lost) == ("stopped", 0)
    assert report.frames_kept["cam"] == report.n_ticks < 600
    assert synchronize(open_session(report.path)).report.complete


@posix
def test_a_take_that_was_given_up_is_ended_as_soon_as_its_recorder_is_heard(
    lab, rig_of, monkeypatch, tmp_path
):
    rig = rig_of()
    monkeypatch.setattr("mavfer.capture.take.STOP_TIMEOUT_S", 1.0)
    monkeypatch.setattr("mavfer.capture.losses.LOST_S", 0.5)
    waiting = lab.start()
    desk = Desk()
    began = []

    def on_status(statuses):
        if statuses[0].tick >= 3 and not began:
            began.append(waiting.pid)
            os.kill(waiting.pid, signal.SIGSTOP)
        if began and statuses[0].silent_s > 1:
            desk.ask(Stop())

    leave, heard = Crew.end, []

    def let_it_come_back(crew):
        os.kill(waiting.pid, signal.SIGCONT)
        while not crew.all_finished():
            crew.listen(0.05)
        heard.extend(crew.statuses())
        leave(crew)

    monkeypatch.setattr(Crew, "end", let_it_come_back)
    with pytest.raises(RecordError, match="did not close its files in time"):
        record(tmp_path / "take", rig=rig, subject="S01", seconds=600, desk=desk, on_status=on_status)
    (status,) = heard
    assert status.finished
    assert status.tick < 100


@posix
def test_what_recorders_carry_out_for_a_dead_master_can_be_ended(lab, rig_of, master_of, tmp_path):
    rig = rig_of()
    waiting = lab.start()
    master = master_of(tmp_path / "take", lab.file, 600)
    master.until(lambda status: status["tick"] >= 3)
    master.kill()
    done = CliRunner().invoke(command_line(), ["rig", "stop", str(lab.file), "--json"])
    assert json.loads(done.stdout) == {"ended": [{"recorder": "cam", "session": "take"}]}
    waiting.until_said("recorded")
    assert stop_rig(rig) == {}


@posix
def test_a_start_that_one_recorder_misses_leaves_none_of_the_others_recording(
    lab, rig_of, monkeypatch, tmp_path
):
    rig = rig_of(thermal={"camera": "simulated_a65"})
    cam, thermal = lab.start("cam"), lab.start("thermal")
    start = Take._start

    def hang_at_the_start(take):
        os.kill(cam.pid, signal.SIGSTOP)
        start(take)

    monkeypatch.setattr("mavfer.capture.take.START_TIMEOUT_S", 1.0)
    monkeypatch.setattr("mavfer.capture.take.DISARM_TIMEOUT_S", 2.0)
    monkeypatch.setattr(Take, "_start", hang_at_the_start)
    with pytest.raises(RecordError, match="recorder cam did not answer 'start'"):
        record(tmp_path / "take", rig=rig, subject="S01", seconds=600)
    os.kill(cam.pid, signal.SIGCONT)
    assert not (tmp_path / "take").exists()
    thermal.until_said("the master has left")
    assert not list(lab.folder.glob("disk-thermal/take/*"))
