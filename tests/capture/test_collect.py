"""Files collected from real recorder processes on this machine, which wait as those of others would."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import zmq
from typer.testing import CliRunner

from mavfer.capture.collect.collect import collect
from mavfer.capture.collect.receive_files import FileLine, partial_of
from mavfer.capture.collect.send_files import files_to_send, open_own, session_folder
from mavfer.capture.crew import Crew
from mavfer.capture.keys import make_keys
from mavfer.capture.locking import lock
from mavfer.capture.recovery import recover
from mavfer.capture.rig import read_rig
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.session_facts import session_facts
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Stream, StreamSpec
from mavfer.command_line import command_line
from mavfer.errors import ConfigError, MavferError, RecordError, SessionError

MIB = 2**20
BIG = StreamSpec(Stream.INFRARED, (1024, 1024), "uint16", "counts")  # noise: 2 MiB a frame
posix = pytest.mark.skipif(os.name != "posix", reason="signals and links of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine on Linux")
needs_mount = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="a file system of its own needs root on Linux"
)


def wait_for(happened, *, timeout_s=30.0):
    """Return once `happened()` is true; fail after `timeout_s`."""
    end_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end_s, "it did not happen in time"
        threading.Event().wait(0.02)


def free_ports(n=4):
    """Return the first of `n` neighbouring ports that are free."""
    rng = np.random.default_rng(os.getpid())
    while True:
        first = int(rng.integers(20_000, 32_000))
        try:
            for port in range(first, first + n):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


class Lab:
    """A rig file whose recorders wait, their processes, and what they have recorded."""

    def __init__(self, folder, *, names=("cam",), keys=False):
        self.folder = folder
        self.port = free_ports()
        self.processes = {}
        if keys:
            make_keys(folder / "keys", names)
        text = ['keys = "keys"' if keys else "", "reserve_mb = 1", "[master]", f"port = {self.port}"]
        for name in names:
            text += [f"[recorders.{name}]", 'camera = "video"', 'path = "film.mkv"', "spawn = false"]
            text += [f'folder = "{self.far(name).as_posix()}"']
        self.rig_file = folder / "rig.toml"
        self.rig_file.write_text("\n".join(text), encoding="utf-8")
        self.rig = read_rig(self.rig_file)

    def far(self, name="cam"):
        """Return where a recorder keeps its sessions."""
        return self.folder / f"{name}-disk"

    def start(self, name="cam", *more):
        words = [sys.executable, "-m", "mavfer", "recorder", name, "--rig", str(self.rig_file), *more]
        self.processes[name] = subprocess.Popen(words, stderr=subprocess.DEVNULL)

    def kill(self, name="cam"):
        self.processes[name].kill()
        self.processes[name].wait()

    def end(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=20)

    def take(self, make_session, name="take", *, recorders=("cam",), n_ticks=4, segment_bytes=2**30, **more):
        """Return a session whose files lie with its recorders, and the bytes of all of them."""
        specs = dict.fromkeys(recorders[:1], (BIG,))
        specs |= {recorder: (StreamSpec(Stream.DEPTH, (9, 9), "uint16", "mm"),) for recorder in recorders[1:]}
        path = make_session(name, recorders=specs, n_ticks=n_ticks, segment_bytes=segment_bytes, **more)
        record, contents, table = read_record(path), {}, {}
        for recorder in recorders:
            far = self.far(recorder) / record.id
            far.mkdir(parents=True)
            for file in sorted(path.glob(f"{recorder}.*.mcap")):
                contents[file.name] = file.read_bytes()
                file.rename(far / file.name)
            table[recorder] = record.recorders[recorder].model_copy(update={"folder": str(far)})
        write_record(path, record.model_copy(update={"recorders": table, "settings": self.rig}))
        return path, contents

    def collect(self, path, **options):
        return collect(path, **({"gather_timeout_s": 15.0} | options))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A recorder that stays for all tests."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    lab.end()


@pytest.fixture
def make_lab(tmp_path):
    """Return what makes a lab of the test's own; its recorders are ended."""
    labs = []

    def make(**options):
        labs.append(Lab(tmp_path, **options))
        return labs[-1]

    yield make
    for one in labs:
        one.end()


@pytest.fixture
def name(request):
    """Return a session's name that no other test has."""
    return re.sub(r"\W", "-", request.node.name)[:60]


def mcaps(path):
    return {file.name: file.read_bytes() for file in path.glob("*.mcap")}


def strays(path):
    """Return what lies in a session folder and is no file of a session."""
    return sorted(file.name for file in path.iterdir() if file.suffix not in (".mcap", ".toml"))


def once(happened, act):
    """Return a progress callback that acts when `happened(done)` is true for the first time."""
    fresh = [True]

    def show(done, _, __):
        if fresh and happened(done):
            fresh.clear()
            act()

    return show


def at_mib(n, act):
    return once(lambda done: done >= n * MIB, act)


def test_files_of_all_recorders_arrive_as_they_lie_there_and_their_session_is_whole(make_lab, make_session):
    lab = make_lab(names=("cam", "side"), keys=True)
    for recorder in lab.rig.recorders:
        lab.start(recorder)
    path, contents = lab.take(make_session, recorders=("cam", "side"), n_ticks=6, segment_bytes=4 * MIB)
    assert len(contents) == 5
    seen = []
    report = lab.collect(path, on_progress=lambda *words: seen.append(words))
    assert (report.problems, report.notes) == ((), ())
    assert report.n_bytes == sum(map(len, contents.values()))
    assert mcaps(path) == contents
    assert seen == sorted(seen, key=lambda words: words[0])
    assert seen[-1][0] == seen[-1][1] == report.n_bytes
    record = read_record(path)
    for recorder, known in record.recorders.items():
        assert known.folder == ""
        assert mcaps(lab.far(recorder) / "take") == {file: contents[file] for file in known.files}
    assert session_facts(path, deep=True).problems == ()
    assert strays(path) == []
    again = lab.collect(path)
    assert (again.files, again.notes) == ({}, ("all files of the session lie in its folder",))


def test_a_take_of_a_waiting_recorder_is_collected_by_the_command_that_it_names(lab, make_video):
    shutil.copy(make_video(), lab.folder)
    path = lab.folder / "sessions" / "S01-001"

    def run(*words):
        return CliRunner().invoke(command_line(), [str(word) for word in words])

    took = run("record", path, "--rig", lab.rig_file, "--subject", "S01", "--seconds", "1", "--no-monitor")
    assert took.exit_code == 0, took.output
    assert f"run `mavfer collect {path}`" in took.stderr
    assert "is missing" in run("check-session", path).output
    done = run("collect", path, "--remove")
    assert done.exit_code == 0, done.output
    assert re.search(r"cam: 1 file here, 1 removed there\ncollected .* kB: .*S01-001\n", done.stdout)
    assert run("check-session", path, "--deep").exit_code == 0
    assert not (lab.far() / "S01-001").exists()
    assert len(open_session(path).index(Stream.COLOR)) == 10


def test_with_json_what_came_and_what_was_removed_there_is_told(lab, make_session, name):
    path, contents = lab.take(make_session, name)
    done = CliRunner().invoke(command_line(), ["collect", str(path), "--remove", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["recorders"] == {"cam": {"files": sorted(contents), "n_removed_there": len(contents)}}
    assert told["collected_bytes"] == sum(map(len, contents.values()))
    assert (told["session"], told["problems"]) == (str(path), [])


def test_torn_files_of_a_take_that_failed_are_collected_as_they_are_and_recovered(lab, make_session, name):
    path, contents = lab.take(make_session, name, n_ticks=6, segment_bytes=4 * MIB, state="failed")
    last = lab.far() / name / "cam.0002.mcap"
    contents[last.name] = contents[last.name][: len(contents[last.name]) // 2 + 1]
    last.write_bytes(contents[last.name])
    record = read_record(path)
    unlisted = record.recorders["cam"].model_copy(update={"files": ()})
    write_record(path, record.model_copy(update={"recorders": {"cam": unlisted}}))
    assert lab.collect(path).problems == ()
    assert mcaps(path) == contents
    with pytest.raises(SessionError, match="mavfer recover"):
        open_session(path)
    recover(path)
    n_whole = len(open_session(path).index(Stream.INFRARED))
    assert 4 <= n_whole < 6
    report = lab.collect(path, remove=True)  # what was mended lies in `torn` as it came
    assert (report.problems, report.removed) == ((), {"cam": 4})
    assert not (lab.far() / name).exists()
    assert len(open_session(path).index(Stream.INFRARED)) == n_whole


@posix
def test_a_recorder_that_is_killed_is_named_and_another_run_goes_on_where_it_stopped(make_lab, make_session):
    lab = make_lab()
    lab.start()
    path, contents = lab.take(make_session, n_ticks=12)
    report = lab.collect(path, on_progress=at_mib(4, lab.kill), lost_s=2.0)
    (problem,) = report.problems
    assert re.fullmatch(r"recorder 'cam' on 127\.0\.0\.1 fell silent; what came is kept; .*take", problem)
    assert mcaps(path) == {}
    assert read_record(path).recorders["cam"].folder
    n_partial = partial_of(path / "cam.0000.mcap").stat().st_size
    assert 4 * MIB <= n_partial < len(contents["cam.0000.mcap"])
    lab.start()
    seen = []
    assert lab.collect(path, on_progress=lambda done, *_: seen.append(done)).problems == ()
    assert n_partial == next(done for done in seen if done)
    assert mcaps(path) == contents
    assert strays(path) == []


@posix
def test_a_master_that_is_killed_goes_on_where_it_stopped(lab, make_session, name):
    path, contents = lab.take(make_session, name, n_ticks=8)
    code = """
import os, signal, sys
from pathlib import Path
from mavfer.capture.collect.collect import collect
def show(done, total, file):
    if done >= 4 * 2**20:
        os.kill(os.getpid(), signal.SIGKILL)
collect(Path(sys.argv[1]), on_progress=show)
"""
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -signal.SIGKILL
    n_partial = partial_of(path / "cam.0000.mcap").stat().st_size
    assert n_partial == 4 * MIB
    seen = []
    assert lab.collect(path, on_progress=lambda done, *_: seen.append(done)).problems == ()
    assert n_partial == next(done for done in seen if done)
    assert mcaps(path) == contents


def test_an_interrupted_run_keeps_what_came_and_a_byte_that_flips_meanwhile_is_found(lab, make_session, name):
    def interrupt():
        raise KeyboardInterrupt

    path, contents = lab.take(make_session, name)
    with pytest.raises(KeyboardInterrupt):
        lab.collect(path, on_progress=at_mib(3, interrupt))
    partial = partial_of(path / "cam.0000.mcap")
    assert strays(path) == [partial.name]
    flipped = bytearray(partial.read_bytes())
    assert flipped == contents["cam.0000.mcap"][: len(flipped)]
    flipped[MIB] ^= 1
    partial.write_bytes(flipped)
    report = lab.collect(path)
    assert report.problems == ()
    assert report.notes == ("cam.0000.mcap came otherwise than it lies on 'cam' and was fetched anew",)
    assert mcaps(path) == contents


class Wire:
    """Stands between a recorder and its master at 127.0.0.2; what a recorder sends at the port for files
    is passed on by `change`, a function of bytes and of how many came before on the connection.
    """

    def __init__(self, port):
        self.change = lambda part, _: part
        self._ends = []
        self._closing = threading.Event()
        self._threads = []
        self._doors = {}
        for number in range(port, port + 4):
            door = socket.create_server(("127.0.0.2", number))
            self._doors[door] = number
        self._files = port + 3
        self._guard = threading.Thread(target=self._let_in)
        self._guard.start()

    def close(self):
        self._closing.set()
        self._guard.join()
        for end in self._ends:
            end.close()
        for door in self._doors:
            door.close()

    def _let_in(self):
        ways = {}  # from -> to
        passed = {}  # bytes so far, of ways that are changed
        while not self._closing.is_set():
            for end in select.select([*self._doors, *ways], [], [], 0.05)[0]:
                if end not in ways and end not in self._doors:
                    continue  # its other end has just gone
                if end in self._doors:
                    came, _ = end.accept()
                    gone = socket.socket()
                    self._ends += [came, gone]
                    if gone.connect_ex(("127.0.0.1", self._doors[end])):
                        came.close()
                        continue
                    ways |= {came: gone, gone: came}
                    if self._doors[end] == self._files:
                        passed[came] = 0
                    continue
                try:
                    part = end.recv(2**16)
                    whole = part
                    if end in passed:
                        part = self.change(part, passed[end])
                        passed[end] += len(whole)
                    ways[end].sendall(part)
                except OSError:
                    whole = b""
                if not whole:
                    ways[end].close()
                    end.close()
                    del ways[ways.pop(end)]


@contextmanager
def wire_before(lab):
    """Start a lab's recorder behind a wire, and end both."""
    wire = Wire(lab.port)
    try:
        lab.start("cam", "--master", f"tcp://127.0.0.2:{lab.port}")
        yield wire
    finally:
        lab.end()
        wire.close()


@pytest.fixture(scope="module")
def wired(tmp_path_factory):
    """A recorder behind a wire, and the wire."""
    lab = Lab(tmp_path_factory.mktemp("wired"))
    with wire_before(lab) as wire:
        yield lab, wire


@linux
def test_bytes_that_flip_on_the_wire_are_refused_by_the_hash(wired, make_session, name):
    def flip(part, n_before):
        flipped = bytearray(part)
        for at in range(MIB // 2, n_before + len(part), MIB):
            if at >= n_before:
                flipped[at - n_before] ^= 1
        return bytes(flipped)

    lab, wire = wired
    path, contents = lab.take(make_session, name, n_ticks=1)
    wire.change = flip
    (problem,) = lab.collect(path).problems
    assert re.search(r"'cam': cam.0000.mcap came 2 times otherwise than it lies there", problem)
    assert strays(path) == []
    assert mcaps(path) == {}
    assert mcaps(lab.far() / name) == contents


def broken_once(broken, how):
    """Return a wire's `change` that treats what comes after 2 MiB once."""

    def change(part, n_before):
        if n_before < 2 * MIB or broken:
            return part
        broken.append(n_before)
        return how(part)

    return change


@linux
def test_a_connection_that_breaks_is_made_anew_and_the_run_goes_on(wired, make_session, name, monkeypatch):
    def pull_out(_):
        raise ConnectionError

    monkeypatch.setattr("mavfer.capture.collect.receive_files.ASK_AGAIN_S", 0.5)
    lab, wire = wired
    path, contents = lab.take(make_session, name)
    broken = []
    wire.change = broken_once(broken, pull_out)
    report = lab.collect(path)
    assert (report.problems, report.notes, len(broken)) == ((), (), 1)
    assert mcaps(path) == contents


@linux
def test_with_keys_no_byte_that_flips_on_the_wire_comes_through(make_lab, make_session, monkeypatch):
    monkeypatch.setattr("mavfer.capture.collect.receive_files.ASK_AGAIN_S", 0.5)
    lab = make_lab(keys=True)
    path, contents = lab.take(make_session)
    broken = []
    with wire_before(lab) as wire:
        wire.change = broken_once(broken, lambda part: part[:-1] + bytes([part[-1] ^ 1]))
        report = lab.collect(path)
    assert (report.problems, report.notes, len(broken)) == ((), (), 1)
    assert mcaps(path) == contents


@linux
def test_ctrl_c_is_one_line_and_the_run_goes_on_later(wired, make_session, name):
    held = threading.Event()
    let_go = threading.Event()

    def hold(part, n_before):
        if n_before > 2 * MIB and not let_go.is_set():
            held.set()
            let_go.wait(20)
        return part

    lab, wire = wired
    path, contents = lab.take(make_session, name)
    wire.change = hold
    command = [sys.executable, "-m", "mavfer", "collect", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: held.is_set() and partial_of(path / "cam.0000.mcap").exists())
    process.send_signal(signal.SIGINT)
    let_go.set()
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert errors.endswith("what came is kept; run it again to go on\ninterrupted\n")
    assert "Traceback" not in errors
    assert mcaps(path) == {}
    assert lab.collect(path).problems == ()
    assert mcaps(path) == contents


def test_a_recorder_that_is_missing_is_named_and_the_others_send(lab, make_session, name):
    path, contents = lab.take(make_session, name, recorders=("cam", "side"))
    waits = lab.rig.recorders["cam"]
    rig = lab.rig.model_copy(update={"recorders": {"side": waits, "cam": waits}})
    report = lab.collect(path, rig=rig, gather_timeout_s=3.0)
    (problem,) = report.problems
    assert re.match(r"wanted recorder 'side' on 127\.0\.0\.1 to join within 3 s, heard nothing", problem)
    assert report.files == {"cam": ("cam.0000.mcap",)}
    assert mcaps(path) == {"cam.0000.mcap": contents["cam.0000.mcap"]}
    record = read_record(path)
    assert [known.folder == "" for known in record.recorders.values()] == [True, False]


def test_a_file_that_the_recorder_has_lost_is_named_and_what_it_has_comes(lab, make_session, name):
    path, contents = lab.take(make_session, name, n_ticks=6, segment_bytes=4 * MIB)
    far = lab.far() / name
    (far / "cam.0001.mcap").unlink()
    del contents["cam.0001.mcap"]
    report = lab.collect(path, remove=True)
    assert report.problems == (f"recorder 'cam' does not have cam.0001.mcap in {far}",)
    assert (report.files, report.removed) == ({}, {})
    assert mcaps(path) == mcaps(far) == contents
    assert read_record(path).recorders["cam"].folder == str(far)


def test_a_session_that_the_recorder_does_not_know_is_told(lab, make_session, name):
    path, _ = lab.take(make_session, name)
    record = read_record(path)
    elsewhere = record.recorders["cam"].model_copy(update={"folder": "/elsewhere/take", "files": ()})
    write_record(path, record.model_copy(update={"id": "other", "recorders": {"cam": elsewhere}}))
    (problem,) = lab.collect(path).problems
    assert problem.startswith("recorder 'cam' does not have any file of session 'other' in ")
    assert problem.endswith("other (it was /elsewhere/take)")


def test_a_session_that_is_still_recorded_is_left_alone(lab, make_session, name, small):
    path, _ = lab.take(make_session, name)
    writer = SessionWriter(path, recorder="cam", specs=(small.depth,))
    with pytest.raises(SessionError, match="is still recorded"):
        lab.collect(path)
    writer.discard()
    writer = SessionWriter(lab.far() / name, recorder="cam", specs=(small.depth,))
    (problem,) = lab.collect(path).problems
    assert "a recorder still writes this file" in problem
    writer.discard()
    assert (mcaps(path), strays(path)) == ({}, [])


def test_of_two_runs_at_once_one_is_refused_in_one_line(lab, make_session, name):
    path, contents = lab.take(make_session, name)
    told = []

    def again():
        with pytest.raises(RecordError, match=r"wanted to listen at .* could not") as caught:
            lab.collect(path)
        told.append(str(caught.value))

    assert lab.collect(path, on_progress=at_mib(1, again)).problems == ()
    assert "\n" not in told[0]
    assert mcaps(path) == contents


def test_a_partial_file_that_another_run_holds_is_not_touched(lab, make_session, name):
    path, _ = lab.take(make_session, name)
    with partial_of(path / "cam.0000.mcap").open("wb") as held:
        assert lock(held.fileno())
        (problem,) = lab.collect(path).problems
        assert "another `mavfer collect` fetches this file" in problem
        assert os.fstat(held.fileno()).st_size == 0


def test_a_file_of_the_session_is_never_replaced(lab, make_session, name):
    path, contents = lab.take(make_session, name)
    mine = path / "cam.0000.mcap"
    for content in (b"mine", bytes(len(contents[mine.name]))):
        mine.write_bytes(content)
        (problem,) = lab.collect(path, remove=True).problems
        assert "is not what the session has under this name, which is not replaced" in problem
        assert mine.read_bytes() == content
    mine.write_bytes(contents[mine.name])
    assert lab.collect(path).n_bytes == 0
    assert read_record(path).recorders["cam"].folder == ""


def test_files_of_another_session_with_this_name_are_refused(lab, make_session, name):
    path, _ = lab.take(make_session, name)
    record = read_record(path)
    write_record(path, record.model_copy(update={"started_utc": "2026-02-02T00:00:00Z"}))
    (problem,) = lab.collect(path).problems
    assert "belongs to the session" in problem
    assert "begun 2026-01-01T00:00:00Z, not to this, begun 2026-02-02T00:00:00Z" in problem
    assert mcaps(path) == {}
    assert strays(path) == []


def test_nothing_is_removed_from_the_folder_of_the_session_itself(lab, make_session, name):
    path, contents = lab.take(make_session, name)
    shared = lab.far() / name  # a recorder of this machine that was given the operator's folder
    (path / "session.toml").rename(shared / "session.toml")
    (problem,) = lab.collect(shared, remove=True).problems
    assert "this is the session's own folder; nothing is removed" in problem
    assert mcaps(shared) == contents


@needs_mount
def test_a_disk_that_is_too_small_is_refused_before_and_one_that_fills_up_keeps_what_came(
    lab, make_session, name, tmp_path
):
    path, _ = lab.take(make_session, name, n_ticks=6)
    code = """
import shutil, sys
from pathlib import Path
from mavfer.capture.collect.collect import collect
from mavfer.errors import OutputError
take, disk = Path(sys.argv[1]), Path("disk").resolve()
path = disk / "take"
shutil.copytree(take, path)
ballast = disk / "ballast"
def run(show=None):
    try:
        print(*collect(path, on_progress=show).problems, sep="|")
    except OutputError as error:
        print(error)
    print(*sorted(file.name for file in path.iterdir()))
def fill(done, total, file):
    if done == 3 * 2**20:
        with open(ballast, "wb", buffering=0) as handle:
            try:
                while True:
                    handle.write(bytes(2**16))
            except OSError:
                pass
ballast.write_bytes(bytes(8 * 2**20))
run()
ballast.unlink()
run(fill)
ballast.unlink()
run()
print((path / "cam.0000.mcap").read_bytes() == Path(sys.argv[2]).read_bytes())
"""
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=16m tmpfs disk && exec "$0" -c "$@"'
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, sys.executable, code]
    files = [str(path), str(lab.far() / name / "cam.0000.mcap")]
    child = subprocess.run([*words, *files], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert child.stderr == ""
    refused, after, filled, kept, done, files, same = child.stdout.splitlines()
    assert re.match(r"wanted 12\.\d MB for 1 files and 1\.0 MB in reserve \(reserve_mb\), found", refused)
    assert after == "session.toml"
    assert filled.startswith("cannot write what comes: No space left on device; make room and run it again: ")
    assert kept == ".cam.0000.mcap.partial session.toml"
    assert (done, files, same) == ("", "cam.0000.mcap session.toml", "True")


@pytest.fixture
def line(lab, make_session, name):
    """Return a recorder that sends a session's files to a master of the test's own, and its crew."""
    _, contents = lab.take(make_session, name, n_ticks=1)
    with Crew(lab.rig) as crew:
        crew.gather(timeout_s=15)
        files, port = crew.link.bind_files()
        (member,) = crew.members()
        line = FileLine(crew.link, files, peer=member.peer, between=lambda: crew.listen(0.0))
        yield SimpleNamespace(
            crew=crew, files=line, port=port, socket=files, peer=member.peer, contents=contents
        )


def send(crew, session, port):
    return crew.command_all("send", {"session": session, "port": port}, timeout_s=10)["cam"]


def test_a_recorder_sends_its_own_files_of_one_session_and_nothing_else(lab, line, name):
    crew, files, port, contents = line.crew, line.files, line.port, line.contents
    secret = lab.folder / "secret.mcap"
    secret.write_bytes(b"secret")
    folder = lab.far() / name
    (folder / "side.0000.mcap").write_bytes(b"another's")
    up = f"../{lab.far().name}/{name}"
    for session in ("..", ".", "/", str(folder), up, f"{name}/", "a\0b", "x" * 300, ""):
        with pytest.raises(RecordError, match=r"recorder 'cam': .*session"):
            send(crew, session, port)
    for body in ({}, {"session": name}, {"session": name, "port": 0}, {"session": [], "port": "x"}):
        with pytest.raises(RecordError, match="recorder 'cam': "):
            crew.command_all("send", body, timeout_s=10)
    assert list(send(crew, name, port)["files"]) == ["cam.0000.mcap"]
    for file in (
        "side.0000.mcap", "../secret.mcap", str(secret)[-64:], "session.toml", "", "cam.0000.mcap/",
        "../x/cam.0000.mcap", "cam.0000.mcap\n", "cam.0001.mcap", "cam.١٢٣٤.mcap", "./cam.0000.mcap",
    ):  # fmt: skip
        for ask in (
            lambda file=file: files.fetch(file, at=0, n_bytes=6, take=lambda _: pytest.fail("it was sent")),
            lambda file=file: files.hash(file, files.ask_hash(file), n_bytes=6),
            lambda file=file: files.remove(file, ""),
        ):
            with pytest.raises(RecordError, match=r"recorder 'cam': (wanted a file named cam|No such file)"):
                ask()
    took = bytearray()
    size = len(contents["cam.0000.mcap"])
    files.fetch("cam.0000.mcap", at=0, n_bytes=size, take=took.extend)
    assert took == contents["cam.0000.mcap"]
    with pytest.raises(RecordError, match=f"wanted a file of at least {size + 1} bytes"):
        files.fetch("cam.0000.mcap", at=size, n_bytes=size + 1, take=took.extend)


@posix
def test_a_recorder_follows_no_link_out_of_its_folder(tmp_path):
    outside, sessions = tmp_path / "outside", tmp_path / "sessions"
    (outside / "take").mkdir(parents=True)
    (outside / "take" / "cam.0000.mcap").write_bytes(b"secret")
    (sessions / "mine").mkdir(parents=True)
    (sessions / "take").symlink_to(outside / "take")
    with pytest.raises(RecordError, match="found a link or a file"):
        session_folder(sessions, "take")
    mine = session_folder(sessions, "mine")
    (mine / "cam.0000.mcap").symlink_to(outside / "take" / "cam.0000.mcap")
    os.mkfifo(mine / "cam.0001.mcap")
    (mine / "cam.0002.mcap").mkdir()
    for file in ("cam.0000.mcap", "cam.0001.mcap", "cam.0002.mcap"):
        with pytest.raises(RecordError, match="found a link or no file"):
            open_own(mine, file, recorder="cam")
    with pytest.raises(RecordError, match="found a link or no file"):
        files_to_send(mine, "cam")
    (tmp_path / "moved").symlink_to(sessions)  # whoever set the recorder up may keep its folder anywhere
    assert session_folder(tmp_path / "moved", "mine") == tmp_path / "moved" / "mine"


def test_a_file_is_removed_only_with_the_hash_that_it_has(lab, line, name):
    crew, files, port = line.crew, line.files, line.port
    file = lab.far() / name / "cam.0000.mcap"
    send(crew, name, port)
    with pytest.raises(RecordError, match="it is kept"):
        files.remove(file.name, "ab" * 32)
    hash_ = files.hash(file.name, files.ask_hash(file.name), n_bytes=10)
    with file.open("ab") as changed:
        changed.write(b"more")
    with pytest.raises(RecordError, match="it is kept"):
        files.remove(file.name, hash_)
    newer = files.hash(file.name, files.ask_hash(file.name), n_bytes=10)
    assert newer != hash_
    files.remove(file.name, newer)
    assert not file.exists()
    files.remove(file.name, newer)  # said again, as after a cut cable


def test_garbage_on_the_wire_of_files_has_no_effect(line, name):
    crew, files, port, contents = line.crew, line.files, line.port, line.contents
    send(crew, name, port)
    rng = np.random.default_rng(0)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.identity = b"side.1"
        stranger.connect(f"tcp://127.0.0.1:{port}")
        peer = line.peer.encode()
        for i in range(500):
            part = rng.bytes(int(rng.integers(0, 300)))
            stranger.send_multipart([b'{"kind": "failed", "id": 1}', part][: 1 + i % 2] if i % 3 else [part])
            try:
                line.socket.send_multipart([peer, part] if i % 2 else [peer, part, b'{"id": 1}'])
            except zmq.ZMQError:
                crew.listen(0.05)
        took = bytearray()
        files.fetch("cam.0000.mcap", at=0, n_bytes=len(contents["cam.0000.mcap"]), take=took.extend)
        assert took == contents["cam.0000.mcap"]


def test_a_take_comes_before_the_sending_of_files(lab, make_session, make_video, name):
    shutil.copy(make_video(), lab.folder)
    path, contents = lab.take(make_session, name)
    size = len(contents["cam.0000.mcap"])
    rig = lab.rig.model_dump(mode="json", exclude_none=True)
    take = {"rig": rig, "subject": "S01", "seconds": 1, "previews": False, "session": "next"}
    with Crew(lab.rig) as crew:
        crew.gather(timeout_s=15)
        socket_, port = crew.link.bind_files()
        (member,) = crew.members()
        files = FileLine(crew.link, socket_, peer=member.peer, between=lambda: crew.listen(0.0))
        send(crew, name, port)
        files.fetch("cam.0000.mcap", at=0, n_bytes=MIB, take=lambda _: None)
        crew.command_all("open", take, timeout_s=20)
        with pytest.raises(RecordError, match="'cam': a take is to be recorded, which comes first"):
            files.fetch("cam.0000.mcap", at=0, n_bytes=size, take=lambda _: None)
        send(crew, name, port)
        crew.command_all("arm", {"session": "next"}, timeout_s=10)
        with pytest.raises(RecordError, match="'cam': a take is recorded, which comes first"):
            files.fetch("cam.0000.mcap", at=0, n_bytes=size, take=lambda _: None)
        with pytest.raises(RecordError, match="recording comes first"):
            send(crew, name, port)
        crew.command_all("disarm", {"session": "next"}, timeout_s=10)
    assert lab.collect(path).problems == ()


def test_a_rig_that_does_not_fit_the_session_is_refused(lab, make_lab, make_session, name, tmp_path):
    path, _ = lab.take(make_session, name)
    other = make_lab(names=("side",))
    with pytest.raises(ConfigError, match="wanted a rig in which recorder 'cam' waits"):
        collect(path, rig=other.rig)
    write_record(path, read_record(path).model_copy(update={"settings": None}))
    with pytest.raises(SessionError, match="does not tell its rig; pass --rig"):
        collect(path)
    assert lab.collect(path, rig=lab.rig).problems == ()
    with pytest.raises(MavferError, match="wanted a session folder"):
        collect(tmp_path / "nothing")


@pytest.fixture(autouse=True, scope="module")
def _no_process_is_left():
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before
