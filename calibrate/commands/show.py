"""The command `mavfer calibrate show CALIBRATION`."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json


def show(
    calibration: Annotated[Path, typer.Argument(metavar="CALIBRATION", help="A calibration file.")],
    session: Annotated[
        list[Path] | None,
        typer.Option(
            help="A session of the same rig, of a board or a face, to look at through the calibration; "
            "may be repeated."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("calibration.html"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a calibration as one page: residuals, coverage, the rig in space, how certain a face is placed.

    The page needs no network and no other file. What a file does not hold, imported ones above all, it names.

    Example: mavfer calibrate show calibration.toml --session sessions/board
    """
    from ...capture.session import open_session
    from ...errors import OutputError
    from ...output import require_free
    from ...progress import bar
    from ..calibration_file import read_calibration
    from ..show.moments import find_moment
    from ..show.page import calibration_page
    from ..solver.gates import calibration_warnings

    if out.is_dir():
        raise OutputError(f"wanted a file name, found a folder: {out}")
    require_free(out, overwrite=overwrite)
    shown = read_calibration(calibration)
    moments = []
    with bar("reading sessions") as on_progress:
        for number, path in enumerate(session or ()):
            on_progress(number, len(session or ()))
            moments.append(find_moment(shown, open_session(path)))
    with bar("drawing the page") as on_progress:
        calibration_page(shown, moments, on_progress=on_progress).write(out, overwrite=overwrite)
    if as_json:
        from .calibration_facts import calibration_facts

        print_json({"page": out, **calibration_facts(shown)})
        return
    for warning in calibration_warnings(shown):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"wrote the page of the calibration of rig {shown.rig!r}: {out}")
