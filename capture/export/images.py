"""Frames as PNG pictures, with a table that says which is which and when."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError
from ..session import Session
from .frames import Selection, StreamFrames, Walk

FRAMES_NAME = "frames.csv"
MARKERS_NAME = "markers.csv"
COLUMNS = (
    "stream",
    "frame",
    "tick",
    "frame_id",
    "time_s",
    "time_ns",
    "device_time_ns",
    "host_time_ns",
    "flags",
    "file",
)
PNG_LEVEL = 1


def write_images(folder: Path, selection: Selection, walk: Walk) -> None:
    """Write `color/000000.png`, ... and `frames.csv` into a folder: color 8 bit, others 16 bit as stored.

    A file's number is that of the stream's stored frame, as `Session.frame` counts. Costs about 140 ms per
    1080p color frame, 10 ms per other.
    """
    rows = []
    for frames in selection.streams:
        stream = frames.stream.value
        (folder / stream).mkdir()
        for i, pixels in walk.pixels(frames):
            name = f"{stream}/{frames.number[i]:06d}.png"
            (folder / name).write_bytes(png_of(pixels))
            rows.append(frame_row(frames, i, name))
    write_table(folder / FRAMES_NAME, COLUMNS, rows)
    write_markers(folder, selection)


def png_of(pixels: NDArray) -> bytes:
    """Return pixels (H, W) uint16 or (H, W, 3) uint8 RGB as a PNG file."""
    ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    ok, png = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not ok:
        raise OutputError(f"a picture of shape {pixels.shape} cannot be written as PNG")
    return np.asarray(png).tobytes()


def frame_row(frames: StreamFrames, i: int, file: str) -> tuple[object, ...]:
    """Return a frame's row of `frames.csv`; the tick is empty where it belongs to none."""
    tick = int(frames.tick[i])
    return (
        frames.stream.value,
        int(frames.number[i]),
        "" if tick < 0 else tick,
        int(frames.frame_id[i]),
        f"{frames.time_ns[i] / 1e9:.6f}",
        int(frames.time_ns[i]),
        int(frames.device_time_ns[i]),
        int(frames.host_time_ns[i]),
        str(frames.flags[i]),
        file,
    )


def write_frames(folder: Path, selection: Selection, walk: Walk) -> None:
    """Write `frames.csv` of videos: the file is the stream's video."""
    rows = [
        frame_row(frames, i, f"{frames.stream.value}.mp4")
        for frames in selection.streams
        for i in range(len(frames))
        if walk.wrote(frames, i)
    ]
    write_table(folder / FRAMES_NAME, COLUMNS, rows)


def write_markers(folder: Path, selection: Selection) -> None:
    """Write `markers.csv` if there are markers."""
    if selection.markers:
        rows = [(f"{m.time_ns / 1e9:.6f}", m.time_ns, m.label, m.source) for m in selection.markers]
        write_table(folder / MARKERS_NAME, ("time_s", "time_ns", "label", "source"), rows)


def write_documents(folder: Path, session: Session) -> None:
    """Write the texts that cameras left with the recording, as `documents/RECORDER/NAME`; none, no folder."""
    for recorder in session.record.recorders:
        for name, text in session.documents(recorder).items():
            path = folder / "documents" / recorder / (re.sub(r"[^\w.-]", "_", name).lstrip(".") or "document")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")


def write_table(path: Path, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
