"""Who the subject of a session is: some of its moments are looked at before the first row is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...calibrate.calibration import Calibration
from ...capture.streams import Stream
from ..faces.face import FaceDetector
from ..faces.infrared import choice_in_color, choice_in_infrared, depth_in_infrared, tone_mapped, too_dark
from ..faces.survey import DepthOf, SubjectChoice, survey
from .cut import RowCutter
from .moments import MomentReader

ROWS_PER_MOMENT = 40
"""A moment costs as much as four rows, so that looking costs a tenth of a build, and less of a long one."""
LEAST_MOMENTS, MOST_MOMENTS = 2, 8
Look = tuple[float, NDArray[np.uint8], DepthOf | None]
"""A moment as `survey` takes it: its time, its picture, and what tells how far away a face in it is."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who the subject is, in pixels of color and, where it is known there, of infrared."""

    in_color: SubjectChoice
    in_infrared: SubjectChoice | None = None


def choose_subject(
    reader: MomentReader, cutter: RowCutter, detector: FaceDetector, *, calibration: Calibration | None
) -> Subject:
    """Return who the subject is, by some moments spread over the session; about 0.12 s for each at 1080p.

    Where color shows nobody and is too dark in a moment, infrared is looked at too: 0.06 s for each.
    """
    n_moments = int(np.clip(len(reader) // ROWS_PER_MOMENT, LEAST_MOMENTS, MOST_MOMENTS))
    rows = np.unique(((np.arange(n_moments) + 0.5) * len(reader) / n_moments).astype(int)).tolist()
    dark: list[int] = []

    def in_color() -> Iterator[Look]:
        for row in rows:
            moment = reader.read(row, only=(Stream.COLOR, Stream.DEPTH))
            color = moment.pictures.get(Stream.COLOR)
            if color is not None:
                if too_dark(color):
                    dark.append(row)
                yield moment.time_s, color, cutter.depth_in(moment.pictures)

    choice = survey(in_color(), detector=detector)
    if calibration is None:
        return Subject(choice)
    if choice.n_people:
        return Subject(choice, choice_in_infrared(choice, calibration))
    seen = survey(_in_infrared(reader, dark, calibration), detector=detector)
    if seen.n_people == 0:
        return Subject(choice)
    seen = replace(seen, words=f"color is too dark to tell; in infrared {seen.words}")
    return Subject(choice_in_color(seen, calibration), seen)


def _in_infrared(reader: MomentReader, rows: Sequence[int], calibration: Calibration) -> Iterator[Look]:
    for row in rows:
        moment = reader.read(row, only=(Stream.INFRARED, Stream.DEPTH))
        infrared, depth_mm = moment.pictures.get(Stream.INFRARED), moment.pictures.get(Stream.DEPTH)
        if infrared is not None and depth_mm is not None:
            yield moment.time_s, tone_mapped(infrared), depth_in_infrared(depth_mm, calibration)
