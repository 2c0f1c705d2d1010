"""One session of a run as a Rerun recording: predictions beside labels, faces, attention over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..capture.export.rerun_chunks import SESSION_TIME, chunk, entity_name, write_layout, write_recording
from ..preprocess.dataset.clips import DatasetSession
from ..preprocess.view.rerun_file import at_rows
from .run_series import Curve
from .run_view import RunView

if TYPE_CHECKING:
    from rerun.chunk import Chunk

APPLICATION = "mavfer run"
STYLES = {"label": (110, 118, 128), "predicted": (213, 94, 0), "processed": (0, 114, 178)}
CHUNK = 16


def write_run_rrd(
    path: Path, view: RunView, number: int, *, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a session's recording, with these entities on the timelines SESSION_TIME and ROW.

    - `/NAME/label`, `/NAME/predicted`, `/NAME/processed` for every dimension or class; unknown is left out
    - `/face` the aligned color, `/attention` the same in gray under the network's attention, each row by the
      clip that shows it nearest to its middle; neither where the dataset is not at hand
    - `/run` whose run it is and its scores

    Raises
    ------
    DatasetError, ModelError
        There is no such session, or its file is damaged.
    OSError
        The disk refused.
    """
    said = view.prediction(number)
    write_recording(
        path,
        _chunks(view, number, on_progress or (lambda *_: None)),
        application_id=APPLICATION,
        recording_id=f"{view.name} {said.session}",
        name=f"{view.name}, {said.session}",
    )


def write_run_layout(path: Path, view: RunView, number: int) -> None:
    """Write how a run's recording opens.

    Raises
    ------
    OSError
        The disk refused.
    """
    face = view.faces.get(view.prediction(number).session)
    write_layout(path, _layout(view, number, face), application_id=APPLICATION)


def _chunks(view: RunView, number: int, on_progress: Callable[[int, int], None]) -> Iterator[Chunk]:
    import rerun as rr

    said = view.prediction(number)
    face = view.faces.get(said.session)
    n_frames = len(said.time_s)
    yield chunk("/run", [], rr.TextDocument.columns(text=[_words(view, number)]))
    for curve in view.curves(number):
        yield from _curve(curve, said.time_s)
    for start in range(0, n_frames, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n_frames))
        if face is not None:
            yield from _faces(view, face, rows, said.time_s)
        on_progress(int(rows[-1]) + 1, n_frames)


def _curve(curve: Curve, time_s: NDArray) -> Iterator[Chunk]:
    import rerun as rr

    series = {"label": curve.truth, "predicted": curve.predicted, "processed": curve.processed}
    for name, values in series.items():
        if values is None or not np.isfinite(values).any():
            continue
        entity = f"/{entity_name(curve.name)}/{name}"
        style = rr.SeriesLines.columns(names=[name], colors=[STYLES[name]], widths=[2])
        yield chunk(entity, [], style)
        rows = np.flatnonzero(np.isfinite(values))
        yield at_rows(entity, time_s, rows, rr.Scalars.columns(scalars=values[rows]))


def _faces(view: RunView, face: DatasetSession, rows: NDArray, time_s: NDArray) -> Iterator[Chunk]:
    import rerun as rr

    color = face.read("color", int(rows[0]), int(rows[-1]) + 1)
    yield at_rows("/face", time_s, rows, _images(color))
    if view.attention is None:
        return
    by_row: dict[int, NDArray[np.uint8]] = {}
    for row in rows.tolist():
        start = view.attention.clip_at(face, row)
        if start is not None:
            by_row[row] = view.attention.picture(face, start, row)
    blank = np.array([row for row in rows.tolist() if row not in by_row], np.int64)
    if len(blank):
        yield at_rows("/attention", time_s, blank, rr.Clear.columns(is_recursive=[True] * len(blank)))
    if by_row:
        seen = np.array(sorted(by_row))
        pictures = np.stack([by_row[row] for row in seen.tolist()])
        yield at_rows("/attention", time_s, seen, _images(pictures))


def _images(pictures: NDArray[np.uint8]) -> Any:
    import rerun as rr

    side = pictures.shape[1]
    form = rr.components.ImageFormat(
        side, side, color_model=rr.ColorModel.RGB, channel_datatype=rr.ChannelDatatype.U8
    )
    return rr.Image.columns(format=[form] * len(pictures), buffer=[one.tobytes() for one in pictures])


def _layout(view: RunView, number: int, face: DatasetSession | None) -> Any:
    import rerun.blueprint as rrb

    plots = [
        rrb.TimeSeriesView(
            name=curve.name,
            origin=f"/{entity_name(curve.name)}",
            axis_y=rrb.ScalarAxis(range=(curve.low - 0.05, curve.high + 0.05)),
        )
        for curve in view.curves(number)
    ]
    pictures: list[Any] = [rrb.TextDocumentView(origin="/run", name="run")]
    if face is not None:
        pictures.insert(0, rrb.Spatial2DView(origin="/face", name="face"))
        if view.attention is not None:
            pictures.insert(1, rrb.Spatial2DView(origin="/attention", name="attention"))
    return rrb.Blueprint(
        rrb.Vertical(rrb.Horizontal(*pictures), rrb.Vertical(*plots), row_shares=[2, 3]),
        rrb.TimePanel(timeline=SESSION_TIME, state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.BlueprintPanel(state="collapsed"),
    )


def _words(view: RunView, number: int) -> str:
    found, said = view.evaluation, view.prediction(number)
    lines = [
        f"run {view.name} ({found.model}), {found.split} subjects of split {found.split_name}",
        f"session {said.session}, subject {said.subject}" + (", simulated" if found.simulated else ""),
    ]
    for name, own in said.scores.items():
        lines.append(f"{name}: " + ", ".join(f"{key.upper()} {value:.2f}" for key, value in own.items()))
    return "\n\n".join([*lines, *view.remarks, *filter(None, [view.no_attention])])
