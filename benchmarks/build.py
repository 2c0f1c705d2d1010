"""What building a dataset costs on one core, beside dlib on every whole frame: `python benchmarks/build.py`.

A session of the simulated rig is recorded on the virtual clock. Its decoded pictures are cut by mavfer's row
cutter and searched by dlib's HOG detector at full size, in turn, on one core. Then whole builds: of the
recorded session (decoding and writing included), of many sessions with one and with two workers, and of a
hundred sessions beside a hundred times one. The last line is one JSON object.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import write_calibration
from mavfer.capture.master import record
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig
from mavfer.capture.session import RECORD_NAME, Session, open_session
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.errors import MavferError
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.building.jobs import SessionTask
from mavfer.preprocess.dataset.record import Align, ClipConfig, SplitConfig
from mavfer.preprocess.rows.cut import RowCutter
from mavfer.preprocess.scheduling.attempt import Result

TABLE = {
    "compute_fps": "rows/s on one core: detect, landmarks, align, cut, all streams (wanted: at least 80)",
    "naive_fps": "rows/s of dlib's detector on every whole frame, and its landmarks",
    "compute_over_naive": "times as many",
    "end_to_end_fps": "rows/s on one core from the recorded session to the dataset (wanted: at least 40)",
    "two_workers": "times as many rows/s with two workers as with one (wanted: at least 1.8)",
    "hundred_sessions": "cost of many sessions over as many times one (wanted: 0.9 to 1.1)",
}
ALL_TRAIN = SplitConfig(n_test_subjects=0, n_validation_subjects=0)
EVERY_TICK = ClipConfig(fps=0, verify_moments=0)


def simulated_session(path: Path, *, seconds: float) -> Session:
    """Record a moving face with all four streams."""
    rig = Rig(
        name="simulated",
        recorders={
            "kinect": RecorderSettings(camera="simulated_kinect"),
            "thermal": RecorderSettings(camera="simulated_a65"),
        },
        simulated=SceneSettings(clock="virtual"),
    )
    record(path, rig=rig, subject="S01", seconds=seconds)
    return open_session(path)


def true_calibration() -> Calibration:
    """Return the simulated rig's own geometry."""
    rig = simulated_rig()
    return Calibration(
        rig="simulated",
        color=rig.color,
        depth=rig.depth,
        thermal=rig.thermal,
        color_from_depth=rig.color_from_depth,
        thermal_from_color=rig.thermal_from_color,
        depth_shift_mm=rig.depth_shift_mm,
    )


def copies(session: Session, folder: Path, n: int) -> list[Path]:
    """Return `n` sessions with ids of their own that share the bytes of one."""
    folder.mkdir()
    text = (session.path / RECORD_NAME).read_text(encoding="utf-8")
    made = []
    for i in range(n):
        path = folder / f"copy{i:03d}"
        shutil.copytree(session.path, path, copy_function=os.link)
        (path / RECORD_NAME).unlink()
        renamed = re.sub(r'^id = ".*"$', f'id = "{path.name}"', text, count=1, flags=re.MULTILINE)
        (path / RECORD_NAME).write_text(renamed, encoding="utf-8")
        made.append(path)
    return made


@contextmanager
def on_cores(n: int) -> Iterator[None]:
    """Keep this process, and those it starts meanwhile, on the first `n` of its cores."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure_compute(session: Session, calibration: Calibration, *, seconds: float) -> dict[str, float]:
    """Return rows/s of the row cutter and of dlib on whole frames, in turn on the same pictures."""
    import dlib

    from mavfer.preprocess.faces.landmarks import model_path

    n_pictures = min(40, *(len(session.index(stream)) for stream in session.streams))
    moments = [
        {stream: session.frame(stream, i).pixels for stream in session.streams} for i in range(n_pictures)
    ]
    there_and_back = moments + moments[-2:0:-1]  # the face never jumps
    cutter = RowCutter(
        [session.spec(stream) for stream in session.streams], calibration, size_px=96, mode=Align.POINTS51
    )
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model_path()))

    def mavfer(i: int) -> None:
        cutter.row(there_and_back[i % len(there_and_back)], time_s=i / 10)

    def naive(i: int) -> None:
        gray = cv2.cvtColor(moments[i % n_pictures][Stream.COLOR], cv2.COLOR_RGB2GRAY)
        for box in detector(gray, 0):
            predictor(gray, box)

    for i in range(5):
        mavfer(i)
    naive(0)
    own_s: list[float] = []
    naive_s: list[float] = []
    started_s = time.perf_counter()
    while time.perf_counter() - started_s < seconds or len(naive_s) < 3:
        for _ in range(10):
            own_s.append(_cpu_s(mavfer, 5 + len(own_s)))
        naive_s.append(_cpu_s(naive, len(naive_s)))
    own_fps, naive_fps = 1 / float(np.mean(own_s)), 1 / float(np.mean(naive_s))
    return {"compute_fps": own_fps, "naive_fps": naive_fps, "compute_over_naive": own_fps / naive_fps}


def _cpu_s(work: Callable[[int], None], i: int) -> float:
    started_s = time.process_time()
    work(i)
    return time.process_time() - started_s


class Stopwatch:
    """Times a build from when its sessions are known to when the last is done; the report comes later."""

    def planned(self, tasks: Sequence[SessionTask]) -> None:  # noqa: ARG002
        """Start."""
        self._started = time.perf_counter(), time.process_time()

    def advanced(self, task: SessionTask, n_done: int, n_frames: int) -> None:
        """Go on."""

    def ended(self, task: SessionTask, result: Result) -> None:  # noqa: ARG002
        """Take the time."""
        self.wall_s = time.perf_counter() - self._started[0]
        self.cpu_s = time.process_time() - self._started[1]


def measure_builds(
    session: Session, work: Path, *, n_rounds: int, n_per_worker: int, n_many: int
) -> dict[str, float]:
    """Return what whole builds of this session's copies cost."""
    calibration = work / "calibration.toml"
    write_calibration(calibration, true_calibration())
    sessions = copies(session, work / "sessions", max(n_many, 2 * n_per_worker))
    n_rows = len(session.index(Stream.COLOR))

    def build(n: int, *, n_workers: int) -> Stopwatch:
        """Return the times of a build of the first `n` sessions."""
        out, stopwatch = work / "dataset", Stopwatch()
        report = build_dataset(
            sessions[:n],
            calibration=calibration,
            traces=None,
            out=out,
            config=EVERY_TICK,
            split=ALL_TRAIN,
            n_workers=n_workers,
            watch=stopwatch,
        )
        if len(report.built) != n:
            raise MavferError(f"wanted {n} sessions built, found {len(report.built)}: {out}")
        shutil.rmtree(out)
        return stopwatch

    with on_cores(1):
        build(1, n_workers=1)
        one_s = [build(1, n_workers=1).cpu_s for _ in range(3)]
        many_s = build(n_many, n_workers=1).cpu_s
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(n_rounds):
        for n_workers in (1, 2):
            with on_cores(n_workers):
                times[n_workers].append(build(2 * n_per_worker, n_workers=n_workers).wall_s)
    one, two = float(np.median(times[1])), float(np.median(times[2]))
    return {
        "end_to_end_fps": n_many * n_rows / many_s,
        "two_workers": one / two,
        "hundred_sessions": many_s / (n_many * float(np.median(one_s))),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter builds")
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    short = options.quick or options.seconds is not None
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="mavfer-benchmark-") as folder:
            work = Path(folder)
            session = simulated_session(work / "take", seconds=options.seconds or (4.0 if short else 8.0))
            with on_cores(1):
                found = measure_compute(
                    session, true_calibration(), seconds=options.seconds or (8.0 if short else 40.0)
                )
            found |= measure_builds(
                session,
                work,
                n_rounds=1 if short else 2,
                n_per_worker=2 if options.seconds else 4 if short else 20,
                n_many=3 if options.seconds else 10 if short else 100,
            )
    except MavferError as error:
        raise SystemExit(f"error: {error}") from error
    for key, value in found.items():
        print(f"{key:20} {value:9.2f}  {TABLE[key]}")
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
