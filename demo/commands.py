"""The command `mavfer demo`; the only file of the demo that knows the command-line library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .road import REPORT_NAME, in_words, run_demo

if TYPE_CHECKING:
    from .stages import Progress


def demo(
    out: Annotated[Path, typer.Option(help="The folder to fill.")] = Path("demo-out"),
    quick: Annotated[bool, typer.Option("--quick", help="The small road, under 3 minutes.")] = False,
    wire: Annotated[
        bool, typer.Option("--wire", help="Film one take with the A65's real driver, over loopback (Linux).")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another take.")] = 0,
) -> None:
    """Walk the whole road on the simulated rig: record, calibrate, rate, build, train, evaluate, report.

    Example: mavfer demo --out demo-out --quick
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from ..extras import require

    require("zmq", "av", "dlib", "matplotlib", "torch", "lightning_fabric", extra="all")
    console = Console(stderr=True)
    live = console.is_terminal
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, disable=not live) as bars:

        def finish_stages() -> None:
            for task in bars.tasks:
                total = task.total or 1
                bars.update(task.id, completed=total, total=total)

        def on_stage(name: str) -> Progress:
            if not live:
                console.print(name)
            finish_stages()
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        summary = run_demo(out, quick=quick, wire=wire, overwrite=overwrite, seed=seed, on_stage=on_stage)
        finish_stages()
    for line in in_words(summary):
        typer.echo(line)
    typer.echo(out / REPORT_NAME)
