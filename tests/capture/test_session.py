import pickle
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader

from mavfer.capture.payload import CLOCK_READINGS, DOCUMENTS
from mavfer.capture.session import open_session, read_record, require_pseudonym, write_record
from mavfer.capture.session_facts import session_facts
from mavfer.capture.session_writer import SessionWriter, being_written, file_name, recorder_files
from mavfer.capture.streams import Stream
from mavfer.errors import ConfigError, SessionError


def test_every_frame_comes_back_with_its_times_and_its_pixels(make_session, make_frame, small):
    session = open_session(make_session(n_ticks=12))
    assert session.id == "take"
    assert session.streams == (Stream.COLOR, Stream.DEPTH, Stream.THERMAL)
    for spec in (small.depth, small.thermal):
        assert session.spec(spec.stream) == spec
        for i, frame in enumerate(session.frames(spec.stream)):
            wanted = make_frame(spec, i, host_ns=session.record.plan.tick_ns(i))
            np.testing.assert_array_equal(frame.pixels, wanted.pixels)
            assert (frame.frame_id, frame.host_time_ns, frame.device_time_ns) == (
                wanted.frame_id,
                wanted.host_time_ns,
                wanted.device_time_ns,
            )
    assert session.frame(Stream.COLOR, 7).pixels.shape == small.color.shape


def test_the_index_holds_the_times_of_the_frames(make_session):
    session = open_session(make_session(n_ticks=9))
    index = session.index(Stream.DEPTH)
    assert len(index) == 9
    np.testing.assert_array_equal(index.frame_id, np.arange(9))
    np.testing.assert_array_equal(index.host_time_ns, session.record.plan.ticks_ns())
    np.testing.assert_array_equal(index.device_time_ns, index.host_time_ns)


def test_device_and_host_time_are_kept_apart(make_session, make_frame, small):
    path = make_session(n_ticks=1)
    writer = SessionWriter(path, recorder="late", specs=(small.depth,))
    writer.begin({}, now_ns=0)
    writer.append([make_frame(small.depth, 3, host_ns=2**62, device_ns=17)])
    writer.finish()
    with (path / "late.0000.mcap").open("rb") as stream:
        message = list(make_reader(stream).iter_messages())[-1][2]
    assert (message.log_time, message.publish_time, message.sequence) == (2**62, 17, 3)


def test_what_a_camera_said_beside_its_frames_comes_back_with_the_session(make_session, make_frame, small):
    path = make_session(n_ticks=2)
    writer = SessionWriter(path, recorder="thermal", specs=(small.thermal,))
    writer.begin({}, now_ns=0)
    late = make_frame(small.thermal, 2, host_ns=10_200_000_000)
    writer.append([replace(late, flags=("nuc", "repeated"))])
    writer.add_table(DOCUMENTS, {"name": "genicam.xml", "text": "<a/>"}, now_ns=0)
    writer.add_table(CLOCK_READINGS, {"device_ns": 5, "before_ns": 7, "after_ns": 9}, now_ns=9)
    names = writer.finish()
    record = read_record(path)
    thermal = record.recorders["thermal"]
    thermal = thermal.model_copy(update={"files": (*thermal.files, *names)})
    recorders = record.recorders | {"thermal": thermal}
    write_record(path, record.model_copy(update={"recorders": recorders}))
    session = open_session(path)
    assert session.flags(Stream.THERMAL) == {2: ("nuc", "repeated")}
    assert session.flags(Stream.DEPTH) == {}
    assert session.documents("thermal") == {"genicam.xml": "<a/>"}
    assert session.clock_readings("thermal").tolist() == [[5, 7, 9]]
    assert session_facts(path).flags == {"thermal": {"nuc": 1, "repeated": 1}}


def test_a_session_goes_to_another_process_as_its_path(make_session):
    session = open_session(make_session(n_ticks=3))
    again = pickle.loads(pickle.dumps(session))
    assert again.record == session.record
    np.testing.assert_array_equal(again.frame(Stream.DEPTH, 2).pixels, session.frame(Stream.DEPTH, 2).pixels)


def test_a_session_in_many_files_reads_like_one_in_a_single_file(make_session):
    one = open_session(make_session("one", n_ticks=30))
    many = open_session(make_session("many", n_ticks=30, segment_bytes=4000))
    assert len(many.record.recorders["kinect"].files) > 3
    for stream in one.streams:
        np.testing.assert_array_equal(many.index(stream).frame_id, one.index(stream).frame_id)
        for i in (0, 13, 29):
            np.testing.assert_array_equal(many.frame(stream, i).pixels, one.frame(stream, i).pixels)


def test_every_file_tells_which_session_it_belongs_to(make_session):
    path = make_session(n_ticks=30, segment_bytes=4000)
    for name in recorder_files(path, "kinect"):
        with (path / name).open("rb") as stream:
            headers = [message.data for _, _, message in make_reader(stream).iter_messages(topics="header")]
        assert len(headers) == 1
        assert b'"subject":"S01"' in headers[0]


def test_pings_and_counters_come_back(make_session):
    session = open_session(make_session(pings={"kinect": [(1, 2, 3, 4), (5, 6, 7, 8)]}))
    assert session.pings("kinect").tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert session.pings("thermal").shape == (0, 4)
    assert session.counters("thermal") == [{"lost": {}, "kept": 20}]


@pytest.mark.parametrize("i", [-1, 20, 10**6])
def test_a_frame_that_is_not_there_is_refused(make_session, i):
    session = open_session(make_session())
    with pytest.raises(SessionError, match=f"wanted depth frame {i}, found 20 frames"):
        session.frame(Stream.DEPTH, i)


def test_a_stream_that_was_not_recorded_is_refused(make_session):
    session = open_session(make_session())
    with pytest.raises(SessionError, match="wanted stream 'infrared', the session has color, depth, thermal"):
        session.index(Stream.INFRARED)


def test_a_recorder_that_took_no_part_is_refused(make_session):
    with pytest.raises(SessionError, match="wanted recorder 'webcam', the session has kinect, thermal"):
        open_session(make_session()).pings("webcam")


def test_a_folder_that_is_no_session_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for name, found in (("missing", "found nothing"), ("empty", "found a folder"), ("file", "found a file")):
        with pytest.raises(SessionError, match=f"wanted a session folder, {found}.*{name}$"):
            open_session(tmp_path / name)


def test_a_take_that_was_never_finished_is_refused_and_the_remedy_named(make_session):
    with pytest.raises(SessionError, match="never finished; run `mavfer recover"):
        open_session(make_session(finish=False))


def test_a_missing_file_is_refused(make_session):
    path = make_session()
    (path / "kinect.0000.mcap").unlink()
    with pytest.raises(SessionError, match=r"wanted an MCAP file.*kinect\.0000\.mcap"):
        open_session(path)


@pytest.mark.parametrize("cut", [0, 4, 60, 3000, -1])
def test_a_truncated_file_is_refused_and_the_remedy_named(make_session, cut):
    path = make_session()
    file = path / "kinect.0000.mcap"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(SessionError, match=r"mavfer recover.*kinect\.0000\.mcap"):
        open_session(path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema_version = 2", "schema_version = 9", "schema_version"),
        ('subject = "S01"', 'subject = "Jane Doe"', "subject"),
        ("n_ticks = 20", "n_ticks = -2", "plan.n_ticks"),
        ("[plan]", "[plan", "syntax error"),
    ],
)
def test_a_damaged_record_is_refused_with_file_and_key(make_session, old, new, complaint):
    path = make_session()
    record = path / "session.toml"
    record.write_text(record.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(SessionError, match=rf"record does not read: .*{complaint}.*session\.toml"):
        read_record(path)


@pytest.mark.parametrize("subject", ["", "Jane Doe", "../up", "a/b", "x" * 65, "-S01"])
def test_a_subject_that_is_no_pseudonym_is_refused(subject):
    with pytest.raises(ConfigError, match="wanted a subject pseudonym"):
        require_pseudonym(subject)


def test_a_file_that_is_being_written_is_known_to_be(tmp_path, small):
    assert being_written(tmp_path) is None
    writer = SessionWriter(tmp_path, recorder="kinect", specs=(small.depth,))
    assert being_written(tmp_path) == tmp_path / file_name("kinect", 0)
    writer.finish()
    assert being_written(tmp_path) is None
