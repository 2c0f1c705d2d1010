"""Where a run's network looks in the clip that is shown, computed when it is asked for."""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ModelError
from ..model.checkpoint import Run
from ..model.data.opening import source_of
from ..model.data.source import ClipIndex, ClipSource
from ..model.explain.attention import attention_of, has_attention, maps_of_clips
from ..model.explain.overlay import EVEN_TIMES, overlay
from ..preprocess.dataset.clips import Dataset, DatasetSession

N_SOURCES = 2
"""Sessions whose pixels are kept in memory: 83 KB per frame of 96 pixels."""
N_MAPS = 64
BRIGHTEST = EVEN_TIMES


class Attention:
    """The attention of one run over clips of sessions; may be used from any thread, one clip at a time.

    Raises
    ------
    ModelError
        The network has no attention.
    """

    def __init__(self, run: Run, data: Dataset) -> None:
        self._run, self._data = run, data
        self._maps = attention_of(run)
        self._lock = threading.Lock()
        self._source = lru_cache(maxsize=N_SOURCES)(self._open)
        self._kept = lru_cache(maxsize=N_MAPS)(self._look)

    @property
    def n_frames(self) -> int:
        """Frames per clip."""
        return self._run.record.inputs.n_frames

    def starts(self, session: DatasetSession) -> tuple[int, ...]:
        """Return the first frames of the session's clips, half a clip apart, rising."""
        with self._lock:
            return tuple(clip.start for clip in self._source(session).test_clips())

    def weights(self, session: DatasetSession, start: int) -> NDArray[np.float32]:
        """Return the attention over the clip that begins at `start`, (T, S, S), every frame of mean 1.

        Raises
        ------
        ModelError
            No clip of the session begins there.
        DatasetError
            The session is damaged, or lacks a stream that the network wants.
        """
        if start not in self.starts(session):
            raise ModelError(f"wanted the first frame of a clip, found {start}: {session.path}")
        with self._lock:
            return self._kept(session, start)

    def pictures(self, session: DatasetSession, start: int) -> NDArray[np.uint8]:
        """Return the clip's faces in gray with the attention over them, (T, S, S, 3)."""
        weights = self.weights(session, start)
        return overlay(session.read("color", start, start + len(weights)), weights, brightest=BRIGHTEST)

    def picture(self, session: DatasetSession, start: int, row: int) -> NDArray[np.uint8]:
        """Return one row of `pictures`, (S, S, 3)."""
        weights = self.weights(session, start)[row - start]
        return overlay(session.read("color", row, row + 1)[0], weights, brightest=BRIGHTEST)

    def clip_at(self, session: DatasetSession, row: int) -> int | None:
        """Return the clip that shows a row nearest to its middle; None where none shows it."""
        half = (self.n_frames - 1) / 2
        covering = [start for start in self.starts(session) if start <= row < start + self.n_frames]
        return min(covering, key=lambda start: abs(row - start - half), default=None)

    def _open(self, session: DatasetSession) -> ClipSource:
        return source_of(self._run.record, [session], self._data, labelled=False)

    def _look(self, session: DatasetSession, start: int) -> NDArray[np.float32]:
        with torch.inference_mode():
            return next(maps_of_clips(self._maps, self._source(session), [ClipIndex(0, start)]))


def attention_or_reason(run: Run, data: Dataset) -> tuple[Attention | None, str]:
    """Return the attention of a run, or in one line why there is none to show."""
    if run.record.inputs.features:
        return None, f"{run.record.model} sees features of faces, not pixels: there is no attention to show"
    if not has_attention(run.network):
        return None, (
            f"{run.record.model} has no attention to show; `mavfer explain` shows where its gradient is"
        )
    try:
        return Attention(run, data), ""
    except ModelError as error:
        return None, str(error)
