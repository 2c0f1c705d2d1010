import json
import os
import signal
import socket as raw_socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from mavfer.capture.calls import Answer, call_master, find_master
from mavfer.capture.control import ControlServer, refusal
from mavfer.capture.desk import Desk, NextStep, Stop
from mavfer.capture.runtime import announced, living_masters, runtime_folder
from mavfer.capture.status import Marker, StepStatus, TakeStatus
from mavfer.errors import RecordError

WAIT_S = 20.0
posix = pytest.mark.skipif(sys.platform == "win32", reason="wants POSIX modes and users")


class Loop:
    """A master's loop, cut down to what it does with requests: it writes markers down and shows them."""

    def __init__(self, session: Path) -> None:
        self.desk = Desk()
        self.heard: list[object] = []
        self.hung = threading.Event()
        self.on_mark: dict[str, object] = {}
        self.on_stop: dict[str, object] = {"state": "ready", "notice": "stopped: 90 ticks"}
        self._ending = threading.Event()
        self._file = session.with_suffix(".markers")
        self._began_ns = time.monotonic_ns() - 10_000_000_000
        self._status = TakeStatus(state="recording", session=session, subject="S01")
        self._look()
        self.server = ControlServer(self.desk)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def change(self, **changes: object) -> None:
        self._status = replace(self._status, **changes)
        self._look()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()
        self.server.close()

    def written(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    def _look(self) -> None:
        now_ns = time.monotonic_ns()
        now = {"now_ns": now_ns, "elapsed_s": (now_ns - self._began_ns) / 1e9}
        self._status = replace(self._status, **now)
        self.desk.show(self._status)

    def _run(self) -> None:
        while not self._ending.wait(0.01):
            if self.hung.is_set():
                continue
            for request in self.desk.take_requests():
                self.heard.append(request)
                step = self._status.step
                if isinstance(request, Marker) and self.on_mark:
                    self._status = replace(self._status, **self.on_mark)
                elif isinstance(request, Marker):
                    with self._file.open("a") as file:
                        file.write(f"{request.label}\n")
                    self._status = replace(self._status, markers=(*self._status.markers, request))
                elif isinstance(request, NextStep) and step is not None:
                    self._status = replace(self._status, step=replace(step, number=step.number + 1))
                elif isinstance(request, Stop):
                    self.change(state="closing")
                    self._status = replace(self._status, **self.on_stop)
            self._look()


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    return folder / "mavfer"


@pytest.fixture
def loop(tmp_path):
    one = Loop(tmp_path / "take")
    yield one
    one.end()


def mavfer(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "mavfer", *words], capture_output=True, text=True, timeout=WAIT_S, **options
    )


def mark(label="here", t_ns=None, **more):
    fields = {"label": label, "t_ns": time.monotonic_ns() if t_ns is None else t_ns, **more}
    return call_master(find_master(), "mark", **fields)


def test_the_command_marks_the_running_take_and_ends_well_only_once_it_is_written(loop):
    before_ns = time.monotonic_ns()
    run = mavfer("mark", "video 3 starts", "--source", "stimulus-pc")
    after_ns = time.monotonic_ns()
    assert (run.returncode, run.stderr) == (0, "")
    assert loop.written() == ["video 3 starts"]
    (marker,) = loop.desk.status().markers
    assert before_ns <= marker.t_ns <= after_ns
    assert marker.source == "stimulus-pc"
    t_s, rest = run.stdout.split(" s: ", 1)
    assert rest == f"video 3 starts: {loop.desk.status().session}\n"
    assert 10 <= float(t_s) <= 10 + WAIT_S
    told = json.loads(mavfer("mark", "video 4 starts", "--json").stdout)
    assert (told["label"], told["session"]) == ("video 4 starts", str(loop.desk.status().session))
    assert float(t_s) <= told["time_s"] <= 10 + 2 * WAIT_S


@pytest.mark.parametrize("words", [("mark", "here"), ("stop",), ("next-step",)])
def test_without_a_running_take_the_command_fails_with_one_line(words):
    run = mavfer(*words)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("error: wanted a running take on this machine, found none")
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("state", ["gathering", "ready", "ended"])
def test_between_takes_nothing_can_be_marked(loop, state):
    loop.change(state=state)
    with pytest.raises(RecordError, match=f"found none: the master of process {os.getpid()} is '{state}'"):
        find_master()
    (contact,) = living_masters()
    answer = call_master(contact, "mark", label="x", t_ns=time.monotonic_ns())
    assert (answer.done, answer.text) == (False, f"no take is recording; the master is '{state}'")
    assert loop.heard == []


@pytest.mark.parametrize("state", ["starting", "closing"])
def test_a_take_that_begins_or_ends_takes_no_mark(loop, state):
    loop.change(state=state)
    run = mavfer("mark", "here")
    assert run.returncode == 1
    assert run.stderr == f"error: no take is recording; the master is '{state}'\n"
    assert loop.written() == []


def test_moments_of_the_future_and_from_before_the_take_are_refused(loop):
    now_ns = time.monotonic_ns()
    future, past = mark(t_ns=now_ns + 10**12), mark(t_ns=now_ns - 10**11)
    assert not future.done
    assert "in the future" in future.text
    assert not past.done
    assert "before the take began" in past.text
    assert loop.heard == []


def test_the_first_tick_and_the_present_are_the_first_and_last_moments_that_can_be_marked():
    status = TakeStatus(state="recording", now_ns=30, elapsed_s=10e-9)
    assert [refusal(status, t_ns, 40) is None for t_ns in (19, 20, 40, 41)] == [False, True, True, False]


def test_the_same_mark_twice_is_one_mark(loop):
    t_ns = time.monotonic_ns()
    assert [mark("once", t_ns).done for _ in range(3)] == [True, True, True]
    assert loop.written() == ["once"]


def test_marks_of_many_at_once_are_all_written(loop):
    contact = find_master()
    answers: list[Answer] = []

    def one(number):
        answers.append(call_master(contact, "mark", label=f"{number}", t_ns=time.monotonic_ns()))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer.done for answer in answers)
    assert sorted(loop.written(), key=int) == [str(number) for number in range(20)]


def test_a_hung_master_is_told_and_nothing_is_promised(loop):
    loop.hung.set()
    answer = mark()
    assert not answer.done
    assert "has not recorded the mark within 2 s" in answer.text


def test_a_take_that_ends_before_the_mark_is_written_says_so(loop):
    loop.on_mark = {"state": "ready"}
    answer = mark()
    assert (answer.done, answer.text) == (False, "the take ended before the mark was recorded")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("mark", ""), "label: wanted text of 1 or more characters"),
        (("mark", "a\nb"), "label: wanted text like video 3 starts, found"),
        (("mark", "x" * 201), "label: .*at most 200"),
        (("mark", b"\xff"), "label: wanted text in UTF-8"),
        (
            ("mark", "x", "--source", "Ann Example"),
            "source: wanted text like stimulus-pc, found 'Ann Example'",
        ),
    ],
)
def test_a_label_that_is_none_is_refused_with_one_line(loop, words, complaint):
    run = mavfer(*words)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    with pytest.raises(RecordError, match=complaint):
        raise RecordError(run.stderr)
    assert loop.heard == []


def test_stop_ends_the_take_and_waits_for_its_end(loop):
    run = mavfer("stop")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"stopped: 90 ticks: {loop.desk.status().session}\n"
    assert loop.heard == [Stop()]
    again = mavfer("stop")
    assert again.returncode == 1
    assert "is 'ready'" in again.stderr
    assert loop.heard == [Stop()]


def test_a_take_that_ends_badly_lets_stop_fail_with_the_reason(loop):
    loop.on_stop = {"state": "ended", "notice": "recorder 'kinect' is gone", "notice_is_bad": True}
    run = mavfer("stop")
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "error: recorder 'kinect' is gone\n")


def test_next_step_goes_on_and_names_the_step(loop):
    run = mavfer("next-step")
    assert run.returncode == 1
    assert run.stderr == "error: no step of a protocol runs\n"
    loop.change(step=StepStatus(0, 3, "video"))
    run = mavfer("next-step")
    assert (run.returncode, run.stdout) == (0, "step 2 of 3: video\n")
    assert loop.heard == [NextStep()]


def test_of_several_takes_the_one_that_is_named_is_marked(tmp_path, loop):
    other = Loop(tmp_path / "other")
    try:
        run = mavfer("mark", "here")
        assert run.returncode == 1
        assert "found 2; pass --session with one of" in run.stderr
        assert str(tmp_path / "take") in run.stderr
        assert str(tmp_path / "other") in run.stderr
        run = mavfer("mark", "here", "--session", "other", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, "")
        assert (loop.written(), other.written()) == ([], ["here"])
        run = mavfer("mark", "here", "--session", "third", cwd=tmp_path)
        assert run.returncode == 1
        assert "found none of this session (running: " in run.stderr
    finally:
        other.end()


def test_a_master_between_takes_does_not_stand_in_the_way_of_one_that_records(tmp_path, loop):
    other = Loop(tmp_path / "other")
    other.change(state="ready")
    try:
        assert mark().done
        assert loop.written() == ["here"]
    finally:
        other.end()


@posix
@pytest.mark.usefixtures("loop")
def test_only_this_user_can_read_where_the_master_is_and_what_it_wants_to_hear(runtime):
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    files = list(runtime.iterdir())
    assert {file.suffix for file in files} == {".json", ".lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_master_that_ends_leaves_nothing_behind(loop, runtime):
    assert len(living_masters()) == 1
    loop.server.close()
    loop.server.close()
    assert list(runtime.iterdir()) == []


@posix
def test_a_folder_that_others_can_open_is_refused(runtime):
    runtime.mkdir()
    runtime.chmod(0o755)
    with pytest.raises(RecordError, match=r"found one of uid .* with mode 0755"):
        runtime_folder()
    runtime.rmdir()
    runtime.symlink_to(runtime.parent)
    with pytest.raises(RecordError, match="only this user"):
        runtime_folder()


@posix
def test_without_a_session_folder_of_the_system_one_is_made_for_this_user(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert runtime_folder() == tmp_path / f"mavfer-{os.getuid()}"
    assert stat.S_IMODE(runtime_folder().stat().st_mode) == 0o700


DEAD_MASTER = """
import sys
from mavfer.capture.runtime import announced
with announced("tcp://127.0.0.1:9"):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.mark.usefixtures("loop")
def test_what_a_killed_master_leaves_is_ignored_and_removed(runtime):
    with subprocess.Popen(
        [sys.executable, "-c", DEAD_MASTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        assert {contact.pid for contact in living_masters()} == {os.getpid(), other.pid}
        other.kill()
        other.wait()
        assert len(list(runtime.iterdir())) == 4
        assert mark().done
        assert {contact.pid for contact in living_masters()} == {os.getpid()}
        assert len(list(runtime.iterdir())) == 2


@posix
def test_a_stopped_master_does_not_hang_the_command():
    with subprocess.Popen(
        [sys.executable, "-c", DEAD_MASTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        other.send_signal(signal.SIGSTOP)
        with pytest.raises(RecordError, match=f"master of process {other.pid} gave no answer within 2 s"):
            find_master()
        other.kill()


def garbage(n, token):
    rng = np.random.default_rng(0)
    now_ns = time.monotonic_ns()
    whole = {"token": token, "do": "mark", "label": "malformed", "t_ns": now_ns, "source": "test"}
    wrong = [
        {**whole, "token": "x" * len(token)},
        {**whole, "token": ""},
        {**whole, "do": "shutdown"},
        {**whole, "label": None},
        {**whole, "label": "a\x00b"},
        {**whole, "t_ns": -1},
        {**whole, "t_ns": 1.5},
        {**whole, "t_ns": 2**63},
        {**whole, "extra": 1},
        {"token": token},
        {"token": token, "do": ["stop"]},
        {"do": "stop"},
        [whole],
        None,
    ]
    sound = json.dumps(whole).encode()
    for i in range(n):
        kind = i % 3
        if kind == 0:
            yield [rng.bytes(int(rng.integers(0, 300)))]
        elif kind == 1:
            yield [sound[: int(rng.integers(0, len(sound)))]]
        else:
            message = json.dumps(wrong[i // 3 % len(wrong)]).encode()
            yield [message]
    yield [b"two parts", sound]
    yield [sound, b""]
    yield [b"[" * 20_000]
    yield [b'{"token": ' * 1000]


def test_ten_thousand_malformed_messages_have_no_effect(loop):
    contact = find_master()
    n_before = loop.server.n_malformed
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.SNDHWM, 0)
        dealer.connect(contact.address)
        messages = list(garbage(10_000, contact.token))
        for message in messages:
            dealer.send_multipart(message)
        dealer.send(json.dumps({"token": contact.token, "do": "status"}).encode())
        assert dealer.poll(1000 * WAIT_S)
        assert Answer.model_validate_json(dealer.recv()).state == "recording"
        assert not dealer.poll(0)
    assert loop.server.n_malformed - n_before == len(messages)
    host, port = contact.address.removeprefix("tcp://").split(":")
    with raw_socket.create_connection((host, int(port))) as raw:  # no ZeroMQ at all
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    assert loop.heard == []
    assert mark().done
    assert loop.written() == ["here"]


def test_a_message_of_absurd_size_is_not_taken_in(loop):
    contact = find_master()
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(contact.address)
        dealer.send(b" " * 1_000_000 + json.dumps({"token": contact.token, "do": "stop"}).encode())
        assert mark().done
    assert [type(request) for request in loop.heard] == [Marker]


def test_an_announcement_stands_only_while_its_block_runs():
    with announced("tcp://127.0.0.1:7") as contact:
        assert living_masters() == [contact]
        assert len(contact.token) >= 32
    assert living_masters() == []
