"""A dataset read whole: every file must be the one that was built, and every row and tick explained.

check_session.py looks into one session's file; here are the record, the splits and what lies in the folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from .check_session import session_problems
from .clips import Dataset, open_dataset
from .record import DatasetRecord, SessionRecord, SplitScheme, read_record

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What reading all of a dataset found.

    Attributes
    ----------
    path : the dataset
    problems : one line each, none where all is well
    n_sessions, n_frames, n_bytes : what was read
    """

    path: Path
    problems: tuple[str, ...]
    n_sessions: int
    n_frames: int
    n_bytes: int


def check_dataset(path: Path, *, on_progress: Progress | None = None) -> CheckReport:
    """Return every problem of the dataset at `path`, after reading all of it.

    Bound by sha256 and by decoding; memory stays flat.

    Parameters
    ----------
    on_progress : told (frames read, frames in all)

    Raises
    ------
    DatasetError
        There is no dataset, or its record cannot be read.
    """
    record = read_record(path)
    problems = list(_record_problems(record))
    total = sum(entry.n_frames for entry in record.built)
    done, n_bytes = 0, 0
    for entry in record.built:
        file = path / (entry.file or "")
        if entry.file is None or Path(entry.file).name != entry.file:
            problems.append(f"session {entry.id!r}: wanted the name of its file, found {entry.file!r}")
        elif not file.is_file():
            problems.append(f"session {entry.id!r}: wanted {entry.file!r}, found no such file")
        else:
            n_bytes += file.stat().st_size
            for problem in session_problems(file, entry, config=record.config):
                problems.append(f"session {entry.id!r}: {problem}")
        done += entry.n_frames
        if on_progress is not None:
            on_progress(done, total)
    known = {entry.file for entry in record.built}
    for stray in sorted(path.glob("*.h5")):
        if stray.name not in known:
            problems.append(f"{stray.name!r} belongs to no session of the record")
    return CheckReport(path, tuple(problems), len(record.built), total, n_bytes)


def verify_dataset(path: Path) -> Dataset:
    """Return the dataset at `path` after reading all of it: nothing in it may be other than it was built.

    Raises
    ------
    DatasetError
        What `open_dataset` raises, or the first problem that `check_dataset` finds.
    """
    dataset = open_dataset(path)
    for problem in (found := check_dataset(path)).problems:
        n_more = len(found.problems) - 1
        more = f" (and {n_more} more; see `mavfer dataset check`)" if n_more else ""
        raise DatasetError(f"{problem}{more}; rebuild the dataset: {path}")
    return dataset


def _record_problems(record: DatasetRecord) -> Iterator[str]:
    """Yield what the record says that cannot be so."""
    names: dict[str, list[str]] = {
        "session": [entry.id for entry in record.built],
        "file": [entry.file or "" for entry in record.built],
        "split": [scheme.name for scheme in record.splits],
    }
    for what, found in names.items():
        for name, n in Counter(found).items():
            if n > 1:
                yield f"{what} {name!r} is there {n} times"
    for scheme in record.splits:
        for entry in record.built:
            for problem in _split_problems(entry, scheme):
                yield f"split {scheme.name!r}, session {entry.id!r}: {problem}"
        yield from _leaks(record, scheme)


def _split_problems(entry: SessionRecord, scheme: SplitScheme) -> Iterator[str]:
    if scheme.by == "subject" and entry.subject not in scheme.subjects:
        yield f"subject {entry.subject!r} is in no split"
    if scheme.by == "fold" and entry.subject not in scheme.folds:
        yield f"subject {entry.subject!r} is in no fold"
    if scheme.by == "time":
        if entry.id not in scheme.parts:
            yield "it is in no split"
        stop = 0
        for part in sorted(scheme.parts.get(entry.id, ()), key=lambda part: part.start):
            if not stop <= part.start <= part.stop <= entry.n_frames:
                yield f"part {part.start} to {part.stop} overlaps another or leaves its {entry.n_frames} rows"
            stop = max(stop, part.stop)


def _leaks(record: DatasetRecord, scheme: SplitScheme) -> Iterator[str]:
    """Yield people who are in two splits because their name is spelled in two ways."""
    places = scheme.folds if scheme.by == "fold" else scheme.subjects
    seen: dict[str, str] = {}
    for subject in sorted({entry.subject for entry in record.built} & places.keys()):
        other = seen.setdefault(subject.casefold(), subject)
        if places[other] != places[subject]:
            yield f"split {scheme.name!r}: {other!r} and {subject!r} are one person, and in two splits"
