"""The practice film: mavfer's own simulated face, rendered for the study; nobody is shown to anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .encode import Picture
from .prepare import MAX_WIDTH_PX, Prepared, film_of
from .sources import PRACTICE, Source

SECONDS, FPS = 24.0, 15.0
SUBJECT, SEED = "S09", 11
"""Of 180 takes, one in which the face shows nearly all of the range of valence and of arousal."""
WINDOW = np.s_[310:790, 640:1280]
"""The part of 1080 x 1920 pixels that is shown: the head stays in the middle of it."""


def prepare_practice(
    folder: Path, *, seconds: float = SECONDS, on_progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Render the practice film into `folder`: a face whose valence and arousal run through their whole range.

    Takes about 10 s, and 15 s more where numba compiles for the first time. The head is CC0; see
    capture/simulated. The same call gives the same film.
    """
    n_frames = round(seconds * FPS)
    source = Source(
        PRACTICE,
        f"simulated face, seed {SEED}, {seconds:g} s",
        FPS,
        _pictures(n_frames, seconds, on_progress),
    )
    return film_of(source, folder, max_width_px=MAX_WIDTH_PX, where=folder)


def _pictures(
    n_frames: int, seconds: float, on_progress: Callable[[int, int], None] | None
) -> Iterator[Picture]:
    from ...capture.simulated.renderer import KinectView
    from ...capture.simulated.scene import SceneSettings

    view = KinectView(SceneSettings(seed=SEED), subject=SUBJECT, seconds=seconds)
    for k in range(n_frames):

        def pixels(k: int = k) -> NDArray[np.uint8]:
            return view.color(k / FPS, k)[WINDOW]

        yield k / FPS, pixels
        if on_progress is not None:
            on_progress(k + 1, n_frames)
