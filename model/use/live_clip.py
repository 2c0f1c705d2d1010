"""The newest clip of a session that is still being filmed: rows in, network inputs out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...capture.streams import Stream
from ..data.inputs import InputOptions, StreamPixels, blank_color, landmarks_in_crop, to_input
from .references import RunningReferences


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of one row: its number, its time, and the pixels of each stream, zeros where not valid."""

    number: int
    t_s: float
    pixels: dict[str, NDArray]
    has_color: bool


class LiveClip:
    """Keeps the last rows of a session, and makes of them the newest clip.

    Rows come as often as they can, `clip_fps` times a second or more; a clip's frame k is the row nearest to
    k periods before its last. A row whose first stream is not valid is passed over; where no row lies within
    half a period of a frame's time there is no clip.

    Parameters
    ----------
    options : what the network sees
    clip_fps : frames per second of the clips that the network learned from
    """

    def __init__(self, options: InputOptions, *, clip_fps: float) -> None:
        self._options, self._period_s = options, 1 / clip_fps
        self._references = RunningReferences(options)
        self._rows: deque[_Row] = deque()
        self._n_added = 0
        self._first_s: float | None = None

    @property
    def span_s(self) -> float:
        """Seconds from a clip's first frame to its last."""
        return (self._options.n_frames - 1) * self._period_s

    @property
    def reference_s(self) -> float:
        """Seconds that the references rest on: since the first row with a face."""
        if self._first_s is None or not self._rows:
            return 0.0
        return self._rows[-1].t_s - self._first_s

    def add(self, row: Mapping[str, NDArray]) -> bool:
        """Take a row of `RowCutter.row`; return whether the network's first stream is valid in it.

        Rows come in order of time. All of them count for the references, as in a dataset.
        """
        options = self._options
        t_s = float(row["time_s"])
        pixels: dict[str, NDArray] = {}
        for name in options.modalities:
            valid = bool(row[f"valid_{name}"])
            self._references.add(name, row[name], valid=valid)
            pixels[name] = row[name].copy() if valid else np.zeros_like(row[name])
        if options.landmarks:
            pixels["landmarks"] = landmarks_in_crop(
                row["landmarks"][None].astype(np.float64),
                row["transforms"][None].astype(np.float64),
                np.array([bool(row[f"valid_{Stream.COLOR}"])]),
                side_px=row[Stream.COLOR].shape[0],
            )[0]
        number, self._n_added = self._n_added, self._n_added + 1
        if not bool(row[f"valid_{options.modalities[0]}"]):
            return False
        self._first_s = t_s if self._first_s is None else self._first_s
        self._rows.append(_Row(number, t_s, pixels, bool(row.get("valid_color"))))
        while self._rows[0].t_s < t_s - self.span_s - self._period_s:
            self._rows.popleft()
        return True

    def inputs(self, device: torch.device | str = "cpu") -> tuple[float, dict[str, Tensor]] | None:
        """Return the time of the newest clip's last frame and the clip as the network wants it, B = 1.

        None while the rows do not reach far enough back, or have a gap.
        """
        rows = self._newest()
        if rows is None:
            return None
        numbers = np.array([row.number for row in rows])
        batch: dict[str, Tensor] = {}
        for name in self._options.modalities:
            stack = np.stack([row.pixels[name] for row in rows])
            color = name == Stream.COLOR
            reference = self._references.of_color() if color else self._references.of_rows(name, numbers)
            if color:
                blank_color(stack, np.array([row.has_color for row in rows]), reference)
            batch[name] = to_input(name, [StreamPixels(stack, reference)], self._options, device)
        if self._options.landmarks:
            stack = np.stack([row.pixels["landmarks"] for row in rows])
            batch["landmarks"] = torch.from_numpy(stack[None]).to(device)
        return rows[-1].t_s, batch

    def _newest(self) -> list[_Row] | None:
        if not self._rows:
            return None
        kept = list(self._rows)
        times = np.array([row.t_s for row in kept])
        wanted = times[-1] - self._period_s * np.arange(self._options.n_frames)[::-1]
        right = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
        right = np.minimum(right, len(times) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(wanted - times[left] <= times[right] - wanted, left, right)
        if np.abs(times[nearest] - wanted).max() > self._period_s / 2 + 1e-6:
            return None
        return [kept[i] for i in nearest.tolist()]
