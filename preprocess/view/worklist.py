"""Frames worth a look, over all sessions: those with one reason, or the worst by one figure first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...errors import DatasetError
from ..dataset.record import Reason
from .catalog import Catalog, split_of
from .rows import Facts, read_facts

Order = Literal["time", "sharpness", "pose", "jump"]
MAX_FRAMES = 300
MAX_WORST = 100
N_CACHED = 64
APART_S = 1.0
"""Of the worst frames within this time of each other only the worst is listed; the rest look alike."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which frames to list.

    Attributes
    ----------
    order : "time": runs of rows as they come, or the worst by a figure first
    reason : only rows of this reason; None for any
    stream : whose reason is meant, and which a session must have; None for any
    scheme, split : only sessions of this split under this scheme; None for all
    subject : only sessions of this subject; None for all
    """

    order: Order = "time"
    reason: Reason | None = None
    stream: Stream | None = None
    scheme: str = "default"
    split: str | None = None
    subject: str | None = None


class Worklist:
    """Lists frames of a dataset; keeps the columns of the sessions it read last."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._facts = lru_cache(maxsize=N_CACHED)(self._read)

    def facts(self, number: int) -> Facts:
        """Return a session's columns; raises DatasetError."""
        return self._facts(number, self._catalog.version(number))

    def table(self, wanted: Wanted) -> dict[str, Any]:
        """Return the frames, at most MAX_FRAMES or MAX_WORST, and which sessions could not be read.

        Each frame has `session` (number), `row`, `stop` (one past the run's last row), `value` (of the
        figure, or rows in the run) and `text`.
        """
        scheme = self._catalog.record.scheme(wanted.scheme)
        frames: list[dict[str, Any]] = []
        unreadable = []
        for number, entry in enumerate(self._catalog.record.sessions):
            streams = [stream for stream in entry.streams if wanted.stream in (None, stream)]
            if (
                entry.fate != "built"
                or not streams
                or (wanted.split is not None and split_of(entry, scheme) != wanted.split)
                or (wanted.subject is not None and entry.subject != wanted.subject)
                or not _may_have(entry.reasons, streams, wanted.reason)
            ):
                continue
            try:
                facts = self.facts(number)
            except DatasetError as error:
                unreadable.append({"session": number, "error": str(error)})
                continue
            frames += [{"session": number, **frame} for frame in _frames(facts, streams, wanted, entry.fps)]
        most = MAX_FRAMES
        if wanted.order != "time":
            frames.sort(key=lambda frame: frame["value"], reverse=wanted.order != "sharpness")
            most = MAX_WORST
        return {"frames": frames[:most], "n_found": len(frames), "unreadable": unreadable}

    def _read(self, number: int, version: str) -> Facts:  # noqa: ARG002
        return read_facts(self._catalog.session(number), self._catalog.ranges(number))


def _may_have(reasons: dict[str, dict[str, int]], streams: Sequence[Stream], reason: Reason | None) -> bool:
    """Return whether the record allows rows of a reason; True where the record counts nothing."""
    counted = [reasons.get(stream.value) for stream in streams]
    return reason is None or any(not counts or counts.get(reason.name.lower(), 0) for counts in counted)


def _frames(facts: Facts, streams: Sequence[Stream], wanted: Wanted, fps: float) -> list[dict[str, Any]]:
    mask = np.full(len(facts.jump), wanted.reason is None)
    for stream in streams:
        reasons = facts.columns.get(f"reason_{stream}")
        if wanted.reason is not None and reasons is not None:
            mask |= reasons == wanted.reason
    if wanted.order == "time":
        return _runs(mask)
    value = _figure(facts, wanted.order)
    badness = np.where(mask & np.isfinite(value), -value if wanted.order == "sharpness" else value, -np.inf)
    found = []
    apart = max(1, round(APART_S * fps))
    for row in np.argsort(-badness, kind="stable").tolist():
        if len(found) == MAX_WORST or badness[row] == -np.inf:
            break
        if all(abs(row - other["row"]) >= apart for other in found):
            found.append(
                {
                    "row": row,
                    "stop": row + 1,
                    "value": round(float(value[row]), 3),
                    "text": _words(wanted.order, float(value[row])),
                }
            )
    return found


def _figure(facts: Facts, order: Order) -> NDArray[np.float64]:
    """Return the figure (F,) that an order goes by; NaN where unknown."""
    unknown = np.full(len(facts.jump), np.nan)
    if order == "jump":
        return facts.jump
    if order == "pose":
        pose = facts.columns.get("pose_deg")
        return unknown if pose is None else np.hypot(pose[:, 0], pose[:, 1]).astype(np.float64)
    return np.asarray(facts.columns.get("sharpness", unknown), np.float64)


def _words(order: Order, value: float) -> str:
    if order == "jump":
        return f"jump {value:.2f} eye distances"
    return f"{value:.0f}° off frontal" if order == "pose" else f"sharpness {value:.2f}"


def _runs(mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [
        {
            "row": first,
            "stop": stop,
            "value": stop - first,
            "text": f"{stop - first} rows" if stop - first > 1 else "1 row",
        }
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]
