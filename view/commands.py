"""`mavfer view` and `mavfer sheet`: a session, a dataset or a run looked at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..capture.streams import Stream
from ..errors import UsageError
from ..preprocess.commands.serving import require_together, serve_page
from .kinds import Kind, kind_of

if TYPE_CHECKING:
    from ..web.gate import Gate
    from ..web.viewer import Door

ONLY_FOR = {
    "--session": (Kind.DATASET, Kind.RUN),
    "--dataset": (Kind.SESSION, Kind.RUN),
    "--traces": (Kind.SESSION,),
    "--calibration": (Kind.SESSION,),
    "--landmarks": (Kind.SESSION,),
}
"""What an option is for; said of anything else it is misuse, and is told."""


def view(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A session, a dataset or a run.", show_default=False)
    ],
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Dataset, run: the session to begin with.")
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Run: where its faces are. Session: take landmarks from it."),
    ] = None,
    traces: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Session: raters' traces, where not beside it.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Session: lay depth and thermal over color by it.")
    ] = None,
    landmarks: Annotated[
        bool, typer.Option("--landmarks", help="Session: find the face's landmarks in what is shown.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page, on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or only print its link.")
    ] = True,
    rerun: Annotated[bool, typer.Option("--rerun", help="Show it in Rerun instead.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.rrd", help="With --rerun: write a recording, open nothing.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --save.")] = False,
) -> None:
    """Look at a session, a dataset or a run in a browser, on this machine alone; Ctrl-C ends the page.

    Session: all streams side by side at any tick, with markers, losses and ratings. Dataset: aligned faces,
    labels, why a row is not valid. Run: what it says of each test session beside the labels, and where it
    looks. The page opens by a link that works once. --rerun shows the same in Rerun's viewer.

    Example: mavfer view sessions/S01
    Example: mavfer view runs/mran --session S05
    Example: mavfer view sessions/S01 --calibration calibration.toml --landmarks
    """
    require_together(rerun=rerun, save=save, overwrite=overwrite, port=port)
    kind = kind_of(path)
    given = {
        "--session": session,
        "--dataset": dataset,
        "--traces": traces,
        "--calibration": calibration,
        "--landmarks": landmarks,
    }
    _require_fitting(kind, given, path)
    if kind is Kind.DATASET:
        from ..preprocess.commands.view import view_dataset

        view_dataset(
            path,
            session,
            command="mavfer view",
            port=port,
            browser=browser,
            rerun=rerun,
            save=save,
            overwrite=overwrite,
        )
    elif rerun:
        from .in_rerun import show_in_rerun

        _require_shown_in_rerun(given)
        show_in_rerun(kind, path, session=session, dataset=dataset, save=save, overwrite=overwrite)
    elif kind is Kind.SESSION:
        _session_page(
            path,
            dataset=dataset,
            traces=traces,
            calibration=calibration,
            landmarks=landmarks,
            port=port,
            browser=browser,
        )
    else:
        _run_page(path, dataset=dataset, session=session, port=port, browser=browser)


def sheet(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Sessions, datasets, runs.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The picture, .png, or the page, .html.", show_default=False)
    ],
    count: Annotated[
        int | None, typer.Option(min=1, help="Moments of each session; 8 if neither is given.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=0.05, metavar="SECONDS", help="In place of --count: one moment each.")
    ] = None,
    columns: Annotated[
        int | None, typer.Option(min=1, max=60, help="Moments beside each other; 8, or --count.")
    ] = None,
    streams: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Rows: color,depth,infrared,thermal; all, of faces color."),
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=32, max=640, metavar="PIXELS", help="Of each picture; 160, faces 96.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="DATASET", help="Runs: where their faces are.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Draw sessions, datasets and runs as one contact sheet, readable by itself.

    Session: a row per stream, a column per moment, ratings below. Dataset: each session's faces over its
    labels. Run: faces, attention over them, predictions over labels. Names, times, units and color scales
    are drawn in.

    Example: mavfer sheet sessions/S01 sessions/S02 --out sheet.png
    Example: mavfer sheet clips --count 12 --out clips.html
    Example: mavfer sheet runs/mran --every 5 --columns 12 --out mran.png
    """
    from ..output import new_file, require_free
    from ..progress import bar
    from .sheet import Spacing
    from .sheet_of import blocks_of
    from .sheet_png import require_matplotlib, sheet_png

    if count is not None and every is not None:
        raise UsageError("wanted --count or --every, found both; leave one out")
    if out.suffix.lower() not in (".png", ".html"):
        raise UsageError(f"wanted --out to end in .png or .html, found {out.suffix!r}: {out}")
    chosen = _streams_named(streams)
    require_free(out, overwrite=overwrite)
    kinds = {kind_of(path) for path in paths}
    if dataset is not None and Kind.RUN not in kinds:
        raise UsageError(f"wanted --dataset with a run, found none; leave it out: {dataset}")
    require_matplotlib()
    spacing = Spacing(count or 8, every)
    with bar("gathering pictures") as on_progress:
        blocks, told = blocks_of(
            paths, spacing=spacing, streams=chosen, dataset=dataset, on_progress=on_progress
        )
    for line in told:
        typer.echo(line, err=True)
    title = ", ".join(dict.fromkeys(path.resolve().name for path in paths))
    cell_px = width or (160 if Kind.SESSION in kinds else 96)
    across = columns or count or 8
    if out.suffix.lower() == ".html":
        from .sheet_html import sheet_page

        sheet_page(title, blocks, columns=across, cell_px=cell_px).write(out, overwrite=overwrite)
    else:
        picture = sheet_png(title, blocks, columns=across, cell_px=cell_px)
        with new_file(out, overwrite=overwrite) as temporary:
            temporary.write_bytes(picture)
    print(out)


def _streams_named(words: str | None) -> tuple[Stream, ...]:
    """Return the streams that a list with commas names; raises UsageError for any other word."""
    found = []
    for word in (words or "").split(","):
        if not word.strip():
            continue
        try:
            found.append(Stream(word.strip().lower()))
        except ValueError:
            known = ",".join(stream.value for stream in Stream)
            raise UsageError(f"wanted --streams of {known}, found {word.strip()!r}") from None
    return tuple(found)


def _session_page(
    path: Path,
    *,
    dataset: Path | None,
    traces: Path | None,
    calibration: Path | None,
    landmarks: bool,
    port: int,
    browser: bool,
) -> None:
    from ..web.viewer import require_web
    from .landmarks import landmarks_of
    from .overlay import open_overlay
    from .session_view import open_view

    require_web()
    opened = open_view(path, traces=traces)
    overlay = None if calibration is None else open_overlay(opened, calibration)
    points = landmarks_of(opened, dataset=dataset) if landmarks or dataset is not None else None
    for remark in opened.remarks:
        typer.echo(remark, err=True)

    def build(door: "Door") -> "Gate":
        from .session_app import session_app

        return session_app(opened, door, overlay=overlay, landmarks=points)

    serve_page(build, command="mavfer view", port=port, browser=browser)


def _run_page(path: Path, *, dataset: Path | None, session: str | None, port: int, browser: bool) -> None:
    from ..web.viewer import require_web
    from .run_view import open_run_view

    require_web()
    opened = open_run_view(path, dataset=dataset)
    first = 0 if session is None else opened.number_of(session)
    for remark in opened.remarks:
        typer.echo(remark, err=True)

    def build(door: "Door") -> "Gate":
        from .run_app import run_app

        return run_app(opened, door, first=first)

    serve_page(build, command="mavfer view", port=port, browser=browser)


def _require_fitting(kind: Kind, given: dict[str, object], path: Path) -> None:
    """Raise UsageError where an option was given that says nothing about what stands at `path`."""
    for option, kinds in ONLY_FOR.items():
        if given[option] not in (None, False) and kind not in kinds:
            meant = " or ".join(f"a {one}" for one in kinds)
            raise UsageError(f"wanted {option} with {meant}, found it with a {kind}; leave it out: {path}")


def _require_shown_in_rerun(given: dict[str, object]) -> None:
    """Raise UsageError for what only the page shows."""
    for option in ("--traces", "--calibration", "--landmarks"):
        if given[option] not in (None, False):
            raise UsageError(
                f"wanted {option} for the page in a browser, found it with --rerun; leave one out"
            )
