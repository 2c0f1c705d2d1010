"""The first half of the demo's page: what was recorded, how it was calibrated, which faces were cut.

Everything is read back from the demo's own folders; the arrays become pictures in demo/pictures.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..calibrate.boards.detect import find_corners
from ..calibrate.calibration import Calibration
from ..calibrate.verify.agreement import Agreement
from ..capture.board import Board
from ..capture.rig import Rig
from ..capture.session import open_session
from ..capture.streams import Stream
from ..capture.synchronize import SyncReport, synchronize
from ..preprocess.dataset.clips import Dataset
from ..report import Page, Picture
from . import pictures as draw
from .moment import POOR_LIGHT, STREAM_ORDER, celsius, infrared_of, light_of
from .truth import CalibrationErrors

N_BOARD_TRIES = 25
N_STRIP = 10


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
                "poor" if light_of(session) <= POOR_LIGHT else "good",
                _clock_of(settings),
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


def _clock_of(settings: Rig | None) -> str:
    """Return how time passed in a session, and how its thermal camera was reached."""
    if settings is None:
        return "real time"
    if settings.is_virtual:
        return "virtual"
    return "real time, thermal over the wire" if settings.scene.wire else "real time"


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


def board_pictures(board_session: Path, board: Board) -> list[Picture]:
    """Return one moment of the board in color, infrared and thermal, found corners drawn; none if unseen."""
    session = open_session(board_session)
    index = synchronize(session).index
    streams = (Stream.COLOR, Stream.INFRARED, Stream.THERMAL)
    for tick in np.linspace(0, len(index[Stream.COLOR]) - 1, N_BOARD_TRIES).astype(int):
        if min(index[stream][tick] for stream in streams) < 0:
            continue
        pixels = {stream: session.frame(stream, int(index[stream][tick])).pixels for stream in streams}
        found = [find_corners(pixels[stream], board, stream) for stream in streams]
        corners = [one for one in found if one is not None]
        if len(corners) == len(streams):
            return [
                _board_picture(stream, pixels[stream], _as_in_color(one, corners[0]))
                for stream, one in zip(streams, corners, strict=True)
            ]
    return []


def _as_in_color(corners_px: NDArray, color_px: NDArray) -> NDArray:
    """Return corners (N, 2) in the order of color's.

    One thermal picture cannot tell whether its dark squares are the cold or the warm ones, so it may read
    the board from the other end; the solver settles that over all views.
    """
    same = np.dot(corners_px[-1] - corners_px[0], color_px[-1] - color_px[0]) > 0
    return corners_px if same else corners_px[::-1]


def _board_picture(stream: Stream, pixels: NDArray, corners_px: NDArray) -> Picture:
    height, width = pixels.shape[:2]
    region = draw.face_region(corners_px, factor=1.9, aspect=1.25, width=width, height=height)
    cut = pixels[region[1] : region[3], region[0] : region[2]]
    if stream is Stream.THERMAL:
        low, high = np.quantile(celsius(cut), [0.02, 0.98])
        cut = draw.colored(celsius(cut), colormap="inferno", low=float(low), high=float(high))
    elif stream is Stream.INFRARED:
        cut = np.repeat(infrared_of(cut)[..., None], 3, axis=2)
    shown = draw.with_corners(draw.fitted(np.ascontiguousarray(cut), 480, 384), corners_px, region)
    return Picture(shown, alt=f"The board in {stream.value}, its corners marked", label=stream.value)


def add_calibration(
    page: Page, board_session: Path, board: Board, calibration: Calibration, errors: CalibrationErrors
) -> None:
    """Show the board, and tabulate how far the solved geometry is from the simulated rig's."""
    n_views = len({view.view for view in calibration.residuals if view.used})
    page.section(
        "Calibrated from a checkerboard",
        f"Solved from {n_views} views of a board. The simulated rig knows the truth, the solver does not.",
    )
    page.pictures(
        board_pictures(board_session, board),
        per_row=3,
        caption="The same corners in three cameras, from the first (dark) to the last (bright).",
    )
    spreads = {
        "depth into color, at the face": (errors.depth_to_color_px, "px"),
        "distance of the face": (errors.depth_mm, "mm"),
        "color into thermal, at the face": (errors.color_to_thermal_px, "px"),
    }
    rows = [[what, f"{e.median:.3f} {unit}", f"{e.max:.3f} {unit}"] for what, (e, unit) in spreads.items()]
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


def add_agreements(page: Page, agreements: Sequence[Agreement], *, calibration_page: str) -> None:
    """Tabulate whether each recording still fits the calibration, judged by edges and without the truth."""
    page.section(
        "Does it still hold?",
        "Every recording is its own check: the outlines that depth sees, carried through the calibration, "
        "are compared with the edges of the color and thermal pictures. A knocked rig shows as an offset. "
        f"The calibration has a page of its own, {calibration_page}, beside this one.",
    )
    rows = []
    for agreement in agreements:
        offsets = [_offset(agreement, name) for name in ("color", "thermal")]
        rows.append([agreement.session, agreement.verdict, *offsets])
    page.table(
        ["session", "verdict", "color off by", "thermal off by"],
        rows,
        caption="Recordings against the calibration, by their edges",
    )


def _offset(agreement: Agreement, camera: str) -> str:
    """Return how far a camera's edges lie from where depth puts them; empty if it cannot be told."""
    found = agreement.cameras.get(camera)
    worst = found.worst if found is not None else None
    return "" if worst is None else f"{worst.length_px:.1f} ± {2 * worst.deviation_px:.1f} px"


def add_faces(page: Page, sessions: Sequence[Path], dataset: Dataset, *, n_shown: int) -> None:
    """Show aligned crops of several subjects over time (the paper's Fig. 6)."""
    page.section(
        "Aligned faces",
        "The same face on the same place in every stream, 96 pixels wide: what the networks see. Depth is "
        "colored around each face's own distance. Which frames are missing, and why: dataset/report.html, "
        "beside this page.",
    )
    light = {path.name: light_of(open_session(path)) for path in sessions}
    by_light = sorted(dataset.sessions, key=lambda s: light[s.session_id] > POOR_LIGHT)
    in_turn = [one for pair in zip(reversed(by_light), by_light, strict=True) for one in pair]
    shown = list(dict.fromkeys(in_turn))[:n_shown]  # the best lit, the worst, the next best, ...
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


def _crop_colors(stream: Stream, crops: NDArray) -> list[NDArray[np.uint8]]:
    """Return one stream's crops (N, S, S, ...) as pictures."""
    if stream is Stream.COLOR:
        return list(crops)
    if stream is Stream.THERMAL:
        return [draw.thermal_colors(crop / 100 - 273.15) for crop in crops]
    if stream is Stream.DEPTH:
        return [draw.depth_colors(crop, _middle_mm(crop)) for crop in crops]
    brightest = float(np.quantile(crops, 0.995))
    return [draw.infrared_grays(crop, brightest=brightest) for crop in crops]


def _middle_mm(crop: NDArray) -> float:
    """Return the median distance in the middle of a depth crop (S, S), millimetres."""
    third = crop.shape[0] // 3
    middle = crop[third:-third, third:-third]
    return float(np.median(middle[middle > 0])) if np.any(middle > 0) else 1000.0
