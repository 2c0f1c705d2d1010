"""What a run says of every row of a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DatasetError
from ...preprocess.dataset.clips import DatasetSession
from ...preprocess.dataset.record import Reason
from ...preprocess.faces.face import Found
from ..checkpoint import Run
from ..data.source import ClipSource
from ..evaluation.predicting import predict_clips

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RowScores:
    """A recording's scores, row by row.

    Attributes
    ----------
    names : what is scored: dimensions, or classes, whose scores are probabilities
    time_s : (F,) seconds since the first tick
    scores : (F, n_outputs); of a row that no clip covers, interpolated between its neighbours
    covered : (F,) whether a clip covers the row
    found : (F,) `Found`, how the face was found
    reason : (F,) `Reason`, why the first stream of the network is as it is
    box_px : (F, 4) left, top, right, bottom in color; 0 where no face
    n_clips : clips that were looked at
    """

    names: tuple[str, ...]
    time_s: NDArray[np.float64]
    scores: NDArray[np.float64]
    covered: NDArray[np.bool_]
    found: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    box_px: NDArray[np.float32]
    n_clips: int

    @property
    def told_from(self) -> list[str]:
        """How each row's score came about: "clips", or "neighbours"."""
        return ["clips" if one else "neighbours" for one in self.covered]


def names_of_outputs(run: Run) -> tuple[str, ...]:
    """Return what the network's outputs are: its dimensions, or its classes."""
    return run.record.classes or run.record.dimensions


def score_rows(
    run: Run,
    rows: DatasetSession,
    *,
    batch: int = 8,
    device: torch.device | str = "cpu",
    on_progress: Progress | None = None,
) -> RowScores:
    """Return what `run` says of the rows of one session, by clips that overlap by half.

    Raises
    ------
    DatasetError
        No stretch of rows with a face is as long as a clip.
    """
    options = run.record.inputs
    source = ClipSource([rows], options=options, dimensions=())
    clips = source.test_clips()
    first = options.modalities[0]
    if not clips:
        valid = rows.read(f"valid_{first}").astype(bool)
        raise DatasetError(
            f"wanted a stretch of {options.n_frames} rows ({options.n_frames / rows.fps:.3g} s) in which "
            f"{first} shows the face, found a longest of {_longest_run(valid)} in {rows.n_frames} rows; film "
            f"longer, facing the camera: {rows.path.stem}"
        )
    found = predict_clips(run.network, source, clips, batch=batch, device=device, on_progress=on_progress)
    (scores,) = source.frame_predictions(clips, found)
    covered = np.zeros(rows.n_frames, bool)
    for clip in clips:
        covered[clip.start : clip.start + options.n_frames] = True
    return RowScores(
        names=names_of_outputs(run),
        time_s=rows.read("time_s"),
        scores=scores,
        covered=covered,
        found=rows.read("found"),
        reason=rows.read(f"reason_{first}"),
        box_px=rows.read("box"),
        n_clips=len(clips),
    )


def words_of_face(found: int, reason: int) -> tuple[str, str]:
    """Return how a row's face was found, and why the row cannot be trusted; "" where it can."""
    why = Reason(int(reason))
    return Found(int(found)).name.lower(), "" if why in (Reason.OK, Reason.PLANE) else why.name.lower()


def _longest_run(valid: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(np.int8), [0]])))
    return int(max((edges[1::2] - edges[::2]).tolist(), default=0))
