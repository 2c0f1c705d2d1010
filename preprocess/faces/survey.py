"""Who the subject of a session is, where several people are in view: looked at once, before its frames.

The choice is stated in words and kept as what the follower expects: a place, a size, a distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .face import FaceDetector
from .hog import HogDetector
from .policy import resized, search_scales

DepthOf = Callable[[NDArray[np.float64]], float]
"""Returns the distance of the face in a box (4,), color pixels, in millimetres; NaN where it is not known."""

SAME_PERSON = 1.5  # greatest mismatch of two faces of one person in two moments
MAX_SIZE_FACTOR = 1.6  # a face this much larger or smaller than the subject's ever was is someone else's
MAX_DEPTH_APART_MM = 300.0  # likewise; people lean by 200 mm in a chair
WIDTHS_PER_UNIT = 2.0  # mismatch counts 1 for a shift by two face widths,
SIZE_FACTOR_PER_UNIT = 1.5  # for a size that is 1.5 times another,
MM_PER_UNIT = 300.0  # and for a distance of 300 mm in depth


@dataclass(frozen=True, slots=True)
class SubjectChoice:
    """Who the subject is, and why.

    Attributes
    ----------
    words : one sentence for the report
    n_people : people told apart in the moments looked at; 0 where no face was seen
    center_px : (2,) the subject's usual place, color pixels
    width_px : least and greatest width of the subject's box
    depth_mm : least and greatest distance; NaN where not known
    """

    words: str
    n_people: int = 0
    center_px: tuple[float, float] = (float("nan"), float("nan"))
    width_px: tuple[float, float] = (float("nan"), float("nan"))
    depth_mm: tuple[float, float] = (float("nan"), float("nan"))

    def contradicts(self, box_px: NDArray[np.float64], depth_mm: float) -> bool:
        """Return whether a face cannot be the subject's: of another size, or at another distance."""
        if self.n_people == 0:
            return False
        width = float(box_px[2] - box_px[0])
        low, high = self.width_px
        if not low / MAX_SIZE_FACTOR < width < high * MAX_SIZE_FACTOR:
            return True
        return bool(_beyond(depth_mm, self.depth_mm) > MAX_DEPTH_APART_MM)  # False where one is not known

    def mismatch(self, box_px: NDArray[np.float64], depth_mm: float) -> float:
        """Return how ill a face fits the subject: 0 for its usual place, size and distance."""
        if self.n_people == 0:
            return 0.0
        low, high = self.width_px
        return _mismatch(
            box_px, depth_mm, center_px=self.center_px, width_px=(low * high) ** 0.5, depths_mm=self.depth_mm
        )


NOBODY_KNOWN = SubjectChoice("the largest face in view; nobody looked who else is there")


@dataclass(slots=True)
class _Person:
    """One person's faces over the moments looked at."""

    moments: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    depths_mm: list[float] = field(default_factory=list)

    @property
    def widths(self) -> NDArray[np.float64]:
        return np.array([box[2] - box[0] for box in self.boxes])

    @property
    def center(self) -> tuple[float, float]:
        x, y = np.median([(box[:2] + box[2:]) / 2 for box in self.boxes], axis=0).tolist()
        return x, y

    @property
    def depth_range_mm(self) -> tuple[float, float]:
        known = [depth for depth in self.depths_mm if np.isfinite(depth)]
        return (min(known), max(known)) if known else (float("nan"), float("nan"))

    @property
    def depth_mm(self) -> float:
        known = [depth for depth in self.depths_mm if np.isfinite(depth)]
        return float(np.median(known)) if known else float("nan")

    def add(self, moment: int, box: NDArray[np.float64], depth_mm: float) -> None:
        self.moments.append(moment)
        self.boxes.append(box)
        self.depths_mm.append(depth_mm)

    def mismatch(self, box: NDArray[np.float64], depth_mm: float) -> float:
        return _mismatch(
            box,
            depth_mm,
            center_px=self.center,
            width_px=float(np.median(self.widths)),
            depths_mm=self.depth_range_mm,
        )


def survey(
    moments: Iterable[tuple[float, NDArray[np.uint8], DepthOf | None]],
    *,
    detector: FaceDetector | None = None,
) -> SubjectChoice:
    """Return who the subject is: the person whose faces, over all moments, cover most of the picture.

    A person who is near for one moment weighs less than one who sits there in all. Costs one search of each
    whole picture: 0.11 s at 1080p with the HOG detector.

    Parameters
    ----------
    moments : (t_s, color (H, W, 3) uint8, depth_of) spread over the session, in order of time; about eight.
        `depth_of` is only asked where there are faces, and may be None
    """
    finder: FaceDetector = detector or HogDetector()
    people: list[_Person] = []
    n_moments = 0
    for moment, (_, color, depth_of) in enumerate(moments):
        n_moments += 1
        boxes, _ = search(color, search_scales(color.shape)[1], finder)
        faces = [(box, depth_of(box) if depth_of is not None else float("nan")) for box in boxes]
        _assign(people, moment, faces)
    if not people:
        return SubjectChoice(f"no face in {n_moments} moments looked at; the largest that appears later")
    people.sort(key=lambda person: -float(np.sum(person.widths**2)))
    subject = people[0]
    return SubjectChoice(
        words=_words(people, n_moments),
        n_people=len(people),
        center_px=subject.center,
        width_px=(float(subject.widths.min()), float(subject.widths.max())),
        depth_mm=subject.depth_range_mm,
    )


def search(
    picture: NDArray[np.uint8], scale: float, detector: FaceDetector
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return boxes (n, 4), pixels of `picture`, and scores (n,) of the faces found when it is scaled."""
    if isinstance(detector, HogDetector) and picture.ndim == 3:  # it sees gray; one channel shrinks faster
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    boxes, scores = detector.detect(resized(picture, scale))
    return (np.asarray(boxes, np.float64).reshape(-1, 4) + 0.5) / scale - 0.5, np.asarray(scores, np.float64)


def _assign(people: list[_Person], moment: int, faces: Sequence[tuple[NDArray[np.float64], float]]) -> None:
    """Give each face of one moment to the person it fits best; to a new person where it fits none."""
    pairs = sorted(
        (person.mismatch(*face), i, k) for i, person in enumerate(people) for k, face in enumerate(faces)
    )
    taken_people, taken_faces = set[int](), set[int]()
    for mismatch, i, k in pairs:
        if mismatch < SAME_PERSON and i not in taken_people and k not in taken_faces:
            people[i].add(moment, *faces[k])
            taken_people.add(i)
            taken_faces.add(k)
    for k, face in enumerate(faces):
        if k not in taken_faces:
            people.append(_Person())
            people[-1].add(moment, *face)


def _mismatch(
    box: NDArray[np.float64],
    depth_mm: float,
    *,
    center_px: tuple[float, float],
    width_px: float,
    depths_mm: tuple[float, float],
) -> float:
    width = float(box[2] - box[0])
    center = (box[:2] + box[2:]) / 2
    shift = float(np.hypot(*(center - center_px))) / max(width, width_px) / WIDTHS_PER_UNIT
    size = abs(np.log(width / width_px)) / np.log(SIZE_FACTOR_PER_UNIT)
    depth = _beyond(depth_mm, depths_mm) / MM_PER_UNIT
    return shift + float(size) + (depth if np.isfinite(depth) else 0.0)


def _beyond(depth_mm: float, range_mm: tuple[float, float]) -> float:
    """Return by how much a distance lies outside a range; NaN where one of them is not known."""
    return float(np.max([range_mm[0] - depth_mm, depth_mm - range_mm[1], 0 * depth_mm]))


def _words(people: Sequence[_Person], n_moments: int) -> str:
    """Return the reason for taking the first of `people`, most of the picture first."""
    subject = people[0]
    where = f", at {subject.depth_mm / 1000:.2g} m" if np.isfinite(subject.depth_mm) else ""
    seen = f"in {len(subject.moments)} of {n_moments} moments{where}"
    if len(people) == 1:
        return f"the only face, seen {seen}"
    n_largest = sum(
        all(
            subject.widths[k] >= other.widths[other.moments.index(moment)]
            for other in people[1:]
            if moment in other.moments
        )
        for k, moment in enumerate(subject.moments)
    )
    others = "the other" if len(people) == 2 else "the next"
    other = people[1]
    apart = (
        f"at {other.depth_mm / 1000:.2g} m"
        if np.isfinite(other.depth_mm)
        else f"{np.median(other.widths) / np.median(subject.widths):.2g} times as large"
    )
    return (
        f"of {len(people)} people the one whose face is seen {seen}, and is the largest in {n_largest} of "
        f"these; {others} is {apart}, in {len(other.moments)} of {n_moments}"
    )
