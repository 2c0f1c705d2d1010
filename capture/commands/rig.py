"""The commands about the rig itself: rig new, rig check, rig stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...output import new_file
from ..rig import read_rig, simulated_rig_file

if TYPE_CHECKING:
    from ..rig_check import RecorderCheck


def rig_new(
    out: Annotated[Path, typer.Option(help="The rig file to write.")],
    name: Annotated[str, typer.Option(help="Stands in every session and calibration.")] = "simulated",
    fps: Annotated[float, typer.Option(help="Ticks per second.", min=0.1, max=120)] = 10.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
) -> None:
    """Write a commented rig file that needs no hardware.

    Example: mavfer rig new --out rig.toml
    """
    text = simulated_rig_file(name=name, fps=fps)
    with new_file(out, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {out}; record with: mavfer record SESSION --rig {out} --subject S01 --seconds 10")


def rig_check(
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="The rig file.")],
    folder: Annotated[
        Path,
        typer.Option(help="Where this machine's recorders would write; measured, nothing is left there."),
    ] = Path(),
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to look for recorders.", min=0.5)
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of the table.")] = False,
) -> None:
    """Find every recorder of a rig; print camera, disk, clock, software; exit 1 where one cannot record.

    Example: mavfer rig check rig.toml
    """
    import json
    from dataclasses import asdict

    from ..rig_check import check_rig

    found = check_rig(read_rig(rig), folder, timeout_s=wait)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str))
    else:
        _print(found)
    if any(one.problem for one in found):
        raise typer.Exit(1)


def rig_stop(
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="The rig file.")],
) -> None:
    """End the takes that waiting recorders still carry out for a master that is gone; their files are closed.

    Example: mavfer rig stop rig.toml
    """
    from ..rig_stop import stop_rig

    ended = stop_rig(read_rig(rig))
    for name, session in ended.items():
        typer.echo(f"{name}: ended {session}")
    if not ended:
        typer.echo("no recorder was recording")


def _print(found: "tuple[RecorderCheck, ...]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("recorder", "camera", box=None, pad_edge=False)
    for heading in ("free GB", "min", "write MB/s", "needs", "clock ms", "trip ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        status = one.status
        if status is None:
            table.add_row(one.name, one.camera, *["-"] * 6)
            continue
        table.add_row(
            one.name,
            one.camera,
            f"{status.disk_free_bytes / 1e9:.1f}",
            "-" if one.disk_left_s is None else f"{one.disk_left_s / 60:.0f}",
            f"{one.write_bytes_per_s / 1e6:.0f}",
            f"{status.bytes_per_s / 1e6:.1f}",
            f"{status.clock_offset_ms:+.2f}" if status.n_pings else "-",
            f"{status.round_trip_ms:.2f}" if status.n_pings else "-",
        )
    console.print(table)
    for one in found:
        nodes = ", ".join(f"{key} {value}" for key, value in (one.nodes or {}).items())
        if one.status is not None:
            where = f"{one.name} on {one.host}, mavfer {(one.software or {}).get('mavfer', '?')}: {nodes}"
            console.print(escape(where), soft_wrap=True)
        if one.problem:
            console.print(f"[red]{escape(f'{one.name}: {one.problem}')}[/red]", soft_wrap=True)
        for doubt in one.doubts:
            console.print(f"[yellow]{escape(f'{one.name}: {doubt}')}[/yellow]", soft_wrap=True)
    if not any(one.problem or one.doubts for one in found):
        console.print("[green]ready to record[/green]")
