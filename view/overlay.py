"""Depth and thermal laid on the color picture of a tick, by a calibration; at half the color's pixels."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

from numpy.typing import NDArray

from ..calibrate.calibration import Calibration, require_rig
from ..calibrate.calibration_file import read_calibration
from ..calibrate.carry import lay_in_color
from ..calibrate.warp import DepthWarp
from ..capture.streams import Stream
from ..errors import CalibrationError
from .session_view import SessionView

STEP_PX = 2
"""Color pixels per pixel of what is laid over it: a quarter of the time, and still finer than the cameras."""


class Overlay:
    """What a calibration lays over the color pictures of a session; may be used from any thread.

    Raises
    ------
    CalibrationError
        The calibration is of another rig, or of a color camera with other pixels.
    """

    def __init__(self, view: SessionView, calibration: Calibration, path: Path) -> None:
        require_rig(calibration, view.session.record.rig, path)
        for stream in view.streams:
            if stream is Stream.THERMAL and calibration.thermal is None:
                continue
            height, width = view.session.spec(stream).shape[:2]
            camera = calibration.camera_of(stream)
            if (camera.height, camera.width) != (height, width):
                raise CalibrationError(
                    f"wanted a calibration for {stream.value} of {width} x {height} pixels, found one for "
                    f"{camera.width} x {camera.height}: {path}"
                )
        self._view = view
        self._calibration = _coarser(calibration)
        self.size_px = self._calibration.color.width, self._calibration.color.height
        """Width and height of what is laid over color."""
        self.streams = self._streams()
        """What can be laid over color."""

    def counts(self, stream: Stream, tick: int) -> bytes:
        """Return a stream's counts on the color camera's coarser pixels, uint16 little-endian; 0 where none.

        Depth costs some milliseconds, thermal and infrared a fifth of a second.

        Raises
        ------
        SessionError
            The tick has no frame of it, or no depth, or one is damaged.
        CalibrationError
            This stream cannot be laid over color.
        """
        if stream not in self.streams:
            raise CalibrationError(
                f"wanted depth, infrared or thermal to lay over color, found {stream.value}"
            )
        depth_mm = self._warp.to_color(self._view.pixels(Stream.DEPTH, tick))
        laid: NDArray = depth_mm
        if stream is not Stream.DEPTH:
            laid = lay_in_color(self._view.pixels(stream, tick), depth_mm, self._calibration, of=stream)
        return laid.astype("<u2").tobytes()

    @cached_property
    def _warp(self) -> DepthWarp:
        return DepthWarp(self._calibration)

    def _streams(self) -> tuple[Stream, ...]:
        has = self._view.streams
        if Stream.DEPTH not in has or Stream.COLOR not in has:
            return ()
        known = {Stream.DEPTH, Stream.INFRARED}
        known |= {Stream.THERMAL} if self._calibration.thermal is not None else set()
        return tuple(stream for stream in has if stream in known)


def open_overlay(view: SessionView, path: Path) -> Overlay:
    """Return what the calibration file at `path` lays over the session's color.

    Raises
    ------
    CalibrationError
        The file is missing, damaged or of another rig; or the session lacks color or depth.
    """
    found = Overlay(view, read_calibration(path), path)
    if not found.streams:
        has = ", ".join(stream.value for stream in view.streams)
        raise CalibrationError(
            f"wanted a session with color and depth to lay one over the other, found {has}; leave out "
            f"--calibration: {view.session.path}"
        )
    return found


def _coarser(calibration: Calibration) -> Calibration:
    """Return the calibration with a color camera of pixels STEP_PX as wide; centers lie at integers."""
    color = calibration.color
    coarse = replace(
        color,
        width=color.width // STEP_PX,
        height=color.height // STEP_PX,
        fx=color.fx / STEP_PX,
        fy=color.fy / STEP_PX,
        cx=(color.cx + 0.5) / STEP_PX - 0.5,
        cy=(color.cy + 0.5) / STEP_PX - 0.5,
    )
    return replace(calibration, color=coarse)
