"""`mavfer build-dataset`: options in, progress on stderr, the sessions' table on stdout."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..dataset.record import Align, Compression, Smoothing

FACES = "Faces"
LABELS = "Labels"
SPLITTING = "Split"
FORMAT = "Rows and file"
WORK = "How it is built"


def build_dataset(
    sessions: Annotated[
        list[Path],
        typer.Argument(metavar="SESSION", help="Recorded sessions, or folders of them.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="The dataset: a folder that does not exist yet.")],
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            help="Of the sessions' rig; give one for each rig. Not needed for sessions of color alone."
        ),
    ] = None,
    traces: Annotated[
        Path | None, typer.Option(help="Folder of the raters' traces. A session without any gets no labels.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Folder of gold standards made by `mavfer labels fuse`, in place of --traces."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of standing choices, tables `clips` and `split`; options come first."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Frames per second of the clips; 0 keeps every tick.",
            show_default="4",
            rich_help_panel=FORMAT,
        ),
    ] = None,
    max_skew_ms: Annotated[
        float | None,
        typer.Option(
            "--max-skew-ms",
            help="Most time between color and another stream of a row, milliseconds.",
            show_default="50",
            rich_help_panel=FORMAT,
        ),
    ] = None,
    compression: Annotated[
        Compression | None,
        typer.Option(help="How pixels are stored.", show_default="none", rich_help_panel=FORMAT),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=512,
            metavar="PIXELS",
            help="Side of the aligned face.",
            show_default="96",
            rich_help_panel=FACES,
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="More of what is around the face, share of the crop.",
            show_default="0",
            rich_help_panel=FACES,
        ),
    ] = None,
    align: Annotated[
        Align | None,
        typer.Option(
            help="Fit 51 landmarks to a mean face, or put eyes and nose on fixed pixels.",
            show_default="points51",
            rich_help_panel=FACES,
        ),
    ] = None,
    smoothing: Annotated[
        Smoothing | None,
        typer.Option(
            help="How landmarks are smoothed over time.", show_default="none", rich_help_panel=FACES
        ),
    ] = None,
    fill_gaps_s: Annotated[
        float | None,
        typer.Option(
            "--fill-gaps-s",
            help="Longest gap without a face to cut at interpolated landmarks, seconds; masked all the same.",
            show_default="0",
            rich_help_panel=FACES,
        ),
    ] = None,
    yunet: Annotated[
        Path | None,
        typer.Option(help="A YuNet detector (.onnx) in place of dlib's.", rich_help_panel=FACES),
    ] = None,
    verify_moments: Annotated[
        int | None,
        typer.Option(
            "--verify-moments",
            help="Moments at which a session is held against its calibration; 0: not at all.",
            show_default="12",
            rich_help_panel=FACES,
        ),
    ] = None,
    rater_lag_s: Annotated[
        float | None,
        typer.Option(
            "--rater-lag-s",
            min=0,
            max=10,
            help="How long raters take to react, seconds.",
            show_default="0",
            rich_help_panel=LABELS,
        ),
    ] = None,
    max_label_gap_s: Annotated[
        float | None,
        typer.Option(
            "--max-label-gap-s",
            help="Longest gap in a rating to bridge, seconds.",
            show_default="5",
            rich_help_panel=LABELS,
        ),
    ] = None,
    test_subjects: Annotated[
        int | None,
        typer.Option(
            min=0, help="How many subjects are for testing; else 5 in 17.", rich_help_panel=SPLITTING
        ),
    ] = None,
    validation_subjects: Annotated[
        int | None,
        typer.Option(
            min=0, help="How many are for validation; else 1 in 6 of the rest.", rich_help_panel=SPLITTING
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Draws the subjects of each split.", show_default="0", rich_help_panel=SPLITTING
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes; sessions are shared out among them.",
            show_default="one per core",
            rich_help_panel=WORK,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Build on the workers of this Dask scheduler, tcp://HOST:PORT, that see the same files.",
            rich_help_panel=WORK,
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Build every session, unchanged ones too.", rich_help_panel=WORK),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the dataset at --out; unchanged sessions, and splits that know everyone, stay.",
            rich_help_panel=WORK,
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a dataset of aligned, labelled faces from recorded sessions.

    The face is found in color, and the same face is cut from depth, infrared and thermal through the
    calibration. Exits 1 where a session could not be built; the others are in the dataset all the same.
    After an interruption the same command goes on where it stopped.

    Example: mavfer build-dataset sessions --calibration calibration.toml --traces traces --out clips
    """
    from rich.console import Console

    from ...errors import UsageError
    from .. import build
    from ..building.workplace import n_finished
    from .build_progress import BuildProgress
    from .build_table import ENDLESS, build_facts, lines_to_tell, print_report
    from .choices import chosen

    if scheduler is not None and jobs is not None:
        raise UsageError("wanted --jobs or --scheduler, found both; the cluster has its own workers: --jobs")
    if traces is not None and labels is not None:
        raise UsageError(
            "wanted --traces or --labels, found both; gold standards are made of traces: --labels"
        )
    clips, split = chosen(
        config,
        clips={
            "fps": fps,
            "size_px": size,
            "margin": margin,
            "align": align,
            "smoothing": smoothing,
            "fill_gaps_s": fill_gaps_s,
            "max_skew_ms": max_skew_ms,
            "rater_lag_s": rater_lag_s,
            "max_label_gap_s": max_label_gap_s,
            "compression": compression,
            "verify_moments": verify_moments,
        },
        split={
            "n_test_subjects": test_subjects,
            "n_validation_subjects": validation_subjects,
            "seed": seed,
        },
    )
    stderr = Console(stderr=True)
    try:
        with BuildProgress(console=stderr) as progress:
            report = build.build_dataset(
                sessions,
                calibration=calibration or None,
                traces=traces,
                labels=labels,
                out=out,
                config=clips,
                split=split,
                yunet=yunet,
                overwrite=overwrite,
                fresh=fresh,
                n_workers=jobs,
                scheduler=scheduler,
                watch=progress,
            )
    except KeyboardInterrupt:
        stderr.print(_kept(n_finished(out), fresh=fresh), soft_wrap=True, markup=False, highlight=False)
        raise
    stdout = Console()
    if as_json:
        print_json(build_facts(report))
    else:
        print_report(report, stdout if stdout.is_terminal else Console(width=ENDLESS))
    for line in lines_to_tell(report, progress.told):
        stderr.print(line, soft_wrap=True, markup=False, highlight=False)
    if report.failed:
        raise typer.Exit(1)


def _kept(n: int, *, fresh: bool) -> str:
    """Return what an interrupted build leaves."""
    if n == 0:
        return "no session is finished yet; the same command begins again"
    sessions = "1 session is" if n == 1 else f"{n} sessions are"
    goes_on = "the same command without --fresh" if fresh else "the same command"
    return f"{sessions} finished and kept; {goes_on} goes on from there"
