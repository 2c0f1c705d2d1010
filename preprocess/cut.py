"""The pictures of one tick become one row of the dataset: the same face cut from every stream.

Color gives the landmarks. Depth is carried into color and cut by color's transform; infrared and thermal
are cut in their own pictures, at the landmarks carried there through depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..calibrate.calibration import Calibration
from ..calibrate.warp import DepthWarp
from ..capture.streams import Stream, StreamSpec
from ..capture.temperature import kelvin_table
from ..errors import SessionError
from . import align
from .clips import column_layout
from .faces import Face, FaceFollower
from .record import Align, Reason

MIN_DEPTH_SHARE = 0.3  # of a depth crop must have a reading
HAS_PIXELS = (Reason.OK, Reason.PLANE)

Row = dict[str, NDArray]


class RowCutter:
    """Turns the pictures of one tick after another into rows; follows the face, else it remembers nothing."""

    def __init__(
        self, specs: Sequence[StreamSpec], calibration: Calibration | None, *, size_px: int, mode: Align
    ) -> None:
        self.streams = tuple(spec.stream for spec in specs)
        self._size_px = size_px
        self._mode = mode
        self._calibration = calibration
        self._layout = column_layout(size_px=size_px, streams=self.streams)
        self._follower = FaceFollower()
        self._warp = DepthWarp(calibration) if calibration and Stream.DEPTH in self.streams else None
        self._centikelvin = next(
            (centikelvin_table(spec) for spec in specs if spec.stream is Stream.THERMAL), None
        )
        self.n_region = 0

    def row(self, pictures: Mapping[Stream, NDArray], *, time_s: float) -> Row:
        """Return one row: every column of `clips.column_layout` but `tick`, the labels, and streams' masks.

        Parameters
        ----------
        pictures : the pixels of each stream that has a frame at this tick
        time_s : seconds since the first tick
        """
        row: Row = {name: np.zeros(shape, dtype) for name, (shape, dtype) in self._layout.items()}
        row["time_s"] = np.array(time_s)
        reasons = {s: Reason.NO_FACE if s in pictures else Reason.NOT_RECORDED for s in self.streams}
        color = pictures.get(Stream.COLOR)
        face = self._follower.find(color, t_s=time_s) if color is not None else None
        if color is not None and face is not None:
            self.n_region += face.found == "region"
            reasons |= self._fill(row, pictures, color, face)
        for stream, reason in reasons.items():
            row[f"reason_{stream}"] = np.array(reason, np.uint8)
            row[f"valid_{stream}"] = np.array(reason in HAS_PIXELS)
        return row

    def _fill(
        self, row: Row, pictures: Mapping[Stream, NDArray], color: NDArray, face: Face
    ) -> dict[Stream, Reason]:
        size_px = self._size_px
        transform = align.face_transform(face.landmarks_px, size_px=size_px, align=self._mode)
        row["landmarks"] = face.landmarks_px
        row["transforms"] = transform.astype(np.float32)
        row["color"] = align.cut(color, transform, size_px)
        reasons = {Stream.COLOR: Reason.OK}
        z_mm = None
        if Stream.DEPTH in pictures and self._warp is not None:
            region = align.crop_region(transform, size_px, color.shape)
            depth_mm = self._warp.to_color(pictures[Stream.DEPTH], region)
            z_mm = align.landmark_depth(depth_mm, face.landmarks_px, origin_px=region[:2])
            crop = align.cut_nearest(depth_mm, transform, size_px, origin_px=region[:2])
            found = np.count_nonzero(crop) >= MIN_DEPTH_SHARE * crop.size
            reasons[Stream.DEPTH] = Reason.OK if found else Reason.NO_DEPTH
            if found:
                row["depth"] = crop
        carried = [stream for stream in (Stream.INFRARED, Stream.THERMAL) if stream in pictures]
        if carried and self._calibration is not None:
            xyz_mm = align.face_in_space(face.landmarks_px, z_mm, self._calibration)
            for stream in carried:
                points = align.seen_by(stream, xyz_mm, self._calibration)
                filled = self._fill_carried(row, stream, pictures[stream], points)
                reasons[stream] = Reason.PLANE if filled is Reason.OK and z_mm is None else filled
        return reasons

    def _fill_carried(self, row: Row, stream: Stream, picture: NDArray, points: NDArray) -> Reason:
        """Cut the face with landmarks `points` (68, 2) out of a picture that is not color's."""
        if not np.all(np.isfinite(points[align.INNER])):
            return Reason.OUT_OF_VIEW
        transform = align.face_transform(points, size_px=self._size_px, align=self._mode)
        if align.share_in_view(transform, self._size_px, picture.shape) < align.MIN_IN_VIEW:
            return Reason.OUT_OF_VIEW
        if stream is Stream.THERMAL and self._centikelvin is not None:
            crop = np.rint(align.cut(self._centikelvin[picture], transform, self._size_px))
            row["thermal"] = np.clip(crop, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        else:
            row[stream.value] = align.cut(picture, transform, self._size_px)
        row[f"transforms_{stream}"] = transform.astype(np.float32)
        return Reason.OK


def centikelvin_table(spec: StreamSpec) -> NDArray[np.float32]:
    """Return for each count of a thermal stream (65536,) its hundredths of a kelvin; 0 where it has none."""
    table = kelvin_table(spec.unit)
    if table is None:
        raise SessionError(
            f"wanted thermal counts that mean a temperature, such as '0.04 K', found {spec.unit!r}: "
            f"the camera did not say what its counts mean"
        )
    return np.nan_to_num(100 * table).astype(np.float32)
