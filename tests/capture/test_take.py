"""Takes with real recorder processes, sockets and files."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from mavfer.capture.crew import Crew
from mavfer.capture.master import record
from mavfer.capture.recovery import recover
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session, read_record
from mavfer.capture.session_writer import being_written
from mavfer.capture.simulated.truth import read_truth, truth_path
from mavfer.capture.status import RecorderStatus
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.take_report import TakeStopped, last_common_tick
from mavfer.errors import ConfigError, MavferError, OutputError, RecordError

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def wait_for(happened, *, timeout_s=30.0):
    """Return once `happened()` is true; fail after `timeout_s`."""
    end_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end_s, "it did not happen in time"
        threading.Event().wait(0.02)


def video_rig(video, *, clock="real", **settings):
    recorder = {"camera": "video", "path": str(video)}
    return Rig.model_validate({"recorders": {"cam": recorder}, "simulated": {"clock": clock}} | settings)


def simulated_rig(*, clock="real"):
    recorders = {"kinect": {"camera": "simulated_kinect"}, "thermal": {"camera": "simulated_a65"}}
    return Rig.model_validate({"name": "simulated", "recorders": recorders, "simulated": {"clock": clock}})


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.fixture(scope="module")
def seen():
    """The statuses of `simulated_take`, as the operator saw them."""
    return []


@pytest.fixture(scope="module")
def simulated_take(tmp_path_factory, seen):
    """A take of two real seconds with the simulated rig; its session, report and truth are read only."""
    path = tmp_path_factory.mktemp("sim") / "take"
    return path, record(path, rig=simulated_rig(), subject="S01", seconds=2, on_status=seen.append)


def test_a_take_in_real_time_loses_nothing(simulated_take):
    path, report = simulated_take
    assert (report.state, report.n_lost, report.n_ticks) == ("complete", 0, 20)
    assert report.frames_kept == {"kinect": 20, "thermal": 20}
    session = open_session(path)
    assert session.streams == tuple(Stream)
    found = synchronize(session).report
    assert found.problems == ()
    assert found.skew_ms["max"] < 1000 / 30
    assert max(error["max"] for error in found.tick_error_ms.values()) < 1000 / 30
    assert session.record.simulated
    assert session.record.recorders["thermal"].nodes["TemperatureLinearMode"] is True
    assert not being_written(path)


@pytest.mark.usefixtures("simulated_take")
def test_recorders_that_write_to_one_disk_share_its_minutes(seen):
    for kinect, thermal in seen:
        assert (kinect.shares_disk_with, thermal.shares_disk_with) == (("thermal",), ("kinect",))
        assert kinect.disk_bytes_per_s == kinect.bytes_per_s + thermal.bytes_per_s > kinect.bytes_per_s
        assert kinect.disk_left_s < kinect.disk_free_bytes / kinect.bytes_per_s
    assert seen


def test_the_clocks_of_a_take_are_measured(simulated_take):
    session = open_session(simulated_take[0])
    for name in ("kinect", "thermal"):
        pings = session.pings(name)
        assert len(pings) >= 8
        assert np.all(np.diff(pings, axis=1) >= 0)
        assert session.counters(name)[-1]["kept"] == 20


def test_the_truth_of_a_simulated_take_stands_beside_it(simulated_take):
    path = simulated_take[0]
    truth = read_truth(truth_path(path))
    assert truth.subject == "S01"
    np.testing.assert_allclose(truth.tick_s, np.arange(20) / 10)
    assert sorted(file.name for file in path.iterdir()) == [
        "kinect.0000.mcap",
        "master.0000.mcap",
        "session.toml",
        "thermal.0000.mcap",
    ]


def test_a_virtual_clock_records_the_same_frames_as_a_real_one(tmp_path, simulated_take):
    record(tmp_path / "take", rig=simulated_rig(clock="virtual"), subject="S01", seconds=2)
    real, virtual = open_session(simulated_take[0]), open_session(tmp_path / "take")
    for stream in Stream:
        np.testing.assert_array_equal(real.index(stream).frame_id, virtual.index(stream).frame_id)
        np.testing.assert_array_equal(real.index(stream).device_time_ns, virtual.index(stream).device_time_ns)
        for i in (0, 19):
            np.testing.assert_array_equal(real.frame(stream, i).pixels, virtual.frame(stream, i).pixels)


def test_progress_reaches_the_last_tick(tmp_path, make_video):
    seen = []
    record(
        tmp_path / "take",
        rig=video_rig(make_video(), clock="virtual"),
        subject="S01",
        seconds=3,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (30, 30)
    assert seen == sorted(seen)


def test_keeping_all_stores_every_frame_of_the_sensor(tmp_path, make_video):
    rig = video_rig(make_video(), clock="virtual", keep="all")
    report = record(tmp_path / "take", rig=rig, subject="S01", seconds=3)
    session = open_session(tmp_path / "take")
    assert 88 <= report.frames_kept["cam"] == len(session.index(Stream.COLOR)) <= 91
    assert synchronize(session).report.complete


def test_two_takes_run_side_by_side(tmp_path, make_video):
    rig = video_rig(make_video(), clock="virtual")
    with ThreadPoolExecutor(2) as pool:
        takes = [
            pool.submit(record, tmp_path / name, rig=rig, subject=name, seconds=3) for name in ("S01", "S02")
        ]
        assert [take.result().state for take in takes] == ["complete", "complete"]
    assert open_session(tmp_path / "S02").record.subject == "S02"


@posix
def test_a_killed_recorder_is_told_and_what_it_acknowledged_is_recovered(tmp_path, make_video):
    acknowledged = [0]

    def kill(statuses):
        (status,) = statuses
        if acknowledged[-1] < 8 <= status.kept:
            os.kill(status.pid, signal.SIGKILL)
        acknowledged.append(status.kept)

    path = tmp_path / "take"
    with pytest.raises(
        RecordError, match=r"recorder 'cam' ended by itself \(signal 9\).*mavfer recover.*take$"
    ):
        record(path, rig=video_rig(make_video()), subject="S01", seconds=3, on_status=kill)
    assert read_record(path).state == "failed"
    with pytest.raises(MavferError, match="mavfer recover"):
        open_session(path)
    recover(path)
    session = open_session(path)
    assert len(session.index(Stream.COLOR)) >= max(acknowledged) >= 8
    assert [frame.frame_id for frame in session.frames(Stream.COLOR)]
    assert not synchronize(session).report.complete


@posix
def test_a_recorder_that_is_told_to_end_closes_its_files_first(tmp_path, make_video):
    told = []

    def terminate(statuses):
        if statuses[0].tick >= 5 and not told:
            told.append(statuses[0].pid)
            os.kill(statuses[0].pid, signal.SIGTERM)

    path = tmp_path / "take"
    with pytest.raises(RecordError, match="recorder 'cam': the recorder was told to end"):
        record(path, rig=video_rig(make_video()), subject="S01", seconds=3, on_status=terminate)
    assert len(open_session(path).index(Stream.COLOR)) >= 5


@posix
def test_a_recorder_that_hangs_is_seen_to_be_silent_and_the_take_goes_on(tmp_path, make_video):
    silent_s = []

    def stop_for_a_while(statuses):
        (status,) = statuses
        if status.tick >= 5 and not silent_s:
            os.kill(status.pid, signal.SIGSTOP)
            silent_s.append(status.silent_s)
        elif silent_s and silent_s[-1] < 2:
            silent_s.append(status.silent_s)
            if silent_s[-1] >= 2:
                os.kill(status.pid, signal.SIGCONT)

    report = record(
        tmp_path / "take", rig=video_rig(make_video()), subject="S01", seconds=2, on_status=stop_for_a_while
    )
    assert silent_s[-1] >= 2
    assert report.frames_kept == {"cam": 20}


def test_ctrl_c_ends_the_take_in_order_and_says_what_was_kept(tmp_path, make_video):
    def interrupt(statuses):
        if statuses[0].tick >= 7:
            raise KeyboardInterrupt

    path = tmp_path / "take"
    with pytest.raises(TakeStopped) as caught:
        record(path, rig=video_rig(make_video()), subject="S01", seconds=3, on_status=interrupt)
    report = caught.value.report
    assert report.state == "stopped"
    session = open_session(path)
    assert session.record.plan.n_ticks == report.n_ticks == report.frames_kept["cam"]
    assert 8 <= report.n_ticks <= 20
    assert synchronize(session).report.complete


def start_command(tmp_path, video, path):
    rig = tmp_path / "rig.toml"
    rig.write_text(f'[recorders.cam]\ncamera = "video"\npath = "{video.name}"\n', encoding="utf-8")
    command = [sys.executable, "-m", "mavfer", "record", str(path), "--rig", str(rig), "--subject", "S01"]
    process = subprocess.Popen([*command, "--seconds", "3.5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: (path / "cam.0000.mcap").is_file() and (path / "cam.0000.mcap").stat().st_size > 20_000)
    return process


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_ends_the_take_in_order(tmp_path, make_video, number):
    path = tmp_path / "take"
    process = start_command(tmp_path, make_video(), path)
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert out.startswith(b"stopped: ")
    assert b"Traceback" not in errors
    assert synchronize(open_session(path)).report.complete


@posix
def test_recorders_carry_the_plan_out_though_the_master_dies(tmp_path, make_video):
    path = tmp_path / "take"
    process = start_command(tmp_path, make_video(), path)
    recorders = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    wait_for(lambda: not being_written(path))
    for orphan in recorders:
        orphan.terminate()
    psutil.wait_procs(recorders, timeout=10)
    with pytest.raises(MavferError, match="never finished; run `mavfer recover"):
        open_session(path)
    report = recover(path)
    assert [file.name for file in report.files if file.mended] == ["master.0000.mcap"]
    assert synchronize(open_session(path)).report.complete


def test_a_camera_that_ends_early_fails_the_take_and_what_it_gave_is_kept(tmp_path, make_video):
    short = make_video(times_ms=range(0, 1000, 33))
    path = tmp_path / "take"
    with pytest.raises(RecordError, match="the video has ended after 31 frames"):
        record(path, rig=video_rig(short, clock="virtual"), subject="S01", seconds=3)
    session = open_session(path)
    assert session.record.state == "failed"
    assert len(session.index(Stream.COLOR)) == 11


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "recorder 'cam': wanted a video file, found nothing"),
        (b"no film", "wanted a video file"),
    ],
)
def test_a_take_that_cannot_start_leaves_nothing_behind(tmp_path, content, complaint):
    film = tmp_path / "film.mp4"
    if content is not None:
        film.write_bytes(content)
    with pytest.raises(RecordError, match=complaint) as caught:
        record(tmp_path / "out" / "take", rig=video_rig(film), subject="S01", seconds=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_old_session_is_replaced_only_if_asked_and_only_once_the_new_take_has_begun(tmp_path, make_video):
    path, good = tmp_path / "take", video_rig(make_video(), clock="virtual")
    bad = video_rig(tmp_path / "gone.mp4", clock="virtual")
    record(path, rig=good, subject="S01", seconds=1)
    with pytest.raises(OutputError, match="pass --overwrite"):
        record(path, rig=good, subject="S02", seconds=1)
    with pytest.raises(RecordError):
        record(path, rig=bad, subject="S02", seconds=1, overwrite=True)
    assert open_session(path).record.subject == "S01"
    record(path, rig=good, subject="S02", seconds=1, overwrite=True)
    assert open_session(path).record.subject == "S02"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["film.mkv", "take"]


def test_a_folder_that_is_no_session_is_never_replaced(tmp_path, make_video):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match=r"found something else; name another folder: .*mine"):
        record(mine, rig=video_rig(make_video()), subject="S01", seconds=1, overwrite=True)
    assert (mine / "thesis.txt").is_file()


@pytest.mark.parametrize(
    ("changes", "error", "complaint"),
    [
        ({"subject": "Jane Doe"}, ConfigError, "pseudonym"),
        ({"seconds": 0.0}, RecordError, "at least one tick"),
        ({"seconds": -3.0}, RecordError, "at least one tick"),
    ],
)
def test_a_take_that_makes_no_sense_is_refused(tmp_path, make_video, changes, error, complaint):
    wanted = {"rig": video_rig(make_video()), "subject": "S01", "seconds": 1.0} | changes
    with pytest.raises(error, match=complaint):
        record(tmp_path / "take", **wanted)
    assert not (tmp_path / "take").exists()


def test_two_cameras_of_one_stream_are_refused(tmp_path, make_video):
    recorder = {"camera": "video", "path": str(make_video())}
    rig = Rig.model_validate({"recorders": {"a": recorder, "b": recorder}})
    with pytest.raises(RecordError, match="each stream once, found 'color' from 'a' and 'b'"):
        record(tmp_path / "take", rig=rig, subject="S01", seconds=1)
    assert not (tmp_path / "take").exists()


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e12])
def test_a_take_without_an_end_is_refused(tmp_path, make_video, seconds):
    with pytest.raises(RecordError, match="at most 86400 seconds"):
        record(tmp_path / "take", rig=video_rig(make_video()), subject="S01", seconds=seconds)


def test_text_that_no_file_can_hold_is_refused_before_the_cameras_are_opened(tmp_path, make_video):
    with pytest.raises(ConfigError, match="protocol"):
        record(
            tmp_path / "take", rig=video_rig(make_video()), subject="S01", seconds=1, protocol="relax \udcff"
        )


def test_a_name_too_long_for_a_folder_is_one_line(tmp_path, make_video):
    with pytest.raises(OutputError, match="File name too long"):
        record(tmp_path / ("x" * 300), rig=video_rig(make_video()), subject="S01", seconds=1)


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_takes_that_begin_in_one_folder_at_once_one_is_made_whole(tmp_path, make_video, overwrite):
    rig = video_rig(make_video())
    path = tmp_path / "take"

    def take(subject):
        try:
            return record(path, rig=rig, subject=subject, seconds=2, overwrite=overwrite)
        except MavferError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        fates = list(pool.map(take, ("S01", "S02")))
    refused = [fate for fate in fates if isinstance(fate, OutputError)]
    assert len(refused) == 1, fates
    session = open_session(path)
    assert session.record.subject == ("S01" if isinstance(fates[1], OutputError) else "S02")
    assert synchronize(session).report.complete
    assert sorted(file.name for file in tmp_path.iterdir()) == ["film.mkv", "take"]


def test_a_take_that_is_stopped_on_a_virtual_clock_ends_with_its_slowest_recorder():
    assert (
        last_common_tick((status_of(tick=120), status_of(tick=580), status_of(tick=599, finished=True)))
        == 120
    )


def test_a_recorder_that_is_gone_does_not_take_the_others_frames_out_of_the_plan():
    assert last_common_tick((status_of(tick=-1, gone="killed"), status_of(tick=58))) == 58
    assert last_common_tick((status_of(tick=-1, gone="killed"), status_of(tick=99, finished=True))) == 99


def status_of(*, tick, finished=False, gone=""):
    return RecorderStatus(
        name="cam",
        pid=1,
        state="finished" if finished else "recording",
        tick=tick,
        kept=tick + 1,
        lost={},
        waiting=0,
        silent_s=0.0,
        camera_silent_s=0.0,
        finished=finished,
        gone=gone,
        files=(),
        complaints=(),
    )


def test_a_module_of_the_same_name_where_the_operator_stands_is_not_imported(
    tmp_path, make_video, monkeypatch
):
    (tmp_path / "zmq.py").write_text("raise SystemExit('not the real one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rig = video_rig(make_video(), clock="virtual")
    assert record(tmp_path / "take", rig=rig, subject="S01", seconds=1).state == "complete"


def test_a_replaced_session_takes_its_truth_along(tmp_path, make_video):
    path, rig = tmp_path / "take", video_rig(make_video(), clock="virtual")
    record(path, rig=rig, subject="S01", seconds=1)
    truth_path(path).write_bytes(b"of another take")
    with pytest.raises(TakeStopped):
        record(path, rig=rig, subject="S01", seconds=1, overwrite=True, on_status=interrupt_at_once)
    assert not truth_path(path).exists()


def test_an_operator_who_presses_ctrl_c_twice_gets_the_old_session_back(tmp_path, make_video, monkeypatch):
    path, rig = tmp_path / "take", video_rig(make_video(), clock="virtual")
    record(path, rig=rig, subject="S01", seconds=1)
    command, presses = Crew.command_living, iter((True, False))

    def interrupted(crew, do, *args, **options):
        left = command(crew, do, *args, **options)
        if do == "disarm" and next(presses):
            raise KeyboardInterrupt
        return left

    monkeypatch.setattr(Crew, "command_living", interrupted)
    monkeypatch.setattr("mavfer.capture.take.LEAD_NS", -1_000_000_000)
    with pytest.raises(KeyboardInterrupt):
        record(path, rig=rig, subject="S02", seconds=1, overwrite=True)
    assert open_session(path).record.subject == "S01"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["film.mkv", "take"]


def interrupt_at_once(_):
    raise KeyboardInterrupt
