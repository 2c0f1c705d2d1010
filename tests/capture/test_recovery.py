import numpy as np
import pytest

from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.recovery import recover
from mavfer.capture.session import open_session, read_record, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.errors import SessionError

KINECT = "kinect.0000.mcap"


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def test_recovering_a_whole_session_changes_nothing(make_session):
    path = make_session()
    before = contents(path)
    report = recover(path)
    assert (report.state, report.n_damaged) == ("complete", 0)
    assert not any(file.mended for file in report.files)
    assert contents(path) == before


@pytest.mark.parametrize("seed", range(12))
def test_a_file_cut_anywhere_opens_again_with_every_complete_message(make_session, seed):
    path = make_session(n_ticks=15)
    file = path / KINECT
    whole = file.read_bytes()
    rows = McapReader(file).rows
    cut = int(np.random.default_rng(seed).integers(0, len(whole)))
    tail = bytes(seed % 3 * 500)
    file.write_bytes(whole[:cut] + tail)
    before = open_session_frames(rows, cut)

    report = recover(path)

    assert report.state == "recovered"
    session = open_session(path)
    assert {stream: len(session.index(stream)) for stream in (Stream.COLOR, Stream.DEPTH)} == before
    assert len(session.index(Stream.THERMAL)) == 15
    assert session.record.recorders["kinect"].frames_kept == max(before.values())
    for i in range(before[Stream.DEPTH]):
        session.frame(Stream.DEPTH, i)
    assert (path / "torn" / KINECT).read_bytes() == whole[:cut] + tail


def open_session_frames(rows, cut):
    """Return how many frames of each stream end before byte `cut`."""
    complete = rows[rows["end"] <= cut]
    return {
        Stream.COLOR: int(np.sum(complete["channel"] == 1)),
        Stream.DEPTH: int(np.sum(complete["channel"] == 2)),
    }


@pytest.mark.parametrize("seed", range(8))
def test_one_flipped_byte_loses_one_message_at_most(make_session, seed):
    path = make_session(n_ticks=15)
    file = path / KINECT
    n_messages = len(McapReader(file).rows)
    damaged = bytearray(file.read_bytes())
    at = int(np.random.default_rng(seed).integers(0, len(damaged)))
    damaged[at] ^= 0x10
    file.write_bytes(damaged)

    report = recover(path)

    kinect = next(fate for fate in report.files if fate.name == KINECT)
    assert kinect.mended
    assert kinect.n_messages >= n_messages - 1
    session = open_session(path)
    n_frames = len(session.index(Stream.COLOR)) + len(session.index(Stream.DEPTH))
    assert n_frames >= 29
    assert recover(path).files[0].mended is False


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
