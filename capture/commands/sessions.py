"""The commands of recorded sessions: check-session, recover, import-video."""

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...facts import AsJson, plain, print_json
from ...progress import bar
from ..lsl.offsets import LslReport
from ..session import open_session
from ..session_facts import SessionFacts, session_facts
from ..streams import Stream
from ..synchronize import SyncReport

SessionFolder = Annotated[Path, typer.Argument(metavar="SESSION", help="The session folder.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")]
PLACES = 5
"""So many lost places of a file are named."""
Subject = Annotated[str, typer.Option(help="A pseudonym for who is filmed, never a name.")]


def check_session(
    sessions: Annotated[list[Path], typer.Argument(metavar="SESSION", help="Session folders.")],
    deep: Annotated[
        bool, typer.Option("--deep", help="Verify every checksum and decode every frame.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per session and line.")] = False,
) -> None:
    """Print streams, gaps, skew and clocks of sessions; exit 1 where something is missing or damaged.

    Example: mavfer check-session sessions/S01-001
    Example: mavfer check-session --deep --json sessions/S01-001
    """
    console = Console(highlight=False)
    complete = True
    for path in sessions:
        with bar(f"reading {path.name}") as show:
            facts = session_facts(path, deep=deep, on_progress=show)
        complete = complete and not facts.problems
        if as_json:
            print_json(facts.table())
        else:
            _print_facts(facts, console)
    if not complete:
        raise typer.Exit(1)


def recover(session: SessionFolder, as_json: AsJson = False) -> None:
    """Mend a session after a crash: keep every complete message, rebuild the index, say what was lost.

    Example: mavfer recover sessions/S01-001
    """
    from ..recovery import recover as mend

    with bar("recovering") as show:
        report = mend(session, on_progress=show)
    if as_json:
        print_json(plain(report))
        return
    for file in report.files:
        fate = "mended" if file.mended else "whole"
        lost = f", lost {file.n_bytes_lost} bytes in {file.n_damaged} places" if file.n_damaged else ""
        typer.echo(f"{file.name}: {fate}, {file.n_messages} messages{lost}")
        for place in file.lost[:PLACES]:
            typer.echo(f"  {place}")
        if len(file.lost) > PLACES:
            typer.echo(f"  and {len(file.lost) - PLACES} more")
    for note in report.notes:
        typer.echo(note)
    if any(file.mended for file in report.files):
        typer.echo("the torn files are kept in the folder 'torn'")
    nothing = not (report.notes or any(file.mended for file in report.files))
    had = {
        "failed": "had failed",
        "stopped": "was stopped early",
        "complete": "is complete",
        "recovered": "is recovered",
    }
    if nothing and report.state in had:
        typer.echo(f"nothing to mend; the take {had[report.state]}: {report.path}")
    else:
        typer.echo(f"{report.state}: {report.path}")


def import_video(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any video file.")],
    out: Annotated[Path, typer.Option(metavar="SESSION", help="The session folder to make.")],
    subject: Subject,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a color-only session of a video; its frames keep their own time stamps.

    Example: mavfer import-video holiday.mp4 --out sessions/holiday --subject P01
    """
    from ..video import import_video as import_file

    with bar("importing") as show:
        path = import_file(
            file,
            out=out,
            subject=subject,
            overwrite=overwrite,
            on_progress=show,
        )
    session = open_session(path)
    counts = session.record.recorders["video"]
    if as_json:
        times_ns = session.index(Stream.COLOR).device_time_ns
        print_json(
            {
                "session": path,
                "subject": session.record.subject,
                "n_frames": counts.frames_kept,
                "n_left_out": counts.n_lost,
                "duration_s": float(times_ns[-1] - times_ns[0]) / 1e9 if len(times_ns) else 0.0,
            }
        )
        return
    typer.echo(f"{counts.frames_kept} frames, left out {counts.n_lost}: {path}")


def _print_facts(facts: SessionFacts, console: Console) -> None:
    record, report = facts.record, facts.report
    if record is None:
        console.print(f"[bold]{escape(str(facts.path))}[/bold]", soft_wrap=True)
    else:
        simulated = ", simulated" if record.simulated else ""
        title = f"[bold]{escape(record.id)}[/bold]  subject {record.subject}, {record.state}{simulated}"
        console.print(title, soft_wrap=True)
    if record is not None and report is not None:
        rate = "its own times" if record.plan.fps is None else f"{record.plan.fps:g} fps"
        of = f" of {report.n_ticks_planned} planned" if report.n_ticks_planned != report.n_ticks else ""
        line = f"{report.n_ticks} ticks{of} at {rate}, rig {record.rig!r}, begun {record.started_utc}"
        console.print(escape(line), soft_wrap=True)
        console.print(_stream_table(report))
        if report.pair_skew_ms:
            console.print(_skew_table(report))
        console.print(_clock_table(report))
        for name, clock in report.clocks.items():
            if not math.isnan(clock.transport_ms):
                line = f"{name}: frames arrive {clock.transport_ms:.1f} ms after exposure, which is taken out"
                console.print(escape(line), soft_wrap=True)
    if facts.lsl:
        console.print(_lsl_table(facts.lsl))
    if facts.n_markers:
        console.print(f"{facts.n_markers} markers")
    for stream, counts in facts.flags.items():
        flagged = ", ".join(f"{n_frames} {flag}" for flag, n_frames in counts.items())
        console.print(f"{stream} frames that the camera flagged: {flagged}")
    for name, kind, text in facts.events:
        console.print(escape(f"{name} told: {kind}: {text}"), soft_wrap=True)
    if facts.files is not None:
        files = facts.files
        console.print(
            f"{files.n_files} files with {files.n_messages} messages, {files.n_frames} of them frames, "
            f"looked at: {len(files.damages)} damaged places",
            soft_wrap=True,
        )
    for problem in facts.problems:
        console.print(f"[red]{escape(problem)}[/red]", soft_wrap=True)
    if not facts.problems:
        console.print("[green]complete[/green]")


def _stream_table(report: SyncReport) -> Table:
    table = _table("stream", "frames", "unmatched", "gaps", "tick error median", "p99", "max ms")
    for stream, n_frames in report.frames.items():
        if stream not in report.missing:
            table.add_row(stream.value, str(n_frames), *["-"] * 5)
            continue
        counts = (n_frames, report.missing[stream], len(report.gaps[stream]))
        table.add_row(stream.value, *map(str, counts), *_spread(report.tick_error_ms[stream]))
    return table


def _skew_table(report: SyncReport) -> Table:
    table = _table("skew between", "median", "p99", "max ms")
    for pair, skew in ({"all streams": report.skew_ms} | report.pair_skew_ms).items():
        table.add_row(pair, *_spread(skew))
    return table


def _clock_table(report: SyncReport) -> Table:
    table = _table(
        "clock of", "pings", "trip ms", "residual p99 ms", "drift ppm", "span s", "epochs", "steps"
    )
    for name, clock in report.clocks.items():
        table.add_row(
            name,
            str(clock.n_pings),
            _number(clock.round_trip_ms, 3),
            _number(clock.residual_ms, 3),
            _number(clock.drift_ppm, 2),
            _number(clock.span_s, 0),
            str(clock.n_epochs),
            ", ".join(f"{step_s:+.3f} s" for step_s in clock.steps_s) or "0",
        )
    return table


def _lsl_table(streams: tuple[LslReport, ...]) -> Table:
    table = _table("LSL stream", "samples", "Hz", "offset ms", "residual p99 ms", "delay median ms", "gaps")
    for stream in streams:
        table.add_row(
            stream.name,
            str(stream.n_samples),
            _number(stream.rate_hz, 2),
            _number(stream.offset_ms, 3),
            _number(stream.residual_ms, 3),
            _number(stream.delay_ms.get("median", float("nan")), 3),
            str(stream.n_gaps),
        )
    return table


def _table(first: str, *headings: str) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _spread(summary: dict[str, float]) -> list[str]:
    return [_number(summary[key], 2) for key in ("median", "p99", "max")]


def _number(value: float, n_digits: int) -> str:
    """Return a number as it stands in a table; "-" for what was not measured."""
    return "-" if math.isnan(value) else f"{value:.{n_digits}f}"
