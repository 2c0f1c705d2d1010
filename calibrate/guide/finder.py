"""Boards found in previews, in a process of its own that yields to the recorders and cannot harm them.

It is a program, `python -m mavfer.calibrate.guide.finder BOARD`: a line of JSON and a JPEG come in on its
standard input, a line of JSON goes out. It ends with its input, so nothing is left behind however the
master ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.streams import Stream
from ...errors import CalibrationError

Float = NDArray[np.float64]
NICER = 5
"""On a machine whose cores are all busy it still gets a quarter of one. Windows: see `_start`."""
ANSWER_S = 10.0
FIRST_ANSWER_S = 60.0
"""It loads its libraries first."""
CLOSE_S = 2.0
MAX_STARTS = 3
LOOK_SIZE = (60, 40)
SAME_LEVELS = 6.0
"""A picture whose parts of 8 x 8 pixels have all changed by less shows no board that the last one searched
did not."""
NEAR_PX = 1.0
"""Corners that moved by less, in pixels of a preview, are followed instead of being searched anew."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a picture shows.

    Attributes
    ----------
    corners_px : as `detect.find_corners` returns; None where too few points are seen, too
    size_px : width and height of the picture
    """

    corners_px: Float | None
    size_px: tuple[int, int]


class Finder:
    """Finds a board in JPEGs, as long as the `with` block lasts.

    A chessboard takes 40 ms on one core where it is, 70 to 300 ms where it is not, and 5 ms where nothing has
    changed since the stream's last search. A process that dies, or does not answer, is started again, twice.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._n_starts = 0
        self._wait_s = FIRST_ANSWER_S

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's id; 0 where none runs."""
        return 0 if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process; harmless when called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # what is not yet written goes nowhere
            process.stdin.close()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def interrupt(self) -> None:
        """Let a `find` that waits in another thread return None at once; the process ends."""
        process = self._process
        if process is not None:
            process.kill()

    def find(self, jpeg: bytes, stream: Stream) -> Found | None:
        """Return what a preview shows; None where that cannot be said, this once.

        Raises
        ------
        CalibrationError
            The process died, or did not answer, again and again.
        """
        process = self._process or self._start()
        head = json.dumps({"stream": stream.value, "n_bytes": len(jpeg)}).encode()
        # A process that hangs takes no picture either: its end lets the write return, too.
        watchdog = threading.Timer(self._wait_s, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            assert process.stdin is not None
            process.stdin.write(head + b"\n" + jpeg)
            process.stdin.flush()
            answer = self._answers.get()
        except OSError:
            answer = b""
        finally:
            watchdog.cancel()
        if not answer:
            process.kill()
            self.close()
            return None
        self._wait_s = ANSWER_S
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            return None
        corners = found["corners_px"]
        width, height = found["size_px"]
        return Found(None if corners is None else np.array(corners, np.float64), (width, height))

    def _start(self) -> subprocess.Popen[bytes]:
        if self._n_starts >= MAX_STARTS:
            raise CalibrationError(f"the process that looks for the board died {MAX_STARTS} times")
        self._n_starts += 1
        self._wait_s = FIRST_ANSWER_S
        # -P: a file in the operator's folder must not stand in for a module of the same name. Ctrl-C in the
        # operator's terminal does not reach it.
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mavfer.calibrate.guide.finder", str(self._board)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
            creationflags=flags,
        )
        self._answers = queue.SimpleQueue()
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, self._answers), daemon=True)
        reader.start()
        return process


def _pass_on(lines: IO[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Put every line into the queue, and an empty one at the end."""
    with lines:
        for line in lines:
            answers.put(line)
    answers.put(b"")


class Watcher:
    """Finds a board in pictures that follow each other, with little work where nothing has changed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._corners_px: dict[Stream, Float] = {}
        self._looks: dict[Stream, NDArray[np.float32]] = {}

    def find(self, image: NDArray[np.uint8], stream: Stream) -> Float | None:
        """Return the board's corners (N, 2) in a stream's next picture, or None; as `detect.find_corners`."""
        import cv2

        from ..boards.detect import find_corners, refine_corners
        from ..boards.gray import gray_of
        from ..solver.views import enough_points

        small = np.asarray(cv2.resize(gray_of(image), LOOK_SIZE, interpolation=cv2.INTER_AREA), np.float32)
        before, look_before = self._corners_px.pop(stream, None), self._looks.get(stream)
        if before is not None:
            here = refine_corners(image, before, self._board)
            if here is not None and np.nanmedian(np.linalg.norm(here - before, axis=1)) < NEAR_PX:
                self._corners_px[stream] = here
                return here
        elif look_before is not None and np.abs(small - look_before).max() < SAME_LEVELS:
            return None
        self._looks[stream] = small
        found = find_corners(image, self._board, stream)
        if found is None or not enough_points(found, self._board):
            return None
        self._corners_px[stream] = found
        return found


def answer_pictures(pictures: IO[bytes], answers: IO[bytes], board: Board) -> None:
    """Answer one picture after the other until there are no more."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    watcher = Watcher(board)
    while head := pictures.readline():
        asked = json.loads(head)
        jpeg = pictures.read(asked["n_bytes"])
        try:
            image = simplejpeg.decode_jpeg(jpeg)
            found = watcher.find(image, Stream(asked["stream"]))
        except Exception as error:  # one picture is a courtesy: the next may do
            answer: dict[str, Any] = {"error": repr(error)}
        else:
            corners = None if found is None else found.tolist()
            answer = {"corners_px": corners, "size_px": [image.shape[1], image.shape[0]]}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    if sys.platform != "win32":
        os.nice(NICER)
    answer_pictures(sys.stdin.buffer, sys.stdout.buffer, Board.parse(sys.argv[1]))
