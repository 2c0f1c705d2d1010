"""One session of a run as a Rerun recording: predictions beside labels, faces, attention over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from ..preprocess.dataset.clips import DatasetSession
from ..preprocess.view.rerun_file import ROW, SESSION_TIME
from .run_series import Curve
from .run_view import RunView

if TYPE_CHECKING:
    import rerun as rr

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
    OutputError
        The disk refused.
    """
    import rerun as rr

    said = view.prediction(number)
    face = view.faces.get(said.session)
    n_frames = len(said.time_s)
    recording = rr.RecordingStream("mavfer run", recording_id=f"{view.name} {said.session}")
    try:
        recording.save(path, default_blueprint=_layout(view, number, face))
        recording.send_recording_name(f"{view.name}, {said.session}")
        recording.log("/run", rr.TextDocument(_words(view, number)), static=True)
        for curve in view.curves(number):
            _log_curve(recording, curve, said.time_s)
        for start in range(0, n_frames, CHUNK):
            rows = np.arange(start, min(start + CHUNK, n_frames))
            if face is not None:
                _log_faces(recording, view, face, rows, said.time_s)
            recording.flush()
            if on_progress is not None:
                on_progress(int(rows[-1]) + 1, n_frames)
        recording.flush()
    except RuntimeError as error:  # Rerun tells no more than that its writer has ended
        raise OutputError(f"cannot write the recording ({error}); is the disk full? {path}") from error
    finally:
        recording.disconnect()


def _log_curve(recording: rr.RecordingStream, curve: Curve, time_s: NDArray) -> None:
    import rerun as rr

    series = {"label": curve.truth, "predicted": curve.predicted, "processed": curve.processed}
    for name, values in series.items():
        if values is None or not np.isfinite(values).any():
            continue
        entity = f"/{_entity(curve.name)}/{name}"
        style = rr.SeriesLines(names=[name], colors=[STYLES[name]], widths=[2])
        recording.log(entity, style, static=True)
        rows = np.flatnonzero(np.isfinite(values))
        _send(recording, entity, rows, time_s, rr.Scalars.columns(scalars=values[rows]))


def _log_faces(
    recording: rr.RecordingStream, view: RunView, face: DatasetSession, rows: NDArray, time_s: NDArray
) -> None:
    import rerun as rr

    color = face.read("color", int(rows[0]), int(rows[-1]) + 1)
    _send(recording, "/face", rows, time_s, _images(color))
    if view.attention is None:
        return
    by_row: dict[int, NDArray[np.uint8]] = {}
    for row in rows.tolist():
        start = view.attention.clip_at(face, row)
        if start is not None:
            by_row[row] = view.attention.picture(face, start, row)
    blank = np.array([row for row in rows.tolist() if row not in by_row], np.int64)
    if len(blank):
        _send(recording, "/attention", blank, time_s, rr.Clear.columns(is_recursive=[True] * len(blank)))
    if by_row:
        seen = np.array(sorted(by_row))
        _send(
            recording, "/attention", seen, time_s, _images(np.stack([by_row[row] for row in seen.tolist()]))
        )


def _images(pictures: NDArray[np.uint8]) -> Any:
    import rerun as rr

    side = pictures.shape[1]
    form = rr.components.ImageFormat(
        side, side, color_model=rr.ColorModel.RGB, channel_datatype=rr.ChannelDatatype.U8
    )
    return rr.Image.columns(format=[form] * len(pictures), buffer=[one.tobytes() for one in pictures])


def _send(recording: rr.RecordingStream, entity: str, rows: NDArray, time_s: NDArray, columns: Any) -> None:
    import rerun as rr

    time_ns = np.round(time_s[rows] * 1e9).astype("timedelta64[ns]")
    times = [rr.TimeColumn(SESSION_TIME, duration=time_ns), rr.TimeColumn(ROW, sequence=rows)]
    recording.send_columns(entity, times, columns)


def _layout(view: RunView, number: int, face: DatasetSession | None) -> Any:
    import rerun.blueprint as rrb

    plots = [
        rrb.TimeSeriesView(
            name=curve.name,
            origin=f"/{_entity(curve.name)}",
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


def _entity(name: str) -> str:
    """Return a name as a part of an entity's path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name) or "_"
