"""What a run says of a recording, row by row, as a folder: a table, a film, and what it was made from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import __version__
from ...output import new_folder, require_folder_free
from ...preprocess.dataset.clips import close_files
from ..checkpoint import Run, open_run
from .film import write_film
from .frames_file import (
    FILM_NAME,
    FRAMES_NAME,
    RECORD_NAME,
    PredictionRecord,
    write_frames,
    write_prediction_record,
)
from .recording import VIDEO_SUBJECT, Recording, clip_config_of, open_recording, require_pixels
from .scores import RowScores, score_rows

OnStage = Callable[[str], Callable[[int, int], None]]
"""Told what begins now; returns what is told (done, total) of it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction and where it lies."""

    path: Path
    record: PredictionRecord
    scores: RowScores


def predict(
    run: Path,
    recording: Path,
    *,
    out: Path,
    calibration: Path | None = None,
    dataset: Path | None = None,
    clip_fps: float | None = None,
    film: bool = True,
    batch: int = 8,
    device: str = "cpu",
    overwrite: bool = False,
    on_stage: OnStage | None = None,
) -> Prediction:
    """Write what the run at `run` says of a session or a video file to the folder `out`.

    Faces are found, laid upright and cut as in the run's dataset, clips overlap by half, and a row gets the
    mean of the clips that cover it.

    Parameters
    ----------
    calibration : of the session's rig; not needed for color alone
    dataset, clip_fps : see `clip_config_of`
    film : whether the film is drawn too

    Raises
    ------
    ModelError
        There is no run, it sees no pixels, or the recording lacks a stream.
    SessionError, CalibrationError, FaceError, DatasetError
        The recording cannot be used.
    OutputError
        Something stands at `out`.
    """
    require_folder_free(out, marker=RECORD_NAME, overwrite=overwrite)
    tell = on_stage or (lambda _: lambda *_: None)
    opened = open_run(run)
    require_pixels(opened)
    config, assumed = clip_config_of(opened, dataset=dataset, fps=clip_fps)
    opened.network.to(device)
    with tempfile.TemporaryDirectory(prefix="mavfer-predict-") as work:
        found = open_recording(
            recording,
            run=opened,
            config=config,
            calibration=calibration,
            work=Path(work),
            on_progress=tell("find and cut the face"),
        )
        scores = score_rows(opened, found.rows, batch=batch, device=device, on_progress=tell("predict"))
        record = _record(opened, found, scores, assumed=assumed)
        with new_folder(out, marker=RECORD_NAME, overwrite=overwrite) as folder:
            write_frames(folder / FRAMES_NAME, scores)
            if film:
                mark = f"{record.model}{', simulated' if record.simulated else ''}"
                write_film(
                    folder / FILM_NAME, found.session, scores, mark=mark, on_progress=tell("draw the film")
                )
            write_prediction_record(folder / RECORD_NAME, record)
        close_files()  # of the rows, which go with the temporary folder
    return Prediction(out, record, scores)


def _record(run: Run, found: Recording, scores: RowScores, *, assumed: bool) -> PredictionRecord:
    subject = found.record.subject
    seen = {
        name.casefold()
        for name in (
            *run.record.training_subjects,
            *run.record.validation_subjects,
            *run.record.pretrained_subjects,
        )
    }
    return PredictionRecord(
        software=f"mavfer {__version__}",
        model=run.record.model,
        run=run.path.resolve().name,
        recording=found.record.id,
        subject=subject,
        simulated=run.record.simulated or found.record.simulated,
        names=scores.names,
        trained_on=subject != VIDEO_SUBJECT and subject.casefold() in seen,
        clip_fps=found.rows.fps,
        n_rows=len(scores.time_s),
        n_clips=scores.n_clips,
        cut_assumed=assumed,
        covered_share=round(float(np.mean(scores.covered)), 4),
        remarks=found.record.remarks,
    )
