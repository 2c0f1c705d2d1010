"""A run as it is looked at: what it said of each session, the faces of its dataset, and where it looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError, MavferError, ModelError, OutputError
from ..preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ..preprocess.dataset.record import Reason
from ..preprocess.view.rows import facts_table, read_facts
from .kinds import RUN_RECORD
from .run_series import Curve, curves_of

if TYPE_CHECKING:
    from ..model.checkpoint import Run
    from ..model.evaluation.evaluation_file import Evaluation
    from ..model.evaluation.series import SessionPrediction
    from .attention import Attention

FRAMES_PER_CLIP = 16
"""Of runs that do not say, as of fused predictions."""
MEASURES = ("rmse", "cc", "ccc", "accuracy", "macro_f1")


@dataclass(frozen=True)
class RunView:
    """An evaluated run open for looking.

    Attributes
    ----------
    path, evaluation : the run's folder, and what its evaluation found
    faces : the sessions of the dataset that are at hand, by id
    attention : where the network looks; None where there is nothing to show
    no_attention : why not, in a line
    clip_frames : frames per clip
    remarks : what whoever looks must know, one line each
    """

    path: Path
    evaluation: Evaluation
    faces: dict[str, DatasetSession]
    attention: Attention | None
    no_attention: str
    clip_frames: int
    remarks: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @cached_property
    def version(self) -> str:
        """What changes with the dataset's files; it is part of the addresses of pictures."""
        status = [one.path.stat() for one in self.faces.values()]
        return "-".join(f"{one.st_mtime_ns:x}" for one in status[:4]) or "0"

    def number_of(self, session_id: str) -> int:
        """Return the place of a session among the evaluated; raises ModelError where it is none of them."""
        ids = [one.session for one in self.evaluation.sessions]
        if session_id not in ids:
            raise ModelError(
                f"wanted one of the sessions {', '.join(ids)}, found {session_id!r}: {self.path}"
            )
        return ids.index(session_id)

    def prediction(self, number: int) -> SessionPrediction:
        """Return what was said of a session; raises ModelError where there is no such session."""
        if not 0 <= number < len(self.evaluation.sessions):
            raise ModelError(
                f"wanted one of {len(self.evaluation.sessions)} sessions, found number {number}: {self.path}"
            )
        return self.evaluation.sessions[number]

    def curves(self, number: int) -> tuple[Curve, ...]:
        """Return a session's curves."""
        return curves_of(self.evaluation, self.prediction(number), clip_frames=self.clip_frames)

    def face(self, number: int) -> DatasetSession:
        """Return a session's faces; raises DatasetError where they are not at hand."""
        session = self.prediction(number).session
        if session not in self.faces:
            raise DatasetError(
                f"the faces of session {session!r} are not at hand; name --dataset: {self.path}"
            )
        return self.faces[session]

    def table(self) -> dict[str, Any]:
        """Return what the page shows of the run as a whole, as JSON can hold it."""
        found = self.evaluation
        return {
            "name": self.name,
            "path": str(self.path.resolve()),
            "model": found.model,
            "split": found.split,
            "split_name": found.split_name,
            "fold": found.fold,
            "seed": found.seed,
            "simulated": found.simulated,
            "unseen_subjects": found.unseen_subjects,
            "n_frames": found.n_frames,
            "scores": _scores(found.scores),
            "intervals": found.intervals,
            "constant": _scores(found.constant),
            "processed": _scores(found.processed),
            "processed_intervals": found.processed_intervals,
            "fitted_on": found.fitted_on,
            "attention": self.attention is not None,
            "no_attention": self.no_attention,
            "remarks": list(self.remarks),
            "reasons": {reason.name.lower(): int(reason) for reason in Reason},
            "sessions": [self._session(number) for number in range(len(found.sessions))],
        }

    def facts(self, number: int) -> dict[str, Any]:
        """Return what the page shows of one session besides pixels, as JSON can hold it.

        Raises
        ------
        ModelError, DatasetError
            There is no such session, or its file is damaged.
        """
        said = self.prediction(number)
        table: dict[str, Any] = {
            "columns": {},
            "raters": {},
            "clips": [],
            "frames_per_clip": self.clip_frames,
        }
        if said.session in self.faces:
            session = self.faces[said.session]
            table = facts_table(read_facts(session, ((0, session.n_frames),)))
            side = session.read("color", 0, min(1, session.n_frames)).shape[1]
            table |= {"size_px": int(side)}
            if self.attention is not None:
                table |= {"clips": list(self.attention.starts(session)), "frames_per_clip": self.clip_frames}
        table["columns"]["time_s"] = _listed(said.time_s, 4)
        return table | {
            "covered": said.covered.astype(int).tolist(),
            "curves": [
                {
                    "name": one.name,
                    "truth": _listed(one.truth, 4),
                    "predicted": _listed(one.predicted, 4),
                    "processed": None if one.processed is None else _listed(one.processed, 4),
                    "low": one.low,
                    "high": one.high,
                    "scores": {key: _number(value) for key, value in one.scores.items()},
                }
                for one in self.curves(number)
            ],
        }

    def _session(self, number: int) -> dict[str, Any]:
        said = self.evaluation.sessions[number]
        face = self.faces.get(said.session)
        return {
            "number": number,
            "id": said.session,
            "subject": said.subject,
            "fps": said.fps,
            "n_frames": len(said.time_s),
            "streams": [] if face is None else [stream.value for stream in face.streams],
            "version": self.version,
            "scores": _scores(said.scores),
        }


def open_run_view(path: Path, *, dataset: Path | None = None) -> RunView:
    """Return the run at `path`, ready to be looked at.

    Where the dataset is no longer where the run says, there are curves without faces, and a remark.

    Parameters
    ----------
    dataset : where the faces are; None: where the run's evaluation says

    Raises
    ------
    ModelError
        The run was not evaluated, or its record or weights are damaged.
    DatasetError
        `dataset` is none, or has not what was evaluated.
    OutputError
        PyTorch is not installed.
    """
    try:
        from ..model.evaluation.evaluation_file import read_evaluation
    except ImportError as error:
        raise OutputError(
            f"wanted PyTorch to look at a run, found none ({error}); run `pip install 'mavfer[train]'`"
        ) from error
    evaluation = read_evaluation(path)
    run = _opened(path)
    remarks: list[str] = []
    data = _dataset_of(path, evaluation, dataset, remarks)
    faces = {} if data is None else _faces(evaluation, data, remarks)
    if dataset is not None and not faces:
        raise DatasetError(f"wanted the dataset of the evaluation, found another: {dataset}")
    attention, reason = None, ""
    if run is not None and data is not None and faces:
        from .attention import attention_or_reason

        attention, reason = attention_or_reason(run, data)
    clip_frames = FRAMES_PER_CLIP if run is None else run.record.inputs.n_frames
    return RunView(path, evaluation, faces, attention, reason, clip_frames, tuple(remarks))


def _opened(path: Path) -> Run | None:
    """Return the run's network, None of fused predictions, which have none."""
    from ..model.checkpoint import open_run

    return open_run(path) if (path / RUN_RECORD).is_file() else None


def _dataset_of(path: Path, evaluation: Evaluation, named: Path | None, remarks: list[str]) -> Dataset | None:
    """Return the dataset that was evaluated on; None, and a remark, where it is not where it was."""
    from ..model.checkpoint import sha256_of_dataset
    from ..model.evaluation.evaluation_file import EVALUATION_NAME

    page = json.loads((path / EVALUATION_NAME).read_text(encoding="utf-8"))
    place = (path / str(page.get("dataset", ""))).resolve() if named is None else named
    try:
        data = open_dataset(place, split_name=evaluation.split_name, fold=evaluation.fold)
    except MavferError as error:
        if named is not None:
            raise
        remarks.append(f"faces are not shown, name where they are with --dataset: {error}")
        return None
    if page.get("dataset_sha256") not in (None, sha256_of_dataset(data)):
        remarks.append(
            f"the dataset has changed since the evaluation; run `mavfer evaluate` again: {data.path}"
        )
    return data


def _faces(evaluation: Evaluation, data: Dataset, remarks: list[str]) -> dict[str, DatasetSession]:
    there = {one.id: one for one in data.sessions}
    found = {}
    for said in evaluation.sessions:
        session = there.get(said.session)
        if session is not None and session.n_frames == len(said.time_s):
            found[said.session] = session
        else:
            has = "nothing" if session is None else f"{session.n_frames} rows"
            remarks.append(
                f"session {said.session!r} is shown without faces: wanted {len(said.time_s)} rows, "
                f"found {has}: {data.path}"
            )
    return found


def _scores(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {name: {key: _number(own[key]) for key in MEASURES if key in own} for name, own in table.items()}


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _listed(values: NDArray, digits: int) -> list[float | None]:
    return [round(value, digits) if np.isfinite(value) else None for value in values.tolist()]
