import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from mavfer.capture.mcap_file import CHUNK, MESSAGE, McapWriter
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.payload import MARKERS
from mavfer.capture.recovery import recover
from mavfer.capture.session import MasterRecord, open_session, read_record, write_record
from mavfer.capture.session_writer import SessionWriter, file_name
from mavfer.capture.streams import Stream, StreamSpec
from mavfer.capture.synchronize import synchronize
from mavfer.errors import SessionError

KINECT = "kinect.0000.mcap"
COLOR = StreamSpec(Stream.COLOR, (16, 16, 3), "uint8", "sRGB")
DEPTH = StreamSpec(Stream.DEPTH, (6, 8), "uint16", "mm")


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def test_recovering_a_whole_session_changes_nothing(make_session):
    path = make_session()
    before = contents(path)
    report = recover(path)
    assert (report.state, report.n_damaged) == ("complete", 0)
    assert not any(file.mended for file in report.files)
    assert contents(path) == before


@dataclass(frozen=True)
class Recorded:
    """A recorder's finished file: its bytes, its rows, and what `contents_of` says of it."""

    record: bytes
    whole: bytes
    rows: np.ndarray
    messages: list


@pytest.fixture
def recorded(make_session):
    """Return a file with color, depth, pings, header and counters, whose damaged copies make sessions."""
    pings = [(i, i + 50, i + 60, i + 110) for i in range(1, 6)]
    path = make_session(n_ticks=12, recorders={"kinect": (COLOR, DEPTH)}, pings={"kinect": pings})
    record = (path / "session.toml").read_bytes().replace(b'state = "complete"', b'state = "recording"')
    reader = McapReader(path / KINECT)
    return Recorded(record, (path / KINECT).read_bytes(), reader.rows, contents_of(path / KINECT))


def contents_of(file):
    """Return (topic, times, number, payload) of every message of a whole file, in order."""
    reader = McapReader(file)
    assert reader.intact()
    names = ("sequence", "log_ns", "publish_ns")
    return [
        (reader.channels[int(row["channel"])].topic, *(int(row[name]) for name in names), reader.payload(row))
        for row in reader.rows
    ]


def damaged_copies(path, recorded, copies):
    """Make a session of many damaged copies of one file, and recover it; return its report."""
    path.mkdir()
    (path / "session.toml").write_bytes(recorded.record)
    for number, content in enumerate(copies):
        (path / file_name("kinect", number)).write_bytes(content)
    return recover(path)


@pytest.mark.parametrize("batch", range(10))
def test_of_a_file_cut_anywhere_every_complete_message_is_kept_and_nothing_is_invented(
    tmp_path, recorded, batch
):
    rng = np.random.default_rng(batch)
    cuts = rng.integers(0, len(recorded.whole), 50).tolist()
    cuts[:2] = int(recorded.rows["end"][batch]), int(recorded.rows["end"][batch]) - 1  # on the very border
    copies = [recorded.whole[:cut] + bytes(int(rng.choice([0, 1, 500, 65536]))) for cut in cuts]
    report = damaged_copies(tmp_path / "cut", recorded, copies)
    n_complete = [int(np.sum(recorded.rows["end"] <= cut)) for cut in cuts]
    assert [file.n_messages for file in report.files] == n_complete
    for number, n in enumerate(n_complete):
        file = tmp_path / "cut" / file_name("kinect", number)
        assert contents_of(file) == recorded.messages[:n]
        assert (file.parent / "torn" / file.name).read_bytes() == copies[number]
    assert len(open_session(tmp_path / "cut").index(Stream.DEPTH)) == sum(
        sum(message[0] == "depth" for message in recorded.messages[:n]) for n in n_complete
    )


@pytest.mark.parametrize("batch", range(4))
def test_one_flipped_byte_costs_the_message_it_hits_and_no_other_byte(tmp_path, recorded, batch):
    rng = np.random.default_rng(100 + batch)
    places = rng.integers(0, len(recorded.whole), 50).tolist()
    row = recorded.rows[10 + batch]
    chunk, payload = int(row["chunk"]), int(row["payload"])
    places[:3] = (
        payload,
        chunk + CHUNK.size + 20,
        len(recorded.whole) - 40,
    )  # a frame, a definition, the index
    copies = []
    for place in places:
        copy = bytearray(recorded.whole)
        copy[place] ^= 1 << int(rng.integers(8))
        copies.append(bytes(copy))
    damaged_copies(tmp_path / "flipped", recorded, copies)
    for number, place in enumerate(places):
        hit = [
            i
            for i, row in enumerate(recorded.rows)
            if row["chunk"] <= place < row["end"]
            and not row["chunk"] + CHUNK.size <= place < row["payload"] - MESSAGE.size
        ]
        found = contents_of(tmp_path / "flipped" / file_name("kinect", number))
        wanted = [message for i, message in enumerate(recorded.messages) if i not in hit]
        assert found == wanted, f"byte {place}"
        assert len(hit) <= 1
    assert all(not file.mended for file in recover(tmp_path / "flipped").files)


def test_a_damaged_file_is_told_with_the_place_and_what_stood_before_it(tmp_path, recorded):
    row = recorded.rows[9]
    copy = bytearray(recorded.whole)
    copy[int(row["payload"])] ^= 1
    (file,) = damaged_copies(tmp_path / "one", recorded, [bytes(copy)]).files
    n_bytes = int(recorded.rows[10]["chunk"] - row["chunk"])
    topic, number = recorded.messages[8][:2]
    place = f"byte {int(row['chunk'])}: {n_bytes} bytes after {topic} message number {number}"
    assert (file.n_damaged, file.n_bytes_lost, file.lost) == (1, n_bytes, (place,))


def test_files_that_are_empty_or_no_mcap_files_cost_nothing_else(tmp_path, recorded):
    copies = [b"", recorded.whole, bytes(5000), b"\x89MCAP0\r\n", recorded.whole[:3]]
    report = damaged_copies(tmp_path / "empty", recorded, copies)
    assert [file.n_messages for file in report.files] == [0, len(recorded.messages), 0, 0, 0]
    session = open_session(tmp_path / "empty")
    assert len(session.index(Stream.DEPTH)) == 12
    assert session.boot_ids("kinect") == ("",) * 5


def test_a_file_whose_header_is_gone_is_mended_and_told(tmp_path, recorded):
    copy = bytearray(recorded.whole)
    copy[int(recorded.rows["payload"][0]) + 3] ^= 1
    assert recorded.messages[0][0] == "header"
    report = damaged_copies(tmp_path / "beheaded", recorded, [bytes(copy)])
    assert report.notes == (f"{KINECT}: its header is lost",)
    assert contents_of(tmp_path / "beheaded" / KINECT) == recorded.messages[1:]
    assert open_session(tmp_path / "beheaded").id == "take"


def test_with_record_and_headers_gone_the_frames_are_still_a_session(tmp_path, recorded):
    copy = bytearray(recorded.whole)
    copy[int(recorded.rows["payload"][0]) + 3] ^= 1
    path = tmp_path / "bare"
    path.mkdir()
    (path / KINECT).write_bytes(copy)
    report = recover(path)
    assert "who was filmed, when, with what plan is not known" in report.notes[0]
    session = open_session(path)
    assert (session.id, session.record.subject, session.record.state) == ("bare", "unknown", "recovered")
    assert session.streams == (Stream.COLOR, Stream.DEPTH)
    assert len(list(session.frames(Stream.DEPTH))) == 12
    assert synchronize(session).report.n_ticks == 12
    assert recover(path).notes == (f"{KINECT}: its header is lost",)


def test_a_record_that_was_cut_short_is_made_anew_though_it_may_still_read(make_session):
    path = make_session(n_ticks=3)
    text = (path / "session.toml").read_text(encoding="utf-8")
    before = read_record(path)
    for cut in range(0, len(text), 40):
        (path / "session.toml").write_text(text[:cut], encoding="utf-8")
        recover(path)
        session = open_session(path)
        assert set(session.record.recorders) == {"kinect", "thermal"}
        assert session.record.recorders["kinect"].files == before.recorders["kinect"].files
        assert len(session.index(Stream.THERMAL)) == len(session.index(Stream.COLOR)) == 3


def test_the_master_s_own_file_is_mended_too(make_session):
    path = make_session(n_ticks=3, finish=False)
    record = read_record(path)
    master = MasterRecord(address="tcp://127.0.0.1:1", boot_id="b")
    write_record(path, record.model_copy(update={"master": master}))
    writer = SessionWriter(path, recorder="master", specs=())
    for t_ns, label in ((5, "one"), (6, "two"), (7, "three")):
        writer.add_table(MARKERS, {"t_ns": t_ns, "label": label}, now_ns=t_ns)
    writer.finish()
    file = path / "master.0000.mcap"
    file.write_bytes(file.read_bytes()[: int(McapReader(file).rows["end"][2]) - 1])
    recover(path)
    session = open_session(path)
    assert session.record.master is not None
    assert session.record.master.files == ("master.0000.mcap",)
    assert [marker.label for marker in session.markers()] == ["one", "two"]


def test_frames_lost_by_two_processes_of_one_recorder_are_added_up(make_session, small):
    path = make_session(recorders={"kinect": (small.depth,)}, n_ticks=2, finish=False)
    (path / KINECT).unlink()
    for counts in (((5, 1), (9, 2)), ((1, 0), (4, 3))):
        writer = SessionWriter(path, recorder="kinect", specs=(small.depth,))
        for kept, lost in counts:
            writer.add_counters({"kept": kept, "lost": {"queue": lost}}, now_ns=kept)
        writer.finish()
    recover(path)
    assert read_record(path).recorders["kinect"].frames_lost == {"queue": 5}


def test_files_that_still_lie_on_another_machine_are_named(make_session):
    path = make_session(n_ticks=3, finish=False)
    record = read_record(path)
    far = record.recorders["thermal"].model_copy(update={"host": "lab2", "folder": "/data/take"})
    write_record(path, record.model_copy(update={"recorders": record.recorders | {"thermal": far}}))
    here = path / "thermal.0000.mcap"
    there = path.parent / here.name
    here.rename(there)
    report = recover(path)
    assert report.notes == (
        "thermal: its files lie on lab2 in /data/take; run `mavfer collect` and recover it again",
    )
    there.rename(here)
    assert recover(path).notes == ()
    assert len(open_session(path).index(Stream.THERMAL)) == 3


def big_torn_session(make_session, *, n_ticks=150, side=400):
    """Return a session of 45 MB whose file was cut short, and how many frames of it are complete."""
    big = StreamSpec(Stream.DEPTH, (side, side), "uint16", "mm")
    path = make_session(recorders={"kinect": (big,)}, n_ticks=n_ticks, finish=False)
    file = path / KINECT
    cut = int(McapReader(file).rows["end"][-2]) - 1  # the last frame; behind it stand the counters
    os.truncate(file, cut)
    return path, n_ticks - 1


def run_recover(path, *, limit_bytes=0):
    """Begin `mavfer recover` in a process of its own, which may write files of so many bytes at most."""
    code = "import sys; from mavfer.__main__ import main; sys.argv[0] = 'mavfer'; main()"
    if limit_bytes:
        code = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes})); " + code
    return subprocess.Popen(
        [sys.executable, "-c", code, "recover", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def half_written(path):
    return list(path.rglob(".*.partial-*"))


@pytest.mark.parametrize("at_bytes", [1, 5_000_000, 15_000_000])
def test_a_recovery_that_is_killed_can_be_run_again(make_session, at_bytes):
    path, n_complete = big_torn_session(make_session)
    torn = (path / KINECT).read_bytes()
    process = run_recover(path)
    while process.poll() is None:
        if any(file.stat().st_size >= at_bytes for file in half_written(path)):
            process.kill()
            break
    process.communicate()
    assert (path / KINECT).read_bytes() == torn
    assert half_written(path)

    recover(path)

    assert half_written(path) == []
    assert len(open_session(path).index(Stream.DEPTH)) == n_complete
    assert [file.read_bytes() for file in (path / "torn").iterdir()] == [torn]
    assert read_record(path).state == "recovered"


def test_a_recovery_that_was_killed_before_it_wrote_the_record_writes_it_when_run_again(make_session):
    path = make_session(n_ticks=5)
    os.truncate(path / KINECT, (path / KINECT).stat().st_size // 2)
    before = (path / "session.toml").read_bytes()
    recover(path)
    after = (path / "session.toml").read_bytes()
    (path / "session.toml").write_bytes(before)  # as a kill between the last two steps leaves it
    recover(path)
    assert (path / "session.toml").read_bytes() == after != before


def test_a_recovery_does_not_disturb_another_that_runs(make_session):
    path = make_session(n_ticks=3, finish=False)
    other = McapWriter(path / f".{KINECT}.partial-1")
    with pytest.raises(SessionError, match="another `mavfer recover` is at work"):
        recover(path)
    other.close()
    recover(path)
    assert half_written(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_a_recovery_for_which_the_disk_is_too_small_leaves_everything_as_it_was(make_session):
    path, n_complete = big_torn_session(make_session, n_ticks=20)
    before = contents(path)
    process = run_recover(path, limit_bytes=3_000_000)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("error: cannot write the result: File too large; nothing was left behind")
    assert "Traceback" not in errors
    assert contents(path) == before
    assert half_written(path) == []
    recover(path)
    assert len(open_session(path).index(Stream.DEPTH)) == n_complete


def test_a_take_whose_master_died_is_closed_with_the_counts_of_its_files(make_session):
    path = make_session(n_ticks=11, finish=False)
    report = recover(path)
    assert report.state == "recovered"
    record = open_session(path).record
    assert record.state == "recovered"
    assert {name: recorder.frames_kept for name, recorder in record.recorders.items()} == {
        "kinect": 11,
        "thermal": 11,
    }
    assert record.recorders["kinect"].files == (KINECT,)


def test_frames_lost_before_a_crash_are_taken_from_the_last_counters(make_session, make_frame, small):
    path = make_session(recorders={"kinect": (small.depth,)}, n_ticks=3, finish=False)
    writer = SessionWriter(path, recorder="thermal", specs=(small.thermal,))
    writer.finish()
    (path / KINECT).unlink()
    writer = SessionWriter(path, recorder="kinect", specs=(small.depth,))
    writer.append([make_frame(small.depth, 0, host_ns=5)])
    for lost in (1, 4):
        writer.add_counters({"lost": {"queue": lost}}, now_ns=lost)
    writer.finish()
    recover(path)
    assert open_session(path).record.recorders["kinect"].frames_lost == {"queue": 4}


def test_a_lost_record_is_written_again_from_the_files(make_session):
    path = make_session()
    before = read_record(path)
    (path / "session.toml").unlink()
    assert recover(path).state == "recovered"
    after = read_record(path)
    assert (after.id, after.subject, after.plan) == (before.id, before.subject, before.plan)
    assert len(open_session(path).index(Stream.DEPTH)) == 20


def test_a_session_that_is_being_written_is_left_alone(make_session, small):
    path = make_session(finish=False)
    writer = SessionWriter(path, recorder="late", specs=(small.depth,))
    with pytest.raises(SessionError, match=r"still writes into the session.*late\.0000\.mcap"):
        recover(path)
    writer.finish()


def test_a_folder_that_is_no_session_is_refused(tmp_path):
    with pytest.raises(SessionError, match="wanted a session folder, found a folder"):
        recover(tmp_path)
    with pytest.raises(SessionError, match="wanted a session folder, found nothing"):
        recover(tmp_path / "missing")


def test_a_plan_that_the_master_did_not_live_to_note_is_taken_from_the_files(make_session):
    path = make_session(finish=False)
    record = read_record(path)
    plan = record.plan.model_copy(update={"first_tick_ns": 0})
    write_record(path, record.model_copy(update={"plan": plan}))
    recover(path)
    assert synchronize(open_session(path)).report.missing == dict.fromkeys(
        (Stream.COLOR, Stream.DEPTH, Stream.THERMAL), 0
    )


def test_a_torn_record_is_made_anew_from_the_files_and_kept_aside(make_session):
    path = make_session()
    (path / "session.toml").write_text('id = "ta', encoding="utf-8")
    recover(path)
    assert open_session(path).id == "take"
    assert synchronize(open_session(path)).report.complete
    assert (path / "torn" / "session.toml").read_text(encoding="utf-8") == 'id = "ta'
