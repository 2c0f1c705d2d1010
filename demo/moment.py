"""One moment of the demo in all four streams: whole, side by side, and laid over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..calibrate.calibration import Calibration
from ..calibrate.carry import carry, lay_in_color
from ..calibrate.warp import DepthWarp
from ..capture.session import Session, open_session
from ..capture.streams import Stream
from ..capture.synchronize import synchronize
from ..errors import DatasetError
from ..preprocess.dataset.clips import Dataset
from ..report import Page, Picture, Wipe
from . import pictures as draw

STREAM_ORDER = (Stream.COLOR, Stream.DEPTH, Stream.THERMAL, Stream.INFRARED)
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
    lit = [s for s in dataset.sessions if light_of(open_session(folders[s.session_id])) > POOR_LIGHT]
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
                draw.thermal_colors(celsius(thermal)),
                alt="Temperature as colors, warm skin before a cool wall",
                label="thermal",
                scale=draw.thermal_scale(),
            ),
            Picture(
                infrared_of(infrared[6:416]), alt="The infrared picture of the depth camera", label="infrared"
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
            Stream.THERMAL: lambda cut: draw.thermal_colors(celsius(cut)),
            Stream.INFRARED: infrared_of,
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
    thermal = lay_in_color(moment.pixels[Stream.THERMAL], depth_mm, calibration, of=Stream.THERMAL)
    face = np.ascontiguousarray(color[y0:y1, x0:x1])
    depth_mm, thermal = depth_mm[y0:y1, x0:x1], thermal[y0:y1, x0:x1]
    before = depth_mm < moment.face_mm + PERSON_MM  # the wall behind is hidden from the thermal camera
    layers = {
        "depth": (
            draw.depth_colors(depth_mm, moment.face_mm),
            depth_mm > 0,
            draw.depth_scale(moment.face_mm),
        ),
        "thermal": (draw.thermal_colors(celsius(thermal)), (thermal > 0) & before, draw.thermal_scale()),
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


def light_of(session: Session) -> float:
    settings = session.record.settings
    return 1.0 if settings is None else settings.scene.light


def celsius(counts: NDArray) -> NDArray[np.float64]:
    return counts * 0.04 - 273.15


def infrared_of(counts: NDArray) -> NDArray[np.uint8]:
    return draw.infrared_grays(counts, brightest=float(np.quantile(counts, 0.995)))


def _face_distance(depth_mm: NDArray, landmarks_px: NDArray, calibration: Calibration) -> float:
    """Return the median distance under the landmarks, millimetres in the color camera's frame."""
    warped = DepthWarp(calibration).to_color(depth_mm)
    columns, rows = np.rint(landmarks_px).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < warped.shape[1]) & (rows < warped.shape[0])
    under = warped[rows[inside], columns[inside]]
    return float(np.median(under[under > 0])) if np.any(under > 0) else 1000.0
