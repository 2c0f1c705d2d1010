"""The words and tables of a calibration's report: plain text from a Calibration, nothing drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from ...report import Badge, Cell, Prose, Share
from ..calibration import Calibration, ViewResidual
from .lens import lens_field
from .rig import field_of_view_deg, place_in_words

Float = NDArray[np.float64]
SD_95 = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution
FACE_MM = 1000.0
LENS = ("k1", "k2", "p1", "p2", "k3")


def subtitle(calibration: Calibration) -> str:
    """Return where a calibration comes from, in a line."""
    parts = [calibration.method]
    if calibration.board:
        parts.append(f"board {calibration.board}")
    if calibration.sources:
        parts.append("from " + ", ".join(calibration.sources))
    if calibration.created_utc:
        parts.append(calibration.created_utc.replace("T", " ").replace("Z", " UTC"))
    if calibration.software:
        parts.append(calibration.software)
    return " · ".join(parts)


def tiles(calibration: Calibration) -> dict[str, str]:
    """Return the key figures, as far as the file holds them."""
    figures: dict[str, str] = {}
    views = {residual.view for residual in calibration.residuals}
    if views:
        used = {residual.view for residual in calibration.residuals if residual.used}
        n_out = sum(not residual.used for residual in calibration.residuals)
        figures[f"views of the board used; {n_out} pictures left out"] = f"{len(used)} of {len(views)}"
    for name, rms_px in calibration.rms_px.items():
        figures[f"rms of the {name} corners"] = f"{rms_px:.3f} px"
    for name, sd_px in face_sd_px(calibration).items():
        into = calibration.color if name == "depth" or calibration.thermal is None else calibration.thermal
        what = "depth into color" if name == "depth" else "color into thermal"
        half_px = SD_95 * sd_px
        label = f"{what}, a face at 1 m, ± (95 %); that is {two_figures(half_px * FACE_MM / into.fx)} mm"
        figures[label] = f"{two_figures(half_px)} px"
    return figures or {"cameras": ", ".join(calibration.cameras)}


def two_figures(value: float) -> str:
    """Return a length of no sign with two figures that count, but no more than three decimals."""
    if not np.isfinite(value) or value <= 0:
        return f"{value:g}"
    if value < 0.0005:
        return "below 0.001"
    return f"{value:.{int(np.clip(1 - np.floor(np.log10(value)), 0, 3))}f}"


def face_sd_px(calibration: Calibration) -> dict[str, float]:
    """Return the stated standard deviations of a face at 1 m, by "depth" and "thermal"; empty if unstated."""
    stated = calibration.uncertainty.get("face_at_1m", {})
    return {name: stated[f"{name}_px"] for name in ("depth", "thermal") if f"{name}_px" in stated}


def verdict(calibration: Calibration, warnings: Sequence[str]) -> list[str]:
    """Return what a reader should think of a calibration, in sentences, the first one the verdict.

    `warnings` are those of `gates.calibration_warnings`.
    """
    doubts = [
        line for line in warnings if not line.startswith("left out the ") and line not in calibration.remarks
    ]
    if not calibration.residuals:
        first = (
            f"This calibration was not solved from boards by mavfer ({calibration.method}), so nothing in it "
            "says how good it is. Check it on a recording: `mavfer calibrate verify`."
        )
    elif doubts:
        first = "Usable with care; what is in doubt:"
    elif face_sd_px(calibration):
        first = "Nothing here is in doubt: the views determine every camera, and the cameras agree."
    else:
        first = "The cameras agree and the boards covered their pictures; how certain it is, is not stated."
    n_out = sum(not one.used for one in calibration.residuals)
    left_out = [f"{n_out} pictures were left out of the solution; they are named below with the reason."]
    remarks = [f"Remark: {remark}" for remark in calibration.remarks]
    return [first, *doubts, *(left_out if n_out else []), *remarks]


def why_no_corners(calibration: Calibration) -> str:
    """Return why something that needs corners and board poses is not shown."""
    if calibration.residuals and not any(one.corners_px is not None for one in calibration.residuals):
        return (
            "This file names its views but does not keep their corners (files of schema 1 do not); "
            "solve the board session again with `mavfer calibrate` to see more."
        )
    if calibration.residuals:
        return (
            "This file keeps corners, but not of every camera, or not where the boards stood; solve the "
            "board session again with `mavfer calibrate` to see more."
        )
    return (
        f"This calibration holds no boards ({calibration.method}): what it was made from is not in the file. "
        "A calibration that `mavfer calibrate BOARD_SESSION` solves shows it."
    )


def intrinsics_table(calibration: Calibration) -> tuple[list[str], list[list[Cell]]]:
    """Return a row per parameter, a column per camera."""
    cameras = calibration.cameras
    rows: list[list[Cell]] = [["picture, px", *(f"{c.width} x {c.height}" for c in cameras.values())]]

    def row(title: str, key: str, value_of: Mapping[str, float], digits: int) -> None:
        sd = {name: calibration.uncertainty.get(name, {}).get(key) for name in cameras}
        rows.append([title, *(_with_sd(value_of[name], sd[name], digits=digits) for name in cameras)])

    for key in ("fx", "fy", "cx", "cy"):
        row(f"{key}, px", key, {name: getattr(camera, key) for name, camera in cameras.items()}, 2)
    for i, key in enumerate(LENS):
        row(key, key, {name: camera.distortion[i] for name, camera in cameras.items()}, 5)
    rows.append(["field of view", *(_field_of_view(camera) for camera in cameras.values())])
    rows.append(
        ["distortion at most, px", *(f"{lens_field(camera).largest_px:.1f}" for camera in cameras.values())]
    )
    return ["", *(f"{name} (also infrared)" if name == "depth" else name for name in cameras)], rows


def poses_table(calibration: Calibration) -> tuple[list[str], list[list[Cell]]]:
    """Return a row per quantity, a column per transform as the file states it."""
    poses = {"color_from_depth": calibration.color_from_depth}
    if calibration.thermal_from_color is not None:
        poses["thermal_from_color"] = calibration.thermal_from_color
    in_color = {name: pose if name == "color_from_depth" else pose.inverse() for name, pose in poses.items()}
    rows: list[list[Cell]] = [
        [
            "where the camera stands",
            *(Prose(place_in_words(pose.translation_mm)) for pose in in_color.values()),
        ],
        ["baseline, mm", *(f"{np.linalg.norm(pose.translation_mm):.2f}" for pose in poses.values())],
        ["turned by, degrees", *(f"{pose.angle_deg:.3f}" for pose in poses.values())],
    ]
    for i, axis in enumerate("xyz"):
        sd = [calibration.uncertainty.get(name, {}).get(f"t{axis}_mm") for name in poses]
        values = [float(pose.translation_mm[i]) for pose in poses.values()]
        rows.append(
            [f"translation {axis}, mm", *(_with_sd(v, s, digits=2) for v, s in zip(values, sd, strict=True))]
        )
    for i, axis in enumerate("xyz"):
        sd = [calibration.uncertainty.get(name, {}).get(f"r{axis}_deg") for name in poses]
        values = [float(rotation_vector_deg(pose)[i]) for pose in poses.values()]
        rows.append(
            [
                f"rotation {axis}, degrees",
                *(_with_sd(v, s, digits=3) for v, s in zip(values, sd, strict=True)),
            ]
        )
    names = {
        "color_from_depth": "depth camera: color from depth",
        "thermal_from_color": "thermal camera: thermal from color",
    }
    return ["", *(names[name] for name in poses)], rows


def depth_table(calibration: Calibration) -> tuple[list[str], list[list[Cell]]]:
    """Return the depth camera's shift and scale."""
    stated = calibration.uncertainty.get("depth", {})
    reading_mm = (FACE_MM - calibration.depth_shift_mm) / calibration.depth_scale
    return ["depth readings", "value"], [
        ["shift, mm", _with_sd(calibration.depth_shift_mm, stated.get("depth_shift_mm"), digits=2)],
        ["scale", _with_sd(calibration.depth_scale, stated.get("depth_scale"), digits=4)],
        ["a face at 1000 mm reads, mm", f"{reading_mm:.1f}"],
    ]


def rotation_vector_deg(pose: RigidTransform) -> Float:
    """Return a rotation as its axis times its angle (3,), degrees."""
    angle = np.radians(pose.angle_deg)
    skew = pose.rotation - pose.rotation.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
    if np.sin(angle) > 1e-8:
        return np.degrees(axis / (2 * np.sin(angle)) * angle)
    if np.trace(pose.rotation) > 0:
        return np.degrees(axis / 2)
    values, vectors = np.linalg.eigh(pose.rotation)  # half a turn: the axis is what it leaves in place
    return 180.0 * vectors[:, int(np.argmax(values))]


def view_bars(calibration: Calibration) -> list[tuple[str, list[str], Float, NDArray[np.bool_]]]:
    """Return, for each camera with views, its name, its views, their rms (V,) px and which were used."""
    bars = []
    for name in calibration.cameras:
        pictures = [residual for residual in calibration.residuals if residual.camera == name]
        if pictures:
            rms_px = np.array([one.rms_px for one in pictures])
            bars.append(
                (name, [one.view for one in pictures], rms_px, np.array([one.used for one in pictures]))
            )
    return bars


def worst_views(calibration: Calibration, *, n_views: int) -> tuple[list[str], list[list[Cell]]]:
    """Return a row per picture that fits worst: those left out, then by rms against their camera's."""

    def against(one: ViewResidual) -> float:
        return one.rms_px / max(calibration.rms_px.get(one.camera, 1.0), 1e-9)

    ordered = sorted(calibration.residuals, key=lambda one: (one.used, -against(one)))
    n_out = sum(not one.used for one in ordered)
    shown = ordered[: max(n_views, min(n_out + 3, 3 * n_views))]
    largest = max((against(one) for one in shown if one.used), default=1.0)
    rows: list[list[Cell]] = []
    for one in shown:
        share = Share(min(against(one) / largest, 1.0), f"{one.rms_px:.3f}")
        row: list[Cell] = [one.view, one.camera, share, str(one.n_corners)]
        if n_out:
            badge = Badge("used", "good") if one.used else Badge("left out", "doubt")
            row += [badge, Prose(one.reason)]
        rows.append(row)
    header = ["picture", "camera", "rms px", "corners", *(["used", "why not"] if n_out else [])]
    return header, rows


def _with_sd(value: float, sd: float | None, *, digits: int) -> str:
    """Return a value with its 95 % interval, both to the interval's second figure."""
    if sd is None:
        return f"{value:.{digits}f}"
    half = SD_95 * sd
    if not half > 0:
        return f"{value:.{digits}f} (not solved for)"
    digits = int(np.clip(1 - np.floor(np.log10(half)), 0, 7))
    return f"{value:.{digits}f} ± {half:.{digits}f}"


def _field_of_view(camera: Intrinsics) -> str:
    across, down = field_of_view_deg(camera)
    return f"{across:.1f}° x {down:.1f}°" if np.isfinite([across, down]).all() else "unknown"
