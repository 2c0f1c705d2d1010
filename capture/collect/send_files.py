"""A recorder's side of `mavfer collect`: its files of one session, handed out in parts as they are asked for.

Nothing but files named NAME.NNNN.mcap of its own leaves, and nothing by way of a link.
"""

import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import zmq

from ...errors import MavferError, RecordError
from ..locking import lock
from ..messages import PIECE_BYTES, Piece, Want, parse_message
from ..session import RECORD_NAME
from ..session_writer import recorder_files, sync_folder

POLL_MS = 50


def session_folder(sessions: Path, session: str) -> Path:
    """Return the folder in `sessions` of the session with this id, whether or not it is there.

    Raises
    ------
    RecordError
        The id leads elsewhere, or a link or a file has the name.
    """
    if Path(session).name != session or session in ("", ".", "..") or "\0" in session:
        raise RecordError(f"wanted a session's id that can name a folder, found {session!r}")
    folder = sessions / session
    if not os.path.lexists(folder):
        return folder
    if not folder.is_dir() or folder.resolve() != sessions.resolve() / session:
        raise RecordError(f"wanted the session's own folder, found a link or a file: {folder}")
    return folder


def files_to_send(folder: Path, recorder: str) -> dict[str, int]:
    """Return the sizes of a recorder's files in a session folder, by name.

    Raises
    ------
    RecordError
        One of them is still written, or is no file of the folder's own.
    """
    sizes = {}
    for name in recorder_files(folder, recorder):
        with open_own(folder, name, recorder=recorder) as handle:
            if not lock(handle.fileno()):
                raise RecordError(f"a recorder still writes this file; stop it first: {folder / name}")
            sizes[name] = os.fstat(handle.fileno()).st_size
    return sizes


def is_file_of(recorder: str, name: str) -> bool:
    """Whether a name is that of a recorder's MCAP file."""
    return re.fullmatch(rf"{re.escape(recorder)}\.[0-9]{{4}}\.mcap", name) is not None


def open_own(folder: Path, name: str, *, recorder: str) -> BinaryIO:
    """Return a recorder's file of a session folder, open for reading.

    Raises
    ------
    RecordError
        The name is not that of one of its files, or a link or something else than a file has the name.
    OSError
        There is no such file, or it cannot be read.
    """
    if not is_file_of(recorder, name):
        raise RecordError(f"wanted a file named {recorder}.0000.mcap or so, found {name!r}")
    path = folder / name
    refusal = f"wanted a file of the recorder's own, found a link or no file: {path}"
    if not stat.S_ISREG(path.lstat().st_mode):
        raise RecordError(refusal)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.fdopen(os.open(path, flags), "rb")
    if not os.path.samestat(os.fstat(handle.fileno()), path.lstat()):
        handle.close()
        raise RecordError(refusal)
    return handle


def hash_of(handle: BinaryIO, *, between: Callable[[int], None] = lambda _: None) -> str:
    """Return the BLAKE2b hash (256 bits) of an open file, from its beginning; about 1 s per GB.

    `between` is called after each MiB with the bytes that were read, and may raise to end it.
    """
    found = hashlib.blake2b(digest_size=32)
    handle.seek(0)
    while part := handle.read(PIECE_BYTES):
        found.update(part)
        between(len(part))
    return found.hexdigest()


class Sender:
    """A thread that answers the master's `Want`s until it is stopped.

    Parameters
    ----------
    socket : connected to the master's port for files; closed here
    folder : of the session; from `session_folder`
    recorder : whose files they are
    """

    def __init__(self, socket: zmq.Socket, folder: Path, *, recorder: str) -> None:
        self.folder = folder
        self._socket = socket
        self._recorder = recorder
        self._reason = ""
        self._stopping = threading.Event()
        self._hashes: dict[str, tuple[str, tuple[int, ...]]] = {}  # and the state of the file that had it
        self._removed: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="send", daemon=True)
        self._thread.start()

    def stop(self, reason: str = "") -> None:
        """End the thread and its socket; tell the master the reason, if any. Harmless when called twice."""
        if not self._stopping.is_set():
            self._reason = reason
            self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with self._socket:
            while not self._stopping.is_set():
                if self._socket.poll(POLL_MS):
                    want = self._receive()
                    if want is not None and not self._stopping.is_set():
                        self._send(*self._answer(want))
            if self._reason:
                self._send(Piece(kind="failed", id=-1, error=self._reason), b"", wait=False)

    def _receive(self) -> Want | None:
        frames = self._socket.recv_multipart()
        return parse_message(frames[0], Want) if len(frames) == 1 else None

    def _send(self, piece: Piece, part: bytes, *, wait: bool = True) -> None:
        """Send an answer; while the master is out of reach it waits, unless it is the last word."""
        parts = [piece.model_dump_json().encode(), part]
        while True:
            with suppress(zmq.Again):
                self._socket.send_multipart(parts, zmq.NOBLOCK)
                return
            if not wait or self._stopping.is_set():
                return
            self._socket.poll(POLL_MS, zmq.POLLOUT)

    def _answer(self, want: Want) -> tuple[Piece, bytes]:
        try:
            if want.do == "bytes":
                return Piece(kind="bytes", id=want.id), self._part(want)
            if want.do == "hash":
                return Piece(kind="hash", id=want.id, hash=self._hash(want.file)), b""
            self._remove(want)
            return Piece(kind="removed", id=want.id), b""
        except OSError as error:
            reason = f"{error.strerror or error}: {self.folder / want.file}"
        except MavferError as error:
            reason = str(error)
        return Piece(kind="failed", id=want.id, error=reason), b""

    def _part(self, want: Want) -> bytes:
        with open_own(self.folder, want.file, recorder=self._recorder) as handle:
            handle.seek(want.at)
            part = handle.read(want.n_bytes)
        if len(part) != want.n_bytes:
            end = want.at + want.n_bytes
            raise RecordError(f"wanted a file of at least {end} bytes: {self.folder / want.file}")
        return part

    def _hash(self, file: str) -> str:
        def give_way(_: int) -> None:
            if self._stopping.is_set():
                raise RecordError(self._reason)

        with open_own(self.folder, file, recorder=self._recorder) as handle:
            before = _state(handle)
            known = self._hashes.get(file)
            if known is None or known[1] != before:
                self._hashes[file] = hash_of(handle, between=give_way), before
        return self._hashes[file][0]

    def _remove(self, want: Want) -> None:
        """Remove a file whose hash the master knows, and with the last one the folder."""
        if want.file in self._removed:
            return
        if (self.folder / RECORD_NAME).exists():
            raise RecordError(f"this is the session's own folder; nothing is removed from it: {self.folder}")
        with open_own(self.folder, want.file, recorder=self._recorder) as handle:
            if (want.hash, _state(handle)) != self._hashes.get(want.file):
                raise RecordError(
                    f"wanted the hash of the file that is to be removed, found another; it is kept: "
                    f"{self.folder / want.file}"
                )
        (self.folder / want.file).unlink()
        sync_folder(self.folder)
        self._removed.add(want.file)
        with suppress(OSError):  # something else lies there, too
            self.folder.rmdir()


def _state(handle: BinaryIO) -> tuple[int, ...]:
    """Return what changes when a file is written to or replaced."""
    found = os.fstat(handle.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns
