"""The rating so far, thinned for the page's small chart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..study.films import Film
from ..trace import Dimension
from .replay import Replay

MAX_POINTS = 2000


def curve(found: Replay, film: Film, *, max_points: int = MAX_POINTS) -> dict[Dimension, list[list[float]]]:
    """Return per dimension at most `max_points` pairs of media time (s) and value, where there is a value.

    A value holds until the next, so the frames at which it changes, the ones before them and the ends of each
    stretch say all; where they are too many, every n-th is taken. Stretches without a value have no points:
    they are in `Replay.missing`.
    """
    return {name: _thinned(column, film, max_points) for name, column in found.value.items()}


def _thinned(column: NDArray[np.float64], film: Film, max_points: int) -> list[list[float]]:
    rated = ~np.isnan(column)
    changes = np.ones(len(column) + 1, bool)  # between each frame and the one before it
    changes[1:-1] = (column[1:] != column[:-1]) & (rated[1:] | rated[:-1])
    kept = np.flatnonzero(rated & (changes[:-1] | changes[1:]))
    if len(kept) > max_points:
        kept = kept[np.linspace(0, len(kept) - 1, max_points).round().astype(int)]
    pairs = zip(film.media_s[kept].tolist(), column[kept].tolist(), strict=True)
    return [[round(media_s, 4), value] for media_s, value in pairs]
