"""The stages of the demo's road, one function each: they call what the commands call, and nothing else.

Each is timed, announced and tells its progress; road.py strings them together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from ..annotate.simulated import simulated_traces
from ..annotate.trace import write_trace
from ..calibrate.calibration import Calibration
from ..calibrate.calibration_file import write_calibration
from ..calibrate.show.moments import find_moment
from ..calibrate.show.page import calibration_page
from ..calibrate.solver.solve import calibrate_session
from ..calibrate.verify.agreement import Agreement
from ..calibrate.verify.verify import verify
from ..capture.board import Board
from ..capture.master import record
from ..capture.rig import Rig, read_rig, simulated_rig_file
from ..capture.session import open_session
from ..capture.simulated.truth import read_truth, truth_path
from ..capture.synchronize import SyncReport, synchronize
from ..errors import DatasetError
from ..model.evaluation.evaluate import Evaluation, evaluate
from ..model.training.config import TrainConfig
from ..model.training.train import train
from ..preprocess.build import build_dataset
from ..preprocess.dataset.record import ClipConfig, SplitConfig

Progress = Callable[[int, int], None]
OnStage = Callable[[str], Progress]
BOARD = "9x6x25mm"
POOR_LIGHT = 0.3
RATER_LAG_S = 1.75
"""Raters react 1 to 6 s late (Mariooryad and Busso, TAFFC 6(2), 2015); labels are moved back by this."""
MODELS = ("mran", "uran", "early-fusion")
N_SIDE_BY_SIDE = 2
N_VERIFY_MOMENTS = 12
TRAIN_THREADS = 1
"""On a two-core virtual machine a step of the small MRAN took 0.3 s on one thread and 0.8 to 2 s on two; and
with one thread the same seed gives the same scores whatever the number of cores."""


@dataclass(frozen=True, slots=True)
class Road:
    """How long a road the demo takes.

    Attributes
    ----------
    n_subjects, n_test_subjects : one session each; every third is filmed in poor light
    seconds, real_seconds, board_seconds : of a face session, of the one in real time, of the board session
    clip_fps : frames per second of the dataset. On sessions of one minute, 8 instead of the paper's 4 took
        MRAN's valence CCC on unseen subjects from 0.66 to 0.81 and URAN's from 0.60 to 0.60 (simulated):
        twice the clips, and less of a feeling averaged away in a clip's one label
    n_epochs, max_minutes : most passes over the clips (None: the preset's) and most time for each model
    """

    n_subjects: int
    n_test_subjects: int
    seconds: float
    real_seconds: float
    board_seconds: float
    clip_fps: float
    n_epochs: int | None
    max_minutes: float


FULL = Road(
    n_subjects=12,
    n_test_subjects=3,
    seconds=60.0,
    real_seconds=30.0,
    board_seconds=40.0,
    clip_fps=8.0,
    n_epochs=None,
    max_minutes=8.0,
)
QUICK = Road(
    n_subjects=4,
    n_test_subjects=1,
    seconds=12.0,
    real_seconds=8.0,
    board_seconds=20.0,
    clip_fps=10.0,
    n_epochs=20,
    max_minutes=0.25,
)


@dataclass(frozen=True, slots=True)
class Take:
    """One session to record."""

    path: Path
    subject: str
    seconds: float
    rig: Rig


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took, and how many of what it worked through."""

    name: str
    seconds: float
    count: int = 0
    unit: str = ""


@dataclass(slots=True)
class Stage:
    """A stage that is under way; whoever runs it says what it worked through."""

    progress: Progress
    count: int = 0
    unit: str = ""


@dataclass(slots=True)
class Stages:
    """The stages of one road, each timed and announced."""

    on_stage: OnStage
    times: list[StageTime] = field(default_factory=list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Stage]:
        """Announce the stage `name`, and note how long the block took."""
        stage = Stage(self.on_stage(name))
        started_s = time.perf_counter()
        yield stage
        self.times.append(StageTime(name, time.perf_counter() - started_s, stage.count, stage.unit))


def write_rig(path: Path) -> Rig:
    """Write the simulated rig's file and return what it says."""
    path.write_text(simulated_rig_file(), encoding="utf-8")
    return read_rig(path)


def plan_takes(folder: Path, rig: Rig, road: Road, *, seed: int, wire: bool = False) -> list[Take]:
    """Return what is to be recorded: the board, a face in real time, and faces on the virtual clock.

    With `wire` the thermal camera of the take in real time is a GigE Vision device on loopback.
    """

    def filming(**changes: object) -> Rig:
        return rig.model_copy(update={"simulated": rig.scene.model_copy(update=changes)})

    board = filming(target="board", clock="virtual", seed=seed, board=BOARD)
    takes = [Take(folder / "board", "board", road.board_seconds, board)]
    for i in range(road.n_subjects):
        subject = f"S{i + 1:02d}"
        real = i == 0
        face = filming(
            clock="real" if real else "virtual",
            wire=wire and real,
            seed=seed + i,
            light=POOR_LIGHT if i % 3 == 2 else 1.0,
        )
        takes.append(Take(folder / subject, subject, road.real_seconds if real else road.seconds, face))
    return takes


def record_takes(takes: Sequence[Take], stages: Stages, name: str) -> None:
    """Record takes, two side by side where there are several."""
    done = [0] * len(takes)
    total = sum(round(take.seconds * take.rig.fps) for take in takes)
    lock, stopped = Lock(), Event()
    with stages(name) as stage:

        def one(i: int) -> None:
            def on_progress(n: int, _: int) -> None:
                if stopped.is_set():
                    raise KeyboardInterrupt  # Ctrl-C reaches the main thread alone; this ends the take
                with lock:
                    done[i] = n
                    stage.progress(sum(done), total)

            take = takes[i]
            record(
                take.path, rig=take.rig, subject=take.subject, seconds=take.seconds, on_progress=on_progress
            )

        pool = ThreadPoolExecutor(N_SIDE_BY_SIDE)
        try:
            for recorded in [pool.submit(one, i) for i in range(len(takes))]:
                recorded.result()
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
        recorded = [open_session(take.path) for take in takes]
        stage.count = sum(len(session.index(stream)) for session in recorded for stream in session.streams)
        stage.unit = "frames"


def check_sessions(sessions: Sequence[Path], stages: Stages) -> tuple[SyncReport, ...]:
    """Return how well each session's streams keep time, and what each one lacks."""
    reports = []
    with stages("check the sessions") as stage:
        for i, path in enumerate(sessions):
            reports.append(synchronize(open_session(path)).report)
            stage.progress(i + 1, len(sessions))
        stage.count, stage.unit = len(sessions), "sessions"
    return tuple(reports)


def calibrate(board_session: Path, path: Path, stages: Stages) -> Calibration:
    """Return the geometry solved from the board session; it is written to `path`."""
    with stages("calibrate") as stage:
        calibration = calibrate_session(
            open_session(board_session), Board.parse(BOARD), on_progress=stage.progress
        )
        write_calibration(path, calibration)
        stage.count, stage.unit = len(calibration.residuals), "board pictures"
    return calibration


def show_calibration(calibration: Calibration, sessions: Sequence[Path], path: Path, stages: Stages) -> None:
    """Draw the calibration, and what these sessions look like through it, as the page `path`."""
    with stages("draw the calibration") as stage:
        moments = [find_moment(calibration, open_session(session)) for session in sessions]
        calibration_page(calibration, moments).write(path)
        stage.count, stage.unit = len(moments), "sessions through it"


def verify_sessions(
    calibration: Calibration, sessions: Sequence[Path], stages: Stages
) -> tuple[Agreement, ...]:
    """Return how well the edges of color, depth and thermal agree in each session."""
    agreements = []
    with stages("verify the rig") as stage:
        for i, path in enumerate(sessions):
            agreements.append(verify(open_session(path), calibration, n_moments=N_VERIFY_MOMENTS))
            stage.progress(i + 1, len(sessions))
        stage.count, stage.unit = len(sessions), "sessions"
    return tuple(agreements)


def rate(sessions: Sequence[Path], folder: Path, stages: Stages, *, seed: int) -> None:
    """Let three simulated raters rate every session."""
    with stages("rate") as stage:
        for i, path in enumerate(sessions):
            for trace in simulated_traces(read_truth(truth_path(path)), session=path.name, seed=seed + i):
                write_trace(folder, trace)
                stage.count += 1
            stage.progress(i + 1, len(sessions))
        stage.unit = "traces"


def build(sessions: Sequence[Path], folder: Path, road: Road, stages: Stages, *, seed: int) -> float:
    """Build the dataset and return the share of its frames in which the face was aligned."""
    with stages("build the dataset") as stage:
        report = build_dataset(
            sessions,
            calibration=folder / "calibration.toml",
            traces=folder / "traces",
            out=folder / "dataset",
            config=ClipConfig(fps=road.clip_fps, rater_lag_s=RATER_LAG_S),
            split=SplitConfig(n_test_subjects=road.n_test_subjects, n_validation_subjects=1, seed=seed),
            on_progress=stage.progress,
        )
        if report.failed:
            raise DatasetError(f"session {report.failed[0].id!r} was not built: {report.failed[0].error}")
        stage.count, stage.unit = report.n_frames, "frames"
    return report.aligned_share


def learn(
    folder: Path, road: Road, stages: Stages, *, seed: int
) -> tuple[dict[str, Path], dict[str, Evaluation]]:
    """Train every model and score it on the test subjects; return {model: run} and {model: scores}."""
    runs, evaluations = {}, {}
    for model in MODELS:
        runs[model] = folder / "runs" / model
        with stages(f"train {model}") as stage:
            config = TrainConfig(
                model=model,
                size="small",
                epochs=road.n_epochs,
                max_minutes=road.max_minutes,
                threads=TRAIN_THREADS,
                seed=seed,
            )
            report = train(folder / "dataset", config=config, out=runs[model], on_progress=stage.progress)
            stage.count, stage.unit = report.record.n_steps, "steps"
    with stages("evaluate") as stage:
        for i, model in enumerate(MODELS):
            evaluations[model] = evaluate(runs[model])
            stage.progress(i + 1, len(MODELS))
        stage.count, stage.unit = sum(one.n_frames for one in evaluations.values()), "frames"
    return runs, evaluations
