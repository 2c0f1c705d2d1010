"""The part of the report that looks at sessions: epipolar pictures and overlays of one moment of each.

In a session that the calibration was solved from, the moment is one of its views and its corners are those in
the file; in any other it is the middle tick that all streams have, and points are picked by their contrast.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.session import Session
from ...capture.streams import Stream
from ...capture.synchronize import Synchronized, synchronize
from ...errors import CalibrationError
from ...report import Page, Picture
from ..calibration import Calibration, camera_name, require_rig
from ..carry import carry
from ..region import Region
from ..warp import DepthWarp
from .epipolar import (
    EpipolarPoint,
    epipolar_points,
    shown,
    spread_corners,
    view_label,
    with_curves,
    with_points,
)
from .overlays import foreground, overlays, region_around, region_of_interest

Float = NDArray[np.float64]
VIEW_NAME = re.compile(r"(?:(?P<session>.+) )?(?P<time_s>\d+(?:\.\d+)?) s")
SHOWN_WIDTH = 640
LEAST_OTHER_PX = 170  # the least height that is shown of an infrared or thermal picture
N_POINTS = 5
POINT_SHARE = 0.08  # of the foreground's height, the least distance of two picked points
SAME_TICK_S = 0.002


@dataclass(frozen=True, slots=True)
class Moment:
    """All streams at one tick.

    Attributes
    ----------
    title : str, the session and the time
    pixels : by stream, of those that have a frame there
    corners_px : by camera, the board's corners (N, 2) in the file; empty for a session without views
    thermal_unit : the unit of the thermal stream, "" without one
    simulated : whether a simulated rig recorded it
    """

    title: str
    pixels: Mapping[Stream, NDArray]
    corners_px: Mapping[str, Float] = field(default_factory=dict)
    thermal_unit: str = ""
    simulated: bool = False


def find_moment(calibration: Calibration, session: Session) -> Moment:
    """Return the moment of a session to show.

    Raises
    ------
    CalibrationError
        The session is of another rig or of other picture sizes, or no tick has color and another stream.
    """
    require_rig(calibration, session.record.rig, session.path)
    synchronized = synchronize(session)
    tick, view = _best_view(calibration, session, synchronized)
    if tick is None:
        tick = _middle_tick(synchronized, session)
    pixels = {
        stream: session.frame(stream, int(index[tick])).pixels
        for stream, index in synchronized.index.items()
        if index[tick] >= 0
    }
    _require_sizes(calibration, pixels, session)
    corners_px = {
        residual.camera: residual.corners_px
        for residual in calibration.residuals
        if view and residual.view == view and residual.corners_px is not None
    }
    unit = session.spec(Stream.THERMAL).unit if Stream.THERMAL in pixels else ""
    title = f"{session.id}, {synchronized.time_s[tick]:.1f} s"
    return Moment(title, pixels, corners_px, unit, session.record.simulated)


def _require_sizes(calibration: Calibration, pixels: Mapping[Stream, NDArray], session: Session) -> None:
    """Raise CalibrationError where a picture is not of the size that its camera was calibrated for."""
    for stream, picture in pixels.items():
        camera = calibration.cameras.get(camera_name(stream))
        if camera is not None and picture.shape[:2] != (camera.height, camera.width):
            raise CalibrationError(
                f"wanted {stream.value} pictures of {camera.width} x {camera.height} as calibrated, found "
                f"{picture.shape[1]} x {picture.shape[0]}; give a session of that size: {session.path}"
            )


def _best_view(
    calibration: Calibration, session: Session, synchronized: Synchronized
) -> tuple[int | None, str]:
    """Return tick and name of the used view of this session that most cameras saw.

    Of those the one with the largest residual: what is wrong should be seen.
    """
    if session.id not in calibration.sources or not len(synchronized.time_s):
        return None, ""
    rank: dict[str, tuple[int, float]] = {}
    for residual in calibration.residuals:
        if residual.used and residual.corners_px is not None:
            n_cameras, rms_px = rank.get(residual.view, (0, 0.0))
            rank[residual.view] = n_cameras + 1, max(rms_px, residual.rms_px)
    for view in sorted(rank, key=lambda name: rank[name], reverse=True):
        match = VIEW_NAME.fullmatch(view)
        if match is None or match["session"] not in (None, session.id, session.path.name):
            continue
        apart_s = np.abs(synchronized.time_s - float(match["time_s"]))
        tick = int(np.argmin(apart_s))
        if apart_s[tick] < SAME_TICK_S:
            return tick, view
    return None, ""


def _middle_tick(synchronized: Synchronized, session: Session) -> int:
    """Return the tick nearest to the middle that has most streams, color among them."""
    if Stream.COLOR not in synchronized.index or len(synchronized.index) < 2:
        raise CalibrationError(
            "wanted a session with color and depth or thermal, found "
            f"{', '.join(session.streams) or 'none'}; show one that the whole rig recorded: {session.path}"
        )
    n_ticks = len(synchronized.time_s)
    n_streams = np.sum([index >= 0 for index in synchronized.index.values()], axis=0)
    usable = np.where(synchronized.index[Stream.COLOR] >= 0, n_streams, 0)
    best = np.flatnonzero(usable == usable.max(initial=0))
    if not n_ticks or usable.max(initial=0) < 2:
        raise CalibrationError(
            "wanted a moment with color and another stream, found none; see `mavfer check-session`: "
            f"{session.path}"
        )
    return int(best[np.argmin(np.abs(best - n_ticks / 2))])


def add_session(page: Page, calibration: Calibration, moment: Moment) -> None:
    """Show epipolar curves and overlays of one moment."""
    page.section(
        f"Through the calibration: {moment.title}",
        "What the numbers mean in pictures of a recorded session.",
    )
    try:
        _add_pictures(page, calibration, moment)
    except CalibrationError as error:
        page.note("No pictures", f"The pictures of this session cannot be brought together: {error}")


def _add_pictures(page: Page, calibration: Calibration, moment: Moment) -> None:
    region = _region(calibration, moment)
    _add_epipolar(page, calibration, moment, region)
    has_both = Stream.COLOR in moment.pixels and Stream.DEPTH in moment.pixels
    wipes = (
        overlays(moment.pixels, calibration, thermal_unit=moment.thermal_unit, region=region)
        if has_both and region is not None
        else []
    )
    if not wipes:
        page.note(
            "No overlays",
            "This moment has no depth, through which the other pictures are laid over color.",
        )
        return
    page.pictures(
        wipes,
        per_row=2 if len(wipes) > 1 else 1,
        caption="Move the pointer across a picture to uncover the layer. The drawn rims should follow the "
        "outlines in color all the way round; depth, temperature and infrared should end where the person or "
        "the board does. A shift the same way everywhere means a camera that was moved.",
    )


def _region(calibration: Calibration, moment: Moment) -> Region | None:
    """Return the part of the color picture to show; None where nothing says which."""
    color_px = moment.corners_px.get("color")
    if color_px is not None:
        size = calibration.color.width, calibration.color.height
        return region_around(color_px[np.isfinite(color_px).all(-1)], size)
    if Stream.DEPTH not in moment.pixels:
        return None
    return region_of_interest(moment.pixels, calibration, thermal_unit=moment.thermal_unit)


def _add_epipolar(page: Page, calibration: Calibration, moment: Moment, region: Region | None) -> None:
    others = [
        stream
        for stream in (Stream.INFRARED, Stream.THERMAL)
        if stream in moment.pixels and camera_name(stream) in calibration.cameras
    ]
    if Stream.COLOR not in moment.pixels or region is None or not others:
        return
    color_px, found = _points(calibration, moment, others, region)
    if not len(color_px):
        return
    color = shown(moment.pixels[Stream.COLOR], region, width=SHOWN_WIDTH)
    alt = f"The color picture with {len(color_px)} numbered points"
    pictures = [Picture(with_points(color, color_px), alt=alt, label="color")]
    measured = bool(moment.corners_px)
    for stream in others:
        points = epipolar_points(calibration, color_px, found[stream], stream)
        pictures.append(_epipolar_picture(moment, stream, points, measured=measured))
    what = (
        "The ring is where the same corner was found there: it should lie on its curve."
        if measured
        else "The ring is where the depth reading under the point puts it: it should hold the same spot."
    )
    page.pictures(
        pictures,
        per_row=len(pictures),
        caption="Each numbered point of the color picture lies somewhere on the curve of its color "
        f"there, nearer or farther (0.35 to 4 m). {what}",
    )


def _epipolar_picture(
    moment: Moment, stream: Stream, points: tuple[EpipolarPoint, ...], *, measured: bool
) -> Picture:
    """Return a part of the picture around where the points are, or else where their curves begin."""
    pixels = moment.pixels[stream]
    places = np.array([point.found_px for point in points])
    places = places[np.isfinite(places).all(-1)]
    size = pixels.shape[1], pixels.shape[0]
    region = (
        region_around(places, size, margin=0.7, least_height_px=LEAST_OTHER_PX)
        if len(places)
        else (0, 0, *size)
    )
    drawn = with_curves(shown(pixels, region, width=SHOWN_WIDTH), points)
    label = view_label(stream, points) if measured else str(stream.value)
    return Picture(drawn, alt=f"The {stream.value} picture with the points' epipolar curves", label=label)


def _points(
    calibration: Calibration, moment: Moment, others: list[Stream], region: Region
) -> tuple[Float, dict[Stream, Float]]:
    """Return color points (K, 2) to show, and their places (K, 2) in the other pictures."""
    if "color" in moment.corners_px:
        seen = {stream: moment.corners_px.get(camera_name(stream)) for stream in others}
        chosen = spread_corners(
            [moment.corners_px["color"], *(one for one in seen.values() if one is not None)],
            n_points=N_POINTS,
        )
        color_px = moment.corners_px["color"][chosen]
        unseen = np.full_like(color_px, np.nan)
        return color_px, {stream: unseen if one is None else one[chosen] for stream, one in seen.items()}
    if Stream.DEPTH not in moment.pixels:
        return np.empty((0, 2)), {}
    depth_mm = DepthWarp(calibration).to_color(moment.pixels[Stream.DEPTH])
    near = foreground(depth_mm)
    near[: region[1]] = near[region[3] :] = False
    near[:, : region[0]] = near[:, region[2] :] = False
    color_px = _contrasting(moment.pixels[Stream.COLOR], near)
    columns, rows = np.rint(color_px).astype(int).reshape(-1, 2).T
    z_mm = depth_mm[rows, columns]
    return color_px, {stream: carry(color_px, z_mm, calibration, into=stream) for stream in others}


def _contrasting(color: NDArray[np.uint8], near: NDArray[np.bool_]) -> Float:
    """Return points (K, 2) of high contrast well inside the foreground."""
    reach = max(3, int(POINT_SHARE * np.sqrt(near.sum())))
    inside = cv2.erode(near.astype(np.uint8), np.ones((9, 9), np.uint8), iterations=2)
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    found = cv2.goodFeaturesToTrack(gray, N_POINTS, 0.01, 2 * reach, mask=inside)
    return np.empty((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
