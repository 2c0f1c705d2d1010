"""The command `labels agree`: how well raters agree, as tables, files and a page."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json


def agree(
    traces: Annotated[Path, typer.Argument(metavar="TRACES", help="A folder of traces.")],
    out: Annotated[
        Path | None, typer.Option(help="A folder that gets the figures (CSV, JSON) and a page with pictures.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Samples per second that are compared.", min=0.5, max=60)] = 10.0,
    lag_s: Annotated[
        float, typer.Option("--lag-s", help="Seconds that raters take to react; taken off all alike.", min=0)
    ] = 0.0,
    session: Annotated[list[str] | None, typer.Option(help="Only of this session; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of the intervals' draws of sessions.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how well raters agree: % positive, MSE, CC, CCC, alpha, ICC, and who stands out.

    Every figure is given per session, as mean over sessions and pooled, as rated and zero-mean.

    Example: mavfer labels agree traces --out agreement
    """
    from rich.console import Console

    from ...errors import TraceError
    from ...output import new_folder, require_folder_free
    from ...progress import bar
    from ..agreement.files import JSON_NAME, PAGE_NAME, write_files
    from ..agreement.files import as_json as json_table
    from ..agreement.page import agreement_page
    from ..agreement.ratings import read_folder
    from ..agreement.summary import summary_of
    from ..agreement.terminal import print_summary

    if out is not None:
        require_folder_free(out, marker=JSON_NAME, overwrite=overwrite)
    found = read_folder(traces)
    if session:
        known = {trace.session for trace in found}
        unknown = sorted(set(session) - known)
        if unknown:
            listed = ", ".join(map(repr, sorted(known)[:5]))
            raise TraceError(f"wanted traces of session {unknown[0]!r}, found only {listed}: {traces}")
        found = tuple(trace for trace in found if trace.session in session)
    with bar("comparing raters") as on_progress:
        summary = summary_of(found, fps=fps, lag_s=lag_s, seed=seed, on_progress=on_progress)
    if as_json:
        print_json(json_table(summary))
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200
        print_summary(console, summary)
    for remark in summary.remarks:
        typer.echo(f"warning: {remark}", err=True)
    if out is not None:
        with (
            bar("drawing the page") as on_progress,
            new_folder(out, marker=JSON_NAME, overwrite=overwrite) as folder,
        ):
            write_files(folder, summary)
            agreement_page(summary, on_progress=on_progress).write(folder / PAGE_NAME)
        typer.echo(f"wrote {PAGE_NAME}: {out / PAGE_NAME}", err=as_json)
