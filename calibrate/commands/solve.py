"""The command `mavfer calibrate BOARD_SESSION`."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..calibration import Calibration

INTERVAL = 1.96  # standard deviations of a 95 % interval


def calibrate(
    sessions: Annotated[
        list[Path], typer.Argument(metavar="BOARD_SESSION", help="Sessions of one rig that show a board.")
    ],
    board: Annotated[
        str, typer.Option(help="The board that was shown, named as `mavfer board print` does.")
    ] = "9x6x25mm",
    out: Annotated[Path, typer.Option(help="The calibration file to write.")] = Path("calibration.toml"),
    depth_scale: Annotated[
        bool,
        typer.Option("--depth-scale", help="Multiply depth readings too; wants boards near and far."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Solve the rig's geometry from recorded board sessions.

    Exits 1, and writes nothing, where the board was not seen often enough, near and far, tilted, and over
    the whole picture of every camera.

    Example: mavfer calibrate sessions/board --board 9x6x25mm --out calibration.toml
    """
    from ...capture.board import board_named
    from ...capture.session import open_session
    from ...errors import OutputError
    from ...output import require_free
    from ...progress import bar
    from ..calibration_file import write_calibration
    from ..solver.gates import calibration_warnings
    from ..solver.solve import calibrate_sessions

    shown = board_named(board)
    if out.is_dir():
        raise OutputError(f"wanted a file name, found a folder: {out}")
    require_free(out, overwrite=overwrite)
    if shown.symmetric:
        _complain(
            f"the board {shown} looks the same upside down; hold it upright, or better use "
            "one of odd x even corners, such as 9x6"
        )
    recorded = [open_session(session) for session in sessions]
    with bar("finding corners") as on_progress:
        calibration = calibrate_sessions(recorded, shown, depth_scale=depth_scale, on_progress=on_progress)
    write_calibration(out, calibration, overwrite=overwrite)
    if as_json:
        from .calibration_facts import calibration_facts

        print_json({"calibration": out, **calibration_facts(calibration)})
        return
    _print_calibration(calibration)
    for warning in calibration_warnings(calibration):
        _complain(warning)
    kind = "simulated rig" if recorded[0].record.simulated else "rig"
    typer.echo(f"wrote the calibration of the {kind} {calibration.rig!r}: {out}")


def _complain(warning: str) -> None:
    typer.echo(f"warning: {warning}", err=True)


def _print_calibration(calibration: Calibration) -> None:
    """Print one line per camera, and where the cameras stand."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    table = Table("camera", box=None, pad_edge=False)
    for heading in ("views", "rms px", "coverage", "fx px", "fy px", "cx px", "cy px"):
        table.add_column(heading, justify="right")
    for name, camera in calibration.cameras.items():
        views = [view.used for view in calibration.residuals if view.camera == name]
        table.add_row(
            name,
            f"{sum(views)} of {len(views)}",
            f"{calibration.rms_px[name]:.3f}",
            f"{calibration.coverage[name]:.0%}",
            *(_with_deviation(calibration, name, key) for key in ("fx", "fy")),
            *(f"{value:.1f}" for value in (camera.cx, camera.cy)),
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
    stated = calibration.uncertainty
    line = f"depth: true = {calibration.depth_scale:.4f} x reading {calibration.depth_shift_mm:+.1f} mm"
    if calibration.depth_scale == 1:
        line = f"depth shift: {calibration.depth_shift_mm:+.1f} mm"
    if "depth_shift_mm" in stated.get("depth", {}):
        line += f" ± {INTERVAL * stated['depth']['depth_shift_mm']:.2g}"
    typer.echo(line)
    face = stated.get("face_at_1m", {})
    if face:
        words = {"depth_px": "depth in color", "thermal_px": "color in thermal"}
        placed = ", ".join(
            f"{words.get(key, key)} ± {INTERVAL * value:.2g} px" for key, value in face.items()
        )
        typer.echo(f"a face at 1 m: {placed} (± is the 95 % interval)")


def _with_deviation(calibration: Calibration, camera: str, key: str) -> str:
    value = f"{getattr(calibration.cameras[camera], key):.1f}"
    deviation = calibration.uncertainty.get(camera, {}).get(key)
    return value if deviation is None else f"{value} ±{INTERVAL * deviation:.2g}"
