"""What the factory measured of a Kinect v2 as a Calibration: a first guess without a board.

No driver tells the color camera's lens and pose. libfreenect2 has polynomials from depth pixels to color
pixels, Microsoft's SDK a mapper that was sampled; a camera is fitted to either.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...capture.geometry import Intrinsics, RigidTransform
from ...capture.kinect_v2.factory import FILE_NAME, FactoryCalibration, factory_from_json
from ...capture.session import Session, open_session
from ...errors import CalibrationError
from ..calibration import Calibration
from .parts import COLOR_PX, DEPTH_PX, camera_from_matrix, depth_shift_from, no_depth_shift, require_kinect
from .resection import fit_camera

Float = NDArray[np.float64]
GRID = (24, 20)  # columns and rows of the depth picture's pixels that are carried to color
DEPTHS_MM = (500.0, 700.0, 1000.0, 1500.0, 2500.0, 4500.0)  # what a Kinect v2 measures
DEPTH_Q, COLOR_Q = 0.01, 0.002199  # libfreenect2, registration.cpp: depth_q, color_q
TERMS = ("x3y0", "x0y3", "x2y1", "x1y2", "x2y0", "x0y2", "x1y1", "x1y0", "x0y1", "x0y0")
PARAMETERS = {"fx", "cx", "cy", "shift_d", "shift_m", *(f"m{axis}_{term}" for axis in "xy" for term in TERMS)}
MAX_RMS_PX = 2.0  # a real polynomial is fitted within 0.3 px
PIXEL_CENTERS = (
    "pixel centers are taken to lie at integers; no driver says so, and were they at one half, cx and cy of "
    "depth would be 0.5 px too large"
)
NO_BOARD = "a first guess: no board was seen, and the lenses were measured once, when the sensor was made"


def import_kinect_factory(source: Path, *, rig: str = "", depth_shift_mm: float | None = None) -> Calibration:
    """Return the calibration that the factory's values amount to.

    Parameters
    ----------
    source : a session that a Kinect v2 recorded, or the factory_calibration.json that it left there
    rig : name of the rig; the session's where it is empty, or that of the file's folder
    depth_shift_mm : added to depth readings; 0 where it is None

    Raises
    ------
    CalibrationError
        The session has no such document, the driver tells nothing of the color camera, or no camera explains
        what it tells.
    SessionError
        The folder is no session.
    """
    if source.is_dir():
        session = open_session(source)
        factory, where = factory_of_session(session), session.path
        told = session.record
        rig, sources, created_utc = rig or told.rig, (session.id,), told.started_utc
    elif source.is_file():
        try:
            text = source.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CalibrationError(
                f"wanted a factory calibration, could not read it ({error}): {source}"
            ) from error
        factory, where = factory_from_json(text, where=source), source
        rig, sources, created_utc = rig or source.resolve().parent.name, (source.name,), ""
    else:
        raise CalibrationError(f"wanted a session or its {FILE_NAME}, found nothing: {source}")
    shift_mm = None if depth_shift_mm is None else depth_shift_from(float(depth_shift_mm), where)
    return calibration_from_factory(
        factory, rig=rig, sources=sources, created_utc=created_utc, depth_shift_mm=shift_mm, where=where
    )


def factory_of_session(session: Session) -> FactoryCalibration:
    """Return what a session's Kinect told of its factory calibration; raises CalibrationError if none did."""
    found = {
        name: documents[FILE_NAME]
        for name in session.record.recorders
        if FILE_NAME in (documents := session.documents(name))
    }
    if len(found) != 1:
        kinects = " and ".join(found) or "nobody who did"
        raise CalibrationError(
            f"wanted one recorder that stored {FILE_NAME}, as a Kinect v2 does when it is opened, "
            f"found {kinects}: {session.path}"
        )
    ((name, text),) = found.items()
    return factory_from_json(text, where=f"{FILE_NAME} of recorder {name!r} in {session.path}")


def calibration_from_factory(
    factory: FactoryCalibration,
    *,
    rig: str,
    where: Path,
    sources: tuple[str, ...] = (),
    created_utc: str = "",
    depth_shift_mm: float | None = None,
) -> Calibration:
    """Return the calibration of one sensor's factory values, for pictures that are not mirrored.

    Raises
    ------
    CalibrationError
        The driver tells nothing of the color camera, or no camera explains it within 2 px.
    """
    seen = factory.unmirrored()
    try:
        depth = seen.depth.intrinsics()
    except CalibrationError as error:
        raise CalibrationError(f"{error}: {where}") from error
    _require_camera(depth, name="depth", size_px=DEPTH_PX, where=where)
    remarks = [*seen.remarks, PIXEL_CENTERS, NO_BOARD]
    rms_px = {}
    if seen.color_parameters:
        fitted = "libfreenect2's polynomials"
        xyz_mm, px = polynomial_samples(seen.color_parameters, depth, where=where)
    else:
        fitted = "the SDK's mapper"
        xyz_mm, px = mapper_samples(seen, depth)
    if len(px):
        color, color_from_depth, miss_px = fit_camera(xyz_mm, px, size_px=COLOR_PX, path=where)
        error_px = np.linalg.norm(miss_px, axis=-1)
        rms_px["color"] = float(np.sqrt(np.mean(error_px**2)))
        if not rms_px["color"] <= MAX_RMS_PX:
            raise CalibrationError(
                f"wanted factory values that a color camera explains within {MAX_RMS_PX:g} px, the best one "
                f"lies {rms_px['color']:.2g} px off: {where}"
            )
        remarks.append(
            f"the color camera and its pose were fitted to {fitted}: rms {rms_px['color']:.2f} px, at most "
            f"{error_px.max():.2f} px, over {len(px)} points at {xyz_mm[:, 2].min() / 1000:g} to "
            f"{xyz_mm[:, 2].max() / 1000:g} m"
        )
    else:
        color, color_from_depth = _told_camera(seen, where)
    _require_camera(color, name="color", size_px=COLOR_PX, where=where)
    require_kinect(color_from_depth, path=where)
    if depth_shift_mm is None:
        remarks.append(no_depth_shift("the factory"))
    return Calibration(
        rig=rig,
        color=color,
        depth=depth,
        thermal=None,
        color_from_depth=color_from_depth,
        thermal_from_color=None,
        depth_shift_mm=depth_shift_mm or 0.0,
        rms_px=rms_px,
        method=f"imported from the factory's values (driver {factory.driver} {factory.driver_version})",
        sources=sources,
        remarks=tuple(remarks),
        created_utc=created_utc,
        software=f"mavfer {__version__}",
    )


def _require_camera(camera: Intrinsics, *, name: str, size_px: tuple[int, int], where: Path) -> None:
    """Raise CalibrationError where a camera has another size than a Kinect's, or is none at all."""
    if (camera.width, camera.height) != size_px:
        raise CalibrationError(
            f"wanted {size_px[0]} x {size_px[1]} pixels of {name}, as a Kinect v2 has them, found "
            f"{camera.width} x {camera.height}: {where}"
        )
    camera_from_matrix(camera.matrix, camera.distortion, name=name, size_px=size_px, path=where)


def _told_camera(seen: FactoryCalibration, where: Path) -> tuple[Intrinsics, RigidTransform]:
    """Return the color camera where a driver tells it outright."""
    if seen.color is None or seen.color_from_depth is None:
        raise CalibrationError(
            f"the driver {seen.driver!r} tells nothing of the color camera (no polynomials, no samples of "
            f"its mapper): {where}"
        )
    try:
        return seen.color.intrinsics(), seen.color_from_depth.transform()
    except CalibrationError as error:
        raise CalibrationError(f"{error}: {where}") from error


def polynomial_samples(
    parameters: dict[str, float], depth: Intrinsics, *, where: Path
) -> tuple[Float, Float]:
    """Return points before the depth camera, and where libfreenect2's Registration sees them in color.

    Returns
    -------
    xyz_mm : (N, 3) float64, depth camera's frame; over the depth picture, 0.5 to 4.5 m
    px : (N, 2) float64, color pixels, inside that picture
    """
    if lacking := sorted(PARAMETERS - parameters.keys()):
        raise CalibrationError(
            f"wanted all of libfreenect2's color parameters, {', '.join(lacking)} are missing: {where}"
        )
    columns, rows = (np.linspace(0, n - 1, k) for n, k in zip((depth.width, depth.height), GRID, strict=True))
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    rays = depth.rays(pixels)
    rays = rays[np.isfinite(rays).all(axis=-1)]
    xyz_mm = (rays * np.array(DEPTHS_MM)[:, None, None]).reshape(-1, 3)
    if parameters["fx"] == 0 or parameters["shift_d"] == 0:
        raise CalibrationError(
            f"wanted libfreenect2's fx and shift_d other than 0, found {parameters['fx']!r} and "
            f"{parameters['shift_d']!r}: {where}"
        )
    with np.errstate(all="ignore"):
        px = freenect2_color_px(xyz_mm, parameters, depth)
        inside = (
            np.isfinite(px).all(axis=-1) & (px >= 0).all(axis=-1) & (px <= np.subtract(COLOR_PX, 1)).all(-1)
        )
    if not inside.any():
        raise CalibrationError(f"the color parameters lead nowhere into the color picture: {where}")
    return xyz_mm[inside], px[inside]


def freenect2_color_px(xyz_mm: NDArray, parameters: dict[str, float], depth: Intrinsics) -> Float:
    """Return the color pixels (N, 2) where libfreenect2 sees points (N, 3) of the depth camera's frame.

    libfreenect2, registration.cpp, depth_to_color and apply: x and y count from the depth camera's center, in
    hundreds of pixels of the picture without its lens; X and Y are cubic in them.
    color_x = fx (X / (fx 0.002199) - shift_m / shift_d + shift_m / z) + cx, color_y = Y / 0.002199 + cy.
    """
    xyz = np.asarray(xyz_mm, np.float64)
    x = xyz[:, 0] / xyz[:, 2] * depth.fx * DEPTH_Q
    y = xyz[:, 1] / xyz[:, 2] * depth.fy * DEPTH_Q
    sums = {
        axis: sum(parameters[f"m{axis}_{term}"] * x ** int(term[1]) * y ** int(term[3]) for term in TERMS)
        for axis in "xy"
    }
    shift = parameters["shift_m"] / xyz[:, 2] - parameters["shift_m"] / parameters["shift_d"]
    return np.stack(
        [
            (sums["x"] / (parameters["fx"] * COLOR_Q) + shift) * parameters["fx"] + parameters["cx"],
            sums["y"] / COLOR_Q + parameters["cy"],
        ],
        axis=-1,
    )


def mapper_samples(seen: FactoryCalibration, depth: Intrinsics) -> tuple[Float, Float]:
    """Return points before the depth camera and where the SDK's mapper saw them, as `polynomial_samples`."""
    table = np.array(
        [(one.depth_x, one.depth_y, one.depth_mm, one.color_x, one.color_y) for one in seen.depth_to_color]
    ).reshape(-1, 5)
    xyz_mm = depth.unproject(table[:, :2], table[:, 2])
    known = np.isfinite(xyz_mm).all(axis=-1)
    return xyz_mm[known], table[known, 3:]
