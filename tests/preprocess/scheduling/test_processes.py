"""Laws of several processes: all is built once, and a process that dies costs its session one more try."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest

from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.building.jobs import SessionTask
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import ClipConfig

from .conftest import ALL_TRAIN, Log

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal")
CONFIG = ClipConfig(verify_moments=0)


def kill_a_worker() -> None:
    """Kill one of this process's children, as want of memory does."""
    children = [child for child in multiprocessing.active_children() if child.pid]
    assert children
    os.kill(children[0].pid or 0, signal.SIGKILL)


def test_a_process_that_is_killed_loses_nothing_and_other_processes_give_the_same_bytes(
    tmp_path: Path, twins: Path, calibration_file: Path
) -> None:
    killed: list[str] = []

    def kill_once(task: SessionTask, n_done: int) -> None:
        if n_done and not killed:
            killed.append(task.id)
            kill_a_worker()

    log = Log(kill_once)
    report = build_dataset(
        [twins],
        calibration=calibration_file,
        traces=None,
        out=tmp_path / "two",
        config=CONFIG,
        split=ALL_TRAIN,
        n_workers=2,
        watch=log,
    )
    assert killed
    assert not report.failed
    assert [session.id for session in report.built] == ["a", "b", "c"]
    assert sorted(log.ended_as) == ["a", "b", "c"]
    assert len(log.begun) >= 4  # one of them twice
    one = build_dataset(
        [twins],
        calibration=calibration_file,
        traces=None,
        out=tmp_path / "one",
        config=CONFIG,
        split=ALL_TRAIN,
        n_workers=1,
    )
    for name in ("dataset.toml", "a.h5", "b.h5", "c.h5"):
        assert (report.path / name).read_bytes() == (one.path / name).read_bytes(), name
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_session_whose_process_dies_twice_has_failed_and_the_others_stand(
    tmp_path: Path, twins: Path, calibration_file: Path
) -> None:
    def kill_each_time(task: SessionTask, n_done: int) -> None:
        if task.id == "a" and n_done:
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)

    report = build_dataset(
        [twins / "a", twins / "b"],
        calibration=calibration_file,
        traces=None,
        out=tmp_path / "d",
        config=CONFIG,
        split=ALL_TRAIN,
        n_workers=2,
        watch=Log(kill_each_time),
    )
    (failed,) = report.failed
    assert failed.id == "a"
    assert "died twice (SIGKILL)" in str(failed.error)
    assert [session.id for session in open_dataset(tmp_path / "d").sessions] == ["b"]
