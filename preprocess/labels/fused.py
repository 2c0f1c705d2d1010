"""Labels from gold standards made by `mavfer labels fuse`, read at a session's frame times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotate.fusion.gold_file import GoldFile, read_gold
from ...annotate.fusion.resample import ROUNDING_S
from ...annotate.trace import DIMENSIONS, RATING_LIMIT, Dimension, Trace
from ...errors import TraceError
from .gold import Labels
from .ratings import Rated, listed
from .remarks import remarks_on_ends

PATTERN = "*.gold.*.csv"
GOLD = "gold"
MADE_BY = "gold standard by "
"""How the remark begins that says how a session's gold standard was made."""


def read_gold_standards(folder: Path, session_ids: Collection[str]) -> dict[str, Rated]:
    """Return the gold standards in `folder` by session; a session without any has none.

    Raises
    ------
    TraceError
        There is no such folder, or it has no gold standard of any of the sessions: it is another study's.
    """
    if not folder.is_dir():
        raise TraceError(
            f"wanted a folder of gold standards, found {'a file' if folder.exists() else 'nothing'}: {folder}"
        )
    rated = {session_id: Rated() for session_id in session_ids}
    others: set[str] = set()
    for path in sorted(folder.glob(PATTERN)):
        session_id = _claimed(path)
        if session_id not in rated:
            others.add(session_id)
            continue
        one = rated[session_id]
        try:
            gold = read_gold(path)
            if any(known.header.dimension == gold.header.dimension for known in one.gold):
                raise TraceError(
                    f"wanted one gold standard of {gold.header.dimension} for session {session_id!r}, found "
                    f"another; remove one: {path}"
                )
            one.gold.append(gold)
        except TraceError as error:
            one.error = one.error or error
    if rated and not any(one.gold or one.error for one in rated.values()):
        names = sorted(rated)
        wanted = f"session {names[0]!r}" if len(names) == 1 else f"sessions {listed(names)}"
        there = f"only those of {listed(sorted(others))}" if others else "none at all"
        hint = "pass raters' traces as --traces" if any(folder.glob("*.csv")) else "run `mavfer labels fuse`"
        raise TraceError(f"wanted gold standards of {wanted}, found {there}; {hint}: {folder}")
    return rated


def labels_from(gold: Sequence[GoldFile], time_s: NDArray[np.float64]) -> Labels:
    """Return the labels of frames at `time_s` (F,), linear between a gold standard's values.

    Where the gold standard has no value, the frames between have none: its own gaps are gaps. Where it has no
    moment, for the film that it was made at lost frames, what lies between is linear as far as the recipe
    bridges ratings (`max_gap_s`). Its ends hold for one of its steps: a film's frames are exposed some
    milliseconds off the ticks. Lags are taken out already.
    """
    value: dict[Dimension, NDArray[np.float32]] = {}
    per_rater: dict[Dimension, NDArray[np.float32]] = {}
    raters: dict[Dimension, tuple[str, ...]] = {}
    lines: list[str] = []
    for dimension in DIMENSIONS:
        one = next((one for one in gold if one.header.dimension == dimension), None)
        if one is None:
            value[dimension] = np.full(len(time_s), np.nan, np.float32)
            if gold:
                lines.append(f"{dimension}: no gold standard; no frame has a label")
            continue
        value[dimension] = _at(one, one.value, time_s)
        per_rater[dimension] = np.stack([_at(one, values, time_s) for values in one.per_rater])
        raters[dimension] = one.raters
        lines.append(f"{dimension}: {MADE_BY}{one.header.made_by}")
        lines += [f"{dimension}: {line}" for line in one.header.remarks]
        lags_s = {rater.lag_s for rater in one.header.raters}
        lag_s = lags_s.pop() if len(lags_s) == 1 else 0.0
        lines += [f"{dimension}: {line}" for line in remarks_on_ends(time_s, value[dimension], lag_s=lag_s)]
    return Labels(value, per_rater, raters, _joined(lines))


def as_traces(gold: Sequence[GoldFile]) -> tuple[Trace, ...]:
    """Return gold standards as traces of a rater called "gold", as `check_lengths` wants them."""
    return tuple(_trace(one, one.value) for one in gold)


def sha256_of_gold(gold: Sequence[GoldFile]) -> str | None:
    """Return one hash over headers and values, or None where there are none."""
    if not gold:
        return None
    digest = hashlib.sha256()
    for one in sorted(gold, key=lambda one: one.header.dimension):
        digest.update(one.header.model_dump_json().encode())
        digest.update(one.time_s.tobytes() + one.value.tobytes() + one.per_rater.tobytes())
    return digest.hexdigest()


def _at(gold: GoldFile, values: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return values of a gold standard at other times, (F,), in [-1, 1]."""
    at_s = gold.time_s
    steps_s = np.diff(at_s)
    step_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    recipe = gold.header.recipe
    right = np.minimum(np.searchsorted(at_s, time_s), len(at_s) - 1)
    left = np.maximum(right - 1, 0)
    apart_s = at_s[right] - at_s[left]
    share = np.clip((time_s - at_s[left]) / np.where(apart_s > 0, apart_s, 1.0), 0.0, 1.0)
    between = (1 - share) * values[left] + share * values[right]  # of one that is missing nothing is known
    far = apart_s > max(recipe.max_gap_s, 1.5 * step_s) + ROUNDING_S
    read = np.where(far, np.nan, between)
    for near in (left, right):
        read = np.where(np.abs(at_s[near] - time_s) <= ROUNDING_S, values[near], read)
    hold_s = min(step_s, recipe.max_hold_s) + ROUNDING_S
    for end, beyond_s in ((0, at_s[0] - time_s), (-1, time_s - at_s[-1])):
        read = np.where(beyond_s > ROUNDING_S, np.where(beyond_s <= hold_s, values[end], np.nan), read)
    return read.astype(np.float32)


def _trace(gold: GoldFile, values: NDArray[np.float64]) -> Trace:
    limited = np.clip(values * RATING_LIMIT, -RATING_LIMIT, RATING_LIMIT)
    header = gold.header
    return Trace(header.session, GOLD, header.dimension, gold.time_s, limited, header.simulated)


def _joined(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines with those that both dimensions share said once."""
    found: dict[str, list[str]] = {}
    for line in lines:
        dimension, text = line.split(": ", 1)
        found.setdefault(text, []).append(dimension)
    return tuple(f"{' and '.join(dimensions)}: {text}" for text, dimensions in found.items())


def _claimed(path: Path) -> str:
    """Return the session that a gold standard says it is of: by its header, or else by its name."""
    try:
        return str(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["session"])
    except (OSError, ValueError, KeyError, TypeError):
        return path.name.removesuffix(".csv").rsplit(".", 2)[0]  # `read_gold` says what is wrong
