"""The raw events of one take as a file beside its traces: `SESSION.RATER.DIMENSION.events.json`.

It holds every chunk as the rater's page sent it, so that a trace can be made again from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ...config import StrictModel, complaints
from ...errors import TraceError
from ...output import new_file
from ..origin import EventsFile
from ..store.records import Rated, StoredChunk, StoredRun
from ..takes.events import Chunk

SUFFIX = ".events.json"


class _NumberedChunk(StrictModel):
    number: int
    received_ms: int
    chunk: Chunk


class _Run(StrictModel):
    number: int
    opened_ms: int
    clock_ahead_ms: int
    browser: str
    chunks: tuple[_NumberedChunk, ...]


class _Record(StrictModel):
    kind: Literal["trace events"]
    schema_version: Literal[1]
    session: str
    rater: str
    dimension: Rated
    take: str
    film_sha256: str
    runs: tuple[_Run, ...]


def write_events(
    folder: Path,
    *,
    session: str,
    rater: str,
    dimension: Rated,
    take: str,
    film_sha256: str,
    runs: Sequence[StoredRun],
    chunks: Sequence[StoredChunk],
    overwrite: bool = False,
) -> EventsFile:
    """Write the events of a take into `folder` and return what a trace's header says of them.

    Raises
    ------
    OutputError
        The file exists and `overwrite` is False, or the folder cannot be written.
    """
    record: dict[str, Any] = {
        "kind": "trace events",
        "schema_version": 1,
        "session": session,
        "rater": rater,
        "dimension": dimension,
        "take": take,
        "film_sha256": film_sha256,
        "runs": [
            {
                "number": run.number,
                "opened_ms": run.opened_ms,
                "clock_ahead_ms": run.clock_ahead_ms,
                "browser": run.browser,
                "chunks": [
                    {
                        "number": one.number,
                        "received_ms": one.received_ms,
                        "chunk": json.loads(one.body),
                    }
                    for one in chunks
                    if one.run == run.number
                ],
            }
            for run in runs
        ],
    }
    content = (json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
    path = folder / events_name(session, rater, dimension)
    with new_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)
    return EventsFile(name=path.name, sha256=hashlib.sha256(content).hexdigest())


def events_name(session: str, rater: str, dimension: Rated) -> str:
    """Return the name of the events' file of a take; "both" where both dimensions were rated at once."""
    return f"{session}.{rater}.{dimension}{SUFFIX}"


def require_events(folder: Path, told: EventsFile) -> Path:
    """Return the path of the events that a trace's header names.

    Raises
    ------
    TraceError
        They are not there, or not the ones that the trace was made of.
    """
    path = folder / told.name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TraceError(
            f"wanted the events that a trace was made of, could not read them ({error.strerror}); "
            f"bring the file back: {path}"
        ) from error
    if found != told.sha256:
        raise TraceError(
            f"wanted the events of SHA-256 {told.sha256[:12]}..., found {found[:12]}...; "
            f"bring back the file that was exported with the trace: {path}"
        )
    return path


def read_events(path: Path) -> tuple[StoredChunk, ...]:
    """Return the chunks in a file of events, as `runs_of` reads them.

    Raises
    ------
    TraceError
        The file is missing or damaged.
    """
    try:
        record = _Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TraceError(f"wanted events, could not read them ({error.strerror}): {path}") from error
    except ValidationError as error:
        raise TraceError(
            f"wanted the events of a take, found something else ({complaints(error, _Record):.200}): {path}"
        ) from error
    return tuple(
        StoredChunk(run.number, one.number, one.received_ms, one.chunk.model_dump_json().encode())
        for run in record.runs
        for one in run.chunks
    )
