"""The command `mavfer predict`: of a recording, row by row, or of the cameras as they film."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from .device import Device, torch_device
from .predict_choices import Precision

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..use.live_report import LiveReport, LiveScore
    from ..use.predict import Prediction

RECORDED = "Of a session or a video"
LIVE = "Of the cameras"


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.")],
    recording: Annotated[
        Path | None, typer.Argument(metavar="SESSION|VIDEO", help="What to look at; not with --live.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make of it.", rich_help_panel=RECORDED)
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of the rig; recordings of color alone need none."),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the run's dataset is now, if it was moved.")
    ] = None,
    clip_fps: Annotated[
        float | None,
        typer.Option(
            "--clip-fps",
            min=0.1,
            max=120,
            help="Frames per second of the run's clips, if the dataset has gone.",
        ),
    ] = None,
    film: Annotated[
        bool, typer.Option("--film/--no-film", help="Draw the film too.", rich_help_panel=RECORDED)
    ] = True,
    batch: Annotated[int, typer.Option(min=1, help="Clips at once.", rich_help_panel=RECORDED)] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of the network.", show_default="torch's own choice")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Look at what the cameras see now.")] = False,
    rig: Annotated[Path | None, typer.Option(help="The rig file.", rich_help_panel=LIVE)] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End after that; else at Ctrl-C.", rich_help_panel=LIVE)
    ] = None,
    fps: Annotated[
        float, typer.Option(min=0.5, max=120, help="Looks per second.", rich_help_panel=LIVE)
    ] = 10.0,
    precision: Annotated[
        Precision,
        typer.Option(
            help="bf16 may be faster where the machine computes it; scores differ a little.",
            rich_help_panel=LIVE,
        ),
    ] = Precision.FP32,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every score there.", rich_help_panel=LIVE)
    ] = None,
) -> None:
    """Say what a run sees: valence and arousal of every row of a recording, or live.

    Of a recording: OUT/frames.csv, OUT/overlay.mp4, OUT/prediction.toml. Live: a line for each score.

    Example: mavfer predict runs/mran/0 holiday.mp4 --out seen
    Example: mavfer predict runs/mran/0 --live --rig rig.toml --calibration calibration.toml
    """
    if live:
        if recording is not None or out is not None:
            raise UsageError("wanted --live or a recording with --out, found both")
        if rig is None:
            raise UsageError("wanted --rig FILE with --live, found none; `mavfer rig new` makes one")
    elif recording is None or out is None:
        missing = "SESSION|VIDEO" if recording is None else "--out"
        raise UsageError(f"wanted {missing}, or --live with --rig, found neither")
    elif rig is not None or csv is not None or seconds is not None:
        raise UsageError("wanted --live with --rig, --csv and --seconds, found a recording")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    if live and rig is not None:
        _live(
            run,
            rig,
            calibration=calibration,
            dataset=dataset,
            clip_fps=clip_fps,
            seconds=seconds,
            fps=fps,
            precision=precision.value,
            device=torch_device(device),
            csv=csv,
            overwrite=overwrite,
        )
        return
    if recording is None or out is None:
        return
    from ..use.predict import predict as predict_recording

    with ExitStack() as bars:
        prediction = predict_recording(
            run,
            recording,
            out=out,
            calibration=calibration,
            dataset=dataset,
            clip_fps=clip_fps,
            film=film,
            batch=batch,
            device=torch_device(device),
            overwrite=overwrite,
            on_stage=_stages(bars),
        )
    _tell(prediction)


def _stages(bars: ExitStack) -> "Callable[[str], Callable[[int, int], None]]":
    from ...progress import bar

    def stage(title: str) -> "Callable[[int, int], None]":
        bars.close()  # the stage before
        return bars.enter_context(bar(title))

    return stage


def _tell(prediction: "Prediction") -> None:
    record, scores = prediction.record, prediction.scores
    for remark in record.remarks:
        typer.echo(f"warning: {remark}", err=True)
    if record.trained_on:
        typer.echo(
            f"warning: the run has learned from subject {record.subject!r}; of strangers it knows less",
            err=True,
        )
    if record.cut_assumed:
        typer.echo("warning: how the run's faces were cut had to be assumed: its dataset has gone", err=True)
    mark = ", simulated" if record.simulated else ""
    typer.echo(
        f"{record.recording}: {record.n_rows} rows at {record.clip_fps:.3g} per second, "
        f"{record.covered_share:.0%} covered by {record.n_clips} clips ({record.model}{mark})"
    )
    for k, name in enumerate(scores.names):
        column = scores.scores[:, k]
        typer.echo(f"{name:>12}  mean {column.mean():+.3f}  from {column.min():+.3f} to {column.max():+.3f}")
    typer.echo(str(prediction.path))


def _live(
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
) -> None:
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

        def on_score(score: "LiveScore") -> None:
            _print(score, scorer.report.names)
            if table is not None:
                table.write(score)

        report = scorer.run(seconds=seconds, on_score=on_score)
    simulated = opened.record.simulated or settings.is_simulated
    _summarize(report, clip_fps=config.fps, simulated=simulated)


def _print(score: "LiveScore", names: tuple[str, ...]) -> None:
    values = "  ".join(f"{name} {value:+.3f}" for name, value in zip(names, score.values, strict=True))
    rough = "" if score.settled else f"  (rough: {score.reference_s:.0f} s seen)"
    line = f"{score.t_s:8.2f} s  {values}  {score.latency_ms:4.0f} ms late{rough}"
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{line}\x1b[K")
    else:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _summarize(report: "LiveReport", *, clip_fps: float, simulated: bool) -> None:
    if sys.stdout.isatty():
        typer.echo("")
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
