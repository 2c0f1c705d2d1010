"""The command `mavfer collect`: a session's files from other machines into its folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...facts import AsJson, print_json
from ..disk import size_text
from ..rig import read_rig

if TYPE_CHECKING:
    from ..collect.collect import CollectReport


def collect(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="The session folder.")],
    rig: Annotated[
        Path | None, typer.Option(help="The rig file, if addresses are not those of the session any more.")
    ] = None,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove", help="Let recorders remove their copies, once they are proved to be on this disk."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the files of a session that waiting recorders have on their machines into its folder.

    Interrupted, it goes on where it stopped when it is run again.

    Example: mavfer collect sessions/S01-001
    """
    from ..collect.collect import AGAIN
    from ..collect.collect import collect as collect_files

    settings = read_rig(rig) if rig is not None else None
    try:
        with _bar() as show:
            report = collect_files(session, rig=settings, remove=remove, on_progress=show)
    except KeyboardInterrupt:
        typer.echo(AGAIN, err=True)
        raise
    if as_json:
        print_json(_facts(report))
    else:
        _print(report)
    for problem in report.problems:
        typer.echo(f"error: {problem}", err=True)
    if report.problems:
        raise typer.Exit(1)


def _print(report: "CollectReport") -> None:
    for name, files in report.files.items():
        gone = f", {report.removed[name]} removed there" if name in report.removed else ""
        typer.echo(f"{name}: {len(files)} {'file' if len(files) == 1 else 'files'} here{gone}")
    for note in report.notes:
        typer.echo(note)
    if report.n_bytes:
        typer.echo(f"collected {size_text(report.n_bytes)}: {report.path}")


def _facts(report: "CollectReport") -> dict[str, Any]:
    return {
        "session": report.path,
        "collected_bytes": report.n_bytes,
        "recorders": {
            name: {"files": files, "n_removed_there": report.removed.get(name, 0)}
            for name, files in report.files.items()
        },
        "notes": report.notes,
        "problems": report.problems,
    }


@contextmanager
def _bar() -> Iterator[Callable[[int, int, str], None]]:
    """Yield what is told of progress: bytes done, bytes in all, file. The bar appears with the first word."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    quiet = not console.is_terminal
    progress = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=quiet)
    task = progress.add_task("", total=None)

    def show(done: int, total: int, file: str) -> None:
        if not progress.live.is_started:
            progress.start()
            progress.reset(task, total=total, completed=done)  # what came before counts in no rate
        progress.update(task, completed=done, total=total, description=file)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()
