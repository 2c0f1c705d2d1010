"""A session as a Rerun recording (`.rrd`) for its viewer: pictures, markers, counters on two timelines."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..payload import jpeg_of
from ..streams import Stream
from .colors import coloring_of
from .frames import Selection, StreamFrames, Walk
from .rerun_chunks import SESSION_TIME, chunk, session_time, write_layout, write_recording

if TYPE_CHECKING:
    import rerun.blueprint as rrb
    from rerun.chunk import Chunk

APPLICATION = "mavfer"
TICK = "tick"
"""The timeline beside SESSION_TIME."""
JPEG_QUALITY = 90
N_SAMPLES = 24


def rrd_bytes(selection: Selection) -> int:
    """Return about how large the recording becomes: JPEGs stay what they are, the rest is not compressed."""
    n_bytes = 0
    for frames in selection.streams:
        jpeg = frames.codec.startswith("jpeg")
        n_bytes += int(frames.n_bytes.sum()) if jpeg else len(frames) * (frames.raw_bytes + 2_000)
        n_bytes += len(frames) * 100_000 if frames.stream is Stream.THERMAL else 0
    return n_bytes


def write_rrd(path: Path, selection: Selection, walk: Walk) -> None:
    """Write a recording with these entities, each on the timelines `session_time` and `tick`:

    - `/color` the stored JPEGs as they are; without loss recorded color as bare pixels
    - `/depth` 16 bit, 1000 counts per metre;  `/infrared` 16 bit
    - `/thermal/colors` in false color with a scale of temperatures;  `/thermal/counts` 16 bit as stored
    - `/markers`;  `/counters/RECORDER/kept` and `.../lost/REASON`, on `session_time` alone

    Raises
    ------
    OSError
        The disk refused.
    """
    write_recording(
        path, _chunks(selection, walk), application_id=APPLICATION, recording_id=selection.session.id
    )


def write_session_layout(path: Path, selection: Selection) -> None:
    """Write how a session's recording opens: pictures above, counters and markers below.

    Raises
    ------
    OSError
        The disk refused.
    """
    import rerun.blueprint as rrb

    pictures = [_picture(frames.stream) for frames in selection.streams]
    below: list[rrb.View] = [rrb.TimeSeriesView(origin="/counters", name="frames kept and lost")]
    if selection.markers:
        below.append(rrb.TextLogView(origin="/markers", name="markers"))
    layout = rrb.Blueprint(
        rrb.Vertical(rrb.Horizontal(*pictures), rrb.Horizontal(*below), row_shares=[3, 1]),
        rrb.TimePanel(timeline=SESSION_TIME, state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.BlueprintPanel(state="collapsed"),
    )
    write_layout(path, layout, application_id=APPLICATION)


def _picture(stream: Stream) -> "rrb.Spatial2DView":
    import rerun.blueprint as rrb

    origin = "/thermal/colors" if stream is Stream.THERMAL else f"/{stream.value}"
    return rrb.Spatial2DView(origin=origin, name=stream.value)


def _chunks(selection: Selection, walk: Walk) -> "Iterator[Chunk]":
    for frames in selection.streams:
        if frames.codec.startswith("jpeg"):
            yield from _jpegs(frames, walk)
        else:
            yield from _pictures(frames, walk)
    yield from _markers(selection)
    for recorder in selection.session.record.recorders:
        yield from _counters(selection, recorder)


def _jpegs(frames: StreamFrames, walk: Walk) -> "Iterator[Chunk]":
    """Yield the stored JPEGs of a color stream."""
    import rerun as rr

    path = f"/{frames.stream.value}"
    yield chunk(path, [], rr.EncodedImage.columns(media_type=["image/jpeg"]))
    for i, payload in walk.payloads(frames):
        yield chunk(path, _times(frames, i), rr.EncodedImage.columns(blob=[jpeg_of(payload)]))


def _pictures(frames: StreamFrames, walk: Walk) -> "Iterator[Chunk]":
    """Yield the pixels of a stream, and those of thermal in false color besides."""
    import rerun as rr

    thermal, depth = frames.stream is Stream.THERMAL, frames.stream is Stream.DEPTH
    path = "/thermal/counts" if thermal else f"/{frames.stream.value}"
    painted = frames.spec.dtype == "uint8"
    coloring = coloring_of(frames.spec, frames.sample(N_SAMPLES)) if thermal or depth else None
    height, width = frames.spec.shape[:2]
    layout = rr.components.ImageFormat(
        width, height, color_model="RGB" if painted else "L", channel_datatype="U8" if painted else "U16"
    )
    if depth and coloring is not None:
        span = [coloring.low, coloring.high]  # in counts, whatever `meter` says
        yield chunk(
            path,
            [],
            rr.DepthImage.columns(format=[layout], meter=[1000.0], depth_range=[span], colormap=["turbo"]),
        )
    else:
        yield chunk(path, [], rr.Image.columns(format=[layout]))
    if thermal:
        yield chunk("/thermal/colors", [], rr.EncodedImage.columns(media_type=["image/jpeg"]))
    columns = rr.DepthImage.columns if depth else rr.Image.columns
    for i, pixels in walk.pixels(frames):
        times = _times(frames, i)
        yield chunk(path, times, columns(buffer=[pixels.tobytes()]))
        if thermal and coloring is not None:
            jpeg = simplejpeg.encode_jpeg(_contiguous(coloring.picture(pixels)), JPEG_QUALITY, "RGB", "444")
            yield chunk("/thermal/colors", times, rr.EncodedImage.columns(blob=[jpeg]))


def _markers(selection: Selection) -> "Iterator[Chunk]":
    import rerun as rr

    if selection.markers:
        time_ns = np.array([marker.time_ns for marker in selection.markers], np.int64)
        texts = [f"{marker.label} ({marker.source})" for marker in selection.markers]
        levels = ["INFO"] * len(texts)
        yield chunk("/markers", [session_time(time_ns)], rr.TextLog.columns(text=texts, level=levels))


def _counters(selection: Selection, recorder: str) -> "Iterator[Chunk]":
    """Yield what a recorder counted: frames kept, and lost for each reason."""
    import rerun as rr

    time_ns, tables = selection.counters(recorder)
    if not tables:
        return
    lost = [table.get("lost", {}) for table in tables]
    curves = {"kept": [table.get("kept", 0) for table in tables]}
    for reason in sorted(set().union(*lost)):
        curves[f"lost/{reason}"] = [counts.get(reason, 0) for counts in lost]
    for name, values in curves.items():
        path = f"/counters/{recorder}/{name}"
        yield chunk(path, [session_time(time_ns)], rr.Scalars.columns(scalars=values))


def _times(frames: StreamFrames, i: int) -> list[Any]:
    """Return a frame's places on the timelines; on that of ticks only where it belongs to one."""
    import rerun as rr

    times = [session_time(frames.time_ns[i : i + 1])]
    if frames.tick[i] >= 0:
        times.append(rr.TimeColumn(TICK, sequence=frames.tick[i : i + 1]))
    return times


def _contiguous(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture)
