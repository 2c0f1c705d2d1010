"""An operator in a thread, recorders as processes of their own, and a disk that is too small: all real."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tomlkit

from mavfer.capture.desk import Desk, Stop
from mavfer.capture.master import record
from mavfer.capture.rig import Rig, read_rig
from mavfer.capture.status import TakeStatus
from mavfer.capture.take_report import TakeReport

WAIT_S = 60.0
"""Longer than anything here takes on a loaded machine: who waits so long waits for ever."""


class Operator:
    """One take, recorded in a thread, and the desk that it is seen on."""

    def __init__(self, path: Path, rig: Rig, *, seconds: float, **settings: Any) -> None:
        self.path = path
        self.desk = Desk()
        self._pool = ThreadPoolExecutor(1)
        self._take = self._pool.submit(
            record, path, rig=rig, subject="S01", seconds=seconds, desk=self.desk, **settings
        )

    def until(self, seen: Callable[[TakeStatus], object], *, timeout_s: float = WAIT_S) -> TakeStatus:
        """Return the first status of which `seen` is true; fail if the take ends before."""
        end_s, n_shown = time.monotonic() + timeout_s, 0
        while True:
            status = self.desk.status()
            if seen(status):
                return status
            if self._take.done():
                raise AssertionError(f"the take has ended: {self._take.exception() or self._take.result()}")
            assert time.monotonic() < end_s, f"it was not seen in time: {status}"
            n_shown = self.desk.wait(n_shown, 0.2)

    def outcome(self) -> TakeReport | BaseException:
        """Return what became of the take, once it has ended."""
        error = self._take.exception(WAIT_S)
        self._pool.shutdown()
        return self._take.result() if error is None else error


class MasterProcess:
    """A master that can be killed, and what its operator sees; see watched_master.py.

    Parameters
    ----------
    words : the session, and for a take of its own the rig file and seconds
    inside : what enters a network namespace, before the command
    """

    def __init__(self, *words: object, inside: Sequence[str] = ()) -> None:
        script = str(Path(__file__).with_name("watched_master.py"))
        self.statuses: list[dict[str, Any]] = []
        self._last: dict[str, Any] | None = None
        self._said = threading.Condition()
        self.process = subprocess.Popen(
            [*inside, sys.executable, "-P", script, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(
        self, seen: Callable[[dict[str, Any]], object], *, since: int = 0, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """Return the first status, from number `since` on, of which `seen` is true."""
        number = since

        def found() -> bool:
            nonlocal number
            while number < len(self.statuses) and not seen(self.statuses[number]):
                number += 1
            return number < len(self.statuses) or not self._reader.is_alive()

        with self._said:
            assert self._said.wait_for(found, timeout_s), self.statuses[-1:]
            assert number < len(self.statuses), self._last
            return self.statuses[number]

    def mark(self, label: str) -> None:
        """Mark a moment, and return once it is recorded."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{label}\n")
        self.until(lambda status: label in [marker["label"] for marker in status["markers"]])

    def outcome(self) -> dict[str, Any]:
        """Return the report, with an "error" that is "" if all went well, once the master has ended."""
        self._reader.join(3 * WAIT_S)
        assert self._last is not None, "the master said nothing of its end"
        return self._last

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Wait for its end; it is killed if it does not come."""
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(WAIT_S)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                try:
                    table = json.loads(line)
                except json.JSONDecodeError:  # it was killed as it wrote
                    continue
                with self._said:
                    if "state" in table and "recorders" in table:
                        self.statuses.append(table)
                    else:
                        self._last = table
                    self._said.notify_all()
        with self._said:
            self._said.notify_all()


class RecorderProcess:
    """A `mavfer recorder` that waits for masters, and what it says."""

    def __init__(self, words: list[str], *, cwd: Path) -> None:
        self.lines: list[str] = []
        self._said = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def until_said(self, words: str, *, times: int = 1) -> None:
        """Return once it has said a line with `words`, so many times."""

        def said() -> bool:
            return sum(words in line for line in self.lines) >= times or not self._reader.is_alive()

        with self._said:
            assert self._said.wait_for(said, WAIT_S), self.lines
        assert sum(words in line for line in self.lines) >= times, self.lines

    def ended(self) -> int:
        """Return its exit status, once it has ended and everything that it said is read."""
        status = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                with self._said:
                    self.lines.append(line.rstrip())
                    self._said.notify_all()
        with self._said:
            self._said.notify_all()


class Lab:
    """A rig file whose recorders wait as they would on machines of their own, each with its own folder."""

    def __init__(self, folder: Path, film: Path) -> None:
        self.folder = folder
        self.film = film
        self.port = three_free_ports()
        self.file = folder / "rig.toml"
        self.processes: list[RecorderProcess] = []

    def rig(self, *, recorders: dict[str, dict[str, Any]] | None = None, **settings: Any) -> Rig:
        """Write the rig file and return the rig."""
        tables = {"cam": {"camera": "video", "path": str(self.film)}} if recorders is None else recorders
        tables = {
            name: {"spawn": False, "folder": str(self.folder / f"disk-{name}")} | table
            for name, table in tables.items()
        }
        table = {"master": {"port": self.port}, "recorders": tables, "reserve_mb": 1} | settings
        self.file.write_text(tomlkit.dumps(table), encoding="utf-8")
        return read_rig(self.file)

    def start(self, name: str = "cam", *, odd: str = "") -> RecorderProcess:
        """Start a recorder; an odd one has a part that misbehaves, see odd_recorder.py."""
        words = ["-m", "mavfer", "recorder", name, "--rig", str(self.file)]
        if odd:
            words = [str(Path(__file__).with_name("odd_recorder.py")), odd, name, str(self.file)]
        self.processes.append(RecorderProcess(words, cwd=self.folder))
        return self.processes[-1]

    def close(self) -> None:
        """End the recorders that still run."""
        for one in self.processes:
            if one.process.poll() is None:
                one.process.kill()
            one.ended()


def three_free_ports() -> int:
    """Return the first of three neighbouring ports that nobody listens on now."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second, socket.socket() as third:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                third.bind(("127.0.0.1", port + 2))
            except OSError:
                continue
            return port
    raise AssertionError("no three neighbouring ports are free")


def write_film(path: Path, *, size: tuple[int, int], n_frames: int, every_ms: int, n_plain: int) -> Path:
    """Write a video of noise, of which the first pictures are plain gray and take next to no room."""
    av = pytest.importorskip("av")
    rng = np.random.default_rng(20261121)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for i in range(n_frames):
            noise = rng.integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
            pixels = np.full_like(noise, 128) if i < n_plain else noise
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = i * every_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def film_of() -> Callable[..., Path]:
    """Return `write_film`."""
    return write_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 5 s, 60 pictures a second, 18 kB each where nothing is packed."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    return write_film(path, size=(96, 64), n_frames=310, every_ms=16, n_plain=0)


@pytest.fixture(scope="session")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 60 s, 20 small pictures a second."""
    path = tmp_path_factory.mktemp("film") / "long.mkv"
    return write_film(path, size=(64, 48), n_frames=1200, every_ms=50, n_plain=1200)


@pytest.fixture
def master_of() -> Iterator[Callable[..., MasterProcess]]:
    """Return a function that starts masters in processes of their own; they end with the test."""
    yield from _masters()


@pytest.fixture(scope="module")
def masters_of_the_module() -> Iterator[Callable[..., MasterProcess]]:
    """Return the same for fixtures of a module."""
    yield from _masters()


def _masters() -> Iterator[Callable[..., MasterProcess]]:
    started: list[MasterProcess] = []

    def start(*words: object, inside: Sequence[str] = ()) -> MasterProcess:
        started.append(MasterProcess(*words, inside=inside))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.close()


@pytest.fixture(scope="session")
def large_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of 3.5 s, 60 pictures a second; the first 10 are plain, the others 230 kB each."""
    path = tmp_path_factory.mktemp("large") / "film.mkv"
    return write_film(path, size=(320, 240), n_frames=220, every_ms=16, n_plain=10)


@pytest.fixture
def operator_of() -> Iterator[Callable[..., Operator]]:
    """Return a function that begins takes, see `Operator`; those that still run are stopped with the test."""
    operators: list[Operator] = []

    def begin(path: Path, rig: Rig, *, seconds: float, **settings: Any) -> Operator:
        operators.append(Operator(path, rig, seconds=seconds, **settings))
        return operators[-1]

    yield begin
    for operator in operators:
        operator.desk.ask(Stop())
        operator.outcome()


@pytest.fixture
def lab(tmp_path: Path, film: Path) -> Iterator[Lab]:
    """Return a lab whose recorders end with the test."""
    made = Lab(tmp_path, film)
    yield made
    made.close()


class SmallDisk:
    """A tmpfs of so many MiB that only a child process has mounted; others reach it through the child.

    With the child it is gone.
    """

    def __init__(self, size_mb: int) -> None:
        if sys.platform != "linux" or shutil.which("unshare") is None:
            pytest.skip("a file system of its own wants Linux")
        words = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
        mount = "mount -t tmpfs -o size=$0m tmpfs /mnt && echo mounted"
        grow = "while read size; do mount -o remount,size=${size}m /mnt && echo mounted; done"
        self._child = subprocess.Popen(
            [*words, "sh", "-c", f"{mount} && {grow}", str(size_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not self._mounted():
            pytest.skip(f"no file system can be mounted here: {self._child.communicate()[1].strip()}")
        self.path = Path(psutil.PROCFS_PATH) / str(self._child.pid) / "root" / "mnt"

    def grow(self, size_mb: int) -> None:
        """Let it have so many MiB."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{size_mb}\n")
        self._child.stdin.flush()
        assert self._mounted()

    def fill(self, *, but_kb: int) -> None:
        """Let another program's file take all room but so much."""
        n_bytes = shutil.disk_usage(self.path).free - but_kb * 1024
        (self.path / "ballast").write_bytes(bytes(n_bytes))

    @contextmanager
    def crowded(self) -> Iterator[None]:
        """Let another program take every byte that is free, again and again, while the block runs."""
        over = threading.Event()

        def work() -> None:
            with (self.path / "ballast").open("ab", buffering=0) as file:
                while not over.wait(0.001):
                    with suppress(OSError):
                        while True:
                            file.write(bytes(65536))

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self) -> None:
        """Let the child end."""
        self._child.communicate()

    def _mounted(self) -> bool:
        assert self._child.stdout is not None
        return self._child.stdout.readline() == "mounted\n"


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], SmallDisk]]:
    """Return a function that makes a disk of so many MiB."""
    disks: list[SmallDisk] = []

    def make(size_mb: int) -> SmallDisk:
        disks.append(SmallDisk(size_mb))
        return disks[-1]

    yield make
    for disk in disks:
        disk.close()


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """See that every process ends with its test; made before all other fixtures, so that it looks last."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before
