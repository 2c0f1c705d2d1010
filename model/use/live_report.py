"""What a live session comes to: each score with how late it is, and how the session went as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .references import SETTLED_S


@dataclass(frozen=True, slots=True)
class LiveScore:
    """One score.

    Attributes
    ----------
    t_s : of the clip's last frame, seconds since the first row
    values : one per dimension, or the probabilities of the classes
    latency_ms : from the exposure of the clip's last frame to the score
    reference_s : seconds that the session's references rest on; see `references.SETTLED_S`
    """

    t_s: float
    values: tuple[float, ...]
    latency_ms: float
    reference_s: float

    @property
    def settled(self) -> bool:
        """Whether the references rest on enough."""
        return self.reference_s >= SETTLED_S


@dataclass(slots=True)
class LiveReport:
    """How a live session went.

    Attributes
    ----------
    n_rows, n_faces : rows made, and those in which the network's first stream shows the face
    last_row_s : of the last row, seconds since the first one
    latencies_ms, network_ms : of each score, from exposure, and of the network alone
    first_score_s, last_score_s : of the first and the last score, seconds since the first row
    """

    names: tuple[str, ...]
    n_rows: int = 0
    n_faces: int = 0
    last_row_s: float = 0.0
    n_scores: int = 0
    first_score_s: float | None = None
    last_score_s: float | None = None
    latencies_ms: list[float] = field(default_factory=list)
    network_ms: list[float] = field(default_factory=list)

    @property
    def rows_per_s(self) -> float:
        """Rows per second, from the first to the last."""
        return (self.n_rows - 1) / self.last_row_s if self.last_row_s > 0 else 0.0

    def why_no_score(self, clip_fps: float) -> str:
        """Return why no clip came together, of rows that clips want `clip_fps` times a second."""
        seen = f"the face was seen in {self.n_faces} of {self.n_rows} rows"
        if self.n_rows > 1 and self.rows_per_s < clip_fps:
            return (
                f"{seen}, which came {self.rows_per_s:.1f} times per second, and clips want {clip_fps:g}; "
                f"leave this machine to the cameras alone, or take a run of clips of fewer frames per second"
            )
        return f"{seen}, and never for as long as a clip lasts"

    @property
    def scores_per_s(self) -> float:
        """Scores per second, from the first to the last."""
        if self.n_scores < 2 or self.first_score_s is None or self.last_score_s is None:
            return 0.0
        return (self.n_scores - 1) / max(1e-9, self.last_score_s - self.first_score_s)

    def latency_ms(self, percentile: float) -> float:
        """Return a percentile of the latencies, NaN without any."""
        return float(np.percentile(self.latencies_ms, percentile)) if self.latencies_ms else float("nan")
