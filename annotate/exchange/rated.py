"""A rating as another tool's file says it, and the trace that becomes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError, UsageError
from ..origin import Origin
from ..trace import DIMENSIONS, RATING_LIMIT, Dimension, Trace

PARTS = ("session", "rater", "dimension", "any")


@dataclass(frozen=True, slots=True)
class Rated:
    """One rating of one dimension in another tool's file.

    Attributes
    ----------
    source : the tool
    path : the file
    time_s : (N,) float64, seconds of the film
    value : (N,) float64 on `scale`; NaN where there is none
    scale : its ends
    resampling : how its samples came to their times, in words
    said : what the file itself says of session, rater and dimension; what it does not say is not there
    """

    source: str
    path: Path
    time_s: NDArray[np.float64]
    value: NDArray[np.float64]
    scale: tuple[float, float]
    resampling: str
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """Where session, rater and dimension of a file are taken from; the first that is known counts.

    Attributes
    ----------
    given : what was said for all files
    pattern : of the file's path below the folder that is imported, without its suffix, as
        "{session}_{rater}" or "{rater}/{session}.{any}"; "" for none
    """

    given: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""

    def __post_init__(self) -> None:
        for name in re.findall(r"\{(.*?)\}", self.pattern):
            if name not in PARTS:
                raise UsageError(
                    f"wanted {{session}}, {{rater}}, {{dimension}} or {{any}} in --named, found {{{name}}}"
                )

    def of(self, one: Rated, folder: Path) -> tuple[str, str, Dimension]:
        """Return session, rater and dimension of a rating.

        Raises
        ------
        TraceError
            One of them is not known, or the file's name does not follow the pattern.
        """
        known = {**one.said, **self._by_pattern(one.path, folder), **self.given}
        for name in ("session", "rater", "dimension"):
            if not known.get(name):
                raise TraceError(
                    f"wanted to know the {name}, which the file does not say; pass --{name}, or --named "
                    f"with {{{name}}} in it: {one.path}"
                )
        dimension = dimension_in(known["dimension"])
        if dimension is None:
            raise TraceError(
                f"wanted the dimension valence or arousal, found {known['dimension']!r}; "
                f"pass --dimension: {one.path}"
            )
        return file_name(known["session"], "."), file_name(known["rater"]), dimension

    def _by_pattern(self, path: Path, folder: Path) -> dict[str, str]:
        if not self.pattern:
            return {}
        name = path.relative_to(folder).with_suffix("").as_posix()
        pieces = re.split(r"\{(.*?)\}", self.pattern)
        expression = "".join(
            re.escape(piece) if i % 2 == 0 else "[^/]*?" if piece == "any" else f"(?P<{piece}>[^/]+?)"
            for i, piece in enumerate(pieces)
        )
        try:
            found = re.fullmatch(expression, name)
        except re.error as error:
            raise UsageError(f"wanted each part once in --named, found {self.pattern!r}") from error
        if found is None:
            raise TraceError(f"wanted a name like {self.pattern!r}, found {name!r}: {path}")
        return found.groupdict()


def trace_of(one: Rated, *, session: str, rater: str, dimension: Dimension) -> Trace:
    """Return a rating as a trace on [-10, 10], mapped linearly from its own scale.

    Raises
    ------
    TraceError
        A value is outside its scale, or the times do not increase.
    """
    low, high = one.scale
    if not (np.isfinite([low, high]).all() and low < high):
        raise TraceError(
            f"wanted a scale from low to high, found {low:g} to {high:g}; pass --scale: {one.path}"
        )
    slack = 1e-6 * (high - low)
    outside = np.flatnonzero((one.value < low - slack) | (one.value > high + slack))
    if len(outside):
        raise TraceError(
            f"wanted ratings from {low:g} to {high:g}, found {one.value[outside[0]]:g} at "
            f"{one.time_s[outside[0]]:g} s; pass --scale: {one.path}"
        )
    share = (np.clip(one.value, low, high) - low) / (high - low)
    origin = Origin(source=one.source, resampling=one.resampling, scale=(low, high), file=one.path.name)
    try:
        return Trace(
            session,
            rater,
            dimension,
            one.time_s,
            RATING_LIMIT * (2 * share - 1),
            simulated=False,
            origin=origin,
        )
    except TraceError as error:
        raise TraceError(f"{error}: {one.path}") from error


def dimension_in(text: str) -> Dimension | None:
    """Return the dimension that a word names, in whatever case; None for any other or for both."""
    found = [one for one in DIMENSIONS if one in text.casefold()]
    return cast("Dimension", found[0]) if len(found) == 1 else None


def film_stem(text: str) -> str:
    """Return the name of a film without folder and suffix, whichever system wrote it."""
    return PureWindowsPath(text.strip().strip('"').removeprefix("file://localhost/")).stem


def file_name(text: str, allowed: str = "") -> str:
    """Return a name as the names of files can hold it: other characters become -."""
    kept = re.escape(allowed)
    return re.sub(rf"[^A-Za-z0-9_{kept}-]+", "-", text.strip()).strip("-.") or "-"
