import errno
import sys
import threading

import pytest

from mavfer.capture.mcap_file import McapWriter
from mavfer.capture.mcap_reader import McapReader, map_file, salvage
from mavfer.capture.session_writer import SessionWriter, recorder_files
from mavfer.errors import SessionError


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits of POSIX")
def test_a_full_disk_costs_the_frame_that_did_not_fit_and_nothing_before_it(tmp_path, make_frame, small):
    import resource

    writer = SessionWriter(tmp_path, recorder="kinect", specs=(small.depth,))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    n_stored = 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            for i in range(1000):
                writer.append([make_frame(small.depth, i, host_ns=i)])
                n_stored = i + 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    writer.append([make_frame(small.depth, 5000, host_ns=5000)])
    (name,) = writer.finish()
    reader = McapReader(tmp_path / name)
    assert reader.intact()
    assert reader.rows["sequence"].tolist() == [*range(n_stored), 5000]


def test_a_frame_of_the_wrong_shape_is_refused_and_the_file_stays_whole(tmp_path, make_frame, small):
    writer = SessionWriter(tmp_path, recorder="kinect", specs=(small.depth,))
    frame = make_frame(small.thermal, 0, host_ns=1)
    with pytest.raises(SessionError, match=r"wants \(12, 16\) uint16"):
        writer.append([type(frame)(small.depth.stream, frame.pixels, 1, 1, 0)])
    (name,) = writer.finish()
    assert McapReader(tmp_path / name).intact()


def test_several_threads_may_write(tmp_path, make_frame, small):
    from concurrent.futures import ThreadPoolExecutor

    writer = SessionWriter(tmp_path, recorder="kinect", specs=(small.depth,), segment_bytes=3000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: writer.append([make_frame(small.depth, i, host_ns=i)]), range(60)))
        list(pool.map(lambda i: writer.add_ping(i, i, i, i), range(60)))
    rows = [row for name in writer.finish() for row in McapReader(tmp_path / name).rows]
    assert sorted(int(row["sequence"]) for row in rows if row["channel"] == 2) == list(range(60))
    assert sum(row["channel"] == 101 for row in rows) == 60


def test_a_full_file_that_gets_no_index_is_told_and_costs_no_frame(tmp_path, make_frame, small, monkeypatch):
    tried = threading.Event()

    def full(_):
        tried.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mavfer.capture.session_writer.SYNC_EVERY_S", 0.01)
    writer = SessionWriter(tmp_path, recorder="cam", specs=(small.depth,), segment_bytes=1)
    with monkeypatch.context() as disk:
        disk.setattr(McapWriter, "finish", full)
        for i in range(3):
            writer.append([make_frame(small.depth, i, host_ns=i)])
        assert tried.wait(20)
        with pytest.raises(OSError, match="No space left"):
            writer.finish()
    assert writer.error == "cannot write: No space left on device"
    files = recorder_files(tmp_path, "cam")
    stored = [row for file in files for row in salvage(map_file(tmp_path / file), {})]
    assert [row[1] for row in stored] == [0, 1, 2]


def test_a_disk_that_reports_its_failure_late_is_told(tmp_path, small, monkeypatch):
    tried = threading.Event()
    others = set(threading.enumerate())  # writers that earlier tests have left also come by here

    def broken(_):
        if threading.current_thread() not in others:
            tried.set()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("mavfer.capture.session_writer.SYNC_EVERY_S", 0.01)
    with monkeypatch.context() as disk:
        disk.setattr("mavfer.capture.session_writer.sync_file", broken)
        writer = SessionWriter(tmp_path, recorder="cam", specs=(small.depth,))
        assert tried.wait(20)
    with pytest.raises(OSError, match="Input/output error"):
        writer.finish()


def test_a_disk_that_has_no_room_for_another_file_loses_nothing_of_the_last(
    tmp_path, make_frame, small, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = SessionWriter(tmp_path, recorder="cam", specs=(small.depth,), segment_bytes=600)
    writer.append([make_frame(small.depth, 0, host_ns=0)])
    with monkeypatch.context() as disk:
        disk.setattr("mavfer.capture.session_writer.McapWriter", full)
        for i in (1, 2):
            with pytest.raises(OSError, match="No space left"):
                writer.append([make_frame(small.depth, i, host_ns=i)])
    files = writer.finish()
    assert [len(McapReader(tmp_path / file).rows) for file in files] == [1]
    assert McapReader(tmp_path / files[0]).intact()
