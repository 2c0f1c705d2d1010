"""How much of a map lies on which part of the face, by its 68 landmarks, against how large the part is."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...preprocess.dataset.clips import DatasetSession
from ..data.inputs import InputOptions, read_pixels
from .intervals import Figure, figure, ratio

REGIONS = ("background", "forehead", "cheeks", "jaw", "nose", "eyes", "brows", "mouth")
"""A pixel belongs to one of them; where two overlap, to the later one."""
FACE = REGIONS[1:]
FOREHEAD_SHARE = 0.4  # of the way from the chin to the brows, above them
RIM_SHARE = 0.03  # of the crop's side, around eyes, brows and mouth


@dataclass(frozen=True, slots=True)
class RegionShares:
    """Sums over frames of one subject.

    Attributes
    ----------
    subject : str
    n_frames : frames with landmarks; one that several clips show counts for each of them
    area : (8,) by `REGIONS`: sum of the shares of the crop that each covers
    weight : (8,) sum of the shares of the map
    peaks : (8,) how many frames have the map's highest weight there
    highest : sum of the highest weights, in multiples of an even map's
    """

    subject: str
    n_frames: int
    area: NDArray[np.float64]
    weight: NDArray[np.float64]
    peaks: NDArray[np.float64]
    highest: float


def region_labels(landmarks_px: NDArray[np.floating], *, size_px: int) -> NDArray[np.uint8]:
    """Return which of `REGIONS` each pixel of a crop shows, (S, S) uint8.

    Parameters
    ----------
    landmarks_px : (68, 2) in pixels of the crop, in the order of 300-W (Sagonas 2013)
    """
    points = np.asarray(landmarks_px, np.float64)
    labels = np.zeros((size_px, size_px), np.uint8)
    rim = max(1, round(2 * RIM_SHARE * size_px))
    up = FOREHEAD_SHARE * (points[17:27].mean(0) - points[8])
    forehead = np.concatenate([points[17:27], points[26:16:-1] + up])
    face = np.concatenate([points[:17], points[26:16:-1]])
    _fill(labels, forehead, "forehead")
    _fill(labels, face, "cheeks")
    _fill(labels, points[[*range(4, 13), 54, 48]], "jaw")
    _fill(labels, _hull(points[[21, 22, *range(27, 36)]]), "nose")
    for eye, brow in ((range(36, 42), range(17, 22)), (range(42, 48), range(22, 27))):
        _fill(labels, _hull(points[[*eye, *brow]]), "eyes")
        _fill(labels, _hull(points[eye]), "eyes", rim=rim)
        _line(labels, points[brow], "brows", width=rim)
    _fill(labels, _hull(points[48:68]), "mouth", rim=rim)
    return labels


def crop_landmarks(session: DatasetSession) -> NDArray[np.float32]:
    """Return the landmarks of all frames in pixels of the crop, (F, 68, 2), NaN where there is no face."""
    size_px = session.read("color", 0, 1).shape[1]
    options = InputOptions(modalities=(), n_frames=4, size_px=size_px, landmarks=True)
    return read_pixels(session, options).streams["landmarks"].pixels * size_px - 0.5


def shares_of(subject: str, maps: NDArray[np.floating], landmarks_px: NDArray[np.floating]) -> RegionShares:
    """Return how maps (N, S, S) lie over faces with landmarks (N, 68, 2); frames without are left out."""
    area, weight, peaks = np.zeros((3, len(REGIONS)))
    highest = 0.0
    known = np.flatnonzero(np.isfinite(landmarks_px).all(axis=(1, 2)))
    for number in known:
        labels = region_labels(landmarks_px[number], size_px=maps.shape[-1]).ravel()
        values = np.asarray(maps[number], np.float64).ravel()
        share = values / max(values.sum(), 1e-300)
        area += np.bincount(labels, minlength=len(REGIONS)) / len(labels)
        weight += np.bincount(labels, weights=share, minlength=len(REGIONS))
        peaks[labels[share.argmax()]] += 1
        highest += float(share.max()) * len(share)
    return RegionShares(subject, len(known), area, weight, peaks, highest)


def by_subject(shares: Sequence[RegionShares]) -> list[RegionShares]:
    """Return one sum per subject, by name; those without any landmarks are left out."""
    found: dict[str, RegionShares] = {}
    for one in shares:
        if one.n_frames and (before := found.get(one.subject)) is not None:
            one = RegionShares(
                one.subject,
                before.n_frames + one.n_frames,
                before.area + one.area,
                before.weight + one.weight,
                before.peaks + one.peaks,
                before.highest + one.highest,
            )
        if one.n_frames:
            found[one.subject] = one
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True, slots=True)
class TimesChance:
    """How a map lies on some regions together.

    Attributes
    ----------
    area, share : of the crop and of the map, 0 to 1
    weight, peaks : the map's share, and the share of frames whose highest weight is there, over the area:
        1 is what a map would have that knows nothing
    """

    area: float
    share: float
    weight: Figure
    peaks: Figure


def times_chance(subjects: Sequence[RegionShares], regions: Sequence[str]) -> TimesChance:
    """Return how the map lies on some of `REGIONS` together, over subjects as `by_subject` gives them."""
    places = [REGIONS.index(name) for name in regions]
    sums = np.array(
        [
            [one.n_frames, *(float(each[places].sum()) for each in (one.area, one.weight, one.peaks))]
            for one in subjects
        ]
    )
    n_frames, area, weight, _ = sums.sum(0)
    return TimesChance(
        area=float(area / n_frames),
        share=float(weight / n_frames),
        weight=figure(sums[:, [2, 1]], ratio),
        peaks=figure(sums[:, [3, 1]], ratio),
    )


def _hull(points: NDArray) -> NDArray:
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def _fill(labels: NDArray[np.uint8], polygon: NDArray, name: str, *, rim: int = 0) -> None:
    corners = [np.rint(polygon).astype(np.int32)]
    cv2.fillPoly(labels, corners, REGIONS.index(name))
    if rim:
        cv2.polylines(labels, corners, True, REGIONS.index(name), thickness=rim)


def _line(labels: NDArray[np.uint8], points: NDArray, name: str, *, width: int) -> None:
    cv2.polylines(labels, [np.rint(points).astype(np.int32)], False, REGIONS.index(name), thickness=width)
