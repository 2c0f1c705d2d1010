"""Sessions and runs shown in Rerun, or written as recordings for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from ..progress import bar
from .kinds import Kind

Write = Callable[[Path, Path, Callable[[int, int], None]], None]
"""Writes a recording and its layout to paths that are free, and tells of its progress."""


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
    from ..capture.export.rerun_chunks import new_recording, open_viewer, require_rerun

    require_rerun("--rerun")
    if save is None:
        write = _writer(kind, path, session=session, dataset=dataset)
        with tempfile.TemporaryDirectory(prefix="mavfer-view-") as folder:
            recording, layout = Path(folder) / "recording.rrd", Path(folder) / "recording.rbl"
            with bar("writing the recording") as on_progress:
                write(recording, layout, on_progress)
            open_viewer(recording, layout, of=path)
        return
    with new_recording(save, overwrite=overwrite) as (recording, layout):
        write = _writer(kind, path, session=session, dataset=dataset)
        with bar("writing the recording") as on_progress:
            write(recording, layout, on_progress)
    print(save)


def _writer(kind: Kind, path: Path, *, session: str | None, dataset: Path | None) -> Write:
    return _of_session(path) if kind is Kind.SESSION else _of_run(path, session=session, dataset=dataset)


def _of_session(path: Path) -> Write:
    """Return what writes a session's recording, as `mavfer export --format rrd` does, and its layout."""
    from ..capture.export.export import require_room
    from ..capture.export.frames import Walk, select
    from ..capture.export.rerun_file import rrd_bytes, write_rrd, write_session_layout
    from ..capture.session import open_session

    selection = select(open_session(path))

    def write(recording: Path, layout: Path, on_progress: Callable[[int, int], None]) -> None:
        require_room(recording.absolute(), rrd_bytes(selection), what="recording")
        walk = Walk(selection, on_progress)
        write_session_layout(layout, selection)
        write_rrd(recording, selection, walk)
        for line in walk.left_out:
            typer.echo(f"left out: {line}", err=True)

    return write


def _of_run(path: Path, *, session: str | None, dataset: Path | None) -> Write:
    from .rerun_run import write_run_layout, write_run_rrd
    from .run_view import open_run_view

    view = open_run_view(path, dataset=dataset)
    number = 0 if session is None else view.number_of(session)
    for remark in view.remarks:
        typer.echo(remark, err=True)
    others = len(view.evaluation.sessions)
    if session is None and others > 1:
        chosen = view.evaluation.sessions[number].session
        typer.echo(f"session {chosen}, one of {others}; --session chooses another", err=True)

    def write(recording: Path, layout: Path, on_progress: Callable[[int, int], None]) -> None:
        write_run_layout(layout, view, number)
        write_run_rrd(recording, view, number, on_progress=on_progress)

    return write
