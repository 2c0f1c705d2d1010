"""A recorded session or a video file as rows that a network can see, cut as its training sessions were.

The rows are made by the road that builds datasets (preprocess/), one session long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...capture.session import RECORD_NAME, Session, open_session, read_record
from ...capture.streams import Stream
from ...errors import ModelError, SessionError, UsageError
from ...preprocess.building.sessions_given import sessions_given
from ...preprocess.building.tasks import read_calibrations, sha256_of_detector, task_of
from ...preprocess.building.workplace import Workplace
from ...preprocess.dataset.clips import DatasetSession
from ...preprocess.dataset.record import RECORD_NAME as DATASET_RECORD
from ...preprocess.dataset.record import ClipConfig, SessionRecord
from ...preprocess.dataset.record import read_record as read_dataset_record
from ...preprocess.labels.ratings import Rated
from ...preprocess.scheduling.attempt import Built, attempt
from ..checkpoint import Run, RunRecord, clip_config_of_dataset

Progress = Callable[[int, int], None]
VIDEO_SUBJECT = "video"


@dataclass(frozen=True, slots=True)
class Recording:
    """One session, and its rows.

    Attributes
    ----------
    session : as recorded; of a video file, as imported
    rows : its rows, all of them, without labels
    record : how its rows fared
    """

    session: Session
    rows: DatasetSession
    record: SessionRecord


def clip_config_of(
    run: Run, *, dataset: Path | None = None, fps: float | None = None
) -> tuple[ClipConfig, bool]:
    """Return how the frames that a run learned from were cut, and whether that had to be assumed.

    Parameters
    ----------
    dataset : where the run's dataset stands now; the run says itself how it was cut, older ones do not
    fps : frames per second of the clips, where nothing else says them; the crops are then assumed to have
        been cut as `mavfer build-dataset` cuts them by default

    Raises
    ------
    UsageError
        Neither the run nor a dataset nor `fps` says at what rate its frames were.
    DatasetError
        `dataset` is none.
    """
    there = dataset or (run.path / run.record.dataset).resolve()
    if dataset is None and run.record.clip_config is not None:
        config = run.record.clip_config
    elif dataset is not None or (there / DATASET_RECORD).is_file():
        config = clip_config_of_dataset(read_dataset_record(there))
    elif fps is not None:
        return _assumed(run.record, fps), True
    else:
        raise UsageError(
            f"wanted the dataset that the run learned from, to cut faces as it did, found none; pass "
            f"--dataset FOLDER, or --clip-fps with its frames per second: {there}"
        )
    return (config if fps is None else config.model_copy(update={"fps": fps})), False


def require_pixels(run: Run) -> None:
    """Raise ModelError where a run sees feature sets, which nobody makes of a recording on its way."""
    if run.record.inputs.features:
        raise ModelError(
            f"wanted a run that sees pixels, {run.record.model} sees feature sets "
            f"{', '.join(run.record.inputs.features)}; build a dataset of the recording, run `mavfer "
            f"features` on it and `mavfer evaluate`: {run.path}"
        )


def open_recording(
    path: Path,
    *,
    run: Run,
    config: ClipConfig,
    calibration: Path | None,
    work: Path,
    on_progress: Progress | None = None,
) -> Recording:
    """Return the session or video at `path` with its rows; what has to be written goes into `work`.

    Parameters
    ----------
    calibration : of the session's rig; not needed for a session or video of color alone
    work : an empty folder, to be kept as long as the rows are read

    Raises
    ------
    SessionError
        There is neither a session nor a video.
    ModelError
        The recording lacks a stream that the network sees.
    CalibrationError, FaceError, DatasetError
        Its rows cannot be made.
    """
    if not path.exists():
        raise SessionError(f"wanted a session folder or a video file, found nothing: {path}")
    folder = path if path.is_dir() else None
    if folder is None and (path.name == RECORD_NAME):
        folder = path.parent
    if folder is None:
        _require_streams(run, (Stream.COLOR,), path)
        folder = _imported(path, work, max_fps=None)
    given = read_record(folder)
    streams = {stream for recorder in given.recorders.values() for stream in recorder.streams}
    _require_streams(run, tuple(sorted(streams)), path)
    return _with_rows(folder, config=config, calibration=calibration, work=work, on_progress=on_progress)


def _with_rows(
    folder: Path,
    *,
    config: ClipConfig,
    calibration: Path | None,
    work: Path,
    on_progress: Progress | None,
) -> Recording:
    plain = config.model_copy(update={"verify_moments": 0, "rater_lag_s": 0.0})
    with closing(Workplace(work / "rows")) as workplace:
        task = task_of(
            sessions_given([folder])[0],
            calibrations=read_calibrations(calibration),
            rated=Rated(),
            config=plain,
            yunet=None,
            yunet_sha256=sha256_of_detector(None),
            workplace=workplace,
        )
        if isinstance(task, Exception):
            raise task
        result = attempt(task, on_progress or (lambda *_: None))
        if not isinstance(result, Built):
            raise result.error
        file = work / result.file.name
        result.file.replace(file)
    record = result.record
    rows = DatasetSession(
        id=record.id,
        session_id=record.id,
        subject=record.subject,
        split="test",
        start=0,
        n_frames=record.n_frames,
        fps=record.fps,
        streams=record.streams,
        path=file,
        n_ticks=record.n_ticks,
    )
    return Recording(open_session(folder), rows, record)


def _imported(video: Path, work: Path, *, max_fps: float | None) -> Path:
    """Return a video file as a session of color alone, in `work`."""
    from ...capture.video import import_video

    name = re.sub(r"[^A-Za-z0-9_.-]", "_", video.stem).lstrip("_.-")[:64] or VIDEO_SUBJECT
    return import_video(video, out=work / "session" / name, subject=VIDEO_SUBJECT, max_fps=max_fps)


def _require_streams(run: Run, found: tuple[str, ...], path: Path) -> None:
    missing = [name for name in run.record.inputs.modalities if name not in found]
    if missing:
        raise ModelError(
            f"{run.record.model} sees {', '.join(run.record.inputs.modalities)}, the recording has "
            f"{', '.join(found)}; take a run of {found[0] if len(found) == 1 else 'these streams'} alone, "
            f"such as uran: {path}"
        )


def _assumed(record: RunRecord, fps: float) -> ClipConfig:
    """Return the default crops, as large as the network needs them."""
    side = record.inputs.size_px
    size_px = max(32, side if side >= 96 else side * -(-96 // side))
    return ClipConfig(fps=fps, size_px=size_px)
