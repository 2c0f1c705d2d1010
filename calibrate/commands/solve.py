"""The command `mavfer calibrate BOARD_SESSION`."""

from pathlib import Path
from typing import Annotated

import typer

from ..calibration import Calibration


def calibrate(
    session: Annotated[Path, typer.Argument(metavar="BOARD_SESSION", help="A session that shows a board.")],
    board: Annotated[str, typer.Option(help="Inner corners across x down x side of a square.")] = "9x6x25mm",
    out: Annotated[Path, typer.Option(help="The calibration file to write.")] = Path("calibration.toml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Solve the rig's geometry from a recorded board session.

    Exits 1, and writes nothing, where the board was not seen often enough, near and far, tilted, and over
    the whole picture of every camera.
    """
    from ...capture.board import Board
    from ...capture.session import open_session
    from ...errors import OutputError
    from ...output import require_free
    from ...progress import bar
    from ..calibration_file import write_calibration
    from ..gates import calibration_warnings
    from ..solve import calibrate_session

    shown = Board.parse(board)
    require_free(out, overwrite=overwrite)
    if out.is_dir():
        raise OutputError(f"wanted a file name, found a folder: {out}")
    if shown.symmetric:
        _complain(
            f"the board {shown} looks the same upside down; hold it upright, or better use "
            "one of odd x even corners, such as 9x6"
        )
    recorded = open_session(session)
    with bar("finding corners") as on_progress:
        calibration = calibrate_session(recorded, shown, on_progress=on_progress)
    write_calibration(out, calibration, overwrite=overwrite)
    _print_calibration(calibration)
    for warning in calibration_warnings(calibration):
        _complain(warning)
    kind = "simulated rig" if recorded.record.simulated else "rig"
    typer.echo(f"wrote the calibration of the {kind} {calibration.rig!r}: {out}")


def _complain(warning: str) -> None:
    typer.echo(f"warning: {warning}", err=True)


def _print_calibration(calibration: Calibration) -> None:
    """Print one line per camera, and where the cameras stand."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    table = Table("camera", box=None, pad_edge=False)
    for heading in ("views", "left out", "rms px", "coverage", "fx px", "fy px", "cx px", "cy px"):
        table.add_column(heading, justify="right")
    for name, camera in calibration.cameras.items():
        views = [view.used for view in calibration.residuals if view.camera == name]
        table.add_row(
            name,
            str(sum(views)),
            str(len(views) - sum(views)),
            f"{calibration.rms_px[name]:.3f}",
            f"{calibration.coverage[name]:.0%}",
            *(f"{value:.1f}" for value in (camera.fx, camera.fy, camera.cx, camera.cy)),
        )
    console = Console(highlight=False)
    console.print(table)
    poses = {"depth": calibration.color_from_depth}
    if calibration.thermal_from_color is not None:
        poses["thermal"] = calibration.thermal_from_color.inverse()
    for name, pose in poses.items():
        x, y, z = (f"{value:.1f}" for value in pose.translation_mm)
        baseline_mm = float(np.linalg.norm(pose.translation_mm))
        typer.echo(
            f"{name}: {baseline_mm:.1f} mm from color ({x}, {y}, {z}), turned by {pose.angle_deg:.2f} degrees"
        )
    typer.echo(f"depth shift: {calibration.depth_shift_mm:+.1f} mm")
