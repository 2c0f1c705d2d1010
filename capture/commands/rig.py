"""The commands about the rig itself: rig new, rig check, rig stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...facts import AsJson, print_json
from ...output import new_file
from ..rig import read_rig, simulated_rig_file

if TYPE_CHECKING:
    from ..rig_check import RecorderCheck


HARDWARE_ONLY = (
    *("recorder", "seconds", "out", "unattended", "countdown", "patience", "no_pictures", "overwrite"),
)
WITHOUT_HARDWARE = ("folder", "wait", "as_json")
"""Options of `rig check` that mean something with --hardware only, and those that do so without it only."""
MANY_NODES = 12
TELLING = {
    "driver",
    "producer",
    "model",
    "serial",
    "fps",
    "simulated",
    "pixelformat",
    "deviceversion",
    "devicefirmwareversion",
    "temperaturelinearmode",
    "temperaturelinearresolution",
    "sensorgainmode",
    "nuc",
}
"""Which of a GenICam camera's many nodes stand in the table's footer, in lower case."""


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
    context: typer.Context,
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="The rig file.")],
    folder: Annotated[
        Path,
        typer.Option(help="Where this machine's recorders would write; measured, nothing is left there."),
    ] = Path(),
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to look for recorders.", min=0.5)
    ] = 10.0,
    as_json: AsJson = False,
    hardware: Annotated[
        bool,
        typer.Option("--hardware", help="Instead: the checklist of this machine's cameras, into --out."),
    ] = False,
    recorder: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --hardware: this recorder's camera alone.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="With --hardware: how long each camera is watched untouched.", min=1)
    ] = 60.0,
    out: Annotated[Path | None, typer.Option(help="With --hardware: the folder of the report.")] = None,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="With --hardware: ask nobody; those steps are not done.")
    ] = False,
    countdown: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="With --hardware: from Enter to the picture.", min=0, max=60),
    ] = 5.0,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="With --hardware: in which what you do must show.", min=1, max=3600
        ),
    ] = 60.0,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="With --hardware: keep no picture, so show no person.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --hardware: replace --out.")] = False,
) -> None:
    """Find every recorder of a rig; print camera, disk, clock, software; exit 1 where one cannot record.

    Example: mavfer rig check rig.toml
    Example: mavfer rig check rig.toml --hardware --out first-contact
    """
    _refuse_given(context, WITHOUT_HARDWARE if hardware else HARDWARE_ONLY, hardware=hardware)
    if hardware:
        if out is None:
            raise typer.BadParameter("wanted with --hardware, found none", param_hint="--out")
        from .hardware import check

        check(
            read_rig(rig),
            out,
            recorder=recorder,
            seconds=seconds,
            unattended=unattended,
            countdown=countdown,
            patience=patience,
            keeps_pictures=not no_pictures,
            overwrite=overwrite,
        )
        return
    from dataclasses import asdict

    from ..rig_check import check_rig

    found = check_rig(read_rig(rig), folder, timeout_s=wait)
    if as_json:
        ready = not any(one.problem for one in found)
        print_json({"ready": ready, "recorders": [asdict(one) for one in found]})
    else:
        _print(found)
    if any(one.problem for one in found):
        raise typer.Exit(1)


def rig_stop(
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="The rig file.")],
    as_json: AsJson = False,
) -> None:
    """End the takes that waiting recorders still carry out for a master that is gone; their files are closed.

    Example: mavfer rig stop rig.toml
    """
    from ..rig_stop import stop_rig

    ended = stop_rig(read_rig(rig))
    if as_json:
        print_json({"ended": [{"recorder": name, "session": session} for name, session in ended.items()]})
        return
    for name, session in ended.items():
        typer.echo(f"{name}: ended {session}")
    if not ended:
        typer.echo("no recorder was recording")


def _refuse_given(context: typer.Context, names: tuple[str, ...], *, hardware: bool) -> None:
    """Raise BadParameter if an option was given that this kind of check would pass over."""
    when = "without --hardware only" if hardware else "with --hardware only"
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is not None and source.name != "DEFAULT":
            raise typer.BadParameter(f"means something {when}", param_hint=option.opts[0])


def _nodes_in_words(nodes: dict[str, Any]) -> str:
    """Return a camera's settings in a line: of many, those that say which camera it is and how it is set."""
    few = len(nodes) <= MANY_NODES
    told = {key: value for key, value in nodes.items() if few or key.lower() in TELLING}
    left_out = len(nodes) - len(told)
    words = ", ".join(f"{key} {value}" for key, value in told.items())
    return f"{words}, and {left_out} more (--json has them)" if left_out else words


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
        if one.status is not None:
            version = (one.software or {}).get("mavfer", "?")
            where = f"{one.name} on {one.host}, mavfer {version}: {_nodes_in_words(one.nodes or {})}"
            console.print(escape(where), soft_wrap=True)
        for producer in one.producers:
            console.print(escape(f"{one.name}: GenTL producer {producer}"), soft_wrap=True)
        if one.problem:
            console.print(f"[red]{escape(f'{one.name}: {one.problem}')}[/red]", soft_wrap=True)
        for doubt in one.doubts:
            console.print(f"[yellow]{escape(f'{one.name}: {doubt}')}[/yellow]", soft_wrap=True)
    if not any(one.problem or one.doubts for one in found):
        console.print("[green]ready to record[/green]")
