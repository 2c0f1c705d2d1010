"""The demo's page: what the road recorded, solved, cut and learned, section by section.

Everything is read back from the demo's own folders; the arrays become pictures in demo_pictures.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import demo_pictures as draw
from .annotate.trace import read_traces
from .calibrate.calibration import Calibration
from .calibrate.warp import DepthWarp, carry, thermal_to_color
from .capture.session import Session, open_session
from .capture.simulated.truth import read_truth
from .capture.streams import Stream
from .capture.synchronize import SyncReport, synchronize
from .errors import DatasetError
from .model.attention import attention_maps
from .model.evaluate import Evaluation
from .preprocess.clips import Dataset, DatasetSession, open_dataset, windows
from .report import Page, Picture, Share, Wipe

MODEL_NAMES = {
    "mran": "MRAN",
    "uran": "URAN, color only",
    "early-fusion": "early fusion",
    "constant": "constant",
}
STREAM_ROWS = ("color", "depth", "thermal", "infrared")
N_STRIP = 10
N_ATTENTION = 8
N_FRAMES_CLIP = 16
POOR_LIGHT = 0.5


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took, and how many of what it worked through."""

    name: str
    seconds: float
    count: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class DemoResults:
    """What the road left behind.

    Attributes
    ----------
    quick : bool, the small road
    board_session : folder of the calibration board's session
    sessions : folders of the face sessions
    sync : one report per face session
    calibration, calibration_errors : solved geometry, and {what: (error, unit)} against the truth
    traces, dataset : folders
    runs, evaluations : {model: folder}, {model: scores on the test subjects}
    stages : in the order of the road
    """

    quick: bool
    board_session: Path
    sessions: tuple[Path, ...]
    sync: tuple[SyncReport, ...]
    calibration: Calibration
    calibration_errors: Mapping[str, tuple[float, str]]
    traces: Path
    dataset: Path
    runs: Mapping[str, Path]
    evaluations: Mapping[str, Evaluation]
    stages: Sequence[StageTime]


@dataclass(frozen=True, slots=True)
class Moment:
    """All streams at one tick, and the landmarks (68, 2) that were found in color."""

    title: str
    pixels: Mapping[Stream, NDArray]
    landmarks_px: NDArray
    face_mm: float


def write_report(path: Path, results: DemoResults, summary: Mapping) -> None:
    """Write the demo's page to `path`."""
    page = Page(
        "A face, four streams, two feelings",
        _subtitle(results),
        mark="simulated",
    )
    dataset = open_dataset(results.dataset)
    moment = find_moment(results, dataset)
    add_opening(page, results, summary, moment)
    add_streams(page, moment)
    add_overlays(page, moment, results.calibration)
    add_sessions(page, results, dataset)
    add_calibration(page, results)
    add_faces(page, results, dataset)
    add_ratings(page, results, dataset)
    add_predictions(page, results)
    add_attention(page, results, dataset)
    add_scores(page, results)
    add_times(page, results)
    add_limits(page)
    page.write(path)


def find_moment(results: DemoResults, dataset: Dataset) -> Moment:
    """Return the liveliest moment of a well-lit session in which every stream shows the face."""
    folders = {path.name: path for path in results.sessions}
    lit = [s for s in dataset.sessions if _light(open_session(folders[s.session_id])) > POOR_LIGHT]
    for source in lit or dataset.sessions:
        seen = np.logical_and.reduce([source.read(f"valid_{name}") for name in STREAM_ROWS])
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
        face_mm = _face_distance(pixels[Stream.DEPTH], landmarks, results.calibration)
        return Moment(f"{source.subject}, {synchronized.time_s[tick]:.1f} s", pixels, landmarks, face_mm)
    raise DatasetError(f"no frame of the dataset shows a face in all four streams: {results.dataset}")


def add_opening(page: Page, results: DemoResults, summary: Mapping, moment: Moment) -> None:
    """Open with the face in four streams and the figures that matter most."""
    page.pictures(
        [
            Picture(picture.pixels, alt=picture.alt, label=picture.label)
            for picture in stream_pictures(moment, results.calibration, aspect=0.8, factor=2.3, width=420)
        ],
        per_row=4,
    )
    frames = sum(summary["frames"].values())
    page.tiles(
        {
            "face sessions": str(len(results.sessions)),
            "frames recorded": f"{frames:,}".replace(",", " "),
            "frames lost": str(sum(summary["frames_lost"].values())),
            "faces aligned": f"{100 * summary['aligned_share']:.1f} %",
            "depth to color, median error": f"{results.calibration_errors['depth to color, median'][0]:.2f} px",
            "MRAN, valence CCC": f"{results.evaluations['mran'].scores['valence']['ccc']:.2f}",
        }
    )
    words = (
        "No person was filmed. Heads, cameras, raters and all their errors are computed, so every number and "
        "picture on this page is simulated. A good score here says that the road works from end to end; it says "
        "nothing about reading feelings from real faces.",
    )
    if results.quick:
        words += (
            "This is the quick road: few, short sessions and a few passes of training. Its scores mean little; "
            "`mavfer demo` without --quick takes the whole road.",
        )
    page.note("Everything here is simulated", *words)


def add_streams(page: Page, moment: Moment) -> None:
    """Show the four whole pictures of one tick."""
    page.section("Four streams of one moment", f"What the rig sees at one tick: {moment.title}.")
    color, depth, thermal, infrared = (moment.pixels[stream] for stream in _stream_order())
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
    for stream in _stream_order():
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
        pixels = draw.fitted(np.ascontiguousarray(colors), width)
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
    layers = {
        "depth": (
            draw.depth_colors(depth_mm, moment.face_mm),
            depth_mm > 0,
            draw.depth_scale(moment.face_mm),
        ),
        "thermal": (draw.thermal_colors(_celsius(thermal)), thermal > 0, draw.thermal_scale()),
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


def add_sessions(page: Page, results: DemoResults, dataset: Dataset) -> None:
    """Tabulate what was recorded and how well the streams keep time."""
    page.section(
        "Recorded on one plan",
        "Each sensor runs by itself at 30 frames a second; the frame nearest to each tick of the plan is kept. "
        "Skew is how far apart in time the streams of one tick are.",
    )
    split = {entry.session_id: entry.split for entry in dataset.sessions}
    share = {entry.id: entry.aligned_share for entry in dataset.record.sessions}
    rows = []
    for path, sync in zip(results.sessions, results.sync, strict=True):
        session = open_session(path)
        light = "poor" if _light(session) <= POOR_LIGHT else "good"
        rows.append(
            [
                session.record.subject,
                split.get(session.id, "-"),
                light,
                "virtual" if session.record.settings and session.record.settings.is_virtual else "real time",
                str(sum(sync.frames.values())),
                str(sum(sync.lost.values())),
                f"{sync.skew_ms['median']:.1f}",
                f"{sync.skew_ms['p99']:.1f}",
                f"{100 * share.get(session.id, 0.0):.1f} %",
            ]
        )
    page.table(
        ["subject", "part", "light", "clock", "frames", "lost", "skew ms", "p99 ms", "aligned"],
        rows,
        caption="Face sessions: frames of all streams, frames lost, skew between streams, faces aligned",
    )


def add_calibration(page: Page, results: DemoResults) -> None:
    """Tabulate how far the solved geometry is from the simulated rig's."""
    n_views = len({view.view for view in results.calibration.residuals if view.used})
    page.section(
        "Calibrated from a checkerboard",
        f"Solved from {n_views} views of a board; the simulated rig knows the truth, the solver does not.",
    )
    rows = [[what, f"{error:.3g}", unit] for what, (error, unit) in results.calibration_errors.items()]
    page.table(["error against the truth", "value", "unit"], rows, caption="Calibration errors at the face")


def add_faces(page: Page, results: DemoResults, dataset: Dataset) -> None:
    """Show aligned crops of several subjects over time (the paper's Fig. 6)."""
    page.section(
        "Aligned faces",
        "Eyes and nose on fixed places in every stream, 96 pixels wide: what the networks see.",
    )
    light = {path.name: _light(open_session(path)) for path in results.sessions}
    by_light = sorted(dataset.sessions, key=lambda s: light[s.session_id] > POOR_LIGHT)
    shown = [by_light[-1], by_light[0], *by_light[1:-1]][: 2 if results.quick else 4]
    for source in shown:
        seen = np.flatnonzero(source.read("valid_color"))
        picked = seen[np.linspace(0, len(seen) - 1, N_STRIP).astype(int)]
        valence = source.read("valence")[picked]
        rows: list[tuple[str, Picture | Sequence[str]]] = [("valence", [f"{v:+.1f}" for v in valence])]
        for name in STREAM_ROWS:
            crops = _crop_colors(name, source.read(name)[picked])
            alt = f"{name} crops of {source.subject}, {N_STRIP} moments from first to last"
            rows.append((name, Picture(draw.strip(crops), alt=alt)))
        words = "poor light" if light[source.session_id] <= POOR_LIGHT else "good light"
        page.strips(rows, title=f"{source.subject}, {words}")


def add_ratings(page: Page, results: DemoResults, dataset: Dataset) -> None:
    """Plot what the raters of one session said, their mean, and what was to be rated."""
    page.section(
        "Three raters and their mean",
        "Each rater follows late, in whole steps, with a bias and with gaps; their mean is the label.",
    )
    source = dataset.sessions[0]
    truth = read_truth(_truth_path(next(p for p in results.sessions if p.name == source.session_id)))
    time_s = source.read("time_s")
    panels = []
    for dimension in ("valence", "arousal"):
        raters = [
            (trace.time_s, trace.value / 10)
            for trace in read_traces(results.traces, source.session_id)
            if trace.dimension == dimension
        ]
        true = (truth.tick_s, getattr(truth, dimension))
        panels.append(draw.RatingPanel(dimension, raters, (time_s, source.read(dimension)), true))
    page.plot(
        lambda figure: draw.draw_ratings(figure, panels),
        alt=f"Valence and arousal of {source.subject}: three raters, their mean and the truth over time",
        size_in=(10.5, 4.8),
        caption=f"Session of {source.subject}.",
    )


def add_predictions(page: Page, results: DemoResults) -> None:
    """Plot predicted against true valence of unseen subjects (the paper's Fig. 12)."""
    page.section(
        "Predicted against true valence", "Subjects that no network was trained on; nothing is smoothed."
    )
    models = [model for model in ("mran", "uran") if model in results.evaluations]
    n_shown = min(3, len(results.evaluations[models[0]].sessions))
    panels = []
    for i in range(n_shown):
        row = []
        for model in models:
            one = results.evaluations[model].sessions[i]
            title = f"{one.session} · {MODEL_NAMES[model]}"
            row.append(draw.Curve(title, one.time_s, one.truth["valence"], one.predicted["valence"]))
        panels.append(row)
    page.plot(
        lambda figure: draw.draw_predictions(figure, panels),
        alt="Predicted and true valence over time, one row per unseen subject, one column per model",
        size_in=(10.5, 0.7 + 1.9 * n_shown),
        caption="As Fig. 12 of the paper.",
    )


def add_attention(page: Page, results: DemoResults, dataset: Dataset) -> None:
    """Show where MRAN and URAN look over one clip of two unseen subjects (the paper's Fig. 10)."""
    page.section("Where the networks look", "Attention over the frames of one clip; bright is a high weight.")
    for source in dataset.split("test")[:2]:
        starts = windows(source, length=N_FRAMES_CLIP, step=N_FRAMES_CLIP // 2)
        if not starts:
            continue
        start = _liveliest(source, starts)
        picked = np.linspace(0, N_FRAMES_CLIP - 1, N_ATTENTION).astype(int)
        crops = source.read("color", start, start + N_FRAMES_CLIP)[picked]
        times = source.read("time_s", start, start + N_FRAMES_CLIP)[picked]
        rows: list[tuple[str, Picture | Sequence[str]]] = [
            ("", [f"{t:.1f} s" for t in times]),
            ("color", Picture(draw.strip(list(crops)), alt=f"Color crops of {source.subject}")),
        ]
        for model in ("mran", "uran"):
            maps = attention_maps(results.runs[model], source, start)[picked]
            brightest = float(np.quantile(maps, 0.995))
            over = [
                draw.attention_over(crop, weights, brightest=brightest)
                for crop, weights in zip(crops, maps, strict=True)
            ]
            alt = f"Attention of {MODEL_NAMES[model]} over the crops of {source.subject}"
            rows.append((MODEL_NAMES[model].split(",")[0], Picture(draw.strip(over), alt=alt)))
        page.strips(rows, title=source.subject)


def add_scores(page: Page, results: DemoResults) -> None:
    """Compare the models on the test subjects."""
    words = "All numbers on subjects never trained on. The networks are of reduced width (size small)."
    if results.quick:
        words += " After the quick road's short training they mean little."
    page.section("Scores", words)
    table = scores_table(results.evaluations)
    ccc = {d: [table[m][d]["ccc"] for m in table] for d in ("valence", "arousal")}
    names = [MODEL_NAMES.get(model, model) for model in table]
    page.plot(
        lambda figure: draw.draw_scores(figure, names, ccc),
        alt="Bars: concordance of every model for valence and arousal",
        size_in=(10.5, 2.7),
    )
    columns = [(d, s) for d in ("valence", "arousal") for s in ("rmse", "cc", "ccc")]
    rows = [
        [MODEL_NAMES.get(model, model), *(f"{table[model][d][s]:.3f}" for d, s in columns)] for model in table
    ]
    best = []
    for j, (dimension, score) in enumerate(columns, start=1):
        values = [table[model][dimension][score] for model in table]
        best.append((int(np.argmin(values) if score == "rmse" else np.argmax(values)), j))
    header = ["model", *(f"{dimension} {score.upper()}" for dimension, score in columns)]
    page.table(header, rows, caption="Error (RMSE, lower is better), correlation and concordance", best=best)


def scores_table(evaluations: Mapping[str, Evaluation]) -> dict[str, dict[str, dict[str, float]]]:
    """Return {model: {dimension: {score: value}}}, the constant predictor last."""
    table = {model: evaluation.scores for model, evaluation in evaluations.items()}
    return {**table, "constant": next(iter(evaluations.values())).constant}


def add_times(page: Page, results: DemoResults) -> None:
    """Tabulate the seconds of every stage."""
    total = sum(stage.seconds for stage in results.stages)
    page.section("How long it took", f"{_minutes(total)} from nothing to this page, on this machine.")
    rows = [
        [
            stage.name,
            f"{stage.seconds:.1f}",
            f"{stage.count} {stage.unit}" if stage.count else "",
            f"{stage.count / stage.seconds:.1f}" if stage.count and stage.seconds > 0 else "",
            Share(stage.seconds / total, f"{100 * stage.seconds / total:.0f} %"),
        ]
        for stage in results.stages
    ]
    page.table(
        ["stage", "seconds", "worked through", "per second", "share of the time"], rows, caption="Stages"
    )


def add_limits(page: Page) -> None:
    """Close with what the simulation cannot show."""
    page.section("What this does not prove")
    page.note(
        "Simulated is not measured",
        "The faces follow rules of our own: valence and arousal move muscles, head, skin temperature and breath "
        "as we wrote it. A network that finds these rules again has not learned what people feel.",
        "Sensor noise, flying pixels, infrared reflectance and skin temperature are plausible, not measured. No "
        "Kinect v2 or FLIR A65 was attached, so drivers, cables, warm-up and dropped USB packets were not tried.",
        "The raters are simulated too: their agreement says nothing about how people agree.",
    )


def _subtitle(results: DemoResults) -> str:
    total = _minutes(sum(stage.seconds for stage in results.stages))
    return (
        f"{len(results.sessions)} simulated people before a simulated Kinect v2 and FLIR A65: recorded, "
        f"calibrated, rated, cut into clips and learned from in {total}."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _stream_order() -> tuple[Stream, ...]:
    return (Stream.COLOR, Stream.DEPTH, Stream.THERMAL, Stream.INFRARED)


def _light(session: Session) -> float:
    settings = session.record.settings
    return 1.0 if settings is None else settings.scene.light


def _truth_path(session: Path) -> Path:
    return session.with_name(session.name + ".truth.npz")


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


def _liveliest(source: DatasetSession, starts: Sequence[int]) -> int:
    valence = source.read("valence")
    return max(starts, key=lambda start: float(np.ptp(valence[start : start + N_FRAMES_CLIP])))


def _crop_colors(name: str, crops: NDArray) -> list[NDArray[np.uint8]]:
    """Return one stream's crops (N, S, S, ...) as pictures on one scale."""
    if name == "color":
        return list(crops)
    if name == "thermal":
        return [draw.thermal_colors(crop / 100 - 273.15) for crop in crops]
    if name == "depth":
        size = crops.shape[1]
        middle = crops[:, size // 3 : -size // 3, size // 3 : -size // 3]
        face_mm = float(np.median(middle[middle > 0])) if np.any(middle > 0) else 1000.0
        return [draw.depth_colors(crop, face_mm) for crop in crops]
    brightest = float(np.quantile(crops, 0.995))
    return [draw.infrared_grays(crop, brightest=brightest) for crop in crops]
