"""Which frames a non-uniformity correction (NUC) touched: the camera shuts its eye and holds the picture.

Documented: the moment at which this program commands one. Detected: pictures that are the same, pixel for
pixel, which the noise of a microbolometer never gives by itself.
"""

from dataclasses import dataclass

HELD_FRAMES = 2
"""So many repeated pictures in a row are a NUC; a single one may be a frame that was sent twice."""
BEGINS_WITHIN_NS = 1_000_000_000
LASTS_AT_MOST_NS = 3_000_000_000
"""A commanded NUC holds the picture for about 0.5 s (FLIR); where none is held, the frames of a second are
still flagged, since the shutter may be in them."""


@dataclass(slots=True)
class Corrections:
    """Flags frames, in the order they came."""

    _commanded_ns: int | None = None
    _held: bool = False
    _n_repeated: int = 0

    def command(self, now_ns: int) -> None:
        """Take note that a NUC was commanded."""
        self._commanded_ns, self._held = now_ns, False

    def flags(self, host_ns: int, *, repeated: bool) -> tuple[str, ...]:
        """Return the flags of the next frame: "nuc", "repeated", both or none.

        Parameters
        ----------
        host_ns : arrival, on the clock of `command`
        repeated : its pixels are those of the frame before
        """
        self._n_repeated = self._n_repeated + 1 if repeated else 0
        correcting = self._n_repeated >= HELD_FRAMES or self._is_commanded(host_ns, repeated=repeated)
        return (*(("nuc",) if correcting else ()), *(("repeated",) if repeated else ()))

    def _is_commanded(self, host_ns: int, *, repeated: bool) -> bool:
        if self._commanded_ns is None:
            return False
        since_ns = host_ns - self._commanded_ns
        over = (self._held and not repeated) or since_ns > LASTS_AT_MOST_NS
        if over or (not self._held and not repeated and since_ns > BEGINS_WITHIN_NS):
            self._commanded_ns = None
            return False
        self._held = self._held or repeated
        return True
