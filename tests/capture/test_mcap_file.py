import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from mavfer.capture import mcap_reader
from mavfer.capture.mcap_file import PREAMBLE, Channel, McapWriter
from mavfer.capture.mcap_reader import McapReader, map_file, salvage
from mavfer.errors import SessionError

PLAIN = Channel(1, "plain", "json", {"unit": "mm"})
TYPED = Channel(7, "typed", "protobuf", {}, "name", "protobuf", b"\x00schema")


def payload(i):
    return np.random.default_rng(i).bytes(50 + 13 * i)


def write(path, n=20):
    writer = McapWriter(path)
    for i in range(n):
        writer.append(TYPED if i % 3 else PLAIN, payload(i), log_ns=1000 + i, publish_ns=i, sequence=i)
    return writer


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.mcap"
    writer = write(path)
    writer.finish()
    writer.close()
    return path


def test_the_format_s_own_library_reads_every_message_with_its_checks_on(file):
    with file.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        found = list(reader.iter_messages())
    assert summary is not None
    assert summary.statistics.message_count == 20
    assert {channel.topic: channel.metadata for channel in summary.channels.values()} == {
        "plain": {"unit": "mm"},
        "typed": {},
    }
    assert [message.data for _, _, message in found] == [payload(i) for i in range(20)]
    assert [(m.log_time, m.publish_time, m.sequence) for _, _, m in found] == [
        (1000 + i, i, i) for i in range(20)
    ]
    assert {channel.topic: schema and schema.data for schema, channel, _ in found} == {
        "plain": None,
        "typed": b"\x00schema",
    }


def test_what_was_appended_is_read_back(file):
    reader = McapReader(file)
    assert reader.channels == {1: PLAIN, 7: TYPED}
    assert reader.rows["sequence"].tolist() == list(range(20))
    assert [reader.payload(row) for row in reader.rows] == [payload(i) for i in range(20)]
    assert reader.intact()


def test_an_empty_file_is_whole(tmp_path):
    path = tmp_path / "empty.mcap"
    writer = McapWriter(path)
    writer.finish()
    writer.close()
    reader = McapReader(path)
    assert len(reader.rows) == 0
    assert reader.intact()
    with path.open("rb") as stream:
        assert list(make_reader(stream).iter_messages()) == []


def test_a_file_without_its_index_is_refused_and_the_remedy_named(tmp_path):
    path = tmp_path / "torn.mcap"
    write(path).close()
    with pytest.raises(SessionError, match=r"torn or still being written.*mavfer recover.*torn\.mcap"):
        McapReader(path)


def test_a_message_is_on_the_disk_when_append_returns(tmp_path):
    path = tmp_path / "open.mcap"
    writer = write(path)
    assert [row[1] for row in salvage(map_file(path), {})] == list(range(20))
    writer.close()


def test_every_byte_that_is_flipped_costs_at_most_one_message(file):
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.integers(8)
        found = [row[1] for row in salvage(bytes(damaged), {})]
        assert len(set(range(20)) - set(found)) <= 1
        assert found == sorted(set(found))


def test_a_file_cut_anywhere_keeps_every_complete_message(file):
    whole = file.read_bytes()
    ends = McapReader(file).rows["end"]
    for cut in np.random.default_rng(1).integers(0, len(whole) + 1, 300):
        for tail in (b"", bytes(100)):
            found = [row[1] for row in salvage(whole[:cut] + tail, {})]
            assert found == list(range(int(np.sum(ends <= cut))))


def test_a_damaged_payload_is_not_handed_out(file):
    damaged = bytearray(file.read_bytes())
    row = McapReader(file).rows[5]
    damaged[row["payload"] + 3] ^= 1
    file.write_bytes(damaged)
    reader = McapReader(file)
    assert not reader.intact()
    assert reader.payload(reader.rows[4]) == payload(4)
    with pytest.raises(SessionError, match="checksum does not hold"):
        reader.payload(reader.rows[5])


@pytest.mark.parametrize(("where", "n"), [("header", 10), ("between", 1)])
def test_damage_outside_the_messages_is_noticed_too(file, where, n):
    damaged = bytearray(file.read_bytes())
    at = n if where == "header" else int(McapReader(file).rows[3]["end"]) + 20
    damaged[at] ^= 1
    file.write_bytes(damaged)
    assert not McapReader(file).intact()


def test_random_bytes_hold_no_message():
    assert list(salvage(PREAMBLE + np.random.default_rng(2).bytes(200_000), {})) == []


@pytest.mark.parametrize("stamp", [{"log_ns": -1}, {"publish_ns": -1}, {"sequence": -1}, {"sequence": 2**32}])
def test_a_stamp_that_the_format_cannot_hold_is_refused(tmp_path, stamp):
    writer = McapWriter(tmp_path / "a.mcap")
    with pytest.raises(SessionError, match="wanted times >= 0 and a frame id of 32 bits"):
        writer.append(PLAIN, b"", **({"log_ns": 0, "publish_ns": 0, "sequence": 0} | stamp))
    writer.close()


def test_an_existing_file_is_never_written_over(file):
    with pytest.raises(FileExistsError):
        McapWriter(file)


def _mapped_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what is mapped")
def test_reading_a_file_from_end_to_end_does_not_fill_the_memory_with_it(tmp_path, monkeypatch):
    """A worker of a cluster is ended for such memory. The limit is lowered to keep this short."""
    monkeypatch.setattr(mcap_reader, "MOST_MAPPED_BYTES", 1 << 22)
    writer = McapWriter(tmp_path / "a.mcap")
    for i in range(64):
        writer.append(PLAIN, bytes(1 << 20), log_ns=i, publish_ns=i, sequence=i)
    writer.finish()
    writer.close()
    reader = McapReader(tmp_path / "a.mcap")
    before_kb = _mapped_kb()
    most_kb = 0
    for row in reader.rows:
        assert len(reader.payload(row)) == 1 << 20
        most_kb = max(most_kb, _mapped_kb() - before_kb)
    assert most_kb < 16_000
