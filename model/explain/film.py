"""A stretch of one session as a film: the face, the attention over it, what is said beside what is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...annotate.study.encode import Picture, encode, require_codecs
from ...errors import ModelError, StudyError
from ...output import new_file
from .overlay import enlarged, overlay, strip

SIDE_PX = 384
"""Of each of the two pictures, about: crops are enlarged by a whole factor."""
CURVE_PX = 96  # high, per dimension
PAPER, INK, TRUE, SAID = (246, 246, 244), (29, 33, 38), (104, 112, 123), (213, 94, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """F frames of one session.

    Attributes
    ----------
    color : (F, S, S, 3) uint8
    attention : (F, S, S) float32, mean 1 per frame, NaN where no clip covers the frame
    time_s : (F,) float64
    truth, predicted : {dimension: (F,) float64 in [-1, 1], NaN where unknown}
    """

    color: NDArray[np.uint8]
    attention: NDArray[np.float32]
    time_s: NDArray[np.float64]
    truth: dict[str, NDArray[np.float64]]
    predicted: dict[str, NDArray[np.float64]]


def over_frames(n_frames: int, starts: Sequence[int], maps: Sequence[NDArray]) -> NDArray[np.float32]:
    """Return one map per frame, (n_frames, S, S): the mean of the clips that cover it, NaN without one."""
    total = np.zeros((n_frames, *maps[0].shape[1:]), np.float32)
    count = np.zeros((n_frames, 1, 1), np.float32)
    for start, one in zip(starts, maps, strict=True):
        total[start : start + len(one)] += one
        count[start : start + len(one)] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def write_film(path: Path, shown: Shown) -> None:
    """Write `shown` as an H.264 film, each frame at its own time.

    Raises
    ------
    ModelError
        PyAV or its H.264 is missing, or there are fewer than two frames.
    """
    try:
        require_codecs()
        period_s = float(np.median(np.diff(shown.time_s))) if len(shown.time_s) > 1 else 1.0
        with new_file(path, overwrite=True) as temporary:
            encode(temporary, _pictures(shown), fps=1 / max(period_s, 1e-3), max_width_px=1920)
    except StudyError as error:
        raise ModelError(f"the film of attention was not written: {error}: {path}") from error


def film_frame(shown: Shown, number: int) -> NDArray[np.uint8]:
    """Return one frame of the film, (H, W, 3) uint8: the crop, the crop under attention, the curves below."""
    factor = max(1, SIDE_PX // shown.color.shape[1])
    crop, weights = shown.color[number], np.nan_to_num(shown.attention[number], nan=0.0)
    faces = np.concatenate([enlarged(crop, factor), enlarged(overlay(crop, weights), factor)], axis=1)
    curves = [_curve(shown, name, number, width=faces.shape[1]) for name in shown.predicted]
    return np.concatenate([faces, *curves])


def write_strip(path: Path, color: NDArray[np.uint8], attention: NDArray, *, n_shown: int = 8) -> None:
    """Write some frames of a clip as a PNG: the crops above, the same under attention below.

    Parameters
    ----------
    color, attention : (T, S, S, 3) uint8 and (T, S, S)
    """
    picked = np.linspace(0, len(color) - 1, min(n_shown, len(color))).astype(int)
    crops = strip(list(color[picked]))
    over = strip(list(overlay(color[picked], attention[picked])))
    pixels = cv2.cvtColor(np.concatenate([crops, over]), cv2.COLOR_RGBA2BGRA)
    _, payload = cv2.imencode(".png", pixels)
    with new_file(path, overwrite=True) as temporary:
        temporary.write_bytes(payload.tobytes())


def _pictures(shown: Shown) -> Iterator[Picture]:
    for number, time_s in enumerate(shown.time_s):
        yield float(time_s), lambda number=number: film_frame(shown, number)


def _curve(shown: Shown, name: str, number: int, *, width: int) -> NDArray[np.uint8]:
    """Return a panel (CURVE_PX, width, 3): truth gray, prediction orange, an upright line at the frame."""
    panel = np.full((CURVE_PX, width, 3), PAPER, np.uint8)
    x = np.linspace(0, width - 1, max(2, len(shown.time_s)))[: len(shown.time_s)]
    cv2.line(panel, (0, CURVE_PX // 2), (width, CURVE_PX // 2), (214, 214, 210), 1)
    for series, color in ((shown.truth[name], TRUE), (shown.predicted[name], SAID)):
        y = (0.5 - 0.46 * np.clip(series, -1, 1)) * CURVE_PX
        for run in _known_runs(series):
            points = np.rint(np.stack([x[run], y[run]], axis=1)).astype(np.int32)
            cv2.polylines(panel, [points], False, color, 2, cv2.LINE_AA)
    at = round(float(x[number]))
    cv2.line(panel, (at, 0), (at, CURVE_PX), INK, 1)
    said, true = shown.predicted[name][number], shown.truth[name][number]
    words = f"{name}: {said:+.2f}" + (f" (true {true:+.2f})" if np.isfinite(true) else "")
    cv2.putText(panel, words, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return panel


def _known_runs(series: NDArray) -> list[slice]:
    known = np.concatenate([[0], np.isfinite(series).astype(int), [0]])
    edges = np.flatnonzero(np.diff(known))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
