"""Sessions, datasets and runs, as they are named, become the blocks of one sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..capture.streams import Stream
from ..errors import MavferError, UsageError
from .kinds import Kind, kind_of
from .sheet import Block, Spacing

Progress = Callable[[int, int], None]


def blocks_of(
    paths: Sequence[Path],
    *,
    spacing: Spacing,
    streams: Sequence[Stream] = (),
    dataset: Path | None = None,
    on_progress: Progress | None = None,
) -> tuple[list[Block], list[str]]:
    """Return a block per session, in the order of `paths`, and what was left out, one line each.

    Parameters
    ----------
    streams : rows of sessions, and of faces; all of a session's, and color of faces, where none is named
    dataset : where the faces of runs are; None: where each run says

    Raises
    ------
    MavferError
        A folder is none of the three, or cannot be read at all; or nothing is left to show.
    """
    jobs: list[tuple[str, Callable[[], Block]]] = []
    left_out: list[str] = []
    for path in paths:
        found, remarks = _jobs(path, spacing=spacing, streams=streams, dataset=dataset)
        jobs += found
        left_out += remarks
    blocks = []
    for done, (name, job) in enumerate(jobs):
        if on_progress is not None:
            on_progress(done, len(jobs))
        try:
            blocks.append(job())
        except UsageError:
            raise
        except MavferError as error:
            if len(jobs) == 1:
                raise
            left_out.append(f"{name} is left out: {error}")
    if on_progress is not None:
        on_progress(len(jobs), len(jobs))
    if not blocks:
        raise UsageError(f"wanted something to show, found nothing: {'; '.join(left_out)}")
    return blocks, left_out


def _jobs(
    path: Path, *, spacing: Spacing, streams: Sequence[Stream], dataset: Path | None
) -> tuple[list[tuple[str, Callable[[], Block]]], list[str]]:
    """Return what makes the blocks of one folder, with their names, and what is said of it."""
    kind = kind_of(path)
    if kind is Kind.SESSION:
        from .sheet_session import session_block

        def session() -> Block:
            from .session_view import open_view

            return session_block(open_view(path), spacing=spacing, streams=streams)

        return [(path.name, session)], []
    from . import sheet_faces

    if kind is Kind.DATASET:
        from ..preprocess.view.catalog import open_catalog

        catalog = open_catalog(path)
        built = [k for k, entry in enumerate(catalog.record.sessions) if entry.fate == "built"]
        unbuilt = [entry.id for entry in catalog.record.sessions if entry.fate != "built"]
        told = [f"{path.name}: {', '.join(unbuilt)} not built, left out"] if unbuilt else []
        return [
            (
                catalog.record.sessions[k].id,
                lambda k=k: sheet_faces.dataset_block(catalog, k, spacing=spacing, streams=streams),
            )
            for k in built
        ], told
    from .run_view import open_run_view

    view = open_run_view(path, dataset=dataset)
    return [
        (
            said.session,
            lambda k=k: sheet_faces.run_block(view, k, spacing=spacing, streams=streams),
        )
        for k, said in enumerate(view.evaluation.sessions)
    ], [*view.remarks, *filter(None, [view.no_attention])]
