"""Every tick and every stored frame is accounted for, to the frame; a build that cannot do so fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...capture.synchronize import Synchronized
from ...errors import DatasetError
from ..dataset.record import Reason
from .clip_grid import NOT_A_TICK


@dataclass(frozen=True, slots=True)
class TickAccount:
    """What became of a session's ticks and frames.

    Attributes
    ----------
    columns : of the group TICKS, each (T,), as `columns.tick_layout` lays them out
    ticks : ticks by stream and reason;  rows : rows by stream and reason
    stored, at_no_tick : frames by stream: stored in the session; those of them that lie at no tick
    """

    columns: dict[str, NDArray]
    ticks: dict[str, dict[str, int]]
    rows: dict[str, dict[str, int]]
    stored: dict[str, int]
    at_no_tick: dict[str, int]


def account_for(
    synchronized: Synchronized,
    *,
    n_stored: Mapping[Stream, int],
    tick: NDArray[np.int64],
    reasons: Mapping[Stream, NDArray[np.uint8]],
    path: Path,
) -> TickAccount:
    """Return what became of every tick and frame, after checking that nothing is missing or twice.

    Parameters
    ----------
    n_stored : frames of each stream that the session stores
    tick : (F,) the tick of each row, NOT_A_TICK where none lies near
    reasons : by stream, (F,) of `Reason`, of the rows
    path : of the session, for the complaint

    Raises
    ------
    DatasetError
        A row shows a tick that does not exist or that another row shows, a tick has a frame that is not
        stored or that another tick has, or rows, ticks and frames do not add up.
    """
    n_ticks = len(synchronized.time_s)
    _require_distinct(tick, n_ticks, what="ticks of rows", path=path)
    sampled = tick[tick != NOT_A_TICK]
    row_of = np.full(n_ticks, -1, np.int32)
    row_of[sampled] = np.flatnonzero(tick != NOT_A_TICK)
    columns: dict[str, NDArray] = {"time_s": synchronized.time_s, "row": row_of}
    ticks, rows, at_no_tick = {}, {}, {}
    for stream, row_reasons in reasons.items():
        index = synchronized.index.get(stream, np.full(n_ticks, -1))
        if len(row_reasons) != len(tick) or len(index) != n_ticks:
            raise DatasetError(
                f"wanted {len(tick)} rows and {n_ticks} ticks of {stream.value}, found {len(row_reasons)} "
                f"and {len(index)}; this build cannot be trusted, report it: {path}"
            )
        _require_distinct(index, n_stored[stream], what=f"{stream.value} frames of ticks", path=path)
        of_ticks = np.where(index >= 0, Reason.NOT_SAMPLED, Reason.NOT_RECORDED).astype(np.uint8)
        of_ticks[sampled] = row_reasons[tick != NOT_A_TICK]
        _require_same_gaps(index, of_ticks, row_reasons[tick == NOT_A_TICK], stream=stream, path=path)
        columns[f"reason_{stream}"] = of_ticks
        ticks[stream.value], rows[stream.value] = _counts(of_ticks), _counts(row_reasons)
        at_no_tick[stream.value] = n_stored[stream] - int(np.count_nonzero(index >= 0))
    stored = {stream.value: n_stored[stream] for stream in reasons}
    return TickAccount(columns, ticks, rows, stored, at_no_tick)


def _require_distinct(numbers: NDArray, n: int, *, what: str, path: Path) -> None:
    """Raise DatasetError unless all numbers but -1 are below `n` and none is there twice."""
    used = numbers[numbers != -1]
    if len(used) and (used.min() < -1 or used.max() >= n):
        wrong = int(used[(used < -1) | (used >= n)][0])
        raise DatasetError(
            f"wanted {what} from 0 to {n - 1}, found {wrong}; the session's index is broken, run `mavfer "
            f"check-session` and `mavfer recover`: {path}"
        )
    if len(np.unique(used)) != len(used):
        twice = int(np.flatnonzero(np.bincount(used) > 1)[0])
        raise DatasetError(
            f"wanted {what} that are all different, found {twice} twice; the session's index is broken, run "
            f"`mavfer check-session` and `mavfer recover`: {path}"
        )


def _require_same_gaps(
    index: NDArray, of_ticks: NDArray, of_no_tick: NDArray, *, stream: Stream, path: Path
) -> None:
    """Raise DatasetError unless NOT_RECORDED are exactly the ticks without a frame, and rows without tick."""
    wrong = np.flatnonzero((index < 0) != (of_ticks == Reason.NOT_RECORDED))
    if len(wrong):
        says = Reason(int(of_ticks[wrong[0]])).name.lower()
        raise DatasetError(
            f"{stream.value} of tick {wrong[0]} is {says!r} in the dataset, and the session has "
            f"{'a' if index[wrong[0]] >= 0 else 'no'} frame there; this build cannot be trusted, report it: "
            f"{path}"
        )
    if np.any(of_no_tick != Reason.NOT_RECORDED):
        raise DatasetError(
            f"{stream.value} has pictures in a row that shows no tick; this build cannot be trusted, report "
            f"it: {path}"
        )


def _counts(reasons: NDArray[np.uint8]) -> dict[str, int]:
    return dict(sorted(Counter(Reason(reason).name.lower() for reason in reasons.tolist()).items()))
