"""One session of a dataset as a Rerun recording: pictures, landmarks, labels, figures and reasons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import DIMENSIONS
from ...capture.export.rerun_chunks import (
    chunk,
    entity_name,
    open_viewer,
    session_time,
    write_layout,
    write_recording,
)
from ...capture.streams import Stream
from ...capture.temperature import ZERO_CELSIUS_K
from ..dataset.clip_writer import FRAMES_PER_CHUNK
from ..dataset.clips import DatasetSession
from ..dataset.record import Reason
from .catalog import Catalog
from .pictures import CELSIUS_PER_COUNT, scales
from .rerun_layout import REASON_COLORS, layout
from .rows import Facts, crop_landmarks, read_facts

if TYPE_CHECKING:
    from rerun.chunk import Chunk

APPLICATION = "mavfer dataset"
RADIUS_UI_POINTS = 1.5
ROW = "row"
"""The timeline beside SESSION_TIME."""
FIGURES = ("sharpness", "brightness", "distance_mm", "eye_distance_px", "score")
POSE = ("yaw", "pitch", "roll")
DIMENSION_COLORS = {"valence": (0, 114, 178), "arousal": (213, 94, 0)}
MM_PER_METER = 1000.0


def write_rrd(
    path: Path, catalog: Catalog, number: int, *, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a session's recording, with these entities on the timelines SESSION_TIME and ROW.

    - `/color`, `/infrared`, `/depth` (1000 counts per metre), `/thermal` (degrees Celsius) the aligned
      pictures of the rows that have pixels, `/STREAM/landmarks` those of color upon each
    - `/labels/DIMENSION` the gold standard, `/raters/DIMENSION/NAME` what each rater said
    - `/pose/ANGLE`, `/figures/NAME`; what is unknown is left out
    - `/reasons/STREAM` why each row is as it is, from change to change; `/remarks` what the build had to say

    Raises
    ------
    DatasetError
        The session's file is missing or damaged.
    OSError
        The disk refused.
    """
    session = catalog.session(number)
    write_recording(
        path,
        _chunks(catalog, number, session, on_progress or (lambda *_: None)),
        application_id=APPLICATION,
        recording_id=session.id,
    )


def write_session_layout(path: Path, catalog: Catalog, number: int) -> None:
    """Write how a session's recording opens.

    Raises
    ------
    DatasetError
        The session's file is missing or damaged.
    OSError
        The disk refused.
    """
    session = catalog.session(number)
    facts = read_facts(session, catalog.ranges(number))
    has_remarks = bool(_remarks(catalog, number))
    write_layout(path, layout(session, facts, has_remarks=has_remarks), application_id=APPLICATION)


def show_rrd(catalog: Catalog, number: int, *, on_progress: Callable[[int, int], None]) -> None:
    """Write a session's recording beside nothing, and open it in Rerun's viewer until that is closed.

    Raises
    ------
    DatasetError
        The session's file is missing or damaged.
    OutputError
        The viewer cannot run here.
    """
    with tempfile.TemporaryDirectory(prefix="mavfer-view-") as folder:
        path, opens = Path(folder) / "session.rrd", Path(folder) / "session.rbl"  # an id may be no file name
        write_rrd(path, catalog, number, on_progress=on_progress)
        write_session_layout(opens, catalog, number)
        open_viewer(path, opens, of=catalog.path)


def _chunks(
    catalog: Catalog, number: int, session: DatasetSession, on_progress: Callable[[int, int], None]
) -> Iterator[Chunk]:
    facts = read_facts(session, catalog.ranges(number))
    told = scales(session)
    for stream in session.streams:
        yield from _style(stream, told)
    yield from _rows(session, facts)
    yield from _remark(catalog, number)
    for start in range(0, session.n_frames, FRAMES_PER_CHUNK):
        stop = min(start + FRAMES_PER_CHUNK, session.n_frames)
        yield from _pictures(session, facts, start, stop)
        on_progress(stop, session.n_frames)


def _rows(session: DatasetSession, facts: Facts) -> Iterator[Chunk]:
    """Yield what is not pixels, whole columns at once."""
    columns = facts.columns
    for dimension in DIMENSIONS:
        color = DIMENSION_COLORS[dimension]
        values = columns.get(dimension)
        if values is not None:
            yield from _curve(f"/labels/{dimension}", facts, values, color, name=dimension)
        for name, said in zip(*facts.raters.get(dimension, ((), ())), strict=True):
            yield from _curve(
                f"/raters/{dimension}/{entity_name(name)}", facts, said, color, name=name, width=1
            )
    for name in FIGURES:
        if name in columns:
            yield from _curve(f"/figures/{name}", facts, columns[name], name=name)
    yield from _curve("/figures/jump", facts, facts.jump, name="jump")
    if "pose_deg" in columns:
        for name, angle in zip(POSE, columns["pose_deg"].T, strict=True):
            yield from _curve(f"/pose/{name}", facts, angle, name=name)
    for stream in session.streams:
        if f"reason_{stream}" in columns:
            yield from _reasons(stream, facts)


def _curve(
    entity: str,
    facts: Facts,
    values: NDArray,
    color: tuple[int, int, int] | None = None,
    *,
    name: str,
    width: float = 2,
) -> Iterator[Chunk]:
    """Yield a curve with gaps where it is unknown; nothing where it is unknown throughout."""
    import rerun as rr

    if not np.isfinite(values).any():
        return
    colors = None if color is None else [color]
    yield chunk(entity, [], rr.SeriesLines.columns(names=[name], colors=colors, widths=[width]))
    rows = np.flatnonzero(np.isfinite(values))
    yield at_rows(
        entity, facts.columns["time_s"], rows, rr.Scalars.columns(scalars=values[rows].astype(np.float64))
    )


def _reasons(stream: Stream, facts: Facts) -> Iterator[Chunk]:
    """Yield a stream's reason wherever it changes."""
    import rerun as rr

    reasons = facts.columns[f"reason_{stream}"]
    known = {int(reason) for reason in Reason}
    names = [Reason(value).name.lower() if value in known else "unknown" for value in reasons.tolist()]
    rows = np.flatnonzero([i == 0 or name != names[i - 1] for i, name in enumerate(names)])
    entity = f"/reasons/{stream}"
    style = rr.StateConfiguration.columns(
        values=list(REASON_COLORS),
        labels=[f"{stream}: {name.replace('_', ' ')}" for name in REASON_COLORS],
        colors=list(REASON_COLORS.values()),
    )
    yield chunk(entity, [], style.partition([len(REASON_COLORS)]))
    yield at_rows(
        entity, facts.columns["time_s"], rows, rr.StateChange.columns(state=[names[row] for row in rows])
    )


def _remark(catalog: Catalog, number: int) -> Iterator[Chunk]:
    import rerun as rr

    lines = _remarks(catalog, number)
    if lines:
        yield chunk("/remarks", [], rr.TextDocument.columns(text=["\n\n".join(lines)]))


def _remarks(catalog: Catalog, number: int) -> list[str]:
    entry = catalog.record.sessions[number]
    return [*entry.remarks, *(text for text in (entry.subject_choice, entry.geometry_reason) if text)]


def _pictures(session: DatasetSession, facts: Facts, start: int, stop: int) -> Iterator[Chunk]:
    """Yield the pictures of some rows; where a row has none, its stream is cleared."""
    import rerun as rr

    points = crop_landmarks(session, start, stop)
    seen = np.isfinite(points).all(axis=(1, 2))
    rows = np.arange(start, stop)
    for stream in session.streams:
        pixels = session.read(stream.value, start, stop)
        has = pixels.reshape(len(pixels), -1).any(axis=1)
        if not has.all():
            cleared = rr.Clear.columns(is_recursive=[True] * int((~has).sum()))
            yield at_rows(f"/{stream}", facts.columns["time_s"], rows[~has], cleared)
        if has.any():
            yield at_rows(f"/{stream}", facts.columns["time_s"], rows[has], _images(stream, pixels[has]))
        both = has & seen
        if both.any():
            flat = points[both].reshape(-1, 2) + 0.5  # Rerun's pixels begin at whole numbers
            columns = rr.Points2D.columns(positions=flat).partition([points.shape[1]] * int(both.sum()))
            yield at_rows(f"/{stream}/landmarks", facts.columns["time_s"], rows[both], columns)


def _images(stream: Stream, pixels: NDArray) -> Any:
    """Return pictures (n, S, S) or (n, S, S, 3) as Rerun takes them; thermal in degrees Celsius."""
    import rerun as rr

    size_px = pixels.shape[1]
    log, model, kind = rr.Image, rr.ColorModel.L, rr.ChannelDatatype.U16
    if stream is Stream.COLOR:
        model, kind = rr.ColorModel.RGB, rr.ChannelDatatype.U8
    elif stream is Stream.DEPTH:
        log = rr.DepthImage
    elif stream is Stream.THERMAL:  # the one picture in Rerun that takes colors and a range
        log, kind = rr.DepthImage, rr.ChannelDatatype.F32
        celsius = pixels * np.float32(CELSIUS_PER_COUNT) - np.float32(ZERO_CELSIUS_K)
        pixels = np.where(pixels > 0, celsius, np.float32(np.nan))
    form = rr.components.ImageFormat(size_px, size_px, color_model=model, channel_datatype=kind)
    return log.columns(format=[form] * len(pixels), buffer=[one.tobytes() for one in pixels])


def _style(stream: Stream, told: dict[str, dict[str, Any]]) -> Iterator[Chunk]:
    """Yield what holds for all pictures of a stream: its colors, and the look of the landmarks."""
    import rerun as rr

    look = rr.Points2D.columns(
        radii=[-RADIUS_UI_POINTS], colors=[(255, 255, 255)]
    )  # less than 0: on the screen
    yield chunk(f"/{stream}/landmarks", [], look)
    if stream not in (Stream.DEPTH, Stream.THERMAL):
        return
    scale = told[stream.value]
    ranges = scale["ranges"]
    ends = [ranges["whole"]["low"], ranges["face"]["high"]]  # Rerun shows what lies below the range as bright
    if stream is Stream.THERMAL:
        ends = [end * scale["factor"] + scale["offset"] for end in ends]
    fields = rr.DepthImage.columns(
        meter=[MM_PER_METER if stream is Stream.DEPTH else 1.0],
        depth_range=[ends],
        colormap=["turbo" if stream is Stream.DEPTH else "inferno"],
    )
    yield chunk(f"/{stream}", [], fields)


def at_rows(entity: str, time_s: NDArray, rows: NDArray, columns: Any) -> Chunk:
    """Return columns of some of a session's rows, at their times (N,) in seconds and their numbers."""
    import rerun as rr

    time_ns = np.round(time_s[rows] * 1e9).astype(np.int64)
    return chunk(entity, [session_time(time_ns), rr.TimeColumn(ROW, sequence=rows)], columns)
