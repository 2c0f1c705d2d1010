"""`mavfer predict --live`: a line for each score, and in the end how the session went."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from ...facts import print_json

if TYPE_CHECKING:
    from ..use.live_report import LiveReport, LiveScore


def predict_live(
    run: Path,
    rig_path: Path,
    *,
    calibration: Path | None,
    dataset: Path | None,
    clip_fps: float | None,
    seconds: float | None,
    fps: float,
    precision: str,
    device: str,
    csv: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Print a line for each score; with `as_json` on stderr, and in the end one object on stdout."""
    from ...calibrate.calibration import require_rig
    from ...calibrate.calibration_file import read_calibration
    from ...capture.commands.operating import terminate_like_ctrl_c
    from ...capture.rig import read_rig
    from ...output import require_free
    from ..checkpoint import open_run
    from ..use.feed import Feed
    from ..use.live import LiveScorer, require_calibrated, wanted_streams
    from ..use.live_table import LiveTable
    from ..use.recording import clip_config_of, require_pixels

    settings = read_rig(rig_path)
    if csv is not None:
        require_free(csv, overwrite=overwrite)
    opened = open_run(run)
    require_pixels(opened)
    config, _ = clip_config_of(opened, dataset=dataset, fps=clip_fps)
    solved = None if calibration is None else read_calibration(calibration)
    if solved is not None and calibration is not None:
        require_rig(solved, settings.name, calibration)
    require_calibrated(opened, solved, rig=settings.name)
    opened.network.to(device)
    length_s = seconds or 3600.0  # a simulated scene wants an end
    with ExitStack() as stack:
        stack.enter_context(terminate_like_ctrl_c())
        typer.echo("opening the cameras", err=True)
        feed = stack.enter_context(Feed(settings, streams=wanted_streams(opened), seconds=length_s))
        scorer = LiveScorer(
            opened, feed, config=config, calibration=solved, fps=fps, precision=precision, device=device
        )
        table = None
        if csv is not None:
            table = LiveTable(csv, scorer.report.names)
            stack.callback(table.close)
        wait_s = (opened.record.inputs.n_frames - 1) / config.fps
        typer.echo(f"the first score comes after {wait_s:.3g} s with a face; Ctrl-C ends", err=True)

        lines = sys.stderr if as_json else sys.stdout

        def on_score(score: "LiveScore") -> None:
            _print(score, scorer.report.names, lines)
            if table is not None:
                table.write(score)

        report = scorer.run(seconds=seconds, on_score=on_score)
    simulated = opened.record.simulated or settings.is_simulated
    if lines.isatty():
        typer.echo("", file=lines)
    _summarize(report, clip_fps=config.fps, simulated=simulated)
    if as_json:
        live = _facts(report, clip_fps=config.fps)
        print_json({"model": opened.record.model, "run": run, "simulated": simulated, "csv": csv, **live})


def _print(score: "LiveScore", names: tuple[str, ...], to: TextIO) -> None:
    values = "  ".join(f"{name} {value:+.3f}" for name, value in zip(names, score.values, strict=True))
    rough = "" if score.settled else f"  (rough: {score.reference_s:.0f} s seen)"
    line = f"{score.t_s:8.2f} s  {values}  {score.latency_ms:4.0f} ms late{rough}"
    to.write(f"\r{line}\x1b[K" if to.isatty() else f"{line}\n")
    to.flush()


def _summarize(report: "LiveReport", *, clip_fps: float, simulated: bool) -> None:
    mark = " (simulated)" if simulated else ""
    if report.n_scores == 0:
        typer.echo(f"no score: {report.why_no_score(clip_fps)}", err=True)
        return
    typer.echo(
        f"{report.n_scores} scores{mark}, {report.scores_per_s:.1f} per second; from exposure to score "
        f"{report.latency_ms(50):.0f} ms (median), {report.latency_ms(95):.0f} ms (95 %); face in "
        f"{report.n_faces} of {report.n_rows} rows",
        err=True,
    )


def _facts(report: "LiveReport", *, clip_fps: float) -> dict[str, Any]:
    """Return how a live session went; each score stands in the lines before, and in the file of --csv."""
    return {
        "names": report.names,
        "clip_fps": clip_fps,
        "n_scores": report.n_scores,
        "scores_per_s": report.scores_per_s,
        "latency_median_ms": report.latency_ms(50),
        "latency_p95_ms": report.latency_ms(95),
        "n_rows": report.n_rows,
        "n_rows_with_face": report.n_faces,
        "rows_per_s": report.rows_per_s,
        "first_score_s": report.first_score_s,
        "last_score_s": report.last_score_s,
        "problem": None if report.n_scores else report.why_no_score(clip_fps),
    }
