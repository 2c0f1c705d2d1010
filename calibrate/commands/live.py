"""The command `mavfer calibrate live`, also spelled `mavfer calibrate --live`."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...capture.commands.operating import (
    OperatorName,
    Overwrite,
    Page,
    PageHost,
    PagePort,
    RigFile,
    terminate_like_ctrl_c,
)
from ...capture.commands.take_told import tell_report

STOPPED_BY_HAND = 130
SIMULATED_HOLD_S = 1.0  # as an operator holds the board


def live(
    rig: RigFile,
    out: Annotated[Path, typer.Option(metavar="SESSION", help="The board session to record.")],
    board: Annotated[str, typer.Option(help="The board, as `mavfer board print` names it.")] = "9x6x25mm",
    calibration: Annotated[
        Path, typer.Option(metavar="FILE", help="The calibration to write after the take.")
    ] = Path("calibration.toml"),
    known: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="An earlier calibration of the rig, for truer tilts and distances."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="The take ends after that at the latest.", min=1)] = 300.0,
    stop: Annotated[
        bool, typer.Option("--stop/--no-stop", help="End the take as soon as nothing is missing.")
    ] = True,
    solve: Annotated[bool, typer.Option("--solve/--no-solve", help="Solve when the take has ended.")] = True,
    overwrite: Overwrite = False,
    monitor: Page = None,
    monitor_host: PageHost = "127.0.0.1",
    monitor_port: PagePort = 0,
    operator: OperatorName = "",
) -> None:
    """Record a board session while the page says what each camera still has to see, and solve it.

    A simulated rig films that board by itself. The session is kept whatever happens; `mavfer calibrate
    SESSION` solves it later.

    Example: mavfer calibrate live --rig rig.toml --board 9x6x25mm --out sessions/board
    """
    from ...capture.board import board_named
    from ...capture.desk import Desk
    from ...capture.master import record
    from ...capture.rig import change_scene, read_rig
    from ...capture.take_report import TakeFailed, TakeStopped
    from ...capture.views import views
    from ...errors import OutputError, RecordError
    from ...output import require_free
    from ..calibration import require_rig
    from ..calibration_file import read_calibration
    from ..guide.live import LiveGuide, require_guidable

    shown = board_named(board)
    settings = read_rig(rig)
    if settings.is_simulated:
        held_s = max(settings.scene.hold_s, SIMULATED_HOLD_S)
        scene = {"target": "board", "board": str(shown), "hold_s": held_s}
        settings = change_scene(settings, scene, where=rig)
    require_guidable(settings)
    earlier = None if known is None else read_calibration(known)
    if earlier is not None and known is not None:
        require_rig(earlier, settings.name, known)
    if solve:
        if calibration.is_dir():
            raise OutputError(f"wanted a file name, found a folder: {calibration}")
        require_free(calibration, overwrite=overwrite)
    page = sys.stderr.isatty() if monitor is None else monitor
    words = ["mavfer", "calibrate", "solve", str(out), "--board", str(shown), "--out", str(calibration)]
    words += ["--overwrite"] if overwrite else []
    later = subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
    desk = Desk()
    with (
        terminate_like_ctrl_c(),
        views(desk, streams=settings.streams, page=page, host=monitor_host, port=monitor_port),
        LiveGuide(desk, shown, streams=settings.streams, calibration=earlier, stop_when_enough=stop) as guide,
    ):
        try:
            report = record(
                out,
                rig=settings,
                subject="board",
                seconds=seconds,
                overwrite=overwrite,
                operator=operator,
                desk=desk,
                previews=True,
            )
            stopped_by_hand = False
        except TakeStopped as stopped:
            report, stopped_by_hand = stopped.report, True
        except TakeFailed:
            typer.echo(f"when the session is mended, solve it with `{later}`", err=True)
            raise
    tell_report(report)
    for line in guide.missing:
        typer.echo(f"missing: {line}", err=True)
    if not guide.coverages:
        typer.echo(f"warning: the board {shown} was not seen standing still in the previews", err=True)
    if stopped_by_hand or not solve:
        typer.echo(f"solve it with `{later}`", err=True)
        if stopped_by_hand:
            raise typer.Exit(STOPPED_BY_HAND)
        return
    if report.elsewhere:
        raise RecordError(
            f"wanted the whole session here to solve it, {', '.join(report.elsewhere)} wrote elsewhere; run "
            f"`mavfer collect {out}` and then `{later}`: {out}"
        )
    from .solve import calibrate

    try:
        calibrate([out], board=str(shown), out=calibration, overwrite=overwrite)
    except (Exception, KeyboardInterrupt):
        typer.echo(f"the session is kept; solve it later with `{later}`", err=True)
        raise
