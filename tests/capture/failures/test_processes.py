"""Recorders that are missing, refuse, are told to end, hear a command twice, or take many takes in a row."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import psutil
import pytest

from mavfer.capture.clock import boot_id
from mavfer.capture.desk import Stop
from mavfer.capture.link import MasterLink
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.messages import Beat, Command, Report
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.take_report import TakeReport
from mavfer.errors import RecordError

WAIT_S = 60.0
MIB = 2**20
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


class HandMaster:
    """A master that sends what it is told to, as often as it is told to, and hears everything."""

    def __init__(self, lab):
        self.link = MasterLink(port=lab.port)
        self._lab = lab
        self.peer = ""
        self._master = secrets.token_hex(8)
        self._heard = deque()
        self._n_commands = 0

    def hear(self, kind, wanted=lambda _: True):
        """Return the next Report or Beat that is wanted; what comes before it is let go."""
        end_s = time.monotonic() + WAIT_S
        while time.monotonic() < end_s:
            self._heard.extend(self.link.receive(0.1))
            while self._heard:
                heard = self._heard.popleft()
                if isinstance(heard.message, kind) and wanted(heard.message):
                    self.peer = heard.peer
                    return heard.message
        raise AssertionError(f"not heard in time; it says {[one.lines for one in self._lab.processes]}")

    def join(self):
        """Wait for a recorder, let it join, and let it measure its clock."""
        self.hear(Report, lambda report: report.kind == "hello")
        ports = {"ping_port": self.link.ping_port, "status_port": self.link.status_port}
        assert self.tell("join", ports | {"boot_id": boot_id(), "host": "here"}).kind == "done"
        self.hear(Beat, lambda beat: beat.n_pings >= 8)

    def send(self, do, body, *, number=None, within_s=20.0):
        """Send a command and return its id."""
        self._n_commands += 1
        number = self._n_commands if number is None else number
        deadline_ns = time.monotonic_ns() + round(within_s * 1e9)
        command = Command(master=self._master, id=number, do=do, deadline_ns=deadline_ns, body=body)
        self.link.send(self.peer, command)
        return number

    def tell(self, do, body, **settings):
        """Send a command and return the answer to it."""
        number = self.send(do, body, **settings)
        return self.hear(Report, lambda report: report.kind in ("done", "refused") and report.id == number)


@pytest.fixture
def hand_master(lab):
    master = HandMaster(lab)
    yield master
    master.link.close()


def to_open(rig, name="take"):
    """Return the body of the command that opens a camera."""
    table = rig.model_dump(mode="json", exclude_none=True)
    return {"rig": table, "subject": "S01", "seconds": 60, "previews": False, "session": name}


def two_recorders(lab, **other):
    """Return a rig of two recorders that wait; the second is to be started as an odd one, "small thermal"."""
    tables = {
        "cam": {"camera": "video", "path": str(lab.film)},
        "thermal": {"camera": "simulated_a65"} | other,
    }
    return lab.rig(recorders=tables, color="lossless")


def only_cam(rig):
    return rig.model_copy(update={"recorders": {"cam": rig.recorders["cam"]}})


def bring_home(report):
    """Copy the files of a take from its recorders' folders into the session, and open it."""
    for folder in report.elsewhere.values():
        for file in Path(folder).iterdir():
            shutil.copy(file, report.path / file.name)
    return open_session(report.path)


def test_a_recorder_that_is_missing_is_named_and_the_others_wait_for_the_next_take(
    tmp_path, lab, operator_of
):
    rig = two_recorders(lab)
    cam = lab.start("cam")
    assert operator_of(tmp_path / "first", only_cam(rig), seconds=0.5).outcome().state == "complete"
    before = sorted(tmp_path.rglob("*"))
    operator = operator_of(tmp_path / "out" / "take", rig, seconds=0.5, gather_timeout_s=1.5)
    operator.until(lambda status: status.notice.startswith("waiting for thermal at") and status.notice_is_bad)
    outcome = operator.outcome()
    assert isinstance(outcome, RecordError)
    assert str(outcome) == (
        "wanted recorder 'thermal' on 127.0.0.1 to join within 1.5 s, heard nothing at "
        f"tcp://127.0.0.1:{lab.port}; run `mavfer recorder thermal --rig RIG` there"
    )
    assert sorted(tmp_path.rglob("*")) == before
    cam.until_said("the master has left; waiting for the next", times=2)
    lab.start("thermal", odd="small thermal")
    report = operator_of(tmp_path / "second", rig, seconds=0.5).outcome()
    assert isinstance(report, TakeReport), report
    assert synchronize(bring_home(report)).report.complete


def test_a_camera_that_cannot_be_opened_is_one_line_and_nothing_is_left(tmp_path, lab, operator_of):
    rig = two_recorders(lab, camera="video", path=str(tmp_path / "nothing.mkv"))
    processes = [lab.start("cam"), lab.start("thermal")]
    before = sorted(tmp_path.rglob("*"))
    take = ["record", "out/take", "--rig", str(lab.file), "--subject", "S01", "--seconds", "1"]
    words = [sys.executable, "-m", "mavfer", *take, "--no-monitor"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    wanted = "wanted a video file, found nothing"
    assert done.stderr == f"error: recorder 'thermal': {wanted}: {tmp_path / 'nothing.mkv'}\n"
    assert sorted(tmp_path.rglob("*")) == before
    for process in processes:
        process.until_said("the master has left; waiting for the next")
    report = operator_of(tmp_path / "take", only_cam(rig), seconds=0.5).outcome()
    assert isinstance(report, TakeReport), report


def test_takes_follow_each_other_on_the_same_recorders_and_one_that_a_recorder_refuses_leaves_nothing(
    tmp_path, lab, operator_of
):
    rig = two_recorders(lab)
    processes = [lab.start("cam"), lab.start("thermal", odd="small thermal")]
    for name in ("first", "second"):
        report = operator_of(tmp_path / name, rig, seconds=0.5).outcome()
        assert isinstance(report, TakeReport), report
        assert synchronize(bring_home(report)).report.complete
    shutil.rmtree(tmp_path / "disk-cam" / "first")
    before = sorted(tmp_path.rglob("*"))
    refused = operator_of(tmp_path / "again" / "first", rig, seconds=0.5).outcome()
    assert isinstance(refused, RecordError)
    assert str(refused) == (
        "recorder 'thermal': the recorder's folder holds a session of this name: "
        f"{tmp_path / 'disk-thermal' / 'first'}"
    )
    assert sorted(tmp_path.rglob("*")) == before
    report = operator_of(tmp_path / "third", rig, seconds=0.5).outcome()
    assert isinstance(report, TakeReport), report
    assert synchronize(bring_home(report)).report.complete
    assert all(process.process.poll() is None for process in processes)


@posix
@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("waiting", signal.SIGINT),
        ("opening", signal.SIGTERM),
        ("open", signal.SIGTERM),
        ("armed", signal.SIGTERM),
        ("armed", signal.SIGINT),
    ],
)
def test_a_recorder_that_is_told_to_end_before_a_take_leaves_nothing_behind(lab, hand_master, when, number):
    rig = lab.rig()
    recorder = lab.start(odd="slow to open" if when == "opening" else "")
    if when == "waiting":
        hand_master.hear(Report, lambda report: report.kind == "hello")
    else:
        hand_master.join()
    if when == "opening":
        hand_master.send("open", to_open(rig))
        recorder.until_said("opening")
    if when in ("open", "armed"):
        assert hand_master.tell("open", to_open(rig)).kind == "done"
    if when == "armed":
        assert hand_master.tell("arm", {"session": "take"}).kind == "done"
        assert (lab.folder / "disk-cam" / "take" / "cam.0000.mcap").is_file()
    os.kill(recorder.pid, number)
    assert recorder.ended() == 0
    assert not any("Traceback" in line for line in recorder.lines)
    assert list(lab.folder.glob("disk-cam/*")) == []
    if when != "waiting":
        hand_master.hear(Report, lambda report: report.kind == "left")


@posix
def test_a_recorder_that_is_told_to_end_while_its_camera_opens_is_told_to_the_operator(
    tmp_path, lab, operator_of
):
    rig = lab.rig()
    recorder = lab.start(odd="slow to open")
    operator = operator_of(tmp_path / "out" / "take", rig, seconds=1)
    recorder.until_said("opening")
    os.kill(recorder.pid, signal.SIGTERM)
    outcome = operator.outcome()
    assert isinstance(outcome, RecordError)
    assert str(outcome) == "recorder 'cam' was told to end"
    assert recorder.ended() == 0
    assert not (tmp_path / "out").exists()


def test_a_command_that_comes_twice_is_done_once_and_acknowledged_twice(lab, hand_master):
    rig = lab.rig(keep="all")
    lab.start()
    folder = lab.folder / "disk-cam" / "take"
    hand_master.join()
    assert hand_master.tell("open", to_open(rig), number=1000).kind == "done"
    late = hand_master.tell("arm", {"session": "take"}, within_s=-1)
    assert (late.kind, late.body) == ("refused", {"error": "the command 'arm' came after its deadline"})
    assert not folder.exists()
    for _ in range(2):
        assert hand_master.tell("arm", {"session": "take"}, number=1001).kind == "done"
    assert hand_master.tell("open", to_open(rig), number=1000).kind == "done"  # done anew, it would disarm
    plan = {"first_tick_ns": time.monotonic_ns() + 1_000_000_000, "fps": 10.0, "n_ticks": 1000}
    for number in (1002, 1002, 1003):  # the third time as another command
        assert hand_master.tell("start", {"plan": plan, "session": {}}, number=number).kind == "done"
    hand_master.hear(Beat, lambda beat: beat.tick >= 3)
    refused = hand_master.tell("open", to_open(rig))
    assert (refused.kind, refused.body) == ("refused", {"error": f"a take runs: {folder}"})
    for number in (1004, 1004, 1005):
        assert hand_master.tell("stop", {"session": "take", "n_ticks": 8}, number=number).kind == "done"
    ended = hand_master.hear(Beat, lambda beat: beat.state == "finished")
    assert (ended.files, ended.lost, ended.tick) == (("cam.0000.mcap",), {}, 7)
    for do in ("stop", "start", "disarm"):  # all too late to change anything
        hand_master.tell(do, {"n_ticks": 2, "plan": plan, "session": "take"})
    assert [file.name for file in folder.iterdir()] == ["cam.0000.mcap"]
    reader = McapReader(folder / "cam.0000.mcap")
    (color,) = [number for number, channel in reader.channels.items() if channel.topic == "color"]
    assert (reader.rows["channel"] == color).sum() == ended.kept
    assert reader.intact()
    reader.close()


def test_a_take_that_is_stopped_before_its_first_tick_ends_in_order_without_a_frame(
    tmp_path, lab, operator_of
):
    rig = lab.rig()
    lab.start()
    operator = operator_of(tmp_path / "take", rig, seconds=60)
    begun = operator.until(lambda status: status.state == "recording")
    operator.desk.ask(Stop())
    report = operator.outcome()
    assert begun.elapsed_s < 0
    assert isinstance(report, TakeReport), report
    assert (report.state, report.n_ticks, report.frames_kept) == ("stopped", 0, {"cam": 0})
    assert len(bring_home(report).index(Stream.COLOR)) == 0


@pytest.fixture(scope="module")
def minute(tmp_path_factory, film_of):
    """A film of a minute, 30 pictures a second, 29 kB each as the decoder holds them."""
    path = tmp_path_factory.mktemp("minute") / "film.mkv"
    return film_of(path, size=(160, 120), n_frames=1860, every_ms=33, n_plain=0)


def test_a_long_take_takes_no_more_memory_than_a_short_one(tmp_path, minute, operator_of):
    recorders = {"cam": {"camera": "video", "path": str(minute)}}
    rig = Rig.model_validate({"recorders": recorders, "keep": "all", "simulated": {"clock": "virtual"}})
    sizes = []

    def look(statuses):
        (status,) = statuses
        if status.tick >= 0 and not status.finished:
            pids = (status.pid, os.getpid())
            sizes.append((status.tick, [psutil.Process(pid).memory_info().rss for pid in pids]))

    report = operator_of(tmp_path / "take", rig, seconds=60, on_status=look).outcome()
    assert isinstance(report, TakeReport), report
    assert report.n_lost == 0
    assert report.frames_kept["cam"] >= 1800
    early = [size for tick, size in sizes if tick < 150]
    late = [size for tick, size in sizes if tick >= 450]
    assert early
    assert late
    for which in (0, 1):
        assert max(size[which] for size in late) - early[-1][which] < 8 * MIB  # all frames would be 52 MB
