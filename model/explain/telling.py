"""Which pixels follow a label, each taken alone; and how a network's map lies on them.

Crops are aligned, so a pixel shows about the same place of the face in every frame. Nothing of a network is
in this: it is read off the frames and their labels. On simulated faces it shows where the skin warms and
what moves (capture/simulated/motion.py); on real ones it is an association, and no proof of where a feeling
shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...preprocess.dataset.clips import DatasetSession
from .intervals import Figure, figure, ratio

MOST = 0.5
"""A pixel tells where its share reaches that part of the highest of its stream."""
FAINT = 0.15
"""A stream whose highest share is below that tells nothing by single pixels: slow curves of a minute have
about a tenth of their variance in common by chance."""


@dataclass(frozen=True, slots=True)
class MapSums:
    """What the maps of one subject add up to.

    Attributes
    ----------
    n_frames : how many; one that several clips show counts for each of them
    weight : (S, S) float64, sum of the maps, each of sum 1
    peaks : (S, S) float64, how many frames have their highest weight there
    """

    subject: str
    n_frames: int
    weight: NDArray[np.float64]
    peaks: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OnTelling:
    """How a map lies on the pixels of one stream that follow a label.

    Attributes
    ----------
    highest : the highest share of variance that one pixel has in common with the label, 0 to 1
    area : share of the crop of the pixels that reach `MOST` of it; 0 where `highest` is below `FAINT`
    weight, peaks : the map's share there, and the share of frames whose highest weight is there, over the
        area: 1 is what a map would have that knows nothing
    """

    highest: float
    area: float
    weight: Figure
    peaks: Figure


def follow_label(sessions: Sequence[DatasetSession], stream: str, dimension: str) -> NDArray[np.float32]:
    """Return the share of its variance that each pixel has in common with a label: r squared, (S, S).

    Computed within each session, where who is filmed stays the same, and averaged; of color, the channel that
    has most in common. Frames without a label or without a face do not count, nor do sessions in which the
    label stays the same. A hole in depth counts as the pixel's mean.
    """
    found = []
    for session in sessions:
        labels = np.asarray(session.read(dimension, 0, session.n_frames), np.float64)
        pixels = session.read(stream, 0, session.n_frames)
        frames = pixels.reshape(len(pixels), pixels.shape[1], pixels.shape[2], -1)
        seen = np.isfinite(labels) & frames.reshape(len(frames), -1).any(1)
        if seen.sum() < 3 or np.ptp(labels[seen]) == 0:
            continue
        found.append(_r_squared(frames[seen].astype(np.float32), labels[seen], holes=stream != "color"))
    if not found:
        return np.zeros(sessions[0].read(stream, 0, 1).shape[1:3], np.float32)
    return np.mean(found, 0).astype(np.float32)


def sums_of(subject: str, maps: NDArray[np.floating]) -> MapSums:
    """Return what maps (N, S, S) of one subject add up to."""
    flat = np.asarray(maps, np.float64).reshape(len(maps), -1)
    weight = (flat / np.maximum(flat.sum(1, keepdims=True), 1e-300)).sum(0)
    peaks = np.bincount(flat.argmax(1), minlength=flat.shape[1]).astype(np.float64)
    return MapSums(subject, len(flat), weight.reshape(maps.shape[1:]), peaks.reshape(maps.shape[1:]))


def added(sums: Sequence[MapSums]) -> tuple[MapSums, ...]:
    """Return one sum per subject, by name."""
    found: dict[str, MapSums] = {}
    for one in sums:
        if (before := found.get(one.subject)) is not None:
            n_frames = before.n_frames + one.n_frames
            one = MapSums(one.subject, n_frames, before.weight + one.weight, before.peaks + one.peaks)
        found[one.subject] = one
    return tuple(found[name] for name in sorted(found))


def telling(r_squared: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which pixels follow the label, (S, S): those that reach `MOST` of the highest share."""
    highest = float(r_squared.max())
    if highest < FAINT:
        return np.zeros(r_squared.shape, bool)
    return r_squared >= MOST * highest


def on_telling(subjects: Sequence[MapSums], r_squared: NDArray[np.floating]) -> OnTelling:
    """Return how the maps of `subjects` lie on the pixels that follow the label as `r_squared` says."""
    place = telling(r_squared)
    area = float(place.mean())
    sums = np.array(
        [[one.n_frames * area, one.weight[place].sum(), one.peaks[place].sum()] for one in subjects]
    )
    return OnTelling(
        highest=float(r_squared.max()),
        area=area,
        weight=figure(sums[:, [1, 0]], ratio),
        peaks=figure(sums[:, [2, 0]], ratio),
    )


def _r_squared(
    frames: NDArray[np.float32], labels: NDArray[np.float64], *, holes: bool
) -> NDArray[np.float64]:
    """Return r squared, (S, S), of frames (N, S, S, C) with labels (N,); 0 of a pixel that never changes."""
    if holes:
        known = frames > 0
        mean = frames.sum(0) / np.maximum(known.sum(0), 1)
        frames = np.where(known, frames, mean)
    frames = frames - frames.mean(0)
    labels = labels - labels.mean()
    shared = np.tensordot(labels, frames, (0, 0)) ** 2
    varied = np.square(labels).sum() * np.square(frames).sum(0, dtype=np.float64)
    return (shared / np.maximum(varied, 1e-9)).max(-1)


def pixels_that_tell(
    sessions: Sequence[DatasetSession], streams: Sequence[str], dimensions: Sequence[str]
) -> Mapping[str, Mapping[str, NDArray[np.float32]]]:
    """Return `follow_label` of every stream, by dimension and stream."""
    return {
        dimension: {stream: follow_label(sessions, stream, dimension) for stream in streams}
        for dimension in dimensions
    }
