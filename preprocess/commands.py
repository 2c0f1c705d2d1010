"""`mavfer build-dataset`: options in, progress on stderr, the sessions' table on stdout."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config import parse
from .record import Align, ClipConfig

if TYPE_CHECKING:
    from .build import BuildReport


def build_dataset(
    sessions: Annotated[list[Path], typer.Argument(help="Recorded sessions (folders).", show_default=False)],
    out: Annotated[Path, typer.Option(help="The dataset: a folder that does not exist yet.")],
    calibration: Annotated[
        Path | None, typer.Option(help="Of the sessions' rig; not needed for sessions of color alone.")
    ] = None,
    traces: Annotated[Path | None, typer.Option(help="Folder of the raters' traces.")] = None,
    fps: Annotated[
        float, typer.Option(min=0, help="Frames per second of the clips; 0 keeps every tick.")
    ] = 4.0,
    size: Annotated[int, typer.Option(min=32, max=512, help="Side of the aligned face, pixels.")] = 96,
    align: Annotated[
        Align, typer.Option(help="Fit 51 landmarks to a mean face, or put eyes and nose on fixed pixels.")
    ] = Align.POINTS51,
    rater_lag_s: Annotated[
        float, typer.Option("--rater-lag-s", min=0, max=10, help="How long raters take to react, seconds.")
    ] = 0.0,
    test_subjects: Annotated[
        int | None, typer.Option(min=0, help="How many subjects are for testing; else 5 in 17.")
    ] = None,
    validation_subjects: Annotated[
        int | None, typer.Option(min=0, help="How many are for validation; else 1 in 6 of the rest.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the subjects of each split.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; sessions are shared out among them.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Build a dataset of aligned, labelled faces from recorded sessions.

    The face is found in color, and the same face is cut from depth, infrared and thermal through the
    calibration. Exits 1 where a session could not be built; the others are in the dataset all the same.
    """
    from rich.console import Console

    from ..progress import bar
    from . import build

    config = parse(
        {
            "fps": fps,
            "size_px": size,
            "align": align,
            "rater_lag_s": rater_lag_s,
            "n_test_subjects": test_subjects,
            "n_validation_subjects": validation_subjects,
            "seed": seed,
        },
        ClipConfig,
        where="build-dataset",
    )
    complaints = Console(stderr=True)
    with bar("aligning faces") as on_progress:
        report = build.build_dataset(
            sessions,
            calibration=calibration,
            traces=traces,
            out=out,
            config=config,
            overwrite=overwrite,
            n_workers=workers,
            on_progress=on_progress,
        )
    _print_report(report)
    for warning in report.warnings:
        complaints.print(f"warning: {warning}", soft_wrap=True, markup=False)
    for session in report.failed:
        complaints.print(f"not built: {session.id}: {session.error}", soft_wrap=True, markup=False)
    if report.failed:
        raise typer.Exit(1)


def _print_report(report: "BuildReport") -> None:
    """Print one line per session, and the whole."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for name in ("session", "subject"):
        table.add_column(name, overflow="fold")
    table.add_column("split", no_wrap=True, min_width=len("validation"))
    for name in ("frames", "aligned", "depth", "infrared", "thermal", "raters"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for session in report.built:
        shares = []
        for stream in ("depth", "infrared", "thermal"):
            counts = session.reasons.get(stream, {})
            n_usable = counts.get("ok", 0) + counts.get("plane", 0)
            shares.append(f"{n_usable / session.n_frames:.1%}" if counts else "-")
        table.add_row(
            escape(session.id),
            session.subject,
            session.parts[0].split if len(session.parts) == 1 else "in time",
            str(session.n_frames),
            f"{session.aligned_share:.1%}",
            *shares,
            str(len(session.raters)),
        )
    console = Console()
    console.print(table)
    kind = "simulated " if report.record.simulated else ""
    console.print(
        f"{report.n_frames} {kind}frames of {len(report.built)} sessions, {report.aligned_share:.1%} "
        f"aligned: {report.path}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
