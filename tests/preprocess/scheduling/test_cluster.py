"""Laws of a build on a Dask cluster: a real scheduler and real workers over loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mavfer.errors import DatasetError, UsageError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.building.jobs import SessionTask
from mavfer.preprocess.dataset.record import ClipConfig
from mavfer.preprocess.scheduling.attempt import Built

from .conftest import ALL_TRAIN, Log

pytest.importorskip("distributed")
CONFIG = ClipConfig(verify_moments=0)
READY_S = 60.0
AS_WORKER = "from distributed.cli.dask_worker import main; main()"


@contextmanager
def process(*words: str) -> Iterator[subprocess.Popen]:
    """Run Python with `words` as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def wait_for(ready: Callable[[], bool]) -> None:
    """Look until `ready`, for as long as a busy machine may take to start a process."""
    until = time.monotonic() + READY_S
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler on a port that is free."""
    file = tmp_path / "scheduler.json"
    words = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    with process(*words, "--scheduler-file", str(file)):
        wait_for(lambda: file.is_file() and "tcp://" in file.read_text())
        yield "tcp://" + file.read_text().split("tcp://")[1].split('"')[0]


@contextmanager
def workers(
    address: str, folder: Path, *, n: int = 1, nanny: bool = False, before: str = ""
) -> Iterator[list[subprocess.Popen]]:
    """Run `n` workers that have registered; `before` is Python that they run first."""
    from distributed import Client

    options = ["--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    program = (
        f"{before}\nimport sys; sys.argv[0] = 'dask-worker'\nif __name__ == '__main__':\n    {AS_WORKER}"
    )
    with ExitStack() as stack:
        script = folder / f"worker{time.monotonic_ns()}.py"
        script.write_text(program)
        words = [str(script), address, *options, "--nanny" if nanny else "--no-nanny"]
        started = [stack.enter_context(process(*words)) for _ in range(n)]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=READY_S)
        yield started


def test_a_cluster_whose_worker_is_killed_builds_all_once_and_the_same_bytes(
    tmp_path: Path, twins: Path, calibration_file: Path, scheduler: str
) -> None:
    killed: list[str] = []
    with workers(scheduler, tmp_path, n=2) as started:

        def kill_once(task: SessionTask, n_done: int) -> None:
            if n_done and not killed:
                killed.append(task.id)
                os.kill(started[0].pid, signal.SIGKILL)

        log = Log(kill_once)
        report = build_dataset(
            [twins],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=CONFIG,
            split=ALL_TRAIN,
            scheduler=scheduler,
            watch=log,
        )
    assert killed
    assert not report.failed
    assert sorted(log.ended_as) == ["a", "b", "c"]
    here = build_dataset(
        [twins],
        calibration=calibration_file,
        traces=None,
        out=tmp_path / "here",
        config=CONFIG,
        split=ALL_TRAIN,
        n_workers=1,
    )
    for name in ("dataset.toml", "a.h5", "b.h5", "c.h5"):
        assert (report.path / name).read_bytes() == (here.path / name).read_bytes(), name
    assert sorted(path.name for path in report.path.iterdir()) == [
        "a.h5",
        "b.h5",
        "c.h5",
        "dataset.toml",
        "report.html",
    ]


def test_workers_with_a_nanny_build_too_and_unchanged_sessions_are_taken_over(
    tmp_path: Path, twins: Path, calibration_file: Path, scheduler: str
) -> None:
    def build(log: Log):
        return build_dataset(
            [twins / "a"],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=CONFIG,
            split=ALL_TRAIN,
            overwrite=True,
            scheduler=scheduler,
            watch=log,
        )

    with workers(scheduler, tmp_path, nanny=True):
        first = Log()
        assert build(first).reused == ()
        assert isinstance(first.ended_as["a"], Built)
        assert first.n_told >= 2  # the workers' progress comes through
        assert build(Log()).reused == ("a",)


@pytest.mark.parametrize(
    ("before", "complaint"),
    [
        (
            "import mavfer.preprocess.building.fingerprint as f; f.__version__ = '0.0.9'",
            r"has other software than this machine: mavfer 0\.0\.9 for",
        ),
        ("import sys; sys.modules['mavfer'] = None", "cannot run mavfer"),
        (
            "import mavfer.preprocess.scheduling.cluster as c; c._read = lambda mark: ''",
            "does not see this machine's files",
        ),
        ("import pathlib; pathlib.Path.is_dir = lambda self: False", "does not see 1 of 1 sessions"),
    ],
)
def test_workers_that_are_not_as_this_machine_are_said_in_one_line(
    tmp_path: Path, twins: Path, calibration_file: Path, scheduler: str, before: str, complaint: str
) -> None:
    with workers(scheduler, tmp_path, before=before), pytest.raises(DatasetError, match=complaint) as said:
        build_dataset(
            [twins / "a"],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=CONFIG,
            split=ALL_TRAIN,
            scheduler=scheduler,
        )
    assert "\n" not in str(said.value)
    assert not list(tmp_path.glob(".d*"))


def test_a_scheduler_without_workers_is_said_in_one_line(
    tmp_path: Path, twins: Path, calibration_file: Path, scheduler: str
) -> None:
    with pytest.raises(DatasetError, match="wanted workers, the scheduler has none"):
        build_dataset(
            [twins / "a"],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=CONFIG,
            split=ALL_TRAIN,
            scheduler=scheduler,
        )


def test_an_address_where_no_scheduler_answers_is_one_line_within_15_seconds(
    tmp_path: Path, twins: Path, calibration_file: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        addresses = [f"tcp://127.0.0.1:{silent.getsockname()[1]}", "tcp://127.0.0.1:9"]
        for address in addresses:
            began_s = time.monotonic()
            with pytest.raises(DatasetError, match=r"^wanted a Dask scheduler, none answers .*tcp:[/\d.:]+$"):
                build_dataset(
                    [twins / "a"],
                    calibration=calibration_file,
                    traces=None,
                    out=tmp_path / "d",
                    config=CONFIG,
                    split=ALL_TRAIN,
                    scheduler=address,
                )
            assert time.monotonic() - began_s < 15
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["here", "ftp://host:1", "tcp://host", "tcp://:1", ""])
def test_what_is_no_address_is_misuse(
    tmp_path: Path, twins: Path, calibration_file: Path, address: str
) -> None:
    with pytest.raises(UsageError, match="wanted a scheduler's address"):
        build_dataset(
            [twins / "a"],
            calibration=calibration_file,
            traces=None,
            out=tmp_path / "d",
            config=CONFIG,
            split=ALL_TRAIN,
            scheduler=address,
        )
