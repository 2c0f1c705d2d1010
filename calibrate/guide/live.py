"""A board session recorded while the operator is guided: what the previews cover, and what is still missing.

The take itself is that of `mavfer record` (capture/master.py). The guide looks at the previews that the
recorders send anyway and lays what it knows on the desk, so that recording does not know that it is there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.desk import Desk, Preview, Stop
from ...capture.geometry import Intrinsics
from ...capture.guide import Guide, GuideCamera, GuideCount, Sight
from ...capture.rig import Rig
from ...capture.streams import Stream
from ...errors import CalibrationError, MavferError
from ..calibration import Calibration, camera_name
from ..coverage import (
    DISTANCES,
    REFERENCE,
    TILTS,
    WANTED_PER_DISTANCE,
    WANTED_PER_TILT,
    WANTED_SHARED,
    WANTED_VIEWS,
    CameraCoverage,
    coverage_of,
    missing,
)
from .finder import Finder
from .places import Places

Float = NDArray[np.float64]
STREAMS = (Stream.COLOR, Stream.INFRARED, Stream.THERMAL)
POLL_S = 0.03
LOOK_EVERY_S = 0.2
"""Previews come four times a second; each camera's are looked at as often, or as often as there is time."""
LOOK_AGAIN_S = 0.4
"""A picture without the board is the dearest to search."""
JOIN_S = 0.2
END_AFTER_S = 2.0
"""The operator sees that it is enough before the take ends."""
NOW = {
    "unseen": "no camera sees the board",
    "moving": "hold it still",
    "still": "still: wait a moment",
    "counted": "counted: go on to another place",
}


def require_guidable(rig: Rig) -> None:
    """Raise CalibrationError where a take of the rig cannot be guided, or cannot be solved afterwards."""
    for stream in (Stream.COLOR, Stream.INFRARED):
        if stream not in rig.streams:
            raise CalibrationError(
                f"wanted a rig with color and infrared, the rig {rig.name!r} has "
                f"{', '.join(one.value for one in rig.streams)}"
            )
    if rig.is_virtual:
        raise CalibrationError(
            f"the rig {rig.name!r} runs on a virtual clock, faster than anybody can be guided; "
            'say clock = "real", or record without --live'
        )


class LiveGuide:
    """Guides the operator of a board take as long as the `with` block lasts, on a thread of its own.

    Parameters
    ----------
    desk : where the previews lie, and where the guide is laid out
    board : what is shown to the cameras
    streams : those of the rig
    calibration : an earlier one of the rig, for truer tilts and distances; nominal cameras otherwise
    stop_when_enough : ask for the end of the take when nothing is missing any more
    """

    def __init__(
        self,
        desk: Desk,
        board: Board,
        *,
        streams: tuple[Stream, ...],
        calibration: Calibration | None = None,
        stop_when_enough: bool = True,
    ) -> None:
        self._desk, self._board = desk, board
        self._streams = tuple(stream for stream in STREAMS if stream in streams)
        self._calibration = calibration
        self._stop_when_enough = stop_when_enough
        self._size_px: dict[str, tuple[int, int]] = {}
        self._places: Places | None = None
        self._coverages: dict[str, CameraCoverage] = {}
        self._missing: tuple[str, ...] = ()
        self._n_places, self._n_pictures = 0, -1
        self._looked_s = dict.fromkeys(self._streams, -np.inf)
        self._looked_at: dict[Stream, tuple[int, int]] = {}
        self._enough_s: float | None = None
        self._asked_to_stop = False
        self._closing = threading.Event()
        self._finder = Finder(board)
        self._thread = threading.Thread(target=self._run, name="board guide", daemon=True)

    def __enter__(self) -> Self:
        self._lay_out()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        while self._thread.is_alive():  # what it looks at now matters no more
            self._finder.interrupt()
            self._thread.join(JOIN_S)

    @property
    def coverages(self) -> Mapping[str, CameraCoverage]:
        """What every camera has seen, by name; empty before the first place."""
        return self._coverages

    @property
    def finder_pid(self) -> int:
        """The id of the process that looks for the board; 0 where none runs."""
        return self._finder.pid

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still to be shown."""
        return self._missing

    def _run(self) -> None:
        try:
            with self._finder:
                while not self._closing.wait(POLL_S):
                    self._turn()
        except MavferError as error:
            self._give_up(str(error))
        except Exception as error:  # the take must outlive its guide
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, why: str) -> None:
        trouble = f"nobody looks for the board any more: {why}; record on, and solve"
        self._desk.put_guide(replace(self._desk.guide() or Guide(hint=""), now="", trouble=trouble))

    def _turn(self) -> None:
        """Look at the preview that has waited longest, if there is a new one."""
        due = self._due()
        if due is not None:
            self._look(due, time.monotonic())
        if self._places is not None:
            self._places.forget(time.monotonic())
        self._judge()
        self._lay_out()

    def _due(self) -> Preview | None:
        now_s = time.monotonic()
        for stream in sorted(self._streams, key=lambda one: self._looked_s[one]):
            preview = self._desk.preview(stream)
            every_s = LOOK_EVERY_S if self._sees(stream) else LOOK_AGAIN_S
            if preview is None or now_s - self._looked_s[stream] < every_s:
                continue
            if self._looked_at.get(stream) != (preview.frame_id, preview.host_time_ns):
                return preview
        return None

    def _sees(self, stream: Stream) -> bool:
        return self._places is not None and self._places.sight(camera_name(stream))[0] != "unseen"

    def _look(self, preview: Preview, now_s: float) -> None:
        stream, name = preview.stream, camera_name(preview.stream)
        self._looked_s[stream] = now_s
        self._looked_at[stream] = (preview.frame_id, preview.host_time_ns)
        found = self._finder.find(preview.jpeg, stream)
        if found is None:
            return
        self._size_px[name] = found.size_px
        if len(self._size_px) < len(self._streams):
            return  # a place is one that all cameras had the chance to see
        if self._places is None:
            self._places = Places({camera: size[0] for camera, size in self._size_px.items()})
        if self._desk.status().state == "recording":
            self._places.see(name, found.corners_px, now_s)

    def _judge(self) -> None:
        """Bring coverage and what is missing up to date, and ask for the end when it is time."""
        if self._places is None:
            return
        views = self._places.views
        n_pictures = sum(len(view.corners_px) for view in views)
        if len(views) > self._n_places:
            self._n_places = len(views)
            # the session says where it stood still
            self._desk.mark(f"board {self._n_places}", source="guide")
        if n_pictures != self._n_pictures:
            self._n_pictures = n_pictures
            self._coverages = coverage_of(views, self._board, self._size_px, self._cameras())
            self._missing = missing(self._coverages)
        now_s = time.monotonic()
        enough = bool(views) and not self._missing
        self._enough_s = None if not enough else now_s if self._enough_s is None else self._enough_s
        if (
            self._stop_when_enough
            and not self._asked_to_stop
            and self._enough_s is not None
            and now_s - self._enough_s > END_AFTER_S
        ):
            self._asked_to_stop = True
            self._desk.ask(Stop())

    def _cameras(self) -> dict[str, Intrinsics]:
        """Return the calibrated cameras at the size of the previews."""
        if self._calibration is None:
            return {}
        known = self._calibration.cameras
        return {name: _scaled(known[name], size) for name, size in self._size_px.items() if name in known}

    def _lay_out(self) -> None:
        n_views = 0 if self._places is None else len(self._places.views)
        enough = n_views > 0 and not self._missing
        hint = self._missing[0] if self._missing else f"show the board {self._board} to the cameras"
        if enough:
            hint = "Enough: nothing is missing"
        self._desk.put_guide(
            Guide(
                hint=hint[0].upper() + hint[1:],
                now=self._now(),
                missing=self._missing,
                enough=enough,
                cameras=tuple(self._camera(stream) for stream in self._streams),
            )
        )

    def _now(self) -> str:
        if self._desk.status().state != "recording":
            return "waiting for the cameras"
        if self._places is None:
            names = (camera_name(stream) for stream in self._streams)
            absent = [name for name in names if name not in self._size_px]
            return f"waiting for a picture of {' and '.join(absent)}"
        sights = {camera_name(stream): self._places.sight(camera_name(stream))[0] for stream in self._streams}
        if self._places.held:
            unseen = [name for name, sight in sights.items() if sight == "unseen"]
            return NOW["counted"] + (f" (not seen by {' and '.join(unseen)})" if unseen else "")
        for sight in ("moving", "still"):
            if sight in sights.values():
                return NOW[sight]
        return NOW["unseen"]

    def _camera(self, stream: Stream) -> GuideCamera:
        name = camera_name(stream)
        made = GuideCamera(name, stream)
        if name in self._coverages:
            coverage = self._coverages[name]
            cells = tuple(tuple(bool(cell) for cell in row) for row in coverage.cells)
            made = replace(made, cells=cells, counts=_counts(coverage))
        if self._places is None:
            return made
        word, corners_px = self._places.sight(name)
        sight: Sight = "moving" if word == "moving" else "still" if word == "still" else "unseen"
        outline = () if corners_px is None else _outline(corners_px, self._size_px[name])
        return replace(made, sight=sight, outline=outline)


def _counts(coverage: CameraCoverage) -> tuple[GuideCount, ...]:
    counts = [GuideCount("places", coverage.n_views, WANTED_VIEWS)]
    if coverage.camera != REFERENCE:
        counts.append(GuideCount(f"with {REFERENCE}", coverage.n_shared, WANTED_SHARED))
    counts += [GuideCount(f"tilted {way}", coverage.tilts[way], WANTED_PER_TILT) for way in TILTS]
    wanted = {"near": WANTED_PER_DISTANCE, "far": WANTED_PER_DISTANCE}
    counts += [GuideCount(one, coverage.distances[one], wanted.get(one, 0)) for one in DISTANCES]
    return tuple(counts)


def _outline(corners_px: Float, size_px: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Return the convex hull of what is seen, in shares of the picture."""
    import cv2

    seen = corners_px[np.isfinite(corners_px).all(axis=1)].astype(np.float32)
    if len(seen) < 3:
        return ()
    hull = np.asarray(cv2.convexHull(seen), np.float64).reshape(-1, 2)
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in (hull + 0.5) / size_px)


def _scaled(camera: Intrinsics, size_px: tuple[int, int]) -> Intrinsics:
    """Return the camera of a picture that was brought to another size."""
    x, y = size_px[0] / camera.width, size_px[1] / camera.height
    return Intrinsics(
        *size_px,
        camera.fx * x,
        camera.fy * y,
        (camera.cx + 0.5) * x - 0.5,
        (camera.cy + 0.5) * y - 0.5,
        camera.distortion,
    )
