"""The command `mavfer dataset report DATASET`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write; else report.html in the dataset.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the page that stands there.")
    ] = False,
) -> None:
    """Write a dataset's report again: what came out, why frames are missing, labels, faces, pictures.

    The page needs no network and no other file. It tells what it finds in the dataset, also in one that an
    older mavfer built; columns that such a dataset lacks are left out, and named.

    Example: mavfer dataset report clips --overwrite
    """
    from ...errors import OutputError
    from ...output import require_free
    from ...progress import bar
    from ..dataset.record import REPORT_NAME, read_record
    from ..report.page import dataset_page

    read_record(dataset)
    path = out or dataset / REPORT_NAME
    if path.is_dir():
        raise OutputError(f"wanted a file name, found a folder: {path}")
    require_free(path, overwrite=overwrite)
    with bar("drawing the page") as on_progress:
        dataset_page(dataset, on_progress=on_progress).write(path, overwrite=overwrite)
    typer.echo(f"wrote the report: {path}")
