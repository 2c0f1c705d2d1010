"""RUN/evaluation.json: what an evaluation found, with every session's series, written and read again."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ...errors import ModelError
from ...output import new_file
from .classes import ClipClasses
from .postprocess import Chain
from .series import Scores, Series, SessionPrediction

EVALUATION_NAME = "evaluation.json"
SCHEMA_VERSION = 3
OLDEST_VERSION = 2
DECIMALS = 6

Intervals = dict[str, dict[str, tuple[float, float]]]
"""By what is predicted, then by measure: the limits of 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a run fares on the test or the validation subjects of a dataset.

    Attributes
    ----------
    run : its folder
    split : "test" or "validation";  split_name, fold : of which of the dataset's splits
    seed : that the run was trained with
    dimensions : what is predicted;  class_names : of a network of classes, in the order of its outputs
    scores, constant : pooled over all frames, of the network and of the mean training label (of classes, of
        the most frequent training class)
    intervals : of `scores`, over subjects; empty with fewer than five
    processed, processed_intervals : the same after post-processing; empty where there is none
    chains : by dimension, the post-processing
    fitted_on : what the chains were fitted on, or why there are none
    training_means : by dimension, what the constant prediction says; by class, its share of the training
    simulated : whether training or these sessions were simulated
    unseen_subjects : False only where the dataset is split in time, within one subject
    n_frames : of all sessions
    """

    run: Path
    model: str
    split: str
    split_name: str
    fold: int | None
    seed: int
    dimensions: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    scores: Scores
    constant: Scores
    intervals: Intervals = field(default_factory=dict)
    processed: Scores = field(default_factory=dict)
    processed_intervals: Intervals = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    fitted_on: str = ""
    training_means: dict[str, float] = field(default_factory=dict)
    sessions: tuple[SessionPrediction, ...]
    n_frames: int
    simulated: bool
    unseen_subjects: bool


def write_evaluation(evaluation: Evaluation, *, dataset: str, dataset_sha256: str) -> Path:
    """Write RUN/evaluation.json in place of an earlier one, complete or not at all, and return its path.

    Parameters
    ----------
    dataset : its path from the run's folder
    """
    page = {
        "schema_version": SCHEMA_VERSION,
        "model": evaluation.model,
        "split": evaluation.split,
        "split_name": evaluation.split_name,
        "fold": evaluation.fold,
        "seed": evaluation.seed,
        "dataset": dataset,
        "dataset_sha256": dataset_sha256,
        "simulated": evaluation.simulated,
        "unseen_subjects": evaluation.unseen_subjects,
        "n_frames": evaluation.n_frames,
        "dimensions": evaluation.dimensions,
        "class_names": evaluation.class_names,
        "scores": evaluation.scores,
        "intervals": evaluation.intervals,
        "constant": evaluation.constant,
        "training_means": evaluation.training_means,
        "postprocessing": {
            "fitted_on": evaluation.fitted_on,
            "chains": {name: chain.model_dump() for name, chain in evaluation.chains.items()},
            "scores": evaluation.processed,
            "intervals": evaluation.processed_intervals,
        },
        "sessions": [_session_table(one) for one in evaluation.sessions],
    }
    path = evaluation.run / EVALUATION_NAME
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(page, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def read_evaluation(run: Path) -> Evaluation:
    """Return what RUN/evaluation.json holds, of this schema or of schema 2.

    Files of schema 2 do not tell the seed, the intervals, the training means and which frames are
    interpolated: there the seed is 0 and every frame counts as covered.

    Raises
    ------
    ModelError
        There is no such file, it is damaged, or it is of another schema.
    """
    path = run / EVALUATION_NAME
    try:
        page = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"wanted an evaluated run, found no {EVALUATION_NAME}; run `mavfer evaluate`: {run}"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"wanted a readable {EVALUATION_NAME}, found: {error}: {path}") from error
    version = page.get("schema_version") if isinstance(page, dict) else None
    if version not in (OLDEST_VERSION, SCHEMA_VERSION):
        raise ModelError(
            f"wanted schema {OLDEST_VERSION} or {SCHEMA_VERSION} of {EVALUATION_NAME}, found {version!r}; "
            f"run `mavfer evaluate` again: {path}"
        )
    try:
        return _evaluation(run, page)
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"wanted a whole {EVALUATION_NAME}, found a damaged one ({reason:.120}); "
            f"run `mavfer evaluate` again: {path}"
        ) from error


def _evaluation(run: Path, page: dict[str, Any]) -> Evaluation:
    after = page.get("postprocessing", {})
    return Evaluation(
        run=run,
        model=str(page["model"]),
        split=page["split"],
        split_name=page["split_name"],
        fold=page["fold"],
        seed=int(page.get("seed", 0)),
        dimensions=tuple(page.get("dimensions", page["scores"])),
        class_names=tuple(page.get("class_names", ())),
        scores=_scores(page["scores"]),
        intervals=_intervals(page.get("intervals", {})),
        constant=_scores(page["constant"]),
        processed=_scores(after.get("scores", {})),
        processed_intervals=_intervals(after.get("intervals", {})),
        chains={name: Chain.model_validate(table) for name, table in after.get("chains", {}).items()},
        fitted_on=after.get("fitted_on", "the file is of schema 2, which had no post-processing"),
        training_means={name: float(value) for name, value in page.get("training_means", {}).items()},
        sessions=tuple(_session(table, len(page.get("class_names", ()))) for table in page["sessions"]),
        n_frames=int(page["n_frames"]),
        simulated=bool(page["simulated"]),
        unseen_subjects=bool(page["unseen_subjects"]),
    )


def _session_table(one: SessionPrediction) -> dict[str, Any]:
    table: dict[str, Any] = {
        "session": one.session,
        "subject": one.subject,
        "fps": one.fps,
        "scores": one.scores,
        "time_s": [round(float(t), DECIMALS) for t in one.time_s],
        "covered": one.covered.astype(int).tolist(),
        "truth": _listed(one.truth),
        "predicted": _listed(one.predicted),
        "processed": _listed(one.processed),
    }
    if one.clips is not None:
        table["clips"] = {
            "start": one.clips.start.tolist(),
            "truth": one.clips.truth.tolist(),
            "probabilities": one.clips.probabilities.round(DECIMALS).tolist(),
        }
    return table


def _session(table: dict[str, Any], n_classes: int) -> SessionPrediction:
    time_s = np.array(table["time_s"], np.float64)
    clips = table.get("clips")
    n = len(time_s)
    fps = table.get("fps")
    if fps is None:
        fps = 1 / float(np.median(np.diff(time_s))) if n > 1 else 0.0
    return SessionPrediction(
        session=str(table["session"]),
        subject=str(table["subject"]),
        fps=float(fps),
        time_s=time_s,
        covered=np.array(table.get("covered", [1] * n), bool),
        truth=_series(table["truth"], n),
        predicted=_series(table["predicted"], n),
        processed=_series(table.get("processed", {}), n),
        scores=_scores(table["scores"]),
        clips=None
        if clips is None
        else ClipClasses(
            np.array(clips["start"], np.int64),
            np.array(clips["truth"], np.int64),
            np.array(clips["probabilities"], np.float64).reshape(-1, n_classes),
        ),
    )


def _listed(series: Series) -> dict[str, list[float | None]]:
    return {
        name: [round(float(value), DECIMALS) if math.isfinite(value) else None for value in values]
        for name, values in series.items()
    }


def _series(table: dict[str, list[float | None]], n_frames: int) -> Series:
    found: dict[str, NDArray[np.float64]] = {}
    for name, values in table.items():
        if len(values) != n_frames:
            raise ValueError(f"{name}: wanted {n_frames} frames, found {len(values)}")
        found[name] = np.array([math.nan if value is None else value for value in values], np.float64)
    return found


def _scores(table: dict[str, dict[str, float]]) -> Scores:
    return {name: {key: float(value) for key, value in own.items()} for name, own in table.items()}


def _intervals(table: dict[str, dict[str, list[float]]]) -> Intervals:
    return {
        name: {key: (float(low), float(high)) for key, (low, high) in own.items()}
        for name, own in table.items()
    }
