"""The demo's page: its order, its opening, and its second half: what was rated, learned and how long it took.

The first half, what was recorded and cut, lives in demo/recorded.py; arrays become pictures in
demo/pictures.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..annotate.trace import DIMENSIONS, read_traces
from ..calibrate.calibration import Calibration
from ..calibrate.verify.agreement import Agreement
from ..capture.board import Board
from ..capture.simulated.truth import read_truth, truth_path
from ..capture.synchronize import SyncReport
from ..model.evaluation.evaluate import Evaluation
from ..model.explain.attention import attention_maps
from ..preprocess.dataset.clips import Dataset, DatasetSession, open_dataset, windows
from ..report import Page, Picture, Share
from . import moment, recorded
from . import pictures as draw
from .stages import BOARD, RATER_LAG_S, StageTime
from .truth import CalibrationErrors

MODEL_NAMES = {"mran": "MRAN", "uran": "URAN (color only)", "early-fusion": "early fusion"}
N_ATTENTION = 8
N_FRAMES_CLIP = 16
EVEN_TIMES = 3.0
"""Attention, in multiples of an even map's, from which on it is drawn bright."""


@dataclass(frozen=True, slots=True)
class DemoResults:
    """What the road left behind.

    Attributes
    ----------
    quick : bool, the small road
    board, sessions : folders of the board session and of the face sessions
    sync : one report per session, the board first
    calibration, errors : the solved geometry, and how far it is from the truth
    agreements : how well the edges of each session agree with it
    calibration_page : name of the calibration's own page, beside this one
    traces, dataset : folders
    aligned_share : share of all frames in which the face was aligned
    runs, evaluations : {model: folder}, {model: scores on the test subjects}
    stages : in the order of the road
    """

    quick: bool
    board: Path
    sessions: tuple[Path, ...]
    sync: tuple[SyncReport, ...]
    calibration: Calibration
    errors: CalibrationErrors
    agreements: Sequence[Agreement]
    calibration_page: str
    traces: Path
    dataset: Path
    aligned_share: float
    runs: Mapping[str, Path]
    evaluations: Mapping[str, Evaluation]
    stages: Sequence[StageTime]

    @property
    def recorded(self) -> tuple[Path, ...]:
        """All sessions, the board first."""
        return (self.board, *self.sessions)


def write_report(path: Path, results: DemoResults) -> None:
    """Write the demo's page to `path`."""
    page = Page("A face, four streams, valence and arousal", _subtitle(results), mark="simulated")
    dataset = open_dataset(results.dataset)
    shown = moment.find_moment(results.sessions, results.calibration, dataset)
    add_opening(page, results, shown)
    moment.add_streams(page, shown)
    moment.add_overlays(page, shown, results.calibration)
    recorded.add_sessions(page, results.recorded, results.sync, dataset)
    recorded.add_calibration(page, results.board, Board.parse(BOARD), results.calibration, results.errors)
    recorded.add_agreements(page, results.agreements, calibration_page=results.calibration_page)
    recorded.add_faces(page, results.sessions, dataset, n_shown=2 if results.quick else 4)
    add_ratings(page, results, dataset)
    add_predictions(page, results)
    add_attention(page, results, dataset)
    add_scores(page, results)
    add_times(page, results)
    add_limits(page)
    page.write(path)


def add_opening(page: Page, results: DemoResults, shown: moment.Moment) -> None:
    """Open with the face in four streams and the figures that matter most."""
    page.pictures(
        [
            Picture(picture.pixels, alt=picture.alt, label=picture.label)
            for picture in moment.stream_pictures(
                shown, results.calibration, aspect=0.8, factor=2.3, width=420
            )
        ],
        per_row=4,
    )
    frames = sum(recorded.frames_stored(results.sync).values())
    lost = sum(recorded.frames_lost(results.recorded, results.sync).values())
    error_px = results.errors.depth_to_color_px.median
    page.tiles(
        {
            "face sessions": str(len(results.sessions)),
            "frames recorded": f"{frames:,}".replace(",", " "),
            "frames lost": str(lost),
            "faces aligned": f"{100 * results.aligned_share:.1f} %",
            "depth to color, median error": f"{error_px:.2f} px",
            "MRAN, valence CCC": f"{results.evaluations['mran'].scores['valence']['ccc']:.2f}",
        }
    )
    words = (
        "No person was filmed. Heads, cameras, raters and all their errors are computed, so every number "
        "and picture on this page is simulated. A good score here says that the road works from end to end; "
        "it says nothing about reading feelings from real faces.",
    )
    if results.quick:
        words += (
            "This is the quick road: few, short sessions and a few passes of training. Its scores mean "
            "little; mavfer demo without --quick takes the whole road.",
        )
    page.note("Everything here is simulated", *words)


def add_ratings(page: Page, results: DemoResults, dataset: Dataset) -> None:
    """Plot what the raters of one session said, their mean, and what was to be rated."""
    page.section(
        "Three raters and their mean",
        "Each rater follows late, in whole steps, with a bias and with gaps. Their mean, moved back by "
        f"{RATER_LAG_S:g} seconds, is the label.",
    )
    source = dataset.sessions[0]
    truth = read_truth(truth_path(next(p for p in results.sessions if p.name == source.session_id)))
    time_s = source.read("time_s")
    panels = []
    for dimension in DIMENSIONS:
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
    page.section(
        "Where the networks look",
        "Attention over one clip, smoothed over 3 pixels: dark is little, bright is three times an even "
        "share or more.",
    )
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
            over = [
                draw.attention_over(crop, weights, brightest=EVEN_TIMES)
                for crop, weights in zip(crops, maps, strict=True)
            ]
            alt = f"Attention of {MODEL_NAMES[model]} over the crops of {source.subject}"
            rows.append((model.upper(), Picture(draw.strip(over), alt=alt)))
        page.strips(rows, title=source.subject)


def add_scores(page: Page, results: DemoResults) -> None:
    """Compare the models on the test subjects."""
    words = (
        "All numbers on subjects never trained on. The networks are of reduced width (size small); "
        "mavfer train --size full trains those of the paper."
    )
    if results.quick:
        words += " After the quick road's short training they mean little."
    page.section("Scores", words)
    table = scores_table(results.evaluations)
    ccc = {d: [table[m][d]["ccc"] for m in table] for d in DIMENSIONS}
    names = [MODEL_NAMES.get(model, model) for model in table]
    page.plot(
        lambda figure: draw.draw_scores(figure, names, ccc),
        alt="Bars: concordance of every model for valence and arousal",
        size_in=(10.5, 2.7),
        caption="Concordance of each network with the raters' mean; the constant is the mean training label.",
    )
    columns = [(d, s) for d in DIMENSIONS for s in ("rmse", "cc", "ccc")]
    rows = [
        [MODEL_NAMES.get(model, model), *(f"{table[model][d][s]:.3f}" for d, s in columns)] for model in table
    ]
    best = []
    for j, (dimension, score) in enumerate([] if results.quick else columns, start=1):
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
    rows.append(["all", f"{total:.1f}", "", "", ""])
    page.table(
        ["stage", "seconds", "worked through", "per second", "share of the time"],
        rows,
        caption="Seconds of each stage, on simulated sessions",
    )


def add_limits(page: Page) -> None:
    """Close with what the simulation cannot show."""
    page.section("What this does not prove")
    page.note(
        "Simulated is not measured",
        "The faces follow rules of our own: valence and arousal move muscles, head, skin temperature and "
        "breath as we wrote it. A network that finds these rules again has not learned what people feel.",
        "Sensor noise, flying pixels, infrared reflectance and skin temperature are plausible, not measured. "
        "No Kinect v2 or FLIR A65 was attached: drivers, cables, warm-up and dropped USB packets were not "
        "tried.",
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


def _liveliest(source: DatasetSession, starts: Sequence[int]) -> int:
    valence = source.read("valence")
    return max(starts, key=lambda start: float(np.ptp(valence[start : start + N_FRAMES_CLIP])))
