"""A dataset as the viewer lists it: every session with its fate, split and counts; no pixels are read here.

A session whose file is missing or damaged has a place in the list like any other, and says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DatasetError
from ..dataset.clips import DatasetSession
from ..dataset.record import (
    DEFAULT_SPLIT,
    RECORD_NAME,
    DatasetRecord,
    Reason,
    SessionRecord,
    Split,
    SplitScheme,
    read_record,
)

IN_TIME = "in time"
"""The split of a session whose frames are shared out among the splits."""
NO_SPLIT = "no split"
"""The split of a session that a scheme does not know."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A dataset folder and what its record says; sessions are named by their place in the record.

    Attributes
    ----------
    path : the dataset's folder
    record : the content of its `dataset.toml`
    """

    path: Path
    record: DatasetRecord

    def session(self, number: int) -> DatasetSession:
        """Return all frames of one session, whatever splits they belong to.

        Raises
        ------
        DatasetError
            There is no such session, it was not built, or its file is missing.
        """
        if not 0 <= number < len(self.record.sessions):
            raise DatasetError(
                f"wanted one of {len(self.record.sessions)} sessions, found number {number}: {self.path}"
            )
        entry = self.record.sessions[number]
        if entry.fate != "built" or entry.file is None:
            raise DatasetError(f"session {entry.id!r} was not built: {entry.error or 'no file'}: {self.path}")
        path = self.path / entry.file
        if Path(entry.file).name != entry.file or not path.is_file():
            raise DatasetError(
                f"wanted the file of session {entry.id!r}, found none; rebuild the dataset: {path}"
            )
        return DatasetSession(
            id=entry.id,
            session_id=entry.id,
            subject=entry.subject,
            split=_first_split(entry, self.record),
            start=0,
            n_frames=entry.n_frames,
            n_ticks=entry.n_ticks,
            fps=entry.fps,
            streams=entry.streams,
            path=path,
        )

    def ranges(self, number: int) -> tuple[tuple[int, int], ...]:
        """Return the rows (first, stop) that clips do not cross: the parts of a default split in time."""
        entry = self.record.sessions[number]
        for scheme in self.record.splits:
            if scheme.name == DEFAULT_SPLIT and scheme.by == "time" and entry.id in scheme.parts:
                return tuple((part.start, part.stop) for part in scheme.parts[entry.id])
        return ((0, entry.n_frames),)

    def version(self, number: int) -> str:
        """Return what changes with the session's file; it is part of the addresses of its pictures."""
        try:
            status = self.session(number).path.stat()
        except (DatasetError, OSError):
            return "0"
        return f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def number_of(self, session_id: str) -> int:
        """Return the place of a session in the record; raises DatasetError where there is none."""
        for number, entry in enumerate(self.record.sessions):
            if entry.id == session_id:
                return number
        known = [entry.id for entry in self.record.sessions]
        listed = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
        raise DatasetError(f"wanted one of the sessions {listed}, found {session_id!r}: {self.path}")


def open_catalog(path: Path) -> Catalog:
    """Return the dataset at `path`; reads `dataset.toml` only.

    Raises
    ------
    DatasetError
        There is no dataset, its record is damaged or of a newer schema, or it holds no session.
    """
    record = read_record(path)
    if not record.sessions:
        raise DatasetError(f"wanted a dataset with sessions, its {RECORD_NAME} names none: {path}")
    return Catalog(path, record)


def catalog_table(catalog: Catalog) -> dict[str, Any]:
    """Return what the page lists, as JSON can hold it."""
    record = catalog.record
    return {
        "name": catalog.path.resolve().name,
        "path": str(catalog.path.resolve()),
        "software": record.software,
        "simulated": record.simulated,
        "size_px": record.config.size_px,
        "fps": record.config.fps,
        "schemes": [{"name": scheme.name, "by": scheme.by} for scheme in record.splits],
        "reasons": {reason.name.lower(): int(reason) for reason in Reason},
        "sessions": [_session_row(catalog, number, entry) for number, entry in enumerate(record.sessions)],
    }


def split_of(entry: SessionRecord, scheme: SplitScheme) -> str:
    """Return in a word where a session belongs: a split, "fold 2", IN_TIME or NO_SPLIT."""
    if scheme.by == "time":
        return IN_TIME if entry.id in scheme.parts else NO_SPLIT
    if scheme.by == "fold":
        return f"fold {scheme.folds[entry.subject]}" if entry.subject in scheme.folds else NO_SPLIT
    return scheme.subjects.get(entry.subject, NO_SPLIT)


def _first_split(entry: SessionRecord, record: DatasetRecord) -> Split:
    """Return a split for `DatasetSession`, which must have one; the viewer shows `split_of` instead."""
    for scheme in record.splits:
        if scheme.by == "subject" and entry.subject in scheme.subjects:
            return scheme.subjects[entry.subject]
    return "train"


def _session_row(catalog: Catalog, number: int, entry: SessionRecord) -> dict[str, Any]:
    error = entry.error
    if entry.fate == "built":
        try:
            catalog.session(number)
        except DatasetError as problem:
            error = str(problem)
    return {
        "number": number,
        "version": catalog.version(number),
        "id": entry.id,
        "subject": entry.subject,
        "simulated": entry.simulated,
        "built": entry.fate == "built",
        "error": error,
        "remarks": list(entry.remarks),
        "splits": {scheme.name: split_of(entry, scheme) for scheme in catalog.record.splits},
        "parts": {
            scheme.name: [part.model_dump() for part in scheme.parts.get(entry.id, ())]
            for scheme in catalog.record.splits
            if scheme.by == "time"
        },
        "n_frames": entry.n_frames,
        "n_ticks": entry.n_ticks,
        "fps": entry.fps,
        "streams": [stream.value for stream in entry.streams],
        "raters": list(entry.raters),
        "labelled": entry.labelled,
        "aligned_share": entry.aligned_share,
        "reasons": entry.reasons,
        "subject_choice": entry.subject_choice,
        "geometry": entry.geometry,
        "geometry_reason": entry.geometry_reason,
    }
