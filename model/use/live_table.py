"""Live scores as a CSV, line by line: what was said stays, however the session ends."""

from __future__ import annotations

import csv
from pathlib import Path

from ...errors import OutputError
from .live import LiveScore


class LiveTable:
    """The file of one live session, written as scores come; `close` ends it.

    Raises
    ------
    OutputError
        The file cannot be made.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write the scores: {error.strerror}: {path}") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(["time_s", *names, "latency_ms", "reference_s", "settled"])

    def write(self, score: LiveScore) -> None:
        """Write one score, at once."""
        values = [f"{value:.5f}" for value in score.values]
        late = f"{score.latency_ms:.1f}"
        settled = "yes" if score.settled else "no"
        self._writer.writerow([f"{score.t_s:.4f}", *values, late, f"{score.reference_s:.2f}", settled])
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()
