"""The operator's desk: where the master's loop lays out what it knows, and where it is asked for things.

The loop is one thread; the monitor page, the terminal view and `mavfer mark` are others. Nothing here waits
for the network or the disk.
"""

import threading
from collections import deque
from dataclasses import dataclass, field

from .guide import Guide
from .now import monotonic_ns
from .status import Marker, TakeStatus
from .streams import Stream


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of one stream, as it was a moment ago.

    Attributes
    ----------
    stream : Stream
    frame_id, host_time_ns : of the frame it was made of
    jpeg : what to show; thermal and depth are colored already
    low, high, unit : what the two ends of the coloring stand for; unit is "" where it has no scale
    """

    stream: Stream
    frame_id: int
    host_time_ns: int
    jpeg: bytes
    low: float = 0.0
    high: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Somebody asks for a take. Empty fields take what the command line or the protocol says."""

    subject: str = ""
    seconds: float | None = None
    consent: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody asks for the end of the take."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Somebody asks for the end of the program, after the take if one runs."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """Somebody asks for the protocol's next step."""


Request = Start | Stop | Quit | NextStep | Marker


@dataclass(slots=True)
class Desk:
    """Statuses, previews and guidance out, requests in; every method may be called from any thread."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _status: TakeStatus = field(default_factory=TakeStatus)
    _n_shown: int = 0
    _previews: dict[Stream, Preview] = field(default_factory=dict)
    _guide: Guide | None = None
    _requests: deque[Request] = field(default_factory=deque)

    def show(self, status: TakeStatus) -> None:
        """Lay out a new status in place of the last."""
        with self._changed:
            self._status = status
            self._n_shown += 1
            self._changed.notify_all()

    def status(self) -> TakeStatus:
        """Return the newest status."""
        with self._changed:
            return self._status

    def wait(self, seen: int, timeout_s: float) -> int:
        """Return the number of the newest status as soon as it is above `seen`, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_shown > seen, timeout_s)
            return self._n_shown

    def put_preview(self, preview: Preview) -> None:
        """Lay out a stream's newest picture in place of the last."""
        with self._changed:
            self._previews[preview.stream] = preview

    def preview(self, stream: Stream) -> Preview | None:
        """Return a stream's newest picture, if there is one."""
        with self._changed:
            return self._previews.get(stream)

    def put_guide(self, guide: Guide | None) -> None:
        """Lay out what the operator is to do in place of the last; None where nobody guides."""
        with self._changed:
            self._guide = guide

    def guide(self) -> Guide | None:
        """Return what the operator is to do, where somebody guides."""
        with self._changed:
            return self._guide

    def ask(self, request: Request) -> None:
        """Ask the master's loop for something; it answers through the status."""
        with self._changed:
            self._requests.append(request)

    def mark(self, label: str, *, source: str = "operator", t_ns: int | None = None) -> Marker:
        """Name this moment (or `t_ns` on this machine's monotonic clock); return the marker."""
        marker = Marker(monotonic_ns() if t_ns is None else t_ns, label, source)
        self.ask(marker)
        return marker

    def take_requests(self) -> list[Request]:
        """Return what was asked since the last call, oldest first."""
        with self._changed:
            asked = list(self._requests)
            self._requests.clear()
            return asked
