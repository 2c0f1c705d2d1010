"""Take after take from one desk: real recorder processes, asked for through the desk as the page does."""

import os
import signal
import threading
import time

import psutil
import pytest

from mavfer.capture.desk import Desk, NextStep, Quit, Start, Stop
from mavfer.capture.operate import next_session, operate
from mavfer.capture.protocol import Consent, Protocol, Step
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.synchronize import synchronize
from mavfer.errors import ConfigError

WAIT_S = 60.0


class Operator:
    """The master's loop in a thread of its own, and a person before the desk."""

    def __init__(self, folder, rig, *, metadata=None, seconds=None):
        self.desk = Desk()
        self.reports = []
        self.error = None
        words = metadata or (lambda start: (None, None, "", start.notes))

        def work():
            try:
                self.reports += operate(folder, rig=rig, desk=self.desk, metadata=words, seconds=seconds)
            except Exception as error:
                self.error = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def wait(self, happened):
        """Return the first status of which `happened` holds."""
        seen, end_s = 0, time.monotonic() + WAIT_S
        while not happened(status := self.desk.status()):
            assert time.monotonic() < end_s, status
            assert self._thread.is_alive(), self.error
            seen = self.desk.wait(seen, 1.0)
        return status

    def end(self):
        self.desk.ask(Quit())
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        assert self.error is None
        return self.reports


@pytest.fixture
def rig(make_video):
    return Rig.model_validate({"recorders": {"cam": {"camera": "video", "path": str(make_video())}}})


def recorders():
    return {child.pid for child in psutil.Process().children()}


def test_takes_follow_each_other_without_anything_being_started_anew(tmp_path, rig):
    operator = Operator(tmp_path, rig, seconds=0.5)
    pids = set()
    for subject in ("S01", "S01", "S02"):
        pids.add(operator.wait(lambda status: status.can_start).recorders[0].pid)
        operator.desk.ask(Start(subject=subject, notes=f"of {subject}"))
        operator.wait(lambda status: status.state == "recording")
    operator.wait(lambda status: status.can_start and "S02-001 complete" in status.notice)
    reports = operator.end()
    assert [report.path.name for report in reports] == ["S01-001", "S01-002", "S02-001"]
    assert len(pids) == 1
    assert not recorders() & pids
    for report in reports:
        session = open_session(report.path)
        assert session.record.notes == f"of {session.record.subject}"
        assert synchronize(session).report.complete


def test_the_desk_ends_a_take_and_marks_stand_in_its_session(tmp_path, rig):
    operator = Operator(tmp_path, rig)
    operator.wait(lambda status: status.can_start)
    operator.desk.ask(Start(subject="S01", seconds=60))
    operator.wait(lambda status: status.tick >= 3)
    marker = operator.desk.mark("video 3 starts")
    operator.wait(lambda status: marker in status.markers)
    operator.desk.ask(Start(subject="S09"))
    operator.desk.ask(Stop())
    operator.desk.ask(Stop())
    status = operator.wait(lambda status: status.can_start)
    assert "S01-001 stopped" in status.notice
    (report,) = operator.end()
    session = open_session(report.path)
    assert session.markers() == (marker,)
    assert session.record.state == "stopped"
    assert synchronize(session).report.complete
    assert "refused" in [event["kind"] for event in session.events("master")]


def test_what_is_refused_is_told_and_the_next_take_is_made(tmp_path, rig):
    def metadata(start):
        if not start.consent:
            raise ConfigError("wanted the reference of the signed consent form, found none")
        return Consent(reference=start.consent), None, "", ""

    operator = Operator(tmp_path, rig, metadata=metadata)
    operator.wait(lambda status: status.can_start)
    for start, complaint in (
        (Start(subject="S01", seconds=1), "consent form"),
        (Start(subject="Jane Doe", seconds=1, consent="C1"), "pseudonym"),
        (Start(subject="S01", consent="C1"), "length of the take"),
        (Start(subject="S01", consent="C1", seconds=1e9), "at most 86400"),
    ):
        operator.desk.ask(start)
        status = operator.wait(lambda status, words=complaint: words in status.notice and status.can_start)
        assert status.notice_is_bad
    assert list(tmp_path.glob("S01-*")) == []
    operator.desk.ask(Start(subject="S01", consent="C1", seconds=0.5))
    operator.wait(lambda status: "complete" in status.notice)
    (report,) = operator.end()
    assert open_session(report.path).record.consent == Consent(reference="C1")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_recorder_that_dies_between_takes_is_started_anew(tmp_path, rig):
    operator = Operator(tmp_path, rig, seconds=0.5)
    first = operator.wait(lambda status: status.can_start).recorders[0].pid
    os.kill(first, signal.SIGKILL)
    again = operator.wait(lambda status: status.can_start and status.recorders[0].pid != first)
    assert again.recorders[0].gone == ""
    operator.desk.ask(Start(subject="S01"))
    operator.wait(lambda status: "complete" in status.notice)
    assert operator.end()[0].n_lost == 0


def test_a_protocol_whose_steps_end_when_told_ends_the_take_with_the_last(tmp_path, rig):
    protocol = Protocol(name="p", steps=(Step(name="rest"), Step(name="talk", seconds=0.5)))
    operator = Operator(tmp_path, rig, metadata=lambda _: (None, protocol, "", ""), seconds=60)
    operator.wait(lambda status: status.can_start)
    operator.desk.ask(Start(subject="S01"))
    operator.wait(lambda status: status.step is not None and status.step.name == "rest" and status.tick > 0)
    operator.desk.ask(NextStep())
    operator.wait(lambda status: status.step is not None and status.step.name == "talk")
    operator.wait(lambda status: "complete" in status.notice)
    (report,) = operator.end()
    labels = [marker.label for marker in open_session(report.path).markers()]
    assert labels == ["step: rest begins", "step: talk begins", "step: talk ends"]
    assert report.n_ticks < 600


def test_a_take_that_is_over_before_the_protocols_last_step_is_told_as_it_begins(tmp_path, rig):
    protocol = Protocol(name="p", steps=(Step(name="rest", seconds=1), Step(name="talk", seconds=60)))
    operator = Operator(tmp_path, rig, metadata=lambda _: (None, protocol, "", ""))
    operator.wait(lambda status: status.can_start)
    operator.desk.ask(Start(subject="S01", seconds=1.5))
    during = operator.wait(lambda status: status.state == "recording")
    assert during.notice == protocol.unreached(1.5) != ""
    operator.wait(lambda status: "complete" in status.notice)
    operator.end()


def test_the_cameras_are_seen_before_a_take_and_while_it_runs(tmp_path, rig):
    operator = Operator(tmp_path, rig, seconds=2)
    operator.wait(lambda status: status.can_start)
    color = rig_stream()
    end_s = time.monotonic() + WAIT_S
    while operator.desk.preview(color) is None:
        assert time.monotonic() < end_s
        operator.desk.wait(0, 0.1)
    before = operator.desk.preview(color)
    operator.desk.ask(Start(subject="S01"))
    operator.wait(lambda status: status.tick > 10)
    during = operator.desk.preview(color)
    assert before is not None
    assert during is not None
    assert during.host_time_ns > before.host_time_ns
    operator.end()


def rig_stream():
    from mavfer.capture.streams import Stream

    return Stream.COLOR


def test_the_number_of_a_session_is_above_all_that_are_there(tmp_path):
    assert next_session(tmp_path, "S01").name == "S01-001"
    for name in ("S01-007", "S01-004.truth.npz", "S01-x", "S02-030"):
        (tmp_path / name).mkdir()
    assert next_session(tmp_path, "S01").name == "S01-008"
