"""What `mavfer rig check --hardware` prints while it goes through the checklist."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..rig import Rig

if TYPE_CHECKING:
    from ..hardware.steps import Finding

STYLES = {"ok": "green", "doubtful": "yellow", "failed": "bold red", "not done": "dim"}


def check(
    rig: Rig,
    out: Path,
    *,
    recorder: str | None,
    seconds: float,
    unattended: bool,
    countdown: float,
    patience: float,
    keeps_pictures: bool,
    overwrite: bool,
) -> None:
    """Go through the checklist of this machine's cameras, a line on stdout for each step.

    Ends with exit status 1 where a step failed, 130 where it was interrupted; the report is there both times.
    """
    from rich.console import Console
    from rich.text import Text

    from ..hardware.bench import Patience
    from ..hardware.checklist import check_hardware, chosen_recorders
    from ..hardware.person import AtTerminal, Nobody

    names = chosen_recorders(rig, recorder)
    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, names))

    def tell(name: str, one: "Finding") -> None:
        line = Text.assemble(
            (f"{name:<{width}}  ", ""),
            (f"{one.verdict:<8}", STYLES[one.verdict]),
            f"  {one.title}: {one.found}",
        )
        console.print(line)

    if elsewhere := [name for name in rig.recorders if name not in names]:
        typer.echo(f"not on this machine, or not asked for: {', '.join(elsewhere)}", err=True)
    found = check_hardware(
        rig,
        names,
        out,
        person=Nobody() if unattended else AtTerminal(),
        patience=Patience(stream_s=seconds, person_s=patience, countdown_s=countdown),
        tell=tell,
        keeps_pictures=keeps_pictures,
        overwrite=overwrite,
    )
    n_failed = sum(one.verdict == "failed" for one in found.findings)
    n_doubtful = sum(one.verdict == "doubtful" for one in found.findings)
    console.print(Text(f"{n_failed} failed, {n_doubtful} doubtful; the report: {out / 'report.html'}"))
    if found.interrupted:
        raise typer.Exit(130)
    if n_failed:
        raise typer.Exit(1)
