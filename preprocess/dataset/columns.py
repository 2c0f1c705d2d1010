"""The columns of a session's HDF5 file: name, shape of one row, type, unit and meaning, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ...capture.streams import Stream
from ..faces.face import Found
from .record import Reason

N_LANDMARKS = 68
TICKS = "ticks"
"""The group that says of every tick of the session which row it became, or why none."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what each of its rows is."""

    shape: tuple[int, ...]
    dtype: str
    unit: str
    meaning: str


def _codes(kind: type[IntEnum]) -> str:
    """Return what each number stands for, so that a file can be read without mavfer."""
    return ", ".join(f"{one.value} {one.name.lower()}" for one in kind)


def column_layout(*, size_px: int, streams: Sequence[Stream], smoothed: bool = False) -> dict[str, Column]:
    """Return every per-frame column of a file; with `smoothed` also the landmarks before smoothing."""
    layout = {
        "time_s": Column((), "float64", "s", "time since the session's first tick"),
        "tick": Column((), "int32", "", "the tick that this row shows; -1 where none lies near"),
        "landmarks": Column(
            (N_LANDMARKS, 2), "float32", "px", "x and y in color, as cut by; 0 where no face"
        ),
        "transforms": Column((2, 3), "float32", "", "crop pixels from color pixels"),
        "found": Column((), "uint8", "", f"how the face was found: {_codes(Found)}"),
        "box": Column((4,), "float32", "px", "left, top, right, bottom in color; 0 where no face"),
        "score": Column((), "float32", "", "the detector's; NaN where it gave none"),
        "n_faces": Column((), "uint8", "", "faces in view when the whole picture was last searched"),
        "eye_distance_px": Column((), "float32", "px", "between the eyes' centers, in color; NaN: no face"),
        "distance_mm": Column((), "float32", "mm", "median depth of the landmarks; NaN where unknown"),
        "pose_deg": Column((3,), "float32", "degrees", "yaw, pitch, roll of the head; NaN where unknown"),
        "sharpness": Column((), "float32", "", "0 (blurred) to 1; NaN where no face"),
        "brightness": Column((), "float32", "", "median gray of the crop, 0 to 255; NaN where no face"),
        "valence": Column((), "float32", "", "gold standard in [-1, 1]; NaN where unknown"),
        "arousal": Column((), "float32", "", "gold standard in [-1, 1]; NaN where unknown"),
    }
    if smoothed:
        layout["landmarks_raw"] = Column((N_LANDMARKS, 2), "float32", "px", "landmarks before smoothing")
    units = {Stream.COLOR: "sRGB", Stream.DEPTH: "mm", Stream.THERMAL: "cK", Stream.INFRARED: "counts"}
    for stream in streams:
        color = stream is Stream.COLOR
        shape = (size_px, size_px, 3) if color else (size_px, size_px)
        layout[stream.value] = Column(
            shape, "uint8" if color else "uint16", units[stream], f"aligned {stream.value}; 0 where none"
        )
        layout[f"valid_{stream}"] = Column((), "bool", "", "whether the pixels can be trusted")
        layout[f"reason_{stream}"] = Column((), "uint8", "", f"why it is as it is: {_codes(Reason)}")
        if not color:
            layout[f"offset_ms_{stream}"] = Column((), "float32", "ms", "after color's frame; NaN: none")
        if stream in (Stream.THERMAL, Stream.INFRARED):
            layout[f"transforms_{stream}"] = Column((2, 3), "float32", "", f"crop from {stream.value} pixels")
    return layout


def tick_layout(streams: Sequence[Stream]) -> dict[str, Column]:
    """Return every per-tick column of the group TICKS."""
    layout = {
        "time_s": Column((), "float64", "s", "time since the session's first tick"),
        "row": Column((), "int32", "", "the row that shows this tick; -1 where none does"),
    }
    return layout | {
        f"reason_{stream}": Column((), "uint8", "", f"why it is as it is: {_codes(Reason)}")
        for stream in streams
    }
