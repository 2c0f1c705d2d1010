"""The first half of the demo's page: what was recorded, how it was calibrated, which faces were cut.

Everything is read back from the demo's own folders; the arrays become pictures in demo_pictures.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import demo_pictures as draw
from .calibrate.calibration import Calibration
from .calibrate.warp import DepthWarp, carry, thermal_to_color
from .capture.session import Session, open_session
from .capture.streams import Stream
from .capture.synchronize import SyncReport, synchronize
from .demo_truth import CalibrationErrors
from .errors import DatasetError
from .preprocess.clips import Dataset
from .report import Page, Picture, Wipe

STREAM_ORDER = (Stream.COLOR, Stream.DEPTH, Stream.THERMAL, Stream.INFRARED)
N_STRIP = 10
POOR_LIGHT = 0.5
PERSON_MM = 350.0
"""How far behind the face a person still reaches."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All streams at one tick, and the landmarks (68, 2) that were found in color."""

    title: str
    pixels: Mapping[Stream, NDArray]
    landmarks_px: NDArray
    face_mm: float


def find_moment(sessions: Sequence[Path], calibration: Calibration, dataset: Dataset) -> Moment:
    """Return the liveliest moment of a well-lit session in which every stream shows the face."""
    folders = {path.name: path for path in sessions}
    lit = [s for s in dataset.sessions if _light(open_session(folders[s.session_id])) > POOR_LIGHT]
    for source in lit or dataset.sessions:
        seen = np.logical_and.reduce([source.read(f"valid_{stream.value}") for stream in STREAM_ORDER])
        if not seen.any():
            continue
        lively = np.where(seen, np.nan_to_num(source.read("valence")), -2.0)
        i = int(np.argmax(lively))
        session = open_session(folders[source.session_id])
        tick = int(source.read("tick", i, i + 1)[0])
        synchronized = synchronize(session)
        pixels = {
            stream: session.frame(stream, int(synchronized.index[stream][tick])).pixels for stream in Stream
        }
        landmarks = source.read("landmarks", i, i + 1)[0].astype(np.float64)
        face_mm = _face_distance(pixels[Stream.DEPTH], landmarks, calibration)
        return Moment(f"{source.subject}, {synchronized.time_s[tick]:.1f} s", pixels, landmarks, face_mm)
    raise DatasetError(f"no frame of the dataset shows a face in all four streams: {dataset.path}")


def add_streams(page: Page, moment: Moment) -> None:
    """Show the four whole pictures of one tick."""
    page.section("Four streams of one moment", f"What the rig sees at one tick: {moment.title}.")
    color, depth, thermal, infrared = (moment.pixels[stream] for stream in STREAM_ORDER)
    page.pictures(
        [Picture(draw.fitted(color, 1100), alt="The whole color picture of the rig", label="color")]
    )
    page.pictures(
        [
            Picture(
                draw.depth_colors(depth[6:416], moment.face_mm),
                alt="Depth as colors, the face nearest",
                label="depth",
                scale=draw.depth_scale(moment.face_mm),
            ),
            Picture(
                draw.thermal_colors(_celsius(thermal)),
                alt="Temperature as colors, warm skin before a cool wall",
                label="thermal",
                scale=draw.thermal_scale(),
            ),
            Picture(
                _infrared(infrared[6:416]), alt="The infrared picture of the depth camera", label="infrared"
            ),
        ],
        per_row=3,
        caption="Dark gray in depth: no reading.",
    )


def stream_pictures(
    moment: Moment, calibration: Calibration, *, aspect: float, factor: float, width: int
) -> list[Picture]:
    """Return the face in each stream, cut out around the landmarks carried there by the calibration."""
    pictures = []
    distance = np.full(len(moment.landmarks_px), moment.face_mm)
    for stream in STREAM_ORDER:
        landmarks = moment.landmarks_px
        if stream is not Stream.COLOR:
            landmarks = carry(landmarks, distance, calibration, into=stream)
        height_px, width_px = moment.pixels[stream].shape[:2]
        x0, y0, x1, y1 = draw.face_region(
            landmarks, factor=factor, aspect=aspect, width=width_px, height=height_px
        )
        cut = moment.pixels[stream][y0:y1, x0:x1]
        colors = {
            Stream.COLOR: lambda cut: cut,
            Stream.DEPTH: lambda cut: draw.depth_colors(cut, moment.face_mm),
            Stream.THERMAL: lambda cut: draw.thermal_colors(_celsius(cut)),
            Stream.INFRARED: _infrared,
        }[stream](cut)
        pixels = draw.fitted(np.ascontiguousarray(colors), width, round(width / aspect))
        pictures.append(Picture(pixels, alt=f"The face in the {stream.value} stream", label=stream.value))
    return pictures


def add_overlays(page: Page, moment: Moment, calibration: Calibration) -> None:
    """Lay depth and thermal over color, landmarks on top."""
    page.section(
        "One picture out of four",
        "The solved calibration brings every depth and thermal pixel into color coordinates.",
    )
    color = moment.pixels[Stream.COLOR]
    region = draw.face_region(
        moment.landmarks_px, factor=2.2, aspect=1.25, width=color.shape[1], height=color.shape[0]
    )
    x0, y0, x1, y1 = region
    depth_mm = DepthWarp(calibration).to_color(moment.pixels[Stream.DEPTH])
    thermal = thermal_to_color(moment.pixels[Stream.THERMAL], depth_mm, calibration)
    face, depth_mm, thermal = (np.ascontiguousarray(a[y0:y1, x0:x1]) for a in (color, depth_mm, thermal))
    before = depth_mm < moment.face_mm + PERSON_MM  # the wall behind is hidden from the thermal camera
    layers = {
        "depth": (
            draw.depth_colors(depth_mm, moment.face_mm),
            depth_mm > 0,
            draw.depth_scale(moment.face_mm),
        ),
        "thermal": (draw.thermal_colors(_celsius(thermal)), (thermal > 0) & before, draw.thermal_scale()),
    }

    def finished(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return draw.with_landmarks(draw.fitted(pixels, 720), moment.landmarks_px, region)

    plain = Picture(finished(face), alt="The face in color with 68 landmarks", label="color")
    page.pictures(
        [
            Wipe(
                plain,
                Picture(
                    finished(draw.laid_over(face, colors, seen)),
                    alt=f"The same face with {name} laid over it",
                    label=name,
                    scale=scale,
                ),
            )
            for name, (colors, seen, scale) in layers.items()
        ],
        per_row=2,
        caption="Move the pointer across a picture. White dots: the 68 landmarks, found in color alone.",
    )


def add_sessions(page: Page, sessions: Sequence[Path], sync: Sequence[SyncReport], dataset: Dataset) -> None:
    """Tabulate what was recorded and how well the streams keep time."""
    page.section(
        "Recorded on one plan",
        "Each sensor runs by itself at 30 frames a second; the frame nearest to each tick of the plan is "
        "kept. Skew is how far apart in time the streams of one tick are.",
    )
    split = {entry.session_id: entry.split for entry in dataset.sessions}
    share = {entry.id: f"{100 * entry.aligned_share:.1f} %" for entry in dataset.record.sessions}
    rows = []
    for path, timing in zip(sessions, sync, strict=True):
        session = open_session(path)
        settings = session.record.settings
        rows.append(
            [
                session.record.subject,
                split.get(session.id, "calibration"),
                "poor" if _light(session) <= POOR_LIGHT else "good",
                "virtual" if settings is not None and settings.is_virtual else "real time",
                str(sum(timing.frames.values())),
                str(sum(frames_lost([path], [timing]).values())),
                f"{timing.skew_ms['median']:.1f}",
                f"{timing.skew_ms['p99']:.1f}",
                share.get(session.id, ""),
            ]
        )
    page.table(
        ["subject", "used for", "light", "clock", "frames", "lost", "skew ms", "p99 ms", "aligned"],
        rows,
        caption="Sessions: frames of all streams, frames lost, skew between streams, faces aligned",
    )


def frames_stored(sync: Sequence[SyncReport]) -> dict[str, int]:
    """Return {stream: frames} over all sessions."""
    return {stream.value: sum(report.frames[stream] for report in sync) for stream in Stream}


def frames_lost(sessions: Sequence[Path], sync: Sequence[SyncReport]) -> dict[str, int]:
    """Return {stream: frames that the plan wanted and the session lacks} over all sessions."""
    lost = dict.fromkeys((stream.value for stream in Stream), 0)
    for path, report in zip(sessions, sync, strict=True):
        session = open_session(path)
        for stream in session.streams:
            counted = session.record.recorders[session.recorder_of(stream)].n_lost
            lost[stream.value] += max(counted, report.missing[stream])
    return lost


def worst_skew_ms(sync: Sequence[SyncReport]) -> dict[str, float]:
    """Return the median session's median skew, and the largest p99 and maximum of any session."""
    return {
        "median": float(np.median([report.skew_ms["median"] for report in sync])),
        "p99": max(report.skew_ms["p99"] for report in sync),
        "max": max(report.skew_ms["max"] for report in sync),
    }


def add_calibration(page: Page, calibration: Calibration, errors: CalibrationErrors) -> None:
    """Tabulate how far the solved geometry is from the simulated rig's."""
    n_views = len({view.view for view in calibration.residuals if view.used})
    page.section(
        "Calibrated from a checkerboard",
        f"Solved from {n_views} views of a board. The simulated rig knows the truth, the solver does not.",
    )
    spreads = {
        "depth into color, at the face": (errors.depth_to_color_px, "px"),
        "distance of the face": (errors.depth_mm, "mm"),
        "color into thermal, at the face": (errors.color_to_thermal_px, "px"),
    }
    rows = [[what, f"{e.median:.2f} {unit}", f"{e.max:.2f} {unit}"] for what, (e, unit) in spreads.items()]
    page.table(["error against the truth", "median", "largest"], rows, caption="Where the face is put")
    page.table(
        ["error against the truth", "rotation", "translation"],
        [
            [
                "color from depth",
                f"{errors.color_from_depth_deg:.3f}°",
                f"{errors.color_from_depth_mm:.2f} mm",
            ],
            [
                "thermal from color",
                f"{errors.thermal_from_color_deg:.3f}°",
                f"{errors.thermal_from_color_mm:.2f} mm",
            ],
            ["depth shift", "", f"{errors.depth_shift_mm:+.2f} mm"],
        ],
        caption="Solved less true geometry",
    )


def add_faces(page: Page, sessions: Sequence[Path], dataset: Dataset, *, n_shown: int) -> None:
    """Show aligned crops of several subjects over time (the paper's Fig. 6)."""
    page.section(
        "Aligned faces",
        "Eyes and nose on fixed places in every stream, 96 pixels wide: what the networks see.",
    )
    light = {path.name: _light(open_session(path)) for path in sessions}
    by_light = sorted(dataset.sessions, key=lambda s: light[s.session_id] > POOR_LIGHT)
    shown = [by_light[-1], by_light[0], *by_light[1:-1]][:n_shown]
    for source in shown:
        seen = np.flatnonzero(source.read("valid_color"))
        picked = seen[np.linspace(0, len(seen) - 1, N_STRIP).astype(int)]
        valence = source.read("valence")[picked]
        rows: list[tuple[str, Picture | Sequence[str]]] = [("valence", [f"{v:+.1f}" for v in valence])]
        for stream in STREAM_ORDER:
            crops = _crop_colors(stream, source.read(stream.value)[picked])
            alt = f"{stream.value} crops of {source.subject}, {N_STRIP} moments from first to last"
            rows.append((stream.value, Picture(draw.strip(crops), alt=alt)))
        words = "poor light" if light[source.session_id] <= POOR_LIGHT else "good light"
        page.strips(rows, title=f"{source.subject}, {words}")


def _light(session: Session) -> float:
    settings = session.record.settings
    return 1.0 if settings is None else settings.scene.light


def _celsius(counts: NDArray) -> NDArray[np.float64]:
    return counts * 0.04 - 273.15


def _infrared(counts: NDArray) -> NDArray[np.uint8]:
    return draw.infrared_grays(counts, brightest=float(np.quantile(counts, 0.995)))


def _face_distance(depth_mm: NDArray, landmarks_px: NDArray, calibration: Calibration) -> float:
    """Return the median distance under the landmarks, millimetres in the color camera's frame."""
    warped = DepthWarp(calibration).to_color(depth_mm)
    columns, rows = np.rint(landmarks_px).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < warped.shape[1]) & (rows < warped.shape[0])
    under = warped[rows[inside], columns[inside]]
    return float(np.median(under[under > 0])) if np.any(under > 0) else 1000.0


def _crop_colors(stream: Stream, crops: NDArray) -> list[NDArray[np.uint8]]:
    """Return one stream's crops (N, S, S, ...) as pictures on one scale."""
    if stream is Stream.COLOR:
        return list(crops)
    if stream is Stream.THERMAL:
        return [draw.thermal_colors(crop / 100 - 273.15) for crop in crops]
    if stream is Stream.DEPTH:
        size = crops.shape[1]
        middle = crops[:, size // 3 : -size // 3, size // 3 : -size // 3]
        face_mm = float(np.median(middle[middle > 0])) if np.any(middle > 0) else 1000.0
        return [draw.depth_colors(crop, face_mm) for crop in crops]
    brightest = float(np.quantile(crops, 0.995))
    return [draw.infrared_grays(crop, brightest=brightest) for crop in crops]
