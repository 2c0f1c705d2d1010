"""One session of a dataset as a Rerun recording: pictures, landmarks, labels, figures and reasons."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import DIMENSIONS
from ...capture.streams import Stream
from ...capture.temperature import ZERO_CELSIUS_K
from ...errors import OutputError
from ..dataset.clip_writer import FRAMES_PER_CHUNK
from ..dataset.clips import DatasetSession
from ..dataset.record import Reason
from .catalog import Catalog
from .pictures import CELSIUS_PER_COUNT, scales
from .rerun_layout import REASON_COLORS, layout
from .rows import Facts, crop_landmarks, read_facts

if TYPE_CHECKING:
    import rerun as rr

SESSION_TIME = "session_time"
"""The timeline of seconds since the session's first tick; the other one is "row"."""
ROW = "row"
FIGURES = ("sharpness", "brightness", "distance_mm", "eye_distance_px", "score")
POSE = ("yaw", "pitch", "roll")
DIMENSION_COLORS = {"valence": (0, 114, 178), "arousal": (213, 94, 0)}
MM_PER_METER = 1000.0
QUIET = {"RUST_LOG": "off"}
"""Rerun's own words about a full disk, which would stand beside mavfer's one line."""


def require_rerun() -> None:
    """Raise OutputError unless Rerun's library is there."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import rerun.blueprint

        _ = rerun.StateChange, rerun.blueprint.StateTimelineView
    except (ImportError, AttributeError) as error:
        raise OutputError(
            f"wanted Rerun 0.41 or newer for --rerun, found none ({error}); run `pip install 'mavfer[view]'`"
        ) from error


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
    OutputError
        The disk refused.
    """
    import rerun as rr

    session = catalog.session(number)
    facts = read_facts(session, catalog.ranges(number))
    told = scales(session)
    recording = rr.RecordingStream("mavfer dataset", recording_id=session.id)
    try:
        recording.save(
            path, default_blueprint=layout(session, facts, has_remarks=_has_remarks(catalog, number))
        )
        recording.send_recording_name(session.id)
        for stream in session.streams:
            _log_style(recording, stream, told)
        _log_rows(recording, session, facts)
        _log_remarks(recording, catalog, number)
        for start in range(0, session.n_frames, FRAMES_PER_CHUNK):
            stop = min(start + FRAMES_PER_CHUNK, session.n_frames)
            _log_pictures(recording, session, facts, start, stop)
            recording.flush()
            if on_progress is not None:
                on_progress(stop, session.n_frames)
        recording.flush()
    except RuntimeError as error:  # Rerun tells no more than that its writer has ended
        raise OutputError(f"cannot write the recording ({error}); is the disk full? {path}") from error
    finally:
        recording.disconnect()


def show_rrd(catalog: Catalog, number: int, *, on_progress: Callable[[int, int], None]) -> None:
    """Write a session's recording beside nothing, and open it in Rerun's viewer until that is closed.

    Raises
    ------
    DatasetError, OutputError
        As `write_rrd`, or the viewer cannot run here.
    """
    with tempfile.TemporaryDirectory(prefix="mavfer-view-") as folder:
        path = Path(folder) / "session.rrd"  # an id may be no file name
        write_rrd(path, catalog, number, on_progress=on_progress)
        code = subprocess.run(
            [sys.executable, "-m", "rerun_cli", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    if code not in (0, 130, -2):
        raise OutputError(
            f"wanted Rerun's viewer, it ended with status {code}; on a machine without a screen write the "
            f"recording with --save FILE.rrd and open it elsewhere: {catalog.path}"
        )


def _log_rows(recording: rr.RecordingStream, session: DatasetSession, facts: Facts) -> None:
    """Log what is not pixels, whole columns at once."""
    columns = facts.columns
    for dimension in DIMENSIONS:
        color = DIMENSION_COLORS[dimension]
        values = columns.get(dimension)
        if values is not None:
            _log_curve(recording, f"/labels/{dimension}", facts, values, color, name=dimension)
        for name, said in zip(*facts.raters.get(dimension, ((), ())), strict=True):
            _log_curve(
                recording, f"/raters/{dimension}/{_entity(name)}", facts, said, color, name=name, width=1
            )
    for name in FIGURES:
        if name in columns:
            _log_curve(recording, f"/figures/{name}", facts, columns[name], name=name)
    _log_curve(recording, "/figures/jump", facts, facts.jump, name="jump")
    if "pose_deg" in columns:
        for name, angle in zip(POSE, columns["pose_deg"].T, strict=True):
            _log_curve(recording, f"/pose/{name}", facts, angle, name=name)
    for stream in session.streams:
        if f"reason_{stream}" in columns:
            _log_reasons(recording, stream, facts)


def _log_curve(
    recording: rr.RecordingStream,
    entity: str,
    facts: Facts,
    values: NDArray,
    color: tuple[int, int, int] | None = None,
    *,
    name: str,
    width: float = 2,
) -> None:
    """Log a curve with gaps where it is unknown; nothing where it is unknown throughout."""
    import rerun as rr

    if not np.isfinite(values).any():
        return
    colors = None if color is None else [color]
    recording.log(entity, rr.SeriesLines(names=[name], colors=colors, widths=[width]), static=True)
    rows = np.flatnonzero(np.isfinite(values))
    _send(recording, entity, facts, rows, rr.Scalars.columns(scalars=values[rows].astype(np.float64)))


def _log_reasons(recording: rr.RecordingStream, stream: Stream, facts: Facts) -> None:
    """Log a stream's reason wherever it changes."""
    import rerun as rr

    reasons = facts.columns[f"reason_{stream}"]
    known = {int(reason) for reason in Reason}
    names = [Reason(value).name.lower() if value in known else "unknown" for value in reasons.tolist()]
    rows = np.flatnonzero([i == 0 or name != names[i - 1] for i, name in enumerate(names)])
    entity = f"/reasons/{stream}"
    style = rr.StateConfiguration(
        values=list(REASON_COLORS),
        labels=[f"{stream}: {name.replace('_', ' ')}" for name in REASON_COLORS],
        colors=list(REASON_COLORS.values()),
    )
    recording.log(entity, style, static=True)
    _send(recording, entity, facts, rows, rr.StateChange.columns(state=[names[row] for row in rows]))


def _log_remarks(recording: rr.RecordingStream, catalog: Catalog, number: int) -> None:
    import rerun as rr

    entry = catalog.record.sessions[number]
    lines = [*entry.remarks, *(text for text in (entry.subject_choice, entry.geometry_reason) if text)]
    if lines:
        recording.log("/remarks", rr.TextDocument("\n\n".join(lines)), static=True)


def _has_remarks(catalog: Catalog, number: int) -> bool:
    entry = catalog.record.sessions[number]
    return bool(entry.remarks or entry.subject_choice or entry.geometry_reason)


def _log_pictures(
    recording: rr.RecordingStream, session: DatasetSession, facts: Facts, start: int, stop: int
) -> None:
    """Log the pictures of some rows; where a row has none, its stream is cleared."""
    import rerun as rr

    points = crop_landmarks(session, start, stop)
    seen = np.isfinite(points).all(axis=(1, 2))
    rows = np.arange(start, stop)
    for stream in session.streams:
        pixels = session.read(stream.value, start, stop)
        has = pixels.reshape(len(pixels), -1).any(axis=1)
        if not has.all():
            cleared = rr.Clear.columns(is_recursive=[True] * int((~has).sum()))
            _send(recording, f"/{stream}", facts, rows[~has], cleared)
        if has.any():
            _send(recording, f"/{stream}", facts, rows[has], _images(stream, pixels[has]))
        both = has & seen
        if both.any():
            flat = points[both].reshape(-1, 2) + 0.5  # Rerun's pixels begin at whole numbers
            columns = rr.Points2D.columns(positions=flat).partition([points.shape[1]] * int(both.sum()))
            _send(recording, f"/{stream}/landmarks", facts, rows[both], columns)


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


def _log_style(recording: rr.RecordingStream, stream: Stream, told: dict[str, dict[str, Any]]) -> None:
    """Log what holds for all pictures of a stream: its colors, and the look of the landmarks."""
    import rerun as rr

    look = rr.Points2D.from_fields(radii=rr.Radius.ui_points(1.5), colors=[(255, 255, 255)])
    recording.log(f"/{stream}/landmarks", look, static=True)
    if stream not in (Stream.DEPTH, Stream.THERMAL):
        return
    scale = told[stream.value]
    ranges = scale["ranges"]
    ends = [ranges["whole"]["low"], ranges["face"]["high"]]  # Rerun shows what lies below the range as bright
    if stream is Stream.THERMAL:
        ends = [end * scale["factor"] + scale["offset"] for end in ends]
    fields = rr.DepthImage.from_fields(
        meter=MM_PER_METER if stream is Stream.DEPTH else 1.0,
        depth_range=ends,
        colormap="turbo" if stream is Stream.DEPTH else "inferno",
    )
    recording.log(f"/{stream}", fields, static=True)


def _send(recording: rr.RecordingStream, entity: str, facts: Facts, rows: NDArray, columns: Any) -> None:
    """Send columns of rows on both timelines."""
    import rerun as rr

    time_ns = np.round(facts.columns["time_s"][rows] * 1e9).astype("timedelta64[ns]")
    times = [rr.TimeColumn(SESSION_TIME, duration=time_ns), rr.TimeColumn(ROW, sequence=rows)]
    recording.send_columns(entity, times, columns)


def _entity(name: str) -> str:
    """Return a rater's name as a part of an entity's path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name) or "_"
