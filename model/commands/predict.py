"""The command `mavfer predict`: of a recording, row by row, or of the cameras as they film."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UsageError
from ...extras import require
from ...facts import AsJson, print_json
from .device import Device, torch_device
from .predict_choices import Precision

if TYPE_CHECKING:
    from collections.abc import Callable

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
        typer.Option(metavar="FILE", help="The rig's calibration; recordings of color alone need none."),
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
    as_json: AsJson = False,
) -> None:
    """Say what a run sees: valence and arousal of every row of a recording, or live.

    Of a recording: OUT/frames.csv, OUT/overlay.mp4, OUT/prediction.toml. Live: a line for each score; with
    --json these lines are on stderr, and the object comes at the end.

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
    require("dlib", "face_recognition_models", extra="build")  # before the network is read, and a video
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    if live and rig is not None:
        from .predict_live import predict_live

        predict_live(
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
            as_json=as_json,
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
    _warn(prediction)
    if as_json:
        print_json({"run": run, **_facts(prediction, film=film)})
    else:
        _tell(prediction)


def _stages(bars: ExitStack) -> "Callable[[str], Callable[[int, int], None]]":
    from ...progress import bar

    def stage(title: str) -> "Callable[[int, int], None]":
        bars.close()  # the stage before
        return bars.enter_context(bar(title))

    return stage


def _warn(prediction: "Prediction") -> None:
    record = prediction.record
    for remark in record.remarks:
        typer.echo(f"warning: {remark}", err=True)
    if record.trained_on:
        typer.echo(
            f"warning: the run has learned from subject {record.subject!r}; of strangers it knows less",
            err=True,
        )
    if record.cut_assumed:
        typer.echo("warning: how the run's faces were cut had to be assumed: its dataset has gone", err=True)


def _facts(prediction: "Prediction", *, film: bool) -> dict[str, Any]:
    """Return what `prediction.toml` holds, how the scores spread over rows, and where the files lie."""
    from ..use.frames_file import FILM_NAME, FRAMES_NAME

    record, scores = prediction.record, prediction.scores
    spread = {"mean": scores.scores.mean(0), "min": scores.scores.min(0), "max": scores.scores.max(0)}
    return {
        "prediction": prediction.path,
        "frames": prediction.path / FRAMES_NAME,
        "film": prediction.path / FILM_NAME if film else None,
        **record.model_dump(exclude={"schema_version", "run", "names"}),
        "scores": {
            name: {word: values[k] for word, values in spread.items()} for k, name in enumerate(scores.names)
        },
    }


def _tell(prediction: "Prediction") -> None:
    record, scores = prediction.record, prediction.scores
    mark = ", simulated" if record.simulated else ""
    typer.echo(
        f"{record.recording}: {record.n_rows} rows at {record.clip_fps:.3g} per second, "
        f"{record.covered_share:.0%} covered by {record.n_clips} clips ({record.model}{mark})"
    )
    for k, name in enumerate(scores.names):
        column = scores.scores[:, k]
        typer.echo(f"{name:>12}  mean {column.mean():+.3f}  from {column.min():+.3f} to {column.max():+.3f}")
    typer.echo(str(prediction.path))
