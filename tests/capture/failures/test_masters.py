"""A master that dies and is followed by another, two masters at once, and two recorders of one name."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import psutil
import pytest

from mavfer.capture.calls import call_master, find_master
from mavfer.capture.clock import MonotonicClock, boot_id
from mavfer.capture.desk import Stop
from mavfer.capture.link import MasterLink
from mavfer.capture.master import record, rejoin
from mavfer.capture.messages import Beat, Command
from mavfer.capture.recovery import recover
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.session_facts import session_facts
from mavfer.capture.session_writer import being_written
from mavfer.capture.synchronize import synchronize
from mavfer.errors import RecordError

WAIT_S = 60.0
FOREIGN = "0123456789abcdef"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(autouse=True)
def _masters_are_found_in_a_folder_of_the_test_s_own(tmp_path, monkeypatch):
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))


def mavfer(*words):
    return subprocess.run(
        [sys.executable, "-m", "mavfer", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def wait_for(happened, *, timeout_s=WAIT_S):
    clock = MonotonicClock()
    end_ns = clock.now_ns() + round(timeout_s * 1e9)
    while not happened():
        assert clock.now_ns() < end_ns, "it did not happen in time"
        clock.wait_until_ns(clock.now_ns() + 20_000_000)


def has_ended(pid):
    """Whether a process that is nobody's child any more has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def orphaned(tmp_path, long_film, master_of):
    """Return a function that begins a take whose one recorder is the master's child, and kills the master."""
    rig = tmp_path / "rig.toml"
    rig.write_text(
        f'[recorders.cam]\ncamera = "video"\npath = {json.dumps(str(long_film))}\n', encoding="utf-8"
    )
    pids = []

    def make(seconds):
        path = tmp_path / "take"
        master = master_of(path, rig, seconds)
        status = master.until(lambda status: status["tick"] >= 6)
        master.mark("of the first master")
        pids.append(status["recorders"][0]["pid"])
        master.kill()
        return SimpleNamespace(path=path, pid=pids[-1], rig=rig)

    yield make
    for pid in pids:  # nobody else would end it
        if not has_ended(pid):
            os.kill(pid, signal.SIGKILL)


def require_whole(path, n_ticks):
    """See that a session is what an undisturbed take leaves."""
    session = open_session(path)
    assert session.record.state == "complete"
    assert session.record.plan.n_ticks == n_ticks
    recorder = session.record.recorders["cam"]
    assert (recorder.frames_kept, recorder.n_lost) == (n_ticks, 0)
    assert session.counters("cam")[-1]["kept"] == n_ticks
    assert synchronize(session).report.problems == ()
    assert session_facts(path, deep=True).problems == ()
    return session


@posix
def test_of_masters_that_come_after_two_killed_ones_one_takes_over_and_makes_the_take_whole(
    orphaned, master_of
):
    take = orphaned(14)
    second = master_of(take.path)
    second.mark("of the second")
    second.kill()
    assert session_facts(take.path).error.startswith("the take was never finished")
    found = []

    def taken_over():
        with suppress(RecordError):
            found.append(find_master(take.path))
        return found

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(mavfer, "record", "--rejoin", take.path) for _ in range(2)]
        wait_for(taken_over)
        answer = call_master(found[0], "mark", label="of the third", t_ns=MonotonicClock().now_ns())
        done, refused = sorted((run.result() for run in running), key=lambda run: run.returncode)
    assert (done.returncode, done.stdout) == (0, f"complete: 140 ticks, kept cam 140, lost 0: {take.path}\n")
    assert answer.done, answer
    assert "Traceback" not in done.stderr
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    session = require_whole(take.path, 140)
    steps = ["step: first begins", "step: second begins"]
    marks = ["of the first master", "of the second", "of the third"]
    assert [marker.label for marker in session.markers()] == [*steps, *marks]
    assert session.record.master.files == tuple(f"master.000{i}.mcap" for i in range(3))
    assert [event["kind"] for event in session.events("master")] == ["rejoined", "rejoined"]
    torn = sorted(file.name for file in (take.path / "torn").iterdir())
    assert torn == ["master.0000.mcap", "master.0001.mcap"]
    wait_for(lambda: has_ended(take.pid))
    with pytest.raises(RecordError, match=r"wanted a take that nobody ended, found one that is complete"):
        rejoin(take.path)


@posix
def test_a_master_that_rejoins_recorders_that_wait_lets_them_go_for_the_next_take(
    tmp_path, lab, long_film, master_of
):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    recorder = lab.start()
    path = tmp_path / "take"
    first = master_of(path, lab.file, 9)
    first.mark("of the first")
    first.until(lambda status: status["tick"] >= 5)
    first.kill()
    with pytest.raises(RecordError, match=r"recorder 'cam' still records 'take'; .*mavfer record --rejoin"):
        record(tmp_path / "other", rig=rig, subject="S02", seconds=1)
    assert not (tmp_path / "other").exists()
    report = rejoin(path)
    assert (report.state, report.frames_kept, report.n_lost) == ("complete", {"cam": 90}, 0)
    take_home(report, path)
    session = require_whole(path, 90)
    assert "of the first" in [marker.label for marker in session.markers()]
    recorder.until_said("the master has left")
    assert record(tmp_path / "next", rig=rig, subject="S02", seconds=1).state == "complete"
    assert recorder.process.poll() is None


def require_nothing_lost(operator):
    """Stop a take; see that it goes on until then, and has a frame for every tick."""
    operator.desk.ask(Stop())
    report = operator.outcome()
    assert not isinstance(report, BaseException), report
    assert (report.state, report.complaints, report.n_lost) == ("stopped", (), 0)
    assert report.frames_kept == {"cam": report.n_ticks}
    return report


def take_home(report, path):
    """Bring the files that lie elsewhere into the session."""
    for folder in report.elsewhere.values():
        for file in type(path)(folder).glob("*.mcap"):
            (path / file.name).write_bytes(file.read_bytes())


@posix
def test_a_take_whose_recorders_have_ended_is_closed_from_their_files(orphaned):
    take = orphaned(2)
    wait_for(lambda: being_written(take.path) is None)
    os.kill(take.pid, signal.SIGTERM)
    wait_for(lambda: has_ended(take.pid))
    report = rejoin(take.path, timeout_s=0.2)
    assert (report.state, report.frames_kept, report.complaints) == ("complete", {"cam": 20}, ())
    session = require_whole(take.path, 20)
    assert "of the first master" in [marker.label for marker in session.markers()]


@posix
def test_a_take_whose_recorders_were_told_to_end_is_closed_as_stopped(orphaned):
    take = orphaned(30)
    os.kill(take.pid, signal.SIGTERM)
    wait_for(lambda: has_ended(take.pid))
    report = rejoin(take.path, timeout_s=0.2)
    assert report.state == "stopped"
    assert report.frames_kept == {"cam": report.n_ticks}
    assert 6 <= report.n_ticks < 280
    assert synchronize(open_session(take.path)).report.problems == ()


@posix
def test_a_take_whose_recorder_was_killed_too_sends_the_operator_to_recover(orphaned):
    take = orphaned(30)
    os.kill(take.pid, signal.SIGKILL)
    wait_for(lambda: has_ended(take.pid))
    words = r"recorder 'cam' was gone .* left a torn file; .* run `mavfer recover`.*take$"
    with pytest.raises(RecordError, match=words):
        rejoin(take.path, timeout_s=0.2)
    assert read_record(take.path).state == "failed"
    assert [file.mended for file in recover(take.path).files] == [True, False, False]
    session = open_session(take.path)
    assert session.record.recorders["cam"].frames_kept >= 5
    assert "of the first master" in [marker.label for marker in session.markers()]


def test_a_take_whose_master_lives_is_not_taken_over_and_takes_no_harm(tmp_path, film, operator_of, lab):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(film), "spawn": True}})
    operator = operator_of(tmp_path / "take", rig, seconds=3)
    operator.until(lambda status: status.tick >= 3)
    before = sorted(file.name for file in (tmp_path / "take").iterdir())
    with pytest.raises(RecordError, match=r"^the take's master still runs; stop the take there: .*take$"):
        rejoin(tmp_path / "take")
    assert sorted(file.name for file in (tmp_path / "take").iterdir()) == before
    assert operator.outcome().state == "complete"
    require_whole(tmp_path / "take", 30)


@posix
def test_a_take_of_another_boot_or_one_that_never_began_is_refused_and_left_as_it_is(orphaned):
    take = orphaned(2)
    wait_for(lambda: being_written(take.path) is None)
    whole = read_record(take.path)
    no_plan = whole.plan.model_copy(update={"first_tick_ns": 0})
    other_boot = whole.master.model_copy(update={"boot_id": f"not-{boot_id()}"})
    for changes, words in (
        ({"master": other_boot}, "before this machine was booted; run `mavfer recover` on it: .*take$"),
        ({"plan": no_plan}, "the take never began; run `mavfer recover` on it: .*take$"),
        ({"master": None}, "the take never began; run `mavfer recover` on it: .*take$"),
    ):
        write_record(take.path, whole.model_copy(update=changes))
        before = {file.name: file.read_bytes() for file in take.path.iterdir()}
        with pytest.raises(RecordError, match=words):
            rejoin(take.path)
        assert {file.name: file.read_bytes() for file in take.path.iterdir()} == before


def test_a_second_master_on_a_port_is_refused_in_one_line_and_the_first_take_is_whole(
    tmp_path, lab, operator_of
):
    rig = lab.rig()
    lab.start()
    operator = operator_of(tmp_path / "take", rig, seconds=4)
    operator.until(lambda status: status.tick >= 3)
    run = mavfer("record", tmp_path / "other", "--rig", lab.file, "--subject", "S02", "--seconds", "1")
    assert (run.returncode, run.stdout) == (1, "")
    (line,) = run.stderr.splitlines()
    assert f"wanted to listen at tcp://127.0.0.1:{lab.port}, could not (Address already in use" in line
    assert "another master" in line
    assert not (tmp_path / "other").exists()
    report = operator.outcome()
    assert (report.state, report.n_lost) == ("complete", 0)
    take_home(report, tmp_path / "take")
    require_whole(tmp_path / "take", 40)


def test_a_second_recorder_of_a_name_is_turned_away_and_says_so(tmp_path, lab, long_film, operator_of):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    first = lab.start()
    operator = operator_of(tmp_path / "take", rig, seconds=30)
    operator.until(lambda status: status.state == "recording")
    second = lab.start()
    second.until_said("another recorder 'cam', on ")
    assert second.ended() == 1
    assert "Traceback" not in "".join(second.lines)
    require_nothing_lost(operator)
    assert first.process.poll() is None


@posix
def test_a_recorder_that_comes_back_takes_its_place_from_one_that_was_started_in_its_stead(
    tmp_path, lab, long_film, operator_of
):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    first = lab.start()
    operator = operator_of(tmp_path / "take", rig, seconds=30)
    operator.until(lambda status: status.tick >= 3)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        operator.until(lambda status: status.recorders[0].silent_s > 1.5)
        second = lab.start()
        second.until_said("joined by the master")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    second.until_said("another recorder 'cam', on ")
    assert second.ended() == 1
    require_nothing_lost(operator)


@posix
def test_a_recorder_that_was_started_anew_in_mid_take_ends_the_take(tmp_path, lab, long_film, operator_of):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    first = lab.start()
    operator = operator_of(tmp_path / "take", rig, seconds=30)
    operator.until(lambda status: status.tick >= 3)
    first.process.kill()
    lab.start()
    error = operator.outcome()
    assert isinstance(error, RecordError)
    assert "recorder 'cam' was started anew; what it recorded until then lies in " in str(error)
    assert record(tmp_path / "next", rig=rig, subject="S01", seconds=1).state == "complete"


@pytest.fixture
def obeying(lab):
    """Return a master's wire, the recorder that has joined it, and a function that tells it something."""
    lab.rig()
    link = MasterLink(port=lab.port)
    recorder = lab.start()
    peer = next(one.peer for one in receive(link) if one.message.kind == "hello")
    ports = {"ping_port": link.ping_port, "status_port": link.status_port}

    def tell(master, do, **body):
        number = len(recorder.told)
        recorder.told.append(do)
        link.send(peer, Command(master=master, id=number, do=do, deadline_ns=2**62, body=body))
        return next(one.message for one in receive(link) if getattr(one.message, "id", -1) == number)

    recorder.told = []
    assert tell("a" * 16, "join", **ports, boot_id=boot_id(), host="here").kind == "done"
    yield SimpleNamespace(link=link, peer=peer, recorder=recorder, tell=tell, ports=ports)
    link.close()


def receive(link):
    """Yield what comes, for as long as a test may take."""
    while True:
        heard = link.receive(WAIT_S)
        assert heard, "nothing came"
        yield from heard


def test_a_recorder_obeys_the_master_that_it_has_joined_and_no_other(obeying):
    words = "wanted a command of the master that was joined, found another's"
    for do in ("open", "measure", "arm", "start", "stop", "disarm", "leave", "quit"):
        answer = obeying.tell(FOREIGN, do)
        assert (answer.kind, answer.body) == ("refused", {"error": words})
    join = {**obeying.ports, "boot_id": boot_id(), "host": "there"}
    answer = obeying.tell(FOREIGN, "join", **join)
    assert answer.kind == "refused"
    assert "wanted a recorder without a master" in answer.body["error"]
    assert obeying.tell("a" * 16, "measure").kind == "done"
    beat = next(one.message for one in receive(obeying.link) if isinstance(one.message, Beat))
    assert beat.state == "waiting"


def test_a_master_that_says_nonsense_about_itself_is_not_joined(obeying):
    whole = {**obeying.ports, "boot_id": boot_id(), "host": "here"}
    for changes in (
        {"ping_port": 99_999_999},
        {"ping_port": 0},
        {"ping_port": "tcp"},
        {"status_port": -1},
        {"status_port": float("inf")},
        {"host": None},
        {"more": 1},
    ):
        answer = obeying.tell("a" * 16, "join", **whole | changes)
        assert answer.kind == "refused"
        assert "the command 'join'" in answer.body["error"]
    assert obeying.tell("a" * 16, "join").kind == "refused"
    assert obeying.tell("a" * 16, "measure").kind == "done"


def test_a_recorder_whose_master_is_there_is_not_turned_away(obeying):
    obeying.link.send(obeying.peer, Command(master=FOREIGN, id=99, do="turn_away", deadline_ns=0))
    assert obeying.tell("a" * 16, "measure").kind == "done"
    assert obeying.recorder.process.poll() is None
