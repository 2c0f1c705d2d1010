"""The master's side of `mavfer collect`: a file fetched from a recorder, proved the same, given its name.

Until then it is called `.NAME.partial`; an interrupted transfer goes on where it stopped.
"""

import os
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

import zmq

from ...errors import MavferError, OutputError, RecordError
from ..link import MasterLink
from ..locking import lock
from ..mcap_file import PREAMBLE, Channel
from ..mcap_reader import ROW_NAMES, chunk_end, chunk_intact, chunk_row, map_file
from ..messages import PIECE_BYTES, Piece, Want, parse_message
from ..payload import HEADER, decode_json
from ..session_writer import sync_file, sync_folder
from .send_files import hash_of

WINDOW = 8
"""So many parts are asked for ahead; what the memory holds of a file is bounded by it."""
POLL_MS = 50
ASK_AGAIN_S = 10.0
"""What was asked for and has not come by then was lost with a connection."""
STALLED_S = 60.0
LEAST_HASHED_PER_S = 10e6
SYNC_EVERY_BYTES = 64 * 2**20
N_TRIES = 2


class FileLine:
    """One recorder as a source of files; used by the thread that uses its link.

    Parameters
    ----------
    socket : of `MasterLink.bind_files`
    peer : the recorder's process
    between : called at least every 50 ms while something is waited for; raises to give up
    """

    def __init__(
        self, link: MasterLink, socket: zmq.Socket, *, peer: str, between: Callable[[], None]
    ) -> None:
        self._link = link
        self._socket = socket
        self._peer = peer
        self.name = peer.partition(".")[0]
        self.between = between
        self._numbers = count(1)

    def fetch(self, file: str, *, at: int, n_bytes: int, take: Callable[[memoryview], None]) -> None:
        """Pass the bytes of a file from `at` to `n_bytes` to `take`, in order.

        Raises
        ------
        RecordError
            The recorder does not send them.
        """
        asked: dict[int, int] = {}
        ahead = at  # what was asked for ends there
        heard_s = asked_s = time.monotonic()
        while at < n_bytes:
            while ahead < min(n_bytes, at + WINDOW * PIECE_BYTES):
                number = self._ask("bytes", file, at=ahead, n_bytes=min(PIECE_BYTES, n_bytes - ahead))
                if number is None:
                    break
                asked[number] = ahead
                ahead = min(n_bytes, ahead + PIECE_BYTES)
            piece, part = self._receive()
            if piece is not None and asked.pop(piece.id, None) == at and 0 < len(part) <= n_bytes - at:
                take(part)
                at += len(part)
                heard_s = asked_s = time.monotonic()
            elif time.monotonic() - asked_s > ASK_AGAIN_S:  # what is late still counts, if it comes first
                ahead, asked_s = at, time.monotonic()
            self._raise_if_stalled(heard_s, STALLED_S)

    def ask_hash(self, file: str) -> int | None:
        """Ask for the hash of a file, so that both ends compute it at the same time."""
        return self._ask("hash", file)

    def hash(self, file: str, number: int | None, *, n_bytes: int) -> str:
        """Return the recorder's answer to `ask_hash`; raises RecordError if it gives none."""
        longest_s = STALLED_S + n_bytes / LEAST_HASHED_PER_S
        return self._wait("hash", number, lambda: self.ask_hash(file), longest_s=longest_s).hash

    def remove(self, file: str, hash_: str) -> None:
        """Let the recorder remove a file; raises RecordError if it does not."""
        self._wait("removed", None, lambda: self._ask("remove", file, hash=hash_), longest_s=STALLED_S)

    def _wait(
        self, kind: str, number: int | None, ask: Callable[[], int | None], *, longest_s: float
    ) -> Piece:
        numbers = {number}
        begun_s = time.monotonic()
        asked_s = begun_s if number is not None else -ASK_AGAIN_S
        while True:
            if time.monotonic() - asked_s > ASK_AGAIN_S:
                number = ask()
                numbers.add(number)
                asked_s = time.monotonic() if number is not None else -ASK_AGAIN_S
            piece, _ = self._receive()
            if piece is not None and piece.kind == kind and piece.id in numbers:
                return piece
            self._raise_if_stalled(begun_s, longest_s)

    def _ask(self, do: str, file: str, **what: object) -> int | None:
        """Ask for something; return the question's number, or None if the recorder cannot be reached now."""
        number = next(self._numbers)
        want = Want.model_validate({"id": number, "do": do, "file": file, **what})
        try:
            self._socket.send_multipart([self._peer.encode(), want.model_dump_json().encode()], zmq.NOBLOCK)
        except zmq.ZMQError:
            return None
        return number

    def _receive(self) -> tuple[Piece | None, memoryview]:
        """Return the next answer and its bytes, or None if none came within 50 ms."""
        self.between()
        if not self._socket.poll(POLL_MS):
            return None, memoryview(b"")
        frames = cast(list[zmq.Frame], self._socket.recv_multipart(copy=False))
        if len(frames) != 3 or frames[0].bytes != self._peer.encode():
            return None, memoryview(b"")
        piece = parse_message(frames[1].bytes, Piece)
        if piece is None or not self._link.is_from(frames[1], self.name):
            return None, memoryview(b"")
        if piece.kind == "failed":
            raise RecordError(f"recorder {self.name!r}: {piece.error}")
        return piece, frames[2].buffer

    def _raise_if_stalled(self, heard_s: float, longest_s: float) -> None:
        if time.monotonic() - heard_s > longest_s:
            raise RecordError(f"recorder {self.name!r} has sent nothing for {longest_s:.0f} s")


def partial_of(path: Path) -> Path:
    """Return where a file is until it is whole."""
    return path.with_name(f".{path.name}.partial")


def bring(
    line: FileLine,
    path: Path,
    *,
    n_bytes: int,
    on_bytes: Callable[[int], None],
    judge: Callable[[Path], None],
    from_disk: bool,
) -> tuple[str, int]:
    """Fetch a file to `path`; return its hash and how often it had to be fetched anew.

    Parameters
    ----------
    n_bytes : its size on the recorder
    on_bytes : told how much of it is here
    judge : looks at the file before it gets its name; raises to refuse it
    from_disk : as of `same_hash`

    Raises
    ------
    RecordError
        The recorder does not send it, it does not come as it was sent, or another program fetches it.
    OutputError
        The disk refuses.
    """
    partial = partial_of(path)
    try:
        for n_anew in range(N_TRIES):
            with partial.open("a+b", buffering=0) as handle:
                if not lock(handle.fileno()):
                    raise RecordError(f"another `mavfer collect` fetches this file; wait for its end: {path}")
                _fill(line, path.name, handle, n_bytes=n_bytes, on_bytes=on_bytes)
                hash_ = same_hash(line, path.name, handle, n_bytes=n_bytes, from_disk=from_disk)
                if not hash_:
                    handle.truncate(0)
            if hash_:
                try:
                    judge(partial)
                except MavferError:
                    partial.unlink()
                    raise
                partial.replace(path)
                sync_folder(path.parent)
                return hash_, n_anew
        partial.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write what comes: {error.strerror or error}; make room and run it again: {path}"
        ) from error
    raise RecordError(
        f"recorder {line.name!r}: {path.name} came {N_TRIES} times otherwise than it lies there, and was not "
        f"kept; wanted the same hash at both ends, look after network and disk: {path}"
    )


def _fill(
    line: FileLine, name: str, handle: BinaryIO, *, n_bytes: int, on_bytes: Callable[[int], None]
) -> None:
    """Bring what a partial file lacks onto the disk."""
    if os.fstat(handle.fileno()).st_size > n_bytes:
        handle.truncate(0)
    at = synced = os.fstat(handle.fileno()).st_size
    on_bytes(at)

    def take(part: memoryview) -> None:
        nonlocal at, synced
        while part:
            n_written = handle.write(part)
            part, at = part[n_written:], at + n_written
        if at - synced >= SYNC_EVERY_BYTES:
            sync_file(handle.fileno())
            synced = at
        on_bytes(at)

    line.fetch(name, at=at, n_bytes=n_bytes, take=take)
    os.fsync(handle.fileno())


def same_hash(line: FileLine, name: str, handle: BinaryIO, *, n_bytes: int, from_disk: bool) -> str:
    """Return the hash that an open file and the recorder's have both, or "" if they differ.

    With `from_disk` it is that of what the disk gives back, not of what the system's memory still has.
    """
    number = line.ask_hash(name)
    if from_disk and sys.platform == "linux":
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    mine = hash_of(handle, between=lambda _: line.between())
    return mine if mine == line.hash(name, number, n_bytes=n_bytes) else ""


def header_of(path: Path) -> dict[str, Any]:
    """Return the header that a recorder's file, whole or torn, begins with; an empty table if it has none."""
    view = map_file(path)
    try:
        at, channels = len(PREAMBLE), dict[int, Channel]()
        end = chunk_end(view, at)
        row = chunk_row(view, at, end, channels) if end and chunk_intact(view, at, end) else None
        if row is None or channels[row[0]].topic != HEADER.topic:
            return {}
        return decode_json(bytes(view[row[ROW_NAMES.index("payload")] : end]))
    finally:
        if not isinstance(view, bytes):
            view.close()  # a file that is mapped cannot be renamed everywhere
