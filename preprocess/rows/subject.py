"""Who the subject of a session is: some of its moments are looked at before the first row is made."""

from __future__ import annotations

import numpy as np

from ...capture.streams import Stream
from ..faces.face import FaceDetector
from ..faces.survey import SubjectChoice, survey
from .cut import RowCutter
from .moments import MomentReader

ROWS_PER_MOMENT = 40
"""A moment costs as much as four rows, so that looking costs a tenth of a build, and less of a long one."""
LEAST_MOMENTS, MOST_MOMENTS = 2, 8


def choose_subject(reader: MomentReader, cutter: RowCutter, detector: FaceDetector) -> SubjectChoice:
    """Return who the subject is, by some moments spread over the session; about 0.12 s for each at 1080p."""
    n_moments = int(np.clip(len(reader) // ROWS_PER_MOMENT, LEAST_MOMENTS, MOST_MOMENTS))
    rows = np.unique((np.arange(n_moments) + 0.5) * len(reader) / n_moments).astype(int)
    moments = (reader.read(int(row), only=(Stream.COLOR, Stream.DEPTH)) for row in np.unique(rows))
    return survey(
        (
            (moment.time_s, moment.pictures[Stream.COLOR], cutter.depth_in(moment.pictures))
            for moment in moments
            if Stream.COLOR in moment.pictures
        ),
        detector=detector,
    )
