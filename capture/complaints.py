"""What went wrong in a take, once each and never without end: a recorder's status has to stay small."""

import threading

MOST = 20
LONGEST = 300


class Complaints:
    """The first complaints in order, and how many more there were; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._n_more = 0

    def add(self, line: str) -> bool:
        """Keep a complaint; return whether it is new and is kept."""
        line = line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
        with self._lock:
            if line in self._lines:
                return False
            if len(self._lines) == MOST:
                self._n_more += 1
                return False
            self._lines.append(line)
            return True

    def lines(self) -> tuple[str, ...]:
        """Return the complaints, one line each."""
        with self._lock:
            more = (f"and {self._n_more} more complaints",) if self._n_more else ()
            return (*self._lines, *more)
