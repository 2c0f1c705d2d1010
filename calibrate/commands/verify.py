"""The command `mavfer calibrate verify CALIBRATION SESSION`."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..verify.agreement import LIMIT_PX, Agreement
from ..verify.verify import N_MOMENTS

COLORS = {"agrees": "green", "knocked": "red", "cannot tell": "yellow"}


def verify(
    calibration: Annotated[Path, typer.Argument(metavar="CALIBRATION", help="The calibration file.")],
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", help="A recording of that rig; a face or a board.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write a report with pictures there.")
    ] = None,
    moments: Annotated[
        int, typer.Option(min=5, max=500, help="Moments that are looked at, spread over the session.")
    ] = N_MOMENTS,
    limit_px: Annotated[
        float, typer.Option(min=0.5, max=50, help="Offset beyond which a rig is knocked, in camera pixels.")
    ] = LIMIT_PX,
    as_json: AsJson = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Say whether a recording still fits the rig's calibration, or the rig was knocked since.

    Outlines of what stands near (a head, shoulders, a board) are found in depth and compared with the edges
    of the color and thermal pictures. A turn of 0.25 degrees or a shift of 4 mm across the view is seen; a
    shift along the view is not. The report shows people's pictures.

    Exits 0 where all edges agree, 1 where the rig was knocked or it cannot be told.

    Example: mavfer calibrate verify calibration.toml sessions/S01-001
    """
    from ...capture.session import open_session
    from ...errors import OutputError
    from ...output import require_free
    from ...progress import bar
    from ..calibration import require_rig
    from ..calibration_file import read_calibration
    from ..verify.verify import verify as verify_session

    if out is not None:
        if out.is_dir():
            raise OutputError(f"wanted a file name, found a folder: {out}")
        require_free(out, overwrite=overwrite)
    geometry = read_calibration(calibration)
    recorded = open_session(session)
    require_rig(geometry, recorded.record.rig, calibration)
    with bar("comparing edges") as show:
        agreement = verify_session(recorded, geometry, n_moments=moments, limit_px=limit_px, on_progress=show)
    if as_json:
        print_json(agreement.table())
    else:
        _print_agreement(agreement)
    if out is not None:
        from ..verify.page import write_page

        write_page(out, agreement, recorded, geometry, overwrite=overwrite)
        typer.echo(f"wrote the report: {out}", err=True)
    if agreement.verdict != "agrees":
        raise typer.Exit(1)


def _print_agreement(agreement: Agreement) -> None:
    """Print the verdict, and one line per camera."""
    simulated = ", simulated" if agreement.simulated else ""
    typer.echo(f"session {agreement.session}, rig {agreement.rig!r}{simulated}")
    for name, camera in agreement.cameras.items():
        head = typer.style(f"{name}: {camera.verdict}", fg=COLORS[camera.verdict])
        of = f" ({camera.n_found} of {len(camera.measured)} moments)" if camera.segments else ""
        typer.echo(f"{head}; {camera.reason}{of}")
    for remark in agreement.remarks:
        typer.echo(f"not compared: {remark}")
    typer.echo(
        f"{typer.style(agreement.verdict, fg=COLORS[agreement.verdict], bold=True)}: {agreement.reason}"
    )
