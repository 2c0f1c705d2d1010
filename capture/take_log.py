"""The master's own file in a session: the moments that were named, and what went wrong when."""

from pathlib import Path

from .clock import boot_id
from .mcap_file import Channel
from .now import monotonic_ns
from .payload import EVENTS, MARKERS
from .session import MASTER
from .session_writer import SessionWriter
from .status import Marker


class TakeLog:
    """Markers and events of one take, on the master's clock; each is on its way to the disk at once.

    A disk that refuses does not end the take: the complaint is kept.

    Parameters
    ----------
    markers : those that masters before this one have stored
    """

    def __init__(
        self, folder: Path, *, header: dict[str, object], begin_ns: int, markers: tuple[Marker, ...] = ()
    ) -> None:
        self.complaint = ""
        self.markers = markers
        self.writer = SessionWriter(folder, recorder=MASTER, specs=())
        self.writer.begin(header | {"boot_id": boot_id()}, now_ns=begin_ns)

    def mark(self, marker: Marker) -> None:
        """Write a marker down."""
        table = {"t_ns": marker.t_ns, "label": marker.label, "source": marker.source}
        if self._write(MARKERS, table, marker.t_ns):
            self.markers = tuple(sorted((*self.markers, marker), key=lambda one: one.t_ns))

    def tell(self, kind: str, text: str) -> None:
        """Write down that something went wrong, or changed."""
        now_ns = monotonic_ns()
        self._write(EVENTS, {"t_ns": now_ns, "kind": kind, "text": text}, now_ns)

    def finish(self) -> tuple[str, ...]:
        """Close the file; return its name, or nothing where the disk refused."""
        try:
            return self.writer.finish()
        except OSError as error:
            self.complaint = f"the master cannot finish its file: {error.strerror or error}"
            return ()

    def discard(self) -> None:
        """Remove the file of a take that does not start."""
        self.writer.discard()

    def _write(self, channel: Channel, table: dict[str, object], now_ns: int) -> bool:
        try:
            self.writer.add_table(channel, table, now_ns=now_ns)
        except OSError as error:
            self.complaint = f"the master cannot write: {error.strerror or error}"
            return False
        return True
