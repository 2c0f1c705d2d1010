"""`mavfer dataset view`: a dataset's clips in a browser, or in Rerun."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError

if TYPE_CHECKING:
    from ..view.catalog import Catalog


def view(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)],
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="The session to show; without it the first.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page, on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or only print its link.")
    ] = True,
    rerun: Annotated[bool, typer.Option("--rerun", help="Show one session in Rerun instead.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.rrd", help="With --rerun: write a recording, open nothing.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --save.")] = False,
) -> None:
    """Look at a dataset's clips, row by row: all streams, labels, and why a row is not valid.

    A page on this machine alone, opened by a link that works once; Ctrl-C ends it. --rerun writes a recording
    with the same and opens Rerun's viewer.

    Example: mavfer dataset view clips --session S01-001
    """
    from ..view.catalog import open_catalog

    if save is not None and not rerun:
        raise UsageError(f"wanted --save with --rerun, found it alone; add --rerun: {save}")
    if overwrite and save is None:
        raise UsageError("wanted --overwrite with --save FILE.rrd, found it alone; nothing else is written")
    if rerun and port:
        raise UsageError(f"wanted --port for the page in a browser, found {port} with --rerun; leave one out")
    catalog = open_catalog(dataset)
    number = None if session is None else catalog.number_of(session)
    if rerun:
        _in_rerun(catalog, number, save, overwrite=overwrite)
    else:
        _in_browser(catalog, number, port=port, browser=browser)


def _in_browser(catalog: "Catalog", number: int | None, *, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    from ...capture.commands.operating import terminate_like_ctrl_c
    from ..view.server import Viewer

    def tell(link: str) -> None:
        print(link, flush=True)

    with terminate_like_ctrl_c():
        try:
            with Viewer(catalog, port=port, first=number, tell=tell) as viewer:
                tell(viewer.url)
                if not browser or not _has_screen() or not webbrowser.open(viewer.url):
                    typer.echo("open this link in a browser on this machine; Ctrl-C ends the page", err=True)
                else:
                    typer.echo("opened in the browser; Ctrl-C ends the page", err=True)
                viewer.wait()
        except KeyboardInterrupt:  # the way to end it
            typer.echo("the page is closed", err=True)


def _has_screen() -> bool:
    """Return whether a window can open here; elsewhere `webbrowser` would start a browser in the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _in_rerun(catalog: "Catalog", number: int | None, save: Path | None, *, overwrite: bool) -> None:
    """Write a recording and say where, or open it and wait until the viewer is closed."""
    from ...capture.export.rerun_chunks import new_recording, require_rerun
    from ...progress import bar
    from ..view.rerun_file import show_rrd, write_rrd, write_session_layout

    require_rerun("--rerun")
    if number is None:
        number = _first_built(catalog)
    session = catalog.session(number)
    others = len(catalog.record.built) - 1
    if others > 0:
        typer.echo(f"session {session.id}, one of {others + 1}; --session chooses another", err=True)
    if save is not None:
        with new_recording(save, overwrite=overwrite) as (recording, layout):
            with bar("writing the recording") as on_progress:
                write_rrd(recording, catalog, number, on_progress=on_progress)
            write_session_layout(layout, catalog, number)
        print(save)
        return
    with bar("writing the recording") as on_progress:
        show_rrd(catalog, number, on_progress=on_progress)


def _first_built(catalog: "Catalog") -> int:
    """Return the number of the first session that is in the dataset, the first of all where none is."""
    return next((k for k, entry in enumerate(catalog.record.sessions) if entry.fate == "built"), 0)
