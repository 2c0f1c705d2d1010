"""The commands of the capture stage: record, recorder, check-session, recover, import-video, rig new."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ..config import parse
from ..errors import ConfigError
from ..output import new_file
from .crew import SILENT_S, RecorderStatus
from .rig import Rig, read_rig, simulated_rig_file
from .session import open_session
from .simulated.scene import SceneSettings
from .synchronize import SyncReport, synchronize

SessionFolder = Annotated[Path, typer.Argument(metavar="SESSION", help="The session folder.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")]
Subject = Annotated[str, typer.Option(help="A pseudonym for who is filmed, never a name.")]
RigFile = Annotated[Path, typer.Option(help="The rig file; `mavfer rig new` makes one.")]


class Target(StrEnum):
    """What stands before the simulated rig."""

    FACE = "face"
    BOARD = "board"


def record(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="The session folder to make.")],
    rig: RigFile,
    subject: Subject,
    seconds: Annotated[float, typer.Option(help="Length of the take.", min=0.1)],
    consent: Annotated[str | None, typer.Option(help="Reference of the consent form.")] = None,
    protocol: Annotated[str | None, typer.Option(help="What the subject is asked to do.")] = None,
    overwrite: Overwrite = False,
    virtual_clock: Annotated[
        bool, typer.Option("--virtual-clock", help="Simulated rig: as fast as frames render.")
    ] = False,
    scene: Annotated[Target | None, typer.Option(help="Simulated rig: what stands before it.")] = None,
    seed: Annotated[int | None, typer.Option(help="Simulated rig: another seed is another take.")] = None,
    light: Annotated[
        float | None, typer.Option(help="Simulated rig: share of full light, 0.05 to 1.")
    ] = None,
) -> None:
    """Record a session: start the rig's recorders, send them one plan, watch, and close the files."""
    from .master import TakeStopped
    from .master import record as record_take

    changes = {
        "clock": "virtual" if virtual_clock else None,
        "target": None if scene is None else scene.value,
        "seed": seed,
        "light": light,
    }
    settings = change_scene(
        read_rig(rig), {key: value for key, value in changes.items() if value is not None}, where=rig
    )
    with _terminate_like_ctrl_c(), _progress("recording") as (progress, task):

        def show(statuses: tuple[RecorderStatus, ...]) -> None:
            progress.update(task, note="  ".join(_counters(status) for status in statuses))

        try:
            report = record_take(
                session,
                rig=settings,
                subject=subject,
                seconds=seconds,
                overwrite=overwrite,
                consent=consent,
                protocol=protocol,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
                on_status=show,
            )
        except TakeStopped as stopped:
            report = stopped.report
    kept = ", ".join(f"{name} {n}" for name, n in report.frames_kept.items())
    typer.echo(f"{report.state}: {report.n_ticks} ticks, kept {kept}, lost {report.n_lost}: {report.path}")
    for complaint in report.complaints:
        typer.echo(complaint, err=True)
    if report.state != "complete":
        raise typer.Exit(130)


def recorder(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which of the rig's recorders to be.")],
    rig: RigFile,
    master: Annotated[str, typer.Option(help="Where the master listens, like tcp://127.0.0.1:5555.")],
) -> None:
    """Be one recorder of a rig; `mavfer record` starts those of its own machine by itself."""
    from .recorder import run_recorder

    run_recorder(name, rig=read_rig(rig), master=master)


def check_session(
    sessions: Annotated[list[Path], typer.Argument(metavar="SESSION...", help="Session folders.")],
) -> None:
    """Print streams, frames, gaps and skew of sessions; exit 1 where something is missing."""
    console = Console(highlight=False)
    complete = True
    for path in sessions:
        session = open_session(path)
        report = synchronize(session).report
        complete = complete and report.complete
        record = session.record
        simulated = ", simulated" if record.simulated else ""
        rate = "its own times" if record.plan.fps is None else f"{record.plan.fps:g} fps"
        title = f"[bold]{escape(session.id)}[/bold]  subject {record.subject}, {record.state}{simulated}"
        console.print(title, soft_wrap=True)
        of = f" of {report.n_ticks_planned} planned" if report.n_ticks_planned != report.n_ticks else ""
        line = f"{report.n_ticks} ticks{of} at {rate}, rig {record.rig!r}, begun {record.started_utc}"
        console.print(escape(line), soft_wrap=True)
        console.print(_stream_table(report))
        if report.pair_skew_ms:
            console.print(_skew_table(report))
        for problem in report.problems:
            console.print(f"[red]{escape(problem)}[/red]", soft_wrap=True)
        if report.complete:
            console.print("[green]complete[/green]")
    if not complete:
        raise typer.Exit(1)


def recover(session: SessionFolder) -> None:
    """Mend a session after a crash: keep every complete message, rebuild the index, say what was lost."""
    from .recovery import recover as mend

    with _progress("recovering") as (progress, task):
        report = mend(
            session, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    for file in report.files:
        fate = "mended" if file.mended else "whole"
        lost = f", lost {file.n_bytes_lost} bytes in {file.n_damaged} places" if file.n_damaged else ""
        typer.echo(f"{file.name}: {fate}, {file.n_messages} messages{lost}")
    if any(file.mended for file in report.files):
        typer.echo("the torn files are kept in the folder 'torn'")
    typer.echo(f"{report.state}: {report.path}")


def import_video(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any video file.")],
    out: Annotated[Path, typer.Option(metavar="SESSION", help="The session folder to make.")],
    subject: Subject,
    overwrite: Overwrite = False,
) -> None:
    """Make a color-only session of a video; its frames keep their own time stamps."""
    from .video import import_video as import_file

    with _progress("importing") as (progress, task):
        path = import_file(
            file,
            out=out,
            subject=subject,
            overwrite=overwrite,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    session = open_session(path)
    counts = session.record.recorders["video"]
    typer.echo(f"{counts.frames_kept} frames, left out {counts.n_lost}: {path}")


def rig_new(
    out: Annotated[Path, typer.Option(help="The rig file to write.")],
    name: Annotated[str, typer.Option(help="Stands in every session and calibration.")] = "simulated",
    fps: Annotated[float, typer.Option(help="Ticks per second.", min=0.1, max=120)] = 10.0,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented rig file that needs no hardware."""
    text = simulated_rig_file(name=name, fps=fps)
    with new_file(out, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {out}; record with: mavfer record SESSION --rig {out} --subject S01 --seconds 10")


def change_scene(rig: Rig, changes: dict[str, object], *, where: object) -> Rig:
    """Return the rig with some of its simulated scene's settings replaced.

    Raises
    ------
    ConfigError
        A value is out of range, or the rig has no simulated camera.
    """
    if not changes:
        return rig
    if not rig.is_simulated:
        raise ConfigError(f"{', '.join(changes)} can be set for a simulated rig only; this is none: {where}")
    scene = parse(rig.scene.model_dump() | changes, SceneSettings, where="the command line")
    return rig.model_copy(update={"simulated": scene})


@contextmanager
def _terminate_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the take in order, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(title: str) -> Iterator[tuple[Progress, TaskID]]:
    """Show a bar on stderr, with a note beside it, if that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    quiet = not console.is_terminal  # where no bar can move, not even its empty line is printed
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        yield progress, progress.add_task(title, total=None, note="")


def _counters(status: RecorderStatus) -> str:
    """Return one recorder's counters as they stand beside the bar, red where something is wrong."""
    n_lost = sum(status.lost.values())
    text = f"{status.name} kept {status.kept} lost {n_lost}"
    if status.gone:
        return f"[red]{escape(f'{status.name} {status.gone}')}[/red]"
    if status.state == "recording" and max(status.silent_s, status.camera_silent_s) > SILENT_S:
        return f"[red]{text} silent[/red]"
    return f"[red]{text}[/red]" if n_lost or status.complaints else text


def _stream_table(report: SyncReport) -> Table:
    table = Table("stream", box=None, pad_edge=False)
    for heading in ("frames", "missing", "gaps", "tick error median", "p99", "max ms"):
        table.add_column(heading, justify="right")
    for stream, n_frames in report.frames.items():
        error = report.tick_error_ms[stream]
        counts = (n_frames, report.missing[stream], len(report.gaps[stream]))
        table.add_row(
            stream.value, *map(str, counts), *(f"{error[key]:.2f}" for key in ("median", "p99", "max"))
        )
    return table


def _skew_table(report: SyncReport) -> Table:
    table = Table("skew between", box=None, pad_edge=False)
    for heading in ("median", "p99", "max ms"):
        table.add_column(heading, justify="right")
    for pair, skew in ({"all streams": report.skew_ms} | report.pair_skew_ms).items():
        table.add_row(pair, *(f"{skew[key]:.2f}" for key in ("median", "p99", "max")))
    return table
