"""The pictures of one tick become one row of the dataset: the same face cut from every stream.

Color gives the landmarks. Depth is carried into color and cut by color's transform; infrared and thermal
are cut in their own pictures, at the landmarks carried there through depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...calibrate.calibration import Calibration
from ...calibrate.warp import DepthWarp
from ...capture.geometry import Intrinsics
from ...capture.streams import Stream, StreamSpec
from ...capture.temperature import kelvin_table
from ...errors import SessionError
from ..dataset.columns import column_layout
from ..dataset.record import HAS_PIXELS, VALID, Align, Reason
from ..faces.face import Face, FaceDetector
from ..faces.follower import FaceFollower
from ..faces.infrared import InfraredFinder
from ..faces.survey import DepthOf, SubjectChoice
from . import align, in_space, pose, quality
from .carried_depth import CarriedDepth
from .occlusion import FaceWatch, face_surface
from .template import INNER, eye_distance

MIN_DEPTH_SHARE = 0.3  # of a depth crop must have a reading
UNKNOWN = ("score", "eye_distance_px", "distance_mm", "pose_deg", "sharpness", "brightness")
"""Columns that are NaN in a row without a face; all others are 0."""

Row = Mapping[str, NDArray]
"""One row: an array or a view for each column, to be written into."""


class RowCutter:
    """Turns the pictures of one tick after another into rows; rows come in order of time.

    Remembers where the face was and how far away. About 3 ms per row of all streams besides finding the face.

    Parameters
    ----------
    specs : of the session's streams
    calibration : of its rig; None for color alone
    size_px, mode, margin : of the crop (`align.face_transform`)
    detector : finds faces; dlib's HOG detector by default
    smoothed : whether rows have the landmarks before smoothing, too
    """

    def __init__(
        self,
        specs: Sequence[StreamSpec],
        calibration: Calibration | None,
        *,
        size_px: int,
        mode: Align = Align.POINTS51,
        margin: float = 0.0,
        detector: FaceDetector | None = None,
        smoothed: bool = False,
    ) -> None:
        self.streams = tuple(spec.stream for spec in specs)
        self.layout = column_layout(size_px=size_px, streams=self.streams, smoothed=smoothed)
        self._detector = detector
        self._follower = FaceFollower(detector)
        self._in_infrared = InfraredFinder(calibration, detector=detector) if calibration else None
        self._size_px, self._mode, self._margin = size_px, mode, margin
        self._calibration = calibration
        self._warp = DepthWarp(calibration) if calibration and Stream.DEPTH in self.streams else None
        self._centikelvin = next(
            (centikelvin_table(spec) for spec in specs if spec.stream is Stream.THERMAL), None
        )
        self._watch = FaceWatch()
        self._last_transform: NDArray[np.float64] | None = None
        self._n_let_go = 0

    @property
    def remark(self) -> str:
        """What the user must know of the faces that were seen and not taken; empty where there is nothing."""
        if self._n_let_go == 0:
            return ""
        whose = "face let go: fits of its" if self._n_let_go == 1 else "faces let go: fits of their"
        return f"{self._n_let_go} {whose} landmarks disagree"

    def empty(self, n_rows: int) -> dict[str, NDArray]:
        """Return `n_rows` rows without a face: every column of the layout but the labels, zeros or NaN."""
        block = {
            name: np.zeros((n_rows, *column.shape), column.dtype)
            for name, column in self.layout.items()
            if name not in ("valence", "arousal")
        }
        for name in block:
            if name in UNKNOWN or name.startswith("offset_ms_"):
                block[name][...] = np.nan
        return block

    def row(self, pictures: Mapping[Stream, NDArray], *, time_s: float) -> Row:
        """Return the row of one moment, found and cut at once; streams without a picture are NOT_RECORDED.

        Parameters
        ----------
        pictures : the pixels of each stream that has a frame at this tick
        time_s : seconds since the first tick
        """
        block = self.empty(1)
        row = {name: column[0:1] for name, column in block.items()}
        row["time_s"][0] = time_s
        face = self.find(pictures, time_s=time_s)
        if face is not None:
            note_face(row, face)
        landmarks_px = None if face is None else face.landmarks_px
        self.cut(row, pictures, landmarks_px, time_s=time_s, lacking={}, filled=False)
        return {name: column[0] for name, column in row.items()}

    def find(self, pictures: Mapping[Stream, NDArray], *, time_s: float) -> Face | None:
        """Return the subject's face in the pictures of the next row; None without color or a face.

        Where color is too dark, infrared gives it, carried to color through depth.
        """
        color = pictures.get(Stream.COLOR)
        if color is None:
            return None
        doubted_before = self._n_doubted
        face = self._follower.find(color, t_s=time_s, depth_of=self.depth_in(pictures))
        infrared, depth = pictures.get(Stream.INFRARED), pictures.get(Stream.DEPTH)
        if face is None and self._in_infrared is not None and infrared is not None and depth is not None:
            face = self._in_infrared.find(color, infrared, depth, t_s=time_s)
        self._n_let_go += face is None and self._n_doubted > doubted_before
        return face

    @property
    def _n_doubted(self) -> int:
        return self._follower.n_doubted + (self._in_infrared.n_doubted if self._in_infrared else 0)

    def expect(self, choice: SubjectChoice, *, in_infrared: SubjectChoice | None = None) -> None:
        """Take note of who the subject is, in pixels of color and of infrared, before the first row."""
        self._follower = FaceFollower(self._detector, choice=choice)
        if self._calibration is not None:
            self._in_infrared = InfraredFinder(self._calibration, detector=self._detector, choice=in_infrared)

    def depth_in(self, pictures: Mapping[Stream, NDArray]) -> DepthOf | None:
        """Return what tells how far away a face in a box of color is, for `faces.survey`; None: unknown."""
        depth = self._carried_depth(pictures)
        return None if depth is None else depth.in_box

    def _carried_depth(self, pictures: Mapping[Stream, NDArray]) -> CarriedDepth | None:
        if self._warp is None or Stream.DEPTH not in pictures:
            return None
        return CarriedDepth(self._warp, pictures[Stream.DEPTH])

    def cut(
        self,
        row: Row,
        pictures: Mapping[Stream, NDArray],
        landmarks_px: NDArray | None,
        *,
        time_s: float,
        lacking: Mapping[Stream, Reason],
        filled: bool,
    ) -> None:
        """Fill a row of `empty` with what lies under the landmarks, and with the reasons of all streams.

        Parameters
        ----------
        row : each column as (1, ...)
        landmarks_px : (68, 2), color pixels; None where there is no face
        lacking : why streams that are not in `pictures` are not; NOT_RECORDED where nothing is said
        filled : whether the landmarks are interpolated
        """
        reasons = {stream: lacking.get(stream, Reason.NOT_RECORDED) for stream in self.streams}
        if landmarks_px is None:
            hidden = Stream.COLOR in pictures and self._hidden(pictures, time_s)  # else nobody has looked
            reasons |= dict.fromkeys(pictures, Reason.OCCLUDED if hidden else Reason.NO_FACE)
        else:
            reasons |= self._cut_face(row, pictures, landmarks_px, time_s=time_s, filled=filled)
        for stream, reason in reasons.items():
            row[f"reason_{stream}"][0] = reason
            row[f"valid_{stream}"][0] = reason in VALID
            if reason not in HAS_PIXELS:
                row[stream.value][0] = 0

    def _cut_face(
        self,
        row: Row,
        pictures: Mapping[Stream, NDArray],
        landmarks_px: NDArray,
        *,
        time_s: float,
        filled: bool,
    ) -> dict[Stream, Reason]:
        transform = self._transform(landmarks_px)
        self._last_transform = transform
        row["landmarks"][0] = landmarks_px
        row["transforms"][0] = transform
        row["eye_distance_px"][0] = eye_distance(landmarks_px)
        reasons: dict[Stream, Reason] = {}
        color = pictures.get(Stream.COLOR)
        if color is not None:
            row["pose_deg"][0] = pose.head_pose(landmarks_px, self._color_camera(color))
            reasons[Stream.COLOR] = self._cut_color(row, color, transform)
        z_mm, covered = None, False
        depth = self._carried_depth(pictures)
        if depth is not None:
            depth_mm, origin_px = depth.under(transform, self._size_px)
            z_mm = in_space.landmark_depth(depth_mm, landmarks_px, origin_px=origin_px)
            crop_mm = align.cut_nearest(depth_mm, transform, self._size_px, origin_px=origin_px)
            row["depth"][0] = crop_mm
            reasons[Stream.DEPTH] = self._depth_reason(crop_mm, in_view=self._in_view(transform, depth.shape))
            if z_mm is not None:
                row["distance_mm"][0] = np.median(z_mm)
                distance_mm, near_share = face_surface(crop_mm, self._margin)
                covered = self._watch.covered(
                    time_s,
                    distance_mm=distance_mm,
                    near_share=near_share,
                    eye_distance_mm=in_space.eye_distance_of(
                        landmarks_px, distance_mm, focal_px=depth.focal_px
                    ),
                    learn=not filled,
                )
        reasons |= self._cut_carried(row, pictures, landmarks_px, z_mm)
        special = Reason.OCCLUDED if covered else Reason.FILLED
        if covered or filled:
            reasons = {stream: special if reason in VALID else reason for stream, reason in reasons.items()}
        return reasons

    def _transform(self, landmarks_px: NDArray) -> NDArray[np.float64]:
        return align.face_transform(
            landmarks_px, size_px=self._size_px, align=self._mode, margin=self._margin
        )

    def _in_view(self, transform: NDArray, shape: tuple[int, ...]) -> bool:
        return align.share_in_view(transform, self._size_px, shape, self._margin) >= align.MIN_IN_VIEW

    def _depth_reason(self, crop_mm: NDArray[np.uint16], *, in_view: bool) -> Reason:
        if not in_view:
            return Reason.OUT_OF_VIEW
        enough = np.count_nonzero(crop_mm) >= MIN_DEPTH_SHARE * crop_mm.size
        return Reason.OK if enough else Reason.NO_DEPTH

    def _color_camera(self, color: NDArray) -> Intrinsics:
        return pose.guessed_camera(color.shape) if self._calibration is None else self._calibration.color

    def _cut_color(self, row: Row, color: NDArray, transform: NDArray) -> Reason:
        if not self._in_view(transform, color.shape):
            return Reason.OUT_OF_VIEW
        crop = align.cut(color, transform, self._size_px)
        row["color"][0] = crop
        gray = quality.face_gray(crop, self._margin)
        row["sharpness"][0] = quality.sharpness(gray)
        row["brightness"][0] = quality.brightness(gray)
        return Reason.OK

    def _hidden(self, pictures: Mapping[Stream, NDArray], time_s: float) -> bool:
        """Return whether depth sees something before the place where the face was last."""
        depth = self._carried_depth(pictures)
        if self._last_transform is None or depth is None:
            return False
        depth_mm, origin_px = depth.under(self._last_transform, self._size_px)
        crop_mm = align.cut_nearest(depth_mm, self._last_transform, self._size_px, origin_px=origin_px)
        return self._watch.hidden(time_s, crop_mm, self._margin)

    def _cut_carried(
        self, row: Row, pictures: Mapping[Stream, NDArray], landmarks_px: NDArray, z_mm: NDArray | None
    ) -> dict[Stream, Reason]:
        """Cut infrared and thermal, each in its own picture at the landmarks carried there."""
        carried = [stream for stream in (Stream.INFRARED, Stream.THERMAL) if stream in pictures]
        if not carried or self._calibration is None:
            return {}
        eye_distance_mm = self._watch.eye_distance_mm or in_space.EYE_DISTANCE_MM
        xyz_mm = in_space.face_in_space(
            landmarks_px, z_mm, self._calibration, eye_distance_mm=eye_distance_mm
        )
        reasons = {}
        for stream in carried:
            points = in_space.seen_by(stream, xyz_mm, self._calibration)
            reason = self._cut_at(row, stream, pictures[stream], points)
            reasons[stream] = Reason.PLANE if reason is Reason.OK and z_mm is None else reason
        return reasons

    def _cut_at(self, row: Row, stream: Stream, picture: NDArray, points: NDArray) -> Reason:
        """Cut the face with landmarks `points` (68, 2) out of a picture that is not color's."""
        if not np.all(np.isfinite(points[INNER])):
            return Reason.OUT_OF_VIEW
        transform = self._transform(points)
        if not self._in_view(transform, picture.shape):
            return Reason.OUT_OF_VIEW
        left, top, right, bottom = align.crop_region(transform, self._size_px, picture.shape)
        part, there = picture[top:bottom, left:right], align.moved(transform, (left, top))
        if stream is Stream.THERMAL and self._centikelvin is not None:
            crop = np.rint(align.cut(self._centikelvin[part], there, self._size_px))
            row["thermal"][0] = np.clip(crop, 0, np.iinfo(np.uint16).max)
        else:
            row[stream.value][0] = align.cut(part, there, self._size_px)
        row[f"transforms_{stream}"][0] = transform
        return Reason.OK


def note_face(row: Row, face: Face) -> None:
    """Write into a row what the follower says of the face that it found."""
    row["found"][0] = face.found
    row["box"][0] = face.box_px
    row["score"][0] = face.score
    row["n_faces"][0] = min(face.n_faces, 255)


def centikelvin_table(spec: StreamSpec) -> NDArray[np.float32]:
    """Return for each count of a thermal stream (65536,) its hundredths of a kelvin; 0 where it has none."""
    table = kelvin_table(spec.unit)
    if table is None:
        raise SessionError(
            f"wanted thermal counts that mean a temperature, such as '0.04 K', found {spec.unit!r}: "
            f"the camera did not say what its counts mean"
        )
    return np.nan_to_num(100 * table).astype(np.float32)
