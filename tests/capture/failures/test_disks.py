"""Disks that are full, fill up, belong to two recorders, or are too slow."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from mavfer.capture.desk import Stop
from mavfer.capture.disk import disk_of
from mavfer.capture.recovery import recover
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session, read_record
from mavfer.capture.streams import Stream
from mavfer.capture.take_report import TakeReport
from mavfer.capture.video import Video
from mavfer.errors import OutputError, RecordError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a file system of its own wants Linux")


def local_rig(film, **settings):
    recorder = {"camera": "video", "path": str(film)}
    every = {"recorders": {"cam": recorder}, "keep": "all", "color": "lossless"}
    return Rig.model_validate(every | settings)


def require_first_frames(session, film) -> int:
    """See that a session holds the first pictures of a film, bit for bit; return how many."""
    with Video(film) as video:
        pictures = [(picture.t_ns, picture.pixels()) for picture in video.pictures()]
    n_frames = 0
    for frame, (t_ns, pixels) in zip(session.frames(Stream.COLOR), pictures, strict=False):
        assert frame.device_time_ns == t_ns
        np.testing.assert_array_equal(frame.pixels, pixels)
        n_frames += 1
    return n_frames


def test_the_disk_of_a_folder_that_is_being_made_and_removed_is_seen_all_the_time(tmp_path):
    folder, seen = tmp_path / "take", threading.Event()

    def work():
        while not seen.is_set():
            folder.mkdir()
            folder.rmdir()

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            for _ in range(3000):
                assert disk_of(folder / "a file").total_bytes == disk_of(tmp_path).total_bytes
        finally:
            seen.set()
        worker.result()


@pytest.mark.parametrize("by", ["the take", "another program"])
def test_a_take_whose_disk_is_full_ends_and_keeps_everything_before(operator_of, small_disk, large_film, by):
    disk = small_disk(6 if by == "the take" else 64)
    path = disk.path / "take"
    operator = operator_of(path, local_rig(large_film, reserve_mb=1), seconds=3)
    if by == "the take":
        outcome = operator.outcome()
    else:  # then there is no room for the files' indexes and the record either
        operator.until(lambda status: status.tick >= 3)
        with disk.crowded():
            outcome = operator.outcome()
    assert isinstance(outcome, RecordError)
    assert "recorder 'cam': cannot write: No space left on device" in str(outcome)
    assert "what was recorded is kept, run `mavfer recover`" in str(outcome)
    assert "\n" not in str(outcome)
    (status,) = operator.desk.status().recorders
    assert status.lost["disk"] >= 1
    if by == "another program":
        assert "the session's record cannot be closed" in str(outcome)
        found = {file: file.read_bytes() for file in sorted(path.iterdir())}
        with pytest.raises(OutputError, match="No space left on device"):
            recover(path)
        assert {file: file.read_bytes() for file in sorted(path.iterdir())} == found
    disk.grow(128)
    recover(path)
    session = open_session(path)
    assert session.record.state == ("failed" if by == "the take" else "recovered")
    assert require_first_frames(session, large_film) == len(session.index(Stream.COLOR)) == status.kept
    assert (path / "cam.0000.mcap").stat().st_size > (5.5 if by == "the take" else 2) * 2**20
    assert session.record.recorders["cam"].frames_kept == status.kept


def test_a_take_ends_in_order_when_another_program_has_used_its_reserve_up(operator_of, small_disk, film):
    disk = small_disk(24)
    path = disk.path / "take"
    operator = operator_of(path, local_rig(film, reserve_mb=20), seconds=4)
    operator.until(lambda status: status.tick >= 3)
    disk.fill(but_kb=1900)
    operator.until(lambda status: "disk full in" in " ".join(status.problems))
    outcome = operator.outcome()
    assert isinstance(outcome, RecordError)
    assert "recorder 'cam': the disk has less than 2.1 MB left: the take was ended" in str(outcome)
    session = open_session(path)  # whole as it is
    assert session.record.state == "failed"
    n_frames = require_first_frames(session, film)
    assert n_frames == len(session.index(Stream.COLOR)) == session.record.recorders["cam"].frames_kept > 20
    assert session.record.recorders["cam"].frames_lost == {}
    assert [event["kind"] for event in session.events("cam")] == ["disk"]


def test_a_take_that_does_not_fit_is_refused_and_nothing_of_it_stays(operator_of, small_disk, film):
    disk = small_disk(6)
    outcome = operator_of(disk.path / "out" / "take", local_rig(film, reserve_mb=1), seconds=3600).outcome()
    assert isinstance(outcome, RecordError)
    assert "a take of 3600 s of cam at" in str(outcome)
    assert "free some" in str(outcome)
    assert list(disk.path.iterdir()) == []


def test_two_recorders_whose_folders_share_a_disk_are_counted_together(
    operator_of, lab, small_disk, tmp_path
):
    disk = small_disk(12)
    tables = {
        "cam": {"camera": "video", "path": str(lab.film), "folder": str(disk.path)},
        "thermal": {"camera": "simulated_a65", "folder": str(disk.path)},
    }
    rig = lab.rig(recorders=tables, color="lossless")
    lab.start("cam")
    lab.start("thermal", odd="small thermal")
    for name, settings in rig.recorders.items():
        one = rig.model_copy(update={"recorders": {name: settings}})
        alone = operator_of(tmp_path / name, one, seconds=25)
        alone.until(lambda status: status.state == "recording")
        alone.desk.ask(Stop())
        assert isinstance(alone.outcome(), TakeReport)
    before = sorted(disk.path.iterdir())
    both = operator_of(tmp_path / "both", rig, seconds=25).outcome()
    assert isinstance(both, RecordError)
    assert "a take of 25 s of cam, thermal at" in str(both)
    assert sorted(disk.path.iterdir()) == before
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize("stuck", [False, True])
def test_after_a_full_disk_nothing_is_appended_to_a_message_that_was_written_in_part(tmp_path, stuck):
    path = tmp_path / "take"
    path.mkdir()
    script = Path(__file__).with_name("stuck_disk.py")
    words = [sys.executable, str(script), str(path), *(["stuck"] if stuck else [])]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(child.stdout)
    if "skip" in told:
        pytest.skip(told["skip"])
    assert [reason for _, reason in told["refused"]] == ["File too large"] * 3
    assert len(told["stored"]) == 97
    report = recover(path)
    session = open_session(path)
    assert session.index(Stream.DEPTH).frame_id.tolist() == told["stored"]
    for i, frame in zip(told["stored"], session.frames(Stream.DEPTH), strict=True):
        noise = np.random.default_rng(i).integers(0, 65535, frame.pixels.shape).astype(np.uint16)
        np.testing.assert_array_equal(frame.pixels, noise)
    if stuck:
        assert "part of a message" in told["finished"]
        assert [(file.name, file.mended) for file in report.files] == [
            ("cam.0000.mcap", True),
            ("cam.0001.mcap", True),
            ("cam.0002.mcap", True),
            ("cam.0003.mcap", False),
        ]
    else:
        assert told["finished"] == ["cam.0000.mcap"]
        assert not any(file.mended for file in report.files)
    assert report.notes == ()


def test_a_disk_that_is_too_slow_costs_frames_that_are_counted_and_no_memory(
    operator_of, lab, large_film, tmp_path
):
    tables = {"cam": {"camera": "video", "path": str(large_film), "queue_length": 8}}
    rig = lab.rig(recorders=tables, keep="all", color="lossless")
    recorder = lab.start(odd="slow disk")  # 0.3 s for each picture
    sizes = []
    operator = operator_of(
        tmp_path / "take",
        rig,
        seconds=3,
        on_status=lambda _: sizes.append(psutil.Process(recorder.pid).memory_info().rss),
    )
    seen = operator.until(lambda status: "lost (queue)" in " ".join(status.problems))
    assert seen.state == "recording"
    report = operator.outcome()
    assert isinstance(report, TakeReport), report
    kept, lost = report.frames_kept["cam"], report.frames_lost["cam"]
    plan = read_record(report.path).plan
    with Video(large_film) as video:
        times = [picture.t_ns for picture in video.pictures()]
    within = [t_ns for t_ns in times if plan.nearest_tick(plan.first_tick_ns + t_ns) < plan.n_ticks]
    assert lost == {"queue": len(within) - kept}
    assert 10 <= kept <= 25
    (status,) = operator.desk.status().recorders
    assert status.grabbed == len(within) + 1  # one more tells that the plan is over
    for file in (lab.folder / "disk-cam" / "take").iterdir():
        (report.path / file.name).write_bytes(file.read_bytes())
    session = open_session(report.path)
    assert len(session.index(Stream.COLOR)) == kept
    assert session.counters("cam")[-1] == {
        "grabbed": status.grabbed,
        "kept": kept,
        "lost": lost,
        "tick": plan.n_ticks - 1,
        "waiting": 0,
    }
    n_lost_bytes = lost["queue"] * 320 * 240 * 3 // 2  # as the decoder holds them
    assert max(sizes) - sizes[len(sizes) // 5] < n_lost_bytes / 2
