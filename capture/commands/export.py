"""`mavfer export`: options in, progress on stderr, what was written on stdout."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..export.export import ExportFormat
from ..streams import Stream


def export(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="The session folder.")],
    format: Annotated[ExportFormat, typer.Option(help="Videos, pictures, a Rerun recording, numpy arrays.")],
    out: Annotated[
        Path, typer.Option(metavar="PATH", help="mp4, png: the folder to make; rrd, npz: the file.")
    ],
    stream: Annotated[
        list[Stream] | None, typer.Option(help="Which stream; may be repeated. All if not given.")
    ] = None,
    from_s: Annotated[
        float | None, typer.Option("--from", metavar="SECONDS", help="Begin here, since the first tick.")
    ] = None,
    to_s: Annotated[
        float | None, typer.Option("--to", metavar="SECONDS", help="End before this, since the first tick.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a session, or a stretch of it, as videos, pictures, a Rerun recording or numpy arrays.

    mp4: one H.264 video per stream, each frame at its own time; thermal and depth are colored, with a scale.
    png: a picture per frame, 16 bit as stored, and frames.csv. rrd: for the Rerun viewer, color not encoded
    anew. npz: arrays per stream, not compressed. Exits 1 where a damaged frame had to be left out; the
    others are written all the same.

    Example: mavfer export sessions/S01-001 --format mp4 --out films
    Example: mavfer export sessions/S01-001 --format npz --out S01.npz --from 10 --to 20
    """
    from ...progress import bar
    from ..export.export import export as write
    from ..session import open_session

    opened = open_session(session)
    with bar("exporting") as on_progress:
        report = write(
            opened,
            out=out,
            format=format,
            streams=stream or (),
            start_s=from_s,
            end_s=to_s,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    if as_json:
        print_json(
            {
                "path": report.path,
                "format": format,
                "n_frames": report.n_frames,
                "left_out": report.left_out,
                "size_bytes": _size_bytes(report.path),
            }
        )
    else:
        counts = ", ".join(f"{name.value} {n}" for name, n in report.n_frames.items())
        typer.echo(f"{counts} frames: {report.path}")
    if format is ExportFormat.RRD and not as_json:
        typer.echo(f"look at it, on this machine alone, with: rerun --bind 127.0.0.1 {report.path}")
    for line in report.left_out:
        typer.echo(f"left out: {line}", err=True)
    if report.left_out:
        raise typer.Exit(1)


def _size_bytes(path: Path) -> int:
    """Return the size of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
