"""One session's file held against its record: bytes, columns, rows, ticks, labels; every chunk is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from .clip_reader import RATERS, SessionReader
from .clips import sha256_of_file
from .columns import TICKS, Column, column_layout, tick_layout
from .record import HAS_PIXELS, VALID, ClipConfig, Reason, SessionRecord

DIMENSIONS = ("valence", "arousal")
FRAMES_AT_ONCE = 16


def session_problems(path: Path, entry: SessionRecord, *, config: ClipConfig) -> Iterator[str]:
    """Yield what is wrong with a session's file, one line each.

    A file of other bytes than were built is looked into all the same, so that the damage has a place.
    """
    try:
        if sha256_of_file(path) != entry.sha256:
            yield "its file is not the one that was built"
        reader = SessionReader(path)
    except (OSError, DatasetError) as error:
        yield f"its file cannot be opened ({error})"
        return
    try:
        misfits = _column_problems(reader, entry, config)
        yield from misfits
        if misfits:  # what follows counts on the columns
            return
        try:
            yield from _row_problems(reader, entry)
            yield from _label_problems(reader, entry)
            if reader.schema_version > 1:
                yield from _tick_problems(reader, entry)
        except DatasetError as error:
            yield str(error)
        for stream in entry.streams:
            try:
                yield from _pixel_problems(reader, stream)
            except DatasetError as error:
                yield str(error)
    finally:
        reader.close()


def _column_problems(reader: SessionReader, entry: SessionRecord, config: ClipConfig) -> list[str]:
    """Return which columns are missing, unknown, damaged, or of another shape or type."""
    try:
        return list(_misfits(reader, entry, config))
    except DatasetError as error:
        return [str(error)]


def _misfits(reader: SessionReader, entry: SessionRecord, config: ClipConfig) -> Iterator[str]:
    smoothed = "landmarks_raw" in reader
    layout = column_layout(size_px=config.size_px, streams=entry.streams, smoothed=smoothed)
    for name, column in layout.items():
        if name in reader or reader.schema_version > 1:
            yield from _misfit(reader, name, column, entry.n_frames)
    for dimension in DIMENSIONS:
        name = RATERS + dimension
        if name in reader:
            n_raters = len(reader.rater_names(dimension))
            yield from _misfit(reader, name, Column((entry.n_frames,), "float32", "", ""), n_raters)
    rated = {RATERS + dimension for dimension in DIMENSIONS}
    for name in reader.names:
        if name not in layout and name not in rated:
            yield f"column {name!r} is unknown"
    if reader.schema_version > 1:
        for name, column in tick_layout(entry.streams).items():
            yield from _misfit(reader, f"{TICKS}/{name}", column, entry.n_ticks)


def _misfit(reader: SessionReader, name: str, column: Column, n_rows: int) -> Iterator[str]:
    wanted = (n_rows, *column.shape), np.dtype(column.dtype)
    try:
        stored = reader.column(name)
    except DatasetError:
        yield f"wanted column {name!r}, found none"
        return
    if (stored.shape, stored.dtype) != wanted:
        yield (
            f"column {name!r}: wanted {wanted[0]} {wanted[1]} as the record says, "
            f"found {stored.shape} {stored.dtype}"
        )


def _row_problems(reader: SessionReader, entry: SessionRecord) -> Iterator[str]:
    """Yield where the rows' reasons, masks and times contradict the record or each other."""
    n = entry.n_frames
    for stream in entry.streams:
        reason = reader.read(f"reason_{stream}", 0, n)
        yield from _count_problems(reason, entry.reasons.get(stream, {}), n, f"{stream} rows")
        valid = reader.read(f"valid_{stream}", 0, n)
        n_odd = int((valid != np.isin(reason, VALID)).sum())
        if n_odd:
            yield f"{n_odd} {stream} rows are valid by their mask and not by their reason, or the reverse"
    time_s = reader.read("time_s", 0, n)
    if not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        yield "the rows' times do not increase"
    tick = reader.read("tick", 0, n)
    shown = tick[tick >= 0]
    if not (np.diff(shown) > 0).all() or (entry.n_ticks and (shown >= entry.n_ticks).any()):
        yield f"the rows' ticks do not increase within the session's {entry.n_ticks}"


def _tick_problems(reader: SessionReader, entry: SessionRecord) -> Iterator[str]:
    """Yield where ticks and rows do not reconcile."""
    n_ticks, n_rows = entry.n_ticks, entry.n_frames
    for stream in entry.streams:
        reason = reader.read(f"{TICKS}/reason_{stream}", 0, n_ticks)
        yield from _count_problems(reason, entry.ticks.get(stream, {}), n_ticks, f"{stream} ticks")
    row = reader.read(f"{TICKS}/row", 0, n_ticks)
    tick = reader.read("tick", 0, n_rows)
    if (row >= n_rows).any() or (row < -1).any() or (tick >= n_ticks).any() or (tick < -1).any():
        yield f"a tick names a row beyond {n_rows}, or a row a tick beyond {n_ticks}"
        return
    of_rows, of_ticks = np.flatnonzero(tick >= 0), np.flatnonzero(row >= 0)
    same = np.array_equal(np.sort(row[of_ticks]), of_rows) and np.array_equal(tick[row[of_ticks]], of_ticks)
    if not same:
        yield f"{len(of_rows)} rows show a tick, {len(of_ticks)} ticks became a row: not each other's"
        return
    for stream in entry.streams:
        by_tick = reader.read(f"{TICKS}/reason_{stream}", 0, n_ticks)[of_ticks]
        n_odd = int((by_tick != reader.read(f"reason_{stream}", 0, n_rows)[row[of_ticks]]).sum())
        if n_odd:
            yield f"{n_odd} {stream} ticks have another reason than their rows"


def _count_problems(
    reason: NDArray[np.uint8], recorded: dict[str, int], wanted: int, what: str
) -> Iterator[str]:
    numbers = {int(one) for one in Reason}
    unknown = sorted({int(one) for one in np.unique(reason)} - numbers)
    if unknown:
        yield f"{what}: reasons {unknown} are unknown"
        return
    counted = Counter(Reason(int(one)).name.lower() for one in reason)
    if {name: n for name, n in recorded.items() if n} != dict(counted):
        found = ", ".join(f"{name} {n}" for name, n in sorted(counted.items())) or "none"
        said = ", ".join(f"{name} {n}" for name, n in sorted(recorded.items())) or "none"
        yield f"{sum(recorded.values())} of {wanted} {what} explained ({said}), the file has {found}"


def _label_problems(reader: SessionReader, entry: SessionRecord) -> Iterator[str]:
    """Yield labels out of range, or other ones than the record counts."""
    n = entry.n_frames
    for dimension in DIMENSIONS:
        label = reader.read(dimension, 0, n)
        if np.isinf(label).any() or (np.abs(label) > 1).any():
            yield f"{dimension} labels leave [-1, 1]"
        n_known = int(np.isfinite(label).sum())
        if entry.labelled.get(dimension, 0) != n_known and (entry.labelled or reader.schema_version > 1):
            wanted = entry.labelled.get(dimension, 0)
            yield f"wanted {wanted} rows with a {dimension} label as the record says, found {n_known}"
        if RATERS + dimension in reader:
            values = reader.read(RATERS + dimension, 0, n)
            if np.isinf(values).any() or (np.abs(values) > 1).any():
                yield f"raters' {dimension} leaves [-1, 1]"
            strangers = sorted(set(reader.rater_names(dimension)) - set(entry.raters))
            if strangers:
                yield f"raters of {dimension} are not in the record: {', '.join(strangers)}"


def _pixel_problems(reader: SessionReader, stream: Stream) -> Iterator[str]:
    """Yield rows that should be empty and are not, after decoding all."""
    n_frames = len(reader.column(stream))
    reason = reader.read(f"reason_{stream}", 0, n_frames)
    n_odd = 0
    for start in range(0, n_frames, FRAMES_AT_ONCE):
        stop = min(start + FRAMES_AT_ONCE, n_frames)
        pixels = reader.read(stream, start, stop)
        empty = ~np.isin(reason[start:stop], HAS_PIXELS)
        n_odd += sum(bool(picture.any()) for picture in pixels[empty])
    if n_odd:
        yield f"{n_odd} {stream} rows have pixels though their reason says that there are none"
