import numpy as np
import pytest

from mavfer.capture.file_check import check_files, missing_files
from mavfer.capture.mcap_file import McapWriter
from mavfer.capture.mcap_reader import McapReader
from mavfer.capture.payload import CLOCK, stream_channel
from mavfer.capture.session import read_record
from mavfer.capture.streams import Stream, StreamSpec

KINECT = "kinect.0000.mcap"


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 0x20
    file.write_bytes(content)


def test_a_whole_session_has_no_damage_and_everything_in_it_was_looked_at(make_session):
    path = make_session(n_ticks=10)
    told = []
    found = check_files(path, on_progress=lambda done, total: told.append((done, total)))
    assert found.damages == ()
    assert (found.n_files, found.n_frames, found.n_messages) == (2, 30, 34)  # two headers, two counters
    assert len(told) == 34


def test_a_damaged_frame_is_named_with_file_byte_stream_and_number(make_session):
    path = make_session(n_ticks=10)
    reader = McapReader(path / KINECT)
    row = reader.rows[reader.rows["channel"] == 2][6]  # depth
    flip(path / KINECT, int(row["payload"]) + 5)
    (damage,) = check_files(path).damages
    assert (damage.file, damage.byte, damage.topic, damage.frame) == (KINECT, int(row["chunk"]), "depth", 6)
    assert str(damage) == (
        f"{KINECT}, byte {int(row['chunk'])}: depth frame 6 (number 6): its checksum does not hold"
    )


def test_no_flipped_byte_escapes(make_session):
    path = make_session(n_ticks=3, recorders={"kinect": (StreamSpec(Stream.DEPTH, (6, 8), "uint16", "mm"),)})
    whole = (path / KINECT).read_bytes()
    for place in np.random.default_rng(0).permutation(len(whole))[:300].tolist():
        flip(path / KINECT, place)
        damages = check_files(path).damages
        assert any(damage.byte <= place < damage.byte + damage.n_bytes for damage in damages), place
        (path / KINECT).write_bytes(whole)


@pytest.mark.parametrize("stream", ["depth", "color"])
def test_frames_that_do_not_decode_are_damage_though_their_checksums_hold(make_session, small, stream):
    spec = getattr(small, stream)
    path = make_session(n_ticks=3, recorders={"kinect": (spec,)})
    (path / KINECT).unlink()
    writer = McapWriter(path / KINECT)
    writer.append(stream_channel(spec), b"no picture", log_ns=1, publish_ns=1, sequence=77)
    writer.append(CLOCK, b"no table", log_ns=2, publish_ns=2, sequence=0)
    writer.finish()
    writer.close()
    frame, ping = check_files(path).damages
    assert str(frame).startswith(f"{KINECT}, byte {frame.byte}: {stream} frame 0 (number 77): ")
    assert "cannot be decoded" in str(frame)
    assert str(ping).endswith("clock message 0: wanted a JSON message, found b'no table'")


def test_a_torn_file_is_looked_at_as_far_as_it_goes(make_session):
    path = make_session(n_ticks=10)
    rows = McapReader(path / KINECT).rows
    n_whole = 8
    cut = int(rows["end"][n_whole]) - 3
    (path / KINECT).write_bytes((path / KINECT).read_bytes()[:cut])
    found = check_files(path)
    (damage,) = found.damages
    assert (damage.file, damage.byte, damage.n_bytes) == (
        KINECT,
        int(rows["chunk"][n_whole]),
        cut - int(rows["chunk"][n_whole]),
    )
    assert "torn or was not finished, after" in damage.what
    assert found.n_messages == n_whole + 12


def test_an_empty_file_is_torn(make_session):
    path = make_session(n_ticks=2)
    (path / KINECT).write_bytes(b"")
    assert any("torn" in damage.what for damage in check_files(path).damages)


def test_a_missing_file_is_named_with_the_machine_it_lies_on(make_session):
    path = make_session(n_ticks=2)
    record = read_record(path)
    assert missing_files(path, record) == ()
    (path / KINECT).unlink()
    assert missing_files(path, record) == (f"kinect: file {KINECT} is missing: it is gone",)
    far = record.recorders["kinect"].model_copy(update={"host": "lab2", "folder": "/data/take"})
    record = record.model_copy(update={"recorders": record.recorders | {"kinect": far}})
    assert missing_files(path, record) == (
        f"kinect: file {KINECT} is missing: it lies on lab2 in /data/take; run `mavfer collect`",
    )
