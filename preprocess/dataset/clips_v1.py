"""What session files of schema 1 lack, so that they read like those of schema 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from .clip_reader import SessionReader
from .columns import column_layout, tick_layout
from .record import Reason


def neutral_column(name: str, n_frames: int, *, streams: Sequence[Stream]) -> NDArray | None:
    """Return rows of a column that is not in the file: NaN, 0 or False; None for what is no column."""
    column = column_layout(size_px=1, streams=streams).get(name)
    if column is None or name in streams:
        return None
    fill = np.nan if np.dtype(column.dtype).kind == "f" else 0
    return np.full((n_frames, *column.shape), fill, column.dtype)


def ticks_of_rows(reader: SessionReader, name: str, *, n_ticks: int, streams: Sequence[Stream]) -> NDArray:
    """Return a column of ticks (T,) as far as rows tell: others have time NaN and the reason NOT_SAMPLED.

    Parameters
    ----------
    n_ticks : as the dataset's record counts them

    Raises
    ------
    DatasetError
        There is no such column, or the file is damaged.
    """
    layout = tick_layout(streams)
    if name not in layout:
        raise DatasetError(f"wanted a column of ticks, {', '.join(layout)}, found {name!r}")
    n_rows = len(reader.column("tick"))
    tick = reader.read("tick", 0, n_rows)
    rows = np.flatnonzero(tick >= 0)
    fill = {"time_s": np.nan, "row": -1}.get(name, int(Reason.NOT_SAMPLED))
    values = np.full(max(n_ticks, int(tick.max(initial=-1)) + 1), fill, layout[name].dtype)
    values[tick[rows]] = rows if name == "row" else reader.read(name, 0, n_rows)[rows]
    return values
