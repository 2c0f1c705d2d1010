"""The 68 landmarks of a tick's face: from a dataset built of the session, or found when asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.streams import Stream
from ..errors import DatasetError, FaceError
from ..preprocess.dataset.clips import DatasetSession
from ..preprocess.view.catalog import open_catalog
from .session_view import SessionView

N_POINTS = 68
N_KEPT = 256
STEP_PX = 2
"""Color pixels per pixel of the picture that is searched first: a quarter of the time."""


class Landmarks(Protocol):
    """What tells the landmarks of a tick."""

    said: str
    """Where they come from."""

    def at(self, tick: int) -> NDArray[np.float32] | None:
        """Return (68, 2) color pixels, None where there is no face or none is known."""
        ...


class BuiltLandmarks:
    """The landmarks by which a dataset's rows were cut; ticks between rows have those of the row before."""

    def __init__(self, session: DatasetSession, *, of: Path) -> None:
        self.said = f"as in the dataset {of.name}"
        self._points = session.read("landmarks").astype(np.float32)
        known = session.read("tick").astype(np.int64)
        self._rows = np.flatnonzero(known >= 0)
        self._ticks = known[self._rows]

    def at(self, tick: int) -> NDArray[np.float32] | None:
        """Return the landmarks of the row that shows the tick, or the last one before."""
        place = int(np.searchsorted(self._ticks, tick, side="right")) - 1
        if place < 0:
            return None
        points = self._points[self._rows[place]]
        return points if points.any() else None


class FoundLandmarks:
    """Landmarks looked for when they are asked for: 40 to 150 ms for a picture of 1080 rows.

    Raises
    ------
    FaceError
        dlib or its model is not installed.
    """

    said = "found in this picture alone"

    def __init__(self, view: SessionView) -> None:
        from ..preprocess.faces.hog import HogDetector, dlib
        from ..preprocess.faces.landmarks import model_path

        dlib()
        model_path()
        self._view, self._detector = view, HogDetector()
        self._find = lru_cache(maxsize=N_KEPT)(self._look)

    def at(self, tick: int) -> NDArray[np.float32] | None:
        """Return the landmarks of the tick's largest face; raises SessionError where it has no color."""
        return self._find(tick)

    def _look(self, tick: int) -> NDArray[np.float32] | None:
        from ..preprocess.faces.landmarks import MAX_DOUBT, fit_landmarks

        picture = self._view.pixels(Stream.COLOR, tick)
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (width // STEP_PX, height // STEP_PX), interpolation=cv2.INTER_AREA)
        boxes = (self._detector.detect(np.asarray(small, np.uint8))[0] + 0.5) * STEP_PX - 0.5
        if not len(boxes):
            boxes = self._detector.detect(picture)[0]
        if not len(boxes):
            return None
        largest = boxes[int((boxes[:, 2] - boxes[:, 0]).argmax())]
        fitted = fit_landmarks(picture, largest)
        return fitted.points_px if fitted.doubt <= MAX_DOUBT else None


def landmarks_of(view: SessionView, *, dataset: Path | None) -> Landmarks:
    """Return the landmarks of a session from `dataset`, or those that are found in its pictures.

    Raises
    ------
    DatasetError
        There is no dataset, or it was not built of this session.
    FaceError
        There is no color to look in, or what finds faces is not installed.
    """
    if dataset is not None:
        catalog = open_catalog(dataset)
        try:
            session = catalog.session(catalog.number_of(view.session.id))
        except DatasetError as error:
            raise DatasetError(
                f"wanted the dataset that session {view.session.id!r} is in: {error}"
            ) from error
        return BuiltLandmarks(session, of=dataset)
    if Stream.COLOR not in view.streams:
        raise FaceError(f"wanted color to find landmarks in, found none: {view.session.path}")
    return FoundLandmarks(view)
