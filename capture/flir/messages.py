"""What the camera's process and the recorder send each other over a pipe: a head of JSON, then raw bytes."""

import json
import struct
from io import BufferedReader
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError

LENGTHS = struct.Struct("<4sII")
MARK = b"flir"
MAX_HEAD_BYTES = 64 * 2**20
MAX_PAYLOAD_BYTES = 256 * 2**20

Head = dict[str, Any]


class ReaderGone(Exception):
    """Nobody reads the pipe any more."""


def write_message(pipe: BinaryIO, head: Head, payload: bytes | memoryview = b"") -> None:
    """Write one message whole; blocks while the reader is behind; raises ReaderGone when there is none."""
    text = json.dumps(head).encode()
    for piece in (LENGTHS.pack(MARK, len(text), len(payload)) + text, payload):
        left = memoryview(piece)
        while len(left):
            try:
                left = left[pipe.write(left) or 0 :]
            except OSError as error:
                raise ReaderGone from error


def read_message(pipe: BufferedReader) -> tuple[Head, NDArray[np.uint8]] | None:
    """Return the next message, its payload in memory of its own; None when the writer has ended.

    Raises
    ------
    CameraError
        The bytes are no message: something else writes into the pipe.
    """
    lengths = pipe.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    mark, n_head, n_payload = LENGTHS.unpack(lengths)
    if mark != MARK or n_head > MAX_HEAD_BYTES or n_payload > MAX_PAYLOAD_BYTES:
        raise CameraError(f"the GenTL producer writes into the pipe of its pictures: {lengths!r}")
    text = pipe.read(n_head)
    payload = np.empty(n_payload, np.uint8)
    left = payload.data
    while len(left):
        n_read = pipe.readinto(left) or 0
        if not n_read:
            return None
        left = left[n_read:]
    return (json.loads(text), payload) if len(text) == n_head else None
