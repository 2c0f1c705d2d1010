"""One recorder's side of a session: frames, pings and counters go into its MCAP files as they come.

What `append` has returned from outlives a crash of the process; a power cut costs at most the last second.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from .locking import is_locked
from .mcap_file import Channel, McapWriter
from .payload import CLOCK, COUNTERS, FLAGS, HEADER, Color, encode, encode_json, stream_channel
from .streams import Frame, StreamSpec

SYNC_EVERY_S = 1.0


def file_name(recorder: str, number: int) -> str:
    """Return the name of a recorder's file number 0, 1, ..."""
    return f"{recorder}.{number:04d}.mcap"


def recorder_files(folder: Path, recorder: str) -> tuple[str, ...]:
    """Return the names of a recorder's files in a session folder, in order."""
    return tuple(sorted(file.name for file in folder.glob(f"{recorder}.[0-9][0-9][0-9][0-9].mcap")))


def being_written(folder: Path) -> Path | None:
    """Return a file of the session folder that a recorder has open, or None."""
    for file in sorted(folder.glob("*.[0-9][0-9][0-9][0-9].mcap")):
        if is_locked(file):
            return file
    return None


class SessionWriter:
    """Append to a session folder under one recorder's name; safe to call from several threads.

    Parameters
    ----------
    folder : the session folder, which exists
    recorder : the name of the files; where it has some already their numbers go on
    specs : the streams that may be appended
    segment_bytes : a new file is begun when the one being written has reached this size
    color : how color is stored
    """

    def __init__(
        self,
        folder: Path,
        *,
        recorder: str,
        specs: Sequence[StreamSpec],
        segment_bytes: int = 2**30,
        color: Color = "jpeg",
    ) -> None:
        self._folder = folder
        self._recorder = recorder
        self._header: bytes | None = None
        self._last_ns = 0
        self._segment_bytes = segment_bytes
        self._specs = {spec.stream: spec for spec in specs}
        self._color: Color = color
        self._channels = {spec.stream: stream_channel(spec, color=color) for spec in specs}
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._files: list[str] = []
        self._n_present = len(recorder_files(folder, recorder))
        self._full_bytes = 0
        self._lacks_header = False
        self._error: OSError | None = None  # of a file that cannot be whole any more
        self._full = deque[McapWriter]()
        self._file = self._begin_file()
        sync_folder(folder)
        self._sync_thread = threading.Thread(target=self._sync_every_second, name="sync", daemon=True)
        self._sync_thread.start()

    def begin(self, header: dict[str, object], *, now_ns: int) -> None:
        """Write the header, which then stands at the beginning of every file: each explains itself."""
        with self._lock:
            self._header = encode_json({"recorder": self._recorder, **header})
            self._last_ns = now_ns
            self._lacks_header = True
            self._write_header()

    def append(self, frames: Iterable[Frame]) -> None:
        """Encode and write the frames of one moment.

        Raises
        ------
        SessionError
            A frame is not what its stream's spec says.
        OSError
            The disk refused; what was written before stands.
        """
        for frame in frames:
            payload = encode(frame, self._specs[frame.stream], color=self._color)
            self._append(
                self._channels[frame.stream],
                payload,
                log_ns=frame.host_time_ns,
                publish_ns=frame.device_time_ns,
                sequence=frame.frame_id,
            )
            if frame.flags:
                said = {"stream": frame.stream.value, "frame_id": frame.frame_id, "flags": list(frame.flags)}
                self.add_table(FLAGS, said, now_ns=frame.host_time_ns)

    def add_ping(self, t0_ns: int, t1_ns: int, t2_ns: int, t3_ns: int, *, master_boot_id: str = "") -> None:
        """Write one ping exchange; its stamps are those of `Session.pings`, the epoch is the master's."""
        stamps: dict[str, object] = {"t0_ns": t0_ns, "t1_ns": t1_ns, "t2_ns": t2_ns, "t3_ns": t3_ns}
        if master_boot_id:
            stamps["master_boot_id"] = master_boot_id
        self._append(CLOCK, encode_json(stamps), log_ns=t3_ns, publish_ns=t3_ns, sequence=0)

    def add_counters(self, counters: dict[str, object], *, now_ns: int) -> None:
        """Write how many frames were kept and lost until now."""
        self._append(COUNTERS, encode_json(counters), log_ns=now_ns, publish_ns=now_ns, sequence=0)

    def add_table(self, channel: Channel, table: dict[str, object], *, now_ns: int) -> None:
        """Write one JSON message of any channel, such as a marker or an event."""
        self._append(channel, encode_json(table), log_ns=now_ns, publish_ns=now_ns, sequence=0)

    def add_message(
        self, channel: Channel, payload: bytes, *, log_ns: int, publish_ns: int, sequence: int
    ) -> None:
        """Write a message whose payload is encoded already, such as samples of another device."""
        self._append(channel, payload, log_ns=log_ns, publish_ns=publish_ns, sequence=sequence)

    def finish(self) -> tuple[str, ...]:
        """Write the index of the last file, bring everything to the disk, return the files' names.

        Raises
        ------
        OSError
            The disk refused, now or when the last seconds were brought to it; `mavfer recover` adds the index
            once there is room.
        """
        self._finished.set()
        self._sync_thread.join()
        self._close_full()
        with self._lock:
            try:
                self._file.finish()
            finally:
                self._file.close()
        sync_folder(self._folder)
        if self._error is not None:
            raise self._error
        return tuple(self._files)

    def discard(self) -> None:
        """Close the files and remove them; for a take that did not start."""
        self._finished.set()
        self._sync_thread.join()
        self._close_full()
        with self._lock:
            self._file.close()
            for name in self._files:
                (self._folder / name).unlink(missing_ok=True)

    @property
    def error(self) -> str:
        """What the disk refused while it was brought up to date, or ""."""
        return f"cannot write: {self._error.strerror or self._error}" if self._error is not None else ""

    @property
    def written_bytes(self) -> int:
        """Bytes written into all files."""
        return self._full_bytes + self._file.size

    def _append(
        self, channel: Channel, payload: bytes, *, log_ns: int, publish_ns: int, sequence: int
    ) -> None:
        with self._lock:
            if self._file.torn or self._file.size >= self._segment_bytes:
                self._begin_next_file()
            if self._lacks_header:
                self._write_header()
            self._last_ns = log_ns
            self._file.append(channel, payload, log_ns=log_ns, publish_ns=publish_ns, sequence=sequence)

    def _begin_next_file(self) -> None:
        """Go on in a new file; the full one is closed by the thread that syncs, which may take its time."""
        full, self._file = self._file, self._begin_file()
        self._full_bytes += full.size
        self._lacks_header = self._header is not None
        self._full.append(full)

    def _close_full(self) -> None:
        """Write the index of the files that are full, and bring them and their names to the disk."""
        while self._full:
            full = self._full.popleft()
            try:
                full.finish()
                sync_folder(self._folder)
            except OSError as error:
                self._error = error
            finally:
                full.close()

    def _begin_file(self) -> McapWriter:
        name = file_name(self._recorder, self._n_present + len(self._files))
        writer = McapWriter(self._folder / name)
        self._files.append(name)
        return writer

    def _write_header(self) -> None:
        assert self._header is not None
        self._file.append(HEADER, self._header, log_ns=self._last_ns, publish_ns=self._last_ns, sequence=0)
        self._lacks_header = False

    def _sync_every_second(self) -> None:
        while not self._finished.wait(SYNC_EVERY_S):
            self._close_full()
            with self._lock:
                descriptor = os.dup(self._file.fileno())
            try:
                sync_file(descriptor)
            except OSError as error:  # the system tells it once; `finish` passes it on
                self._error = error
            finally:
                os.close(descriptor)


def sync_file(descriptor: int) -> None:
    """Bring an open file's content to the disk."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk; Windows does so by itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
