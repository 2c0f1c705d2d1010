"""`mavfer dataset view`: a dataset's clips in a browser, or in Rerun."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .serving import require_together, serve_page

if TYPE_CHECKING:
    from ...web.gate import Gate
    from ...web.viewer import Door
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
    require_together(rerun=rerun, save=save, overwrite=overwrite, port=port)
    view_dataset(
        dataset,
        session,
        command="mavfer dataset view",
        port=port,
        browser=browser,
        rerun=rerun,
        save=save,
        overwrite=overwrite,
    )


def view_dataset(
    dataset: Path,
    session: str | None,
    *,
    command: str,
    port: int,
    browser: bool,
    rerun: bool,
    save: Path | None,
    overwrite: bool,
) -> None:
    """Show a dataset in a browser or in Rerun, as `view` does; `command` is what the page calls itself."""
    from ..view.catalog import open_catalog

    catalog = open_catalog(dataset)
    number = None if session is None else catalog.number_of(session)
    if rerun:
        _in_rerun(catalog, number, save, overwrite=overwrite)
    else:
        _in_browser(catalog, number, command=command, port=port, browser=browser)


def _in_browser(catalog: "Catalog", number: int | None, *, command: str, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    from ...web.viewer import require_web

    require_web()

    def build(door: "Door") -> "Gate":
        from ..view.app import dataset_app

        return dataset_app(catalog, door, first=number)

    serve_page(build, command=command, port=port, browser=browser)


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
