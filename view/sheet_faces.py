"""Sessions of datasets and of runs as blocks of a sheet: aligned faces, labels and predictions below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..annotate.trace import DIMENSIONS
from ..capture.preview import scale_colors
from ..capture.streams import Stream
from ..errors import DatasetError
from ..preprocess.dataset.clips import DatasetSession
from ..preprocess.view.catalog import Catalog
from ..preprocess.view.pictures import scales
from ..report import BLUE, SOFT, VERMILION, colored
from .run_view import RunView
from .sheet import Block, ColorScale, Curves, Line, Pixels, Row, Spacing, clock, shown_at

NO_READING = (38, 40, 44)
HEAT_MARKS = ((0.0, "0"), (1 / 3, "1× even"), (1.0, "3× and more"))


def dataset_block(
    catalog: Catalog, number: int, *, spacing: Spacing, streams: Sequence[Stream] = ()
) -> Block:
    """Return the block of one session of a dataset: faces of `streams`, color if none is named.

    Raises
    ------
    DatasetError
        The session was not built, its file is damaged, or it has none of the streams.
    """
    entry, session = catalog.record.sessions[number], catalog.session(number)
    shown = [stream for stream in session.streams if stream in (streams or (Stream.COLOR,))]
    if not shown:
        raise DatasetError(
            f"wanted {' or '.join(stream.value for stream in streams)}, session {entry.id!r} has "
            f"{', '.join(stream.value for stream in session.streams)}: {catalog.path}"
        )
    time_s = session.read("time_s").astype(np.float64)
    moments = spacing.moments(float(time_s[0]), float(time_s[-1] - time_s[0]) + 1 / session.fps)
    rows_at = _rows_at(time_s, moments.time_s, fps=session.fps)
    labelled = {name: session.read(name).astype(np.float64) for name in DIMENSIONS}
    known = {name: values for name, values in labelled.items() if np.isfinite(values).any()}
    colors = {"valence": BLUE, "arousal": VERMILION}
    lines = tuple(Line(name, time_s, values, colors[name]) for name, values in known.items())
    parts = [
        f"subject {entry.subject}",
        "simulated" if entry.simulated else "",
        f"{clock(time_s[-1] - time_s[0])}, {session.n_frames} rows at {session.fps:g} a second",
        f"{entry.aligned_share:.1%} aligned" if entry.aligned_share is not None else "",
        f"labels: {', '.join(known)}" if known else "no labels",
    ]
    return Block(
        entry.id,
        " · ".join(filter(None, parts)),
        moments,
        tuple(_face_row(session, stream, rows_at) for stream in shown),
        (Curves("labels", -1.0, 1.0, lines),) if lines else (),
    )


def run_block(view: RunView, number: int, *, spacing: Spacing, streams: Sequence[Stream] = ()) -> Block:
    """Return the block of one session of a run: faces, attention over them, predictions and labels.

    Raises
    ------
    DatasetError, ModelError
        The session's faces are damaged.
    """
    said = view.prediction(number)
    time_s, fps = said.time_s, said.fps or 4.0
    moments = spacing.moments(float(time_s[0]), float(time_s[-1] - time_s[0]) + 1 / fps)
    rows_at = _rows_at(time_s, moments.time_s, fps=fps)
    rows: list[Row] = []
    session = view.faces.get(said.session)
    if session is not None:
        shown = [stream for stream in session.streams if stream in (streams or (Stream.COLOR,))]
        rows += [_face_row(session, stream, rows_at) for stream in shown]
        if view.attention is not None:
            rows.append(_attention_row(view, session, rows_at))
    curves = tuple(
        Curves(
            one.name,
            one.low,
            one.high,
            (
                Line("label", time_s, one.truth, SOFT, 2.0),
                Line("predicted", time_s, one.predicted, VERMILION),
            ),
        )
        for one in view.curves(number)
    )
    measures = "; ".join(
        f"{name} " + ", ".join(f"{key.upper().replace('_', ' ')} {value:.2f}" for key, value in own.items())
        for name, own in said.scores.items()
    )
    found = view.evaluation
    parts = [
        f"subject {said.subject}",
        f"run {view.name} ({found.model}), {found.split} of split {found.split_name}",
        "simulated" if found.simulated else "",
        measures,
    ]
    return Block(said.session, " · ".join(filter(None, parts)), moments, tuple(rows), curves)


def _rows_at(time_s: NDArray, moments_s: NDArray, *, fps: float) -> list[int]:
    """Return the row that is shown at each moment, -1 where the last one is more than two rows ago."""
    found = [shown_at(time_s, at_s) for at_s in moments_s.tolist()]
    near = [abs(time_s[row] - at_s) <= 2 / fps for row, at_s in zip(found, moments_s.tolist(), strict=True)]
    return [row if there else -1 for row, there in zip(found, near, strict=True)]


def _face_row(session: DatasetSession, stream: Stream, rows_at: Sequence[int]) -> Row:
    valid = session.read(f"valid_{stream.value}").astype(bool)
    if stream is Stream.COLOR:
        pictures = tuple(
            session.read("color", row, row + 1)[0] if row >= 0 and valid[row] else None for row in rows_at
        )
        return Row("face", pictures, "not valid")
    told = scales(session)[stream.value]
    ends = told["ranges"]["face"]
    names = scale_colors(stream, 256)
    colors = np.array([[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in names], np.uint8)

    def picture(row: int) -> Pixels:
        counts = session.read(stream.value, row, row + 1)[0].astype(np.float64)
        place = np.clip((counts - ends["low"]) / (ends["high"] - ends["low"]), 0, 1)
        pixels = colors[np.rint(place * 255).astype(int)]
        pixels[counts == 0] = NO_READING
        return pixels

    pictures = tuple(picture(row) if row >= 0 and valid[row] else None for row in rows_at)
    marks = tuple((float(place), f"{text} {told['unit']}") for place, text in ends["marks"])
    return Row(stream.value, pictures, "not valid", ColorScale(colors, marks))


def _attention_row(view: RunView, session: DatasetSession, rows_at: Sequence[int]) -> Row:
    from ..model.explain.overlay import HEAT

    if view.attention is None:
        raise DatasetError(f"there is no attention to show: {view.path}")
    starts = [view.attention.clip_at(session, row) if row >= 0 else None for row in rows_at]
    pictures = tuple(
        None if start is None else view.attention.picture(session, start, row)
        for start, row in zip(starts, rows_at, strict=True)
    )
    colors = colored(np.linspace(0, 1, 256), colormap=HEAT, low=0, high=1)
    return Row("attention", pictures, "in no clip", ColorScale(colors, HEAT_MARKS))
