"""Single picture files, each with its time, read as a film: what some corpora give instead of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import SessionError
from .film import VideoPicture
from .streams import Stream, StreamSpec


class PictureFiles:
    """A film of picture files (PNG, JPEG, whatever OpenCV reads), all of one size.

    Parameters
    ----------
    path : the folder that they are in, for messages
    files : the picture files with their times in seconds; in order of time

    Raises
    ------
    SessionError
        There is no file, or the first one is no picture.
    """

    def __init__(self, path: Path, files: Sequence[tuple[float, Path]]) -> None:
        if not files:
            raise SessionError(f"wanted pictures, found none: {path}")
        self.path = path
        self._files = tuple(files)
        height, width = _pixels(self._files[0][1]).shape[:2]
        self.spec = StreamSpec(Stream.COLOR, (height, width, 3), "uint8", "sRGB")
        self.n_out_of_order = 0

    @property
    def fps(self) -> float:
        """The average rate of the pictures; 30 where there is one alone."""
        length_s = self._files[-1][0] - self._files[0][0]
        return (len(self._files) - 1) / length_s if length_s > 0 else 30.0

    @property
    def n_expected(self) -> int:
        """How many pictures there are."""
        return len(self._files)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the folder's name, the number of files and their rate."""
        return {"file": self.path.name, "n_pictures": len(self._files), "fps": self.fps}

    def pictures(self) -> Iterator[VideoPicture]:
        """Yield all pictures in order of time; one not later than its predecessor is left out and counted.

        Raises
        ------
        SessionError
            When its pixels are asked for: a file is no picture, or not of the size of the first.
        """
        first_s, last_ns = self._files[0][0], -1
        for time_s, file in self._files:
            t_ns = round((time_s - first_s) * 1_000_000_000)
            if t_ns > last_ns:
                last_ns = t_ns
                yield VideoPicture(t_ns, partial(self._of_one_size, file))
            else:
                self.n_out_of_order += 1

    def _of_one_size(self, file: Path) -> NDArray[np.uint8]:
        pixels = _pixels(file)
        if pixels.shape != self.spec.shape:
            wanted, found = self.spec.shape, pixels.shape
            raise SessionError(
                f"wanted pictures of one size, {wanted[1]}x{wanted[0]}, found {found[1]}x{found[0]}; "
                f"remove the odd ones: {file}"
            )
        return pixels


def _pixels(file: Path) -> NDArray[np.uint8]:
    """Return a picture file's pixels, (H, W, 3) uint8 RGB; raises SessionError if it is none."""
    import cv2

    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise SessionError(f"wanted a picture, could not read it ({error.strerror}): {file}") from error
    try:
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if len(content) else None
    except cv2.error:  # of a head that promises more than there can be
        pixels = None
    if pixels is None:
        raise SessionError(f"wanted a picture, found a file that is none or is damaged: {file}")
    return np.ascontiguousarray(pixels, np.uint8)
