"""The report of `mavfer calibrate verify`: verdict, offsets over time, and rims drawn over the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import RigidTransform
from ...capture.session import Session
from ...capture.streams import Stream
from ...errors import SessionError
from ...report import BLUE, GREEN, SOFT, VERMILION, Badge, Cell, Page, Picture, Prose
from ..boards.gray import stretched
from ..calibration import Calibration
from .agreement import Agreement, CameraAgreement, Measured, Segment, Verdict
from .edges import expected_edges
from .verify import contours_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TONES: Mapping[Verdict, str] = {"agrees": "good", "knocked": "bad", "cannot tell": "doubt"}
PLOT_IN = (10, 3.0)
N_OVERLAYS = 3
OVERLAY_PX = 720
MARGIN_SHARE = 0.08
EXPECTED_RGB, FOUND_RGB = (255, 96, 0), (0, 220, 255)


def write_page(
    path: Path,
    agreement: Agreement,
    session: Session,
    calibration: Calibration,
    *,
    overwrite: bool = False,
) -> None:
    """Write the report; reads the pictures of three moments per camera once more."""
    page = Page(
        "Does the calibration still fit?",
        f"Session {agreement.session}, rig {agreement.rig}",
        mark="simulated" if agreement.simulated else "",
    )
    page.section("At a glance", f"{agreement.reason[:1].upper()}{agreement.reason[1:]}.")
    page.tiles({"verdict": agreement.verdict, **_sizes(agreement)})
    page.table(
        ["camera", "verdict", "what was found", "moments", "limit px"],
        [_row(camera) for camera in agreement.cameras.values()],
        caption="Edges of each camera against the rims that depth shows",
    )
    for remark in agreement.remarks:
        page.note("Not compared", f"{remark[:1].upper()}{remark[1:]}.")
    for camera in agreement.cameras.values():
        _camera_section(page, camera, session, calibration)
    page.section("How it is measured")
    page.note("Rims and edges", *METHOD)
    page.write(path, overwrite=overwrite)


METHOD = (
    "A rim is where a near surface ends before something farther, such as the outline of a head before the "
    "room. Rims are found in depth, carried into the other cameras through the calibration, and compared "
    "with the edges of their pictures. The offset is where edges lie minus where they are expected.",
    "A turn of 0.25 degrees or a shift of 4 mm across the view is seen, in color and in thermal. A shift "
    "along the view, and a depth that is wrong by the same everywhere, move edges little and are not: for "
    "those, record a board session.",
)


def _sizes(agreement: Agreement) -> dict[str, str]:
    found = {name: camera.worst for name, camera in agreement.cameras.items()}
    return {f"{name} edges off": f"{one.size_px:.1f} px" for name, one in found.items() if one is not None}


def _row(camera: CameraAgreement) -> list[Cell]:
    return [
        camera.camera,
        Badge(camera.verdict, TONES[camera.verdict]),  # type: ignore[arg-type]
        Prose(f"{camera.reason[:1].upper()}{camera.reason[1:]}."),
        f"{camera.n_found} of {len(camera.measured)}",
        f"{camera.limit_px:g}",
    ]


def _camera_section(page: Page, camera: CameraAgreement, session: Session, calibration: Calibration) -> None:
    page.section(camera.camera.capitalize(), f"{camera.reason[:1].upper()}{camera.reason[1:]}.")
    if camera.n_found:
        page.plot(
            lambda figure: offset_plot(figure, camera),
            alt=f"offset of the {camera.camera} edges over time, in x and y, with the limit",
            size_in=PLOT_IN,
            caption="Found minus expected at each moment, one standard deviation of the fit as bars, and the "
            "median of each stretch. Between the dashed lines lies the limit.",
        )
    pictures = [
        Picture(
            pixels,
            alt=f"{camera.camera} picture with rims drawn over it",
            label=f"{one.time_s:.1f} s",
        )
        for one in _shown(camera)
        if (pixels := overlay(session, calibration, Stream(camera.camera), one)) is not None
    ]
    if pictures:
        page.pictures(
            pictures,
            per_row=min(N_OVERLAYS, len(pictures)),
            caption="Orange: where the calibration expects the rims. Cyan: where the edges were found; where "
            "only cyan is seen, both are the same.",
        )


def _shown(camera: CameraAgreement) -> list[Measured]:
    """Return moments to show: spread over the session, or beside its first step."""
    found = [one for one in camera.measured if one.offset is not None] or list(camera.measured)
    if camera.steps_s:
        before_s, after_s = camera.steps_s[0]
        return [one for one in found if one.time_s in (before_s, after_s)]
    at = np.unique(np.rint(np.linspace(0, len(found) - 1, N_OVERLAYS)).astype(int)) if found else []
    return [found[int(i)] for i in at]


def offset_plot(figure: Figure, camera: CameraAgreement) -> None:
    """Draw the offset in x and y over the time in the session."""
    axis = figure.subplots()
    found = [one for one in camera.measured if one.offset is not None]
    times_s = np.array([one.time_s for one in found])
    px = np.array([one.offset.px for one in found if one.offset is not None])
    sd_px = np.array([one.offset.sd_px for one in found if one.offset is not None])
    for k, (name, color) in enumerate((("right", BLUE), ("down", GREEN))):
        axis.errorbar(times_s, px[:, k], sd_px[:, k], fmt="o", ms=4, lw=1, color=color, label=name)
        for segment in camera.segments:
            _level(axis, segment, k, color)
    for limit_px in (-camera.limit_px, camera.limit_px):
        axis.axhline(limit_px, color=VERMILION, lw=1, ls="--")
    for before_s, after_s in camera.steps_s:
        axis.axvspan(before_s, after_s, color=SOFT, alpha=0.3)
    reach_px = 1.4 * max(camera.limit_px, float(np.abs(px).max()))
    axis.set_ylim(-reach_px, reach_px)
    axis.set_xlabel("seconds in the session")
    axis.set_ylabel("offset, px")
    axis.legend(loc="upper right", ncols=2)


def _level(axis, segment: Segment, k: int, color: str) -> None:
    axis.plot([segment.first_s, segment.last_s], [segment.offset_px[k]] * 2, color=color, lw=1.4)


def overlay(
    session: Session, calibration: Calibration, stream: Stream, moment: Measured
) -> NDArray[np.uint8] | None:
    """Return the picture of a moment with expected and found rims drawn over it, about 720 pixels wide."""
    try:
        contours = contours_at(session, calibration, moment.frame)
        picture = session.frame(stream, moment.frame[stream]).pixels
    except SessionError:
        return None
    camera = calibration.camera_of(stream)
    pose = calibration.from_color(stream) @ calibration.color_from_depth
    expected = expected_edges(contours, camera, pose)
    places = [(EXPECTED_RGB, expected.px[expected.inside])]
    if moment.offset is not None:
        turned = RigidTransform.from_rotation_vector(np.radians(moment.offset.turn_deg), np.zeros(3)) @ pose
        found = expected_edges(contours, camera, turned)
        found_px = found.px + moment.offset.widening_px * found.outward
        places.append((FOUND_RGB, found_px[found.inside]))
    rgb = picture if picture.ndim == 3 else cv2.cvtColor(stretched(picture, stream), cv2.COLOR_GRAY2RGB)
    x0, y0, x1, y1 = _window(places[0][1], rgb.shape[1], rgb.shape[0])
    scale = OVERLAY_PX / (x1 - x0)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (OVERLAY_PX, round((y1 - y0) * scale))
    drawn = cv2.resize(np.ascontiguousarray(rgb[y0:y1, x0:x1]), size, interpolation=interpolation)
    for color, px in places:
        for x, y in np.rint(((px - (x0, y0) + 0.5) * scale - 0.5) * 8).astype(int):
            cv2.circle(drawn, (int(x), int(y)), 10, color, -1, cv2.LINE_AA, 3)
    return np.asarray(drawn, np.uint8)


def _window(px: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 about the points with a margin; the whole picture for none."""
    if not len(px):
        return 0, 0, width, height
    margin = MARGIN_SHARE * width
    low, high = px.min(axis=0) - margin, px.max(axis=0) + margin
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    return x0, y0, min(int(high[0]) + 1, width), min(int(high[1]) + 1, height)
