"""Pictures to judge by eye: the mean face of every session, and the frames to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...report import Page, Picture
from ..dataset.record import Reason
from .crops import GAP_PX, Sample, in_colors, row_crops
from .drawing import LOOKS, count
from .faces import subjects_of
from .oddities import KINDS, Kind, Odd, oddest
from .rows import SessionRows

MOST_MEAN_FACES = 60
PER_ROW = 6


def add_mean_faces(page: Page, sessions: Sequence[SessionRows], samples: Mapping[str, Sample]) -> None:
    """Add the mean face of every session, those of one subject beside one another."""
    pictures = []
    for subject, own in subjects_of(sessions).items():
        for rows in own:
            mean = samples[rows.entry.id].mean_face if rows.entry.id in samples else None
            if mean is None:
                continue
            label = subject if len(own) == 1 else f"{subject} · {rows.entry.id}"
            n = count(samples[rows.entry.id].n_mean)
            pictures.append(Picture(mean, alt=f"mean of {n} faces of {label}", label=label))
    page.section(
        "Mean faces",
        "The mean of aligned faces of each session. Two sessions of one subject that show different people "
        "were given one id by mistake; a face that is a blur was not aligned well, or is of several people.",
    )
    if not pictures:
        page.note("None", "No session has an aligned face.")
        return
    page.pictures(pictures[:MOST_MEAN_FACES], per_row=PER_ROW)
    if len(pictures) > MOST_MEAN_FACES:
        with page.folded(f"the mean faces of the other {len(pictures) - MOST_MEAN_FACES} sessions"):
            page.pictures(pictures[MOST_MEAN_FACES:], per_row=PER_ROW)


def add_oddities(page: Page, sessions: Sequence[SessionRows]) -> None:
    """Add the frames to look at, kind by kind."""
    page.section(
        "Frames to look at",
        "The most extreme frames of the whole dataset, with session, time and why. They are not errors "
        "for that reason alone.",
    )
    for kind in KINDS:
        found = oddest(kind, sessions)
        if found:
            page.pictures(
                [_picture(kind, odd) for odd in found],
                per_row=3 if kind.before else PER_ROW,
                title=kind.title,
                caption=kind.text,
            )


def _picture(kind: Kind, odd: Odd) -> Picture:
    session, row = odd.session, odd.row
    tiles = []
    if kind.before:
        tiles.append(_crop(session, row - 1, Stream.COLOR))
    tiles += [_crop(session, row, stream) for stream in kind.streams if stream in session.reason]
    lost = [
        f"{stream}: {LOOKS[reason].word}"
        for stream in session.reason
        if (reason := _reason(session, row, stream)) is not Reason.OK
        and LOOKS[reason].word not in odd.words
        and stream in kind.streams
    ]
    words = "; ".join([odd.words, *lost])
    time_s = float(session.time_s[row])
    return Picture(
        _joined(tiles, side_by_side=kind.before),
        alt=f"{kind.title.lower()}: {session.entry.id} at {time_s:.1f} s, {words}",
        label=f"{session.entry.id}, {time_s:.1f} s: {words}",
    )


def _reason(session: SessionRows, row: int, stream: Stream) -> Reason:
    return Reason(int(session.reason[stream][row]))


def _crop(session: SessionRows, row: int, stream: Stream) -> NDArray[np.uint8]:
    crops = row_crops(session, row, [stream])[stream]
    return in_colors(stream, crops, session.reason[stream][row : row + 1])[0][0]


def _joined(tiles: Sequence[NDArray[np.uint8]], *, side_by_side: bool) -> NDArray[np.uint8]:
    """Return pictures (S, S, 3) in a row or a column with see-through gaps."""
    axis = 1 if side_by_side else 0
    opaque = [np.dstack([tile, np.full(tile.shape[:2], 255, np.uint8)]) for tile in tiles]
    gap_shape = list(opaque[0].shape)
    gap_shape[axis] = GAP_PX
    parts = [opaque[0]]
    for tile in opaque[1:]:
        parts += [np.zeros(gap_shape, np.uint8), tile]
    return np.concatenate(parts, axis=axis)
