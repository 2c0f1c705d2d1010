"""A contact sheet as values: rows of pictures over moments, curves below; nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

Pixels = NDArray[np.uint8]
Float = NDArray[np.float64]
MAX_MOMENTS = 2000
"""Of one session."""


@dataclass(frozen=True, slots=True)
class ColorScale:
    """What the colors of a row mean.

    Attributes
    ----------
    colors : (N, 3) uint8, from low to high
    marks : (place from 0 to 1, text with its unit)
    """

    colors: Pixels
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Pictures of one kind, one per moment.

    Attributes
    ----------
    name : what stands before the row
    pictures : (H, W, 3) uint8 each, all of one shape; None where there is none
    missing : what is said in place of a picture that there is not
    scale : None where colors are what they are
    """

    name: str
    pictures: tuple[Pixels | None, ...]
    missing: str = "no frame"
    scale: ColorScale | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: values (N,) at times (N,) in seconds, NaN where unknown; `color` as "#rrggbb"."""

    name: str
    time_s: Float
    value: Float
    color: str
    thick: float = 1.6


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves below the pictures, on their times; `name` says of what, with its range."""

    name: str
    low: float
    high: float
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One session on a sheet.

    Attributes
    ----------
    title, about : its name, and in one line what is known of it
    moments : which moments are shown
    rows, curves : of these moments
    """

    title: str
    about: str
    moments: Moments
    rows: tuple[Row, ...]
    curves: tuple[Curves, ...]


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments evenly apart: the middles of `n` stretches of `step_s` seconds from `start_s` on."""

    start_s: float
    step_s: float
    n: int

    @property
    def time_s(self) -> Float:
        """When they are, (n,)."""
        return self.start_s + (np.arange(self.n, dtype=np.float64) + 0.5) * np.float64(self.step_s)


@dataclass(frozen=True, slots=True)
class Spacing:
    """How many moments are shown: `count` of each session, or one `every_s` seconds."""

    count: int = 8
    every_s: float | None = None

    def moments(self, start_s: float, seconds: float) -> Moments:
        """Return the moments of a session of `seconds` from `start_s` on.

        Raises
        ------
        UsageError
            There would be more than MAX_MOMENTS.
        """
        seconds = max(seconds, 1e-3)
        if self.every_s is None:
            return Moments(start_s, seconds / self.count, self.count)
        n = max(1, int(np.floor(seconds / self.every_s + 0.5 - 1e-9)))  # those that lie within it
        if n > MAX_MOMENTS:
            raise UsageError(
                f"wanted at most {MAX_MOMENTS} moments of a session, every {self.every_s:g} s there are {n}; "
                "pass a larger --every, or --count"
            )
        return Moments(start_s, self.every_s, n)


def shown_at(time_s: Float, at_s: float) -> int:
    """Return which of rising times (N,) is the last one not later than a moment; the first where none is."""
    return max(0, int(np.searchsorted(time_s, at_s, side="right")) - 1)


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds: 1:02.5."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}:{rest:04.1f}"
