"""Sessions and runs shown in Rerun, or written as recordings for it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from ..errors import OutputError
from ..output import new_file, require_free
from ..progress import bar
from .kinds import Kind

Write = Callable[[Path, Callable[[int, int], None]], None]
"""Writes a recording to a path that is free, and tells of its progress."""


def show_in_rerun(
    kind: Kind,
    path: Path,
    *,
    session: str | None,
    dataset: Path | None,
    save: Path | None,
    overwrite: bool,
) -> None:
    """Write a recording of a session or a run to `save`, or open it in Rerun's viewer until that is closed.

    Raises
    ------
    OutputError
        Rerun is not installed, the viewer cannot run here, or `save` cannot be written.
    MavferError
        As `open_session`, or `run_view.open_run_view`.
    """
    from ..preprocess.view.rerun_file import require_rerun

    require_rerun()
    if save is not None:
        require_free(save, overwrite=overwrite)
    write = _of_session(path) if kind is Kind.SESSION else _of_run(path, session=session, dataset=dataset)
    with bar("writing the recording") as on_progress:
        if save is not None:
            with new_file(save, overwrite=overwrite) as temporary:
                write(temporary, on_progress)
        else:
            with tempfile.TemporaryDirectory(prefix="mavfer-view-") as folder:
                recording = Path(folder) / "recording.rrd"
                write(recording, on_progress)
                _open_viewer(recording, of=path)
    if save is not None:
        print(save)


def _of_session(path: Path) -> Write:
    """Return what writes a session's recording: `mavfer export --format rrd` does."""
    from ..capture.export.export import require_room
    from ..capture.export.frames import Walk, select
    from ..capture.export.rerun_file import rrd_bytes, write_rrd
    from ..capture.session import open_session

    selection = select(open_session(path))

    def write(recording: Path, on_progress: Callable[[int, int], None]) -> None:
        require_room(recording.absolute(), rrd_bytes(selection), what="recording")
        walk = Walk(selection, on_progress)
        write_rrd(recording, selection, walk)
        for line in walk.left_out:
            typer.echo(f"left out: {line}", err=True)

    return write


def _of_run(path: Path, *, session: str | None, dataset: Path | None) -> Write:
    from .rerun_run import write_run_rrd
    from .run_view import open_run_view

    view = open_run_view(path, dataset=dataset)
    number = 0 if session is None else view.number_of(session)
    for remark in view.remarks:
        typer.echo(remark, err=True)
    others = len(view.evaluation.sessions)
    if session is None and others > 1:
        chosen = view.evaluation.sessions[number].session
        typer.echo(f"session {chosen}, one of {others}; --session chooses another", err=True)

    def write(recording: Path, on_progress: Callable[[int, int], None]) -> None:
        write_run_rrd(recording, view, number, on_progress=on_progress)

    return write


def _open_viewer(recording: Path, *, of: Path) -> None:
    code = subprocess.run(
        [sys.executable, "-m", "rerun_cli", str(recording)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ).returncode
    if code not in (0, 130, -2):
        raise OutputError(
            f"wanted Rerun's viewer, it ended with status {code}; on a machine without a screen write the "
            f"recording with --save FILE.rrd and open it elsewhere: {of}"
        )
