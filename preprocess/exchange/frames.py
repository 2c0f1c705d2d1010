"""A dataset as pictures and a table: a PNG per frame and stream, and `frames.csv` with all the rest."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from ...output import new_folder, require_folder_free
from ..dataset.clip_reader import RATERS
from ..dataset.clips import Dataset, DatasetSession
from ..dataset.columns import N_LANDMARKS, column_layout
from ..dataset.record import HAS_PIXELS, Reason, Split
from ..faces.face import Found
from .selection import ExportReport, Progress, selected_sessions, selected_streams

TABLE_NAME = "frames.csv"
DIMENSIONS = ("valence", "arousal")
FRAMES_AT_ONCE = 16
PNG_LEVEL = 3
AXES = {
    "box": ("left", "top", "right", "bottom"),
    "pose_deg": ("yaw", "pitch", "roll"),
    "landmarks": tuple(f"{i:02d}_{axis}" for i in range(N_LANDMARKS) for axis in "xy"),
    "transforms": tuple(f"{row}{column}" for row in range(2) for column in range(3)),
}
"""The cells of a column that is no single number, in the order in which they lie in the file."""


def export_frames(
    dataset: Dataset,
    *,
    out: Path,
    parts: Sequence[Split] = (),
    streams: Sequence[Stream] = (),
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write `out/<session>/<stream>/<row>.png` and `out/frames.csv`, one line per frame.

    Depth, infrared and thermal are 16 bit gray in the dataset's units. A frame without pixels has no picture;
    its line says why. Bound by PNG encoding: about 1 ms per picture of 96 px.

    Parameters
    ----------
    parts : of the dataset's split; all where none is named
    streams : whose pictures to write; all where none is named

    Raises
    ------
    DatasetError
        There are no such sessions or streams, or a file is damaged.
    OutputError
        Something stands at `out`, or the disk refuses.
    """
    require_folder_free(out, marker=TABLE_NAME, overwrite=overwrite)
    sessions = selected_sessions(dataset, parts)
    wanted = selected_streams(sessions, streams, dataset.path)
    total = sum(session.n_frames for session in sessions)
    heading = _heading(sessions, wanted)
    done, n_pictures = 0, 0
    with new_folder(out, marker=TABLE_NAME, overwrite=overwrite) as folder:
        for session in sessions:
            lines = _columns(session)
            lines |= {f"{stream}_png": [] for stream in wanted if stream in session.streams}
            for start in range(0, session.n_frames, FRAMES_AT_ONCE):
                stop = min(start + FRAMES_AT_ONCE, session.n_frames)
                for stream in wanted:
                    if stream in session.streams:
                        lines[f"{stream}_png"] += _write_pictures(folder, session, stream, start, stop)
                done += stop - start
                if on_progress is not None:
                    on_progress(done, total)
            n_pictures += sum(
                map(bool, (name for stream in wanted for name in lines.get(f"{stream}_png", ())))
            )
            _append(folder / TABLE_NAME, heading, lines)
    return ExportReport(out, len({session.session_id for session in sessions}), total, 0, n_pictures)


def _heading(sessions: Sequence[DatasetSession], wanted: Sequence[Stream]) -> list[str]:
    """Return the table's columns: what says which frame it is, its pictures, and what any session has."""
    names = dict.fromkeys(("session", "subject", "split", "row", *(f"{stream}_png" for stream in wanted)))
    for session in sessions:
        names |= dict.fromkeys(_columns(session, n_frames=0))
    return list(names)


def _columns(session: DatasetSession, *, n_frames: int | None = None) -> dict[str, list[str]]:
    """Return every column of numbers of a session as text, words for reasons, nothing for NaN."""
    n = session.n_frames if n_frames is None else n_frames
    cells = {
        "session": [session.session_id] * n,
        "subject": [session.subject] * n,
        "split": [session.split] * n,
        "row": [str(session.start + i) for i in range(n)],
    }
    smoothed = "landmarks_raw" in session.column_names
    for name in column_layout(size_px=1, streams=session.streams, smoothed=smoothed):
        if name in session.streams:
            continue
        values = session.read(name, 0, n)
        if name == "found":
            cells[name] = _words(values, {int(one): one.name.lower() for one in Found})
        elif name.startswith("reason_"):
            cells[name] = _words(values, {int(one): one.name.lower() for one in Reason})
        elif values.ndim == 1:
            cells[name] = _numbers(values)
        else:
            flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
            axes = AXES[name.removesuffix("_raw").removesuffix("_thermal").removesuffix("_infrared")]
            cells |= {f"{name}_{axis}": _numbers(flat[:, i]) for i, axis in enumerate(axes)}
    for dimension in DIMENSIONS:
        raters = session.rater_names(dimension)
        if raters:
            values = session.read(RATERS + dimension, 0, n)
            cells |= {f"{dimension}_by_{rater}": _numbers(values[i]) for i, rater in enumerate(raters)}
    return cells


def _numbers(values: NDArray) -> list[str]:
    """Return numbers as the shortest text that reads back the same; nothing for NaN."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    return ["" if text == "nan" else text for text in values.astype(str).tolist()]


def _words(values: NDArray, names: dict[int, str]) -> list[str]:
    return [names.get(number, str(number)) for number in values.tolist()]


def _append(path: Path, heading: Sequence[str], lines: Mapping[str, Sequence[str]]) -> None:
    """Add a session's lines to the table; the heading first, where there is no table yet."""
    begun = path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if not begun:
            table.writerow(heading)
        n_lines = len(lines["row"])
        table.writerows(zip(*(lines.get(name, [""] * n_lines) for name in heading), strict=True))


def _write_pictures(
    folder: Path, session: DatasetSession, stream: Stream, start: int, stop: int
) -> list[str]:
    """Write the pictures of some rows; return their names in `folder`, empty where there is none."""
    import cv2

    place = Path(session.session_id) / stream.value
    (folder / place).mkdir(parents=True, exist_ok=True)
    reasons = session.read(f"reason_{stream}", start, stop)
    pixels = session.read(stream, start, stop)
    names: list[str] = []
    for i, reason in enumerate(reasons.tolist()):
        if reason not in HAS_PIXELS:
            names.append("")
            continue
        picture = pixels[i][..., ::-1] if stream is Stream.COLOR else pixels[i]
        fine, encoded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
        if not fine:
            raise DatasetError(f"wanted a PNG of row {session.start + start + i}: {session.path}")
        name = place / f"{session.start + start + i:06d}.png"
        (folder / name).write_bytes(encoded.tobytes())
        names.append(name.as_posix())
    return names
