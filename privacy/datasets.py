"""A subject out of datasets: files of their sessions, their part of the record and its splits, the report.

Nobody else changes place: a split keeps the others where they are, so that runs which were tested on somebody
have still not seen them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..capture.locking import lock
from ..errors import OutputError
from ..preprocess.building.workplace import folder_of_build
from ..preprocess.dataset.record import (
    RECORD_NAME,
    REPORT_NAME,
    SPLITS,
    DatasetRecord,
    SplitScheme,
    read_record,
    write_record,
)
from .found import Found
from .person import Person
from .plan import Item, Plan


def plan_datasets(plan: Plan, found: Found, person: Person, *, again: Collection[Path] = ()) -> None:
    """Plan that the subject leaves every dataset, finished or being built.

    Parameters
    ----------
    again : datasets that an interrupted call was to change: their reports are made anew
    """
    for folder, record in sorted(found.datasets.items()):
        if plan.goes(folder):
            continue
        kept = without(record, person)
        plan.strangers |= {folder / entry.file for entry in kept.built if entry.file is not None}
        if kept != record or folder in again:
            _plan_dataset(plan, folder, record, kept, person)
        for name in sorted({entry.subject for entry in kept.sessions}):
            if any(name.casefold().endswith(f"-{own}") for own in person.names):
                plan.stay(
                    folder,
                    f"subject {name} of this dataset may be the same person under a prefix of "
                    "`mavfer dataset merge`",
                    f"if so, call `mavfer forget {name}` too",
                )
    for note, entry in sorted(found.built.items()):
        if person.is_named(entry.subject) and not plan.goes(note):
            build = note.parent.parent
            files = [note, build / f"{entry.id}.h5"]
            files += [path for path in plan.places.beside(build) if path.name == REPORT_NAME]
            plan.add(
                Item(
                    kind="build",
                    path=note,
                    what=f"session {entry.id} of a build that has not ended",
                    remove=tuple(path for path in files if path in plan.places.files),
                    hold=lambda build=build: _not_built(build),
                    held=lock_of(build),
                )
            )


def without(record: DatasetRecord, person: Person) -> DatasetRecord:
    """Return a dataset's record without a subject; the others stay in the splits that they are in."""
    sessions = tuple(entry for entry in record.sessions if not person.is_named(entry.subject))
    ids = {entry.id for entry in record.sessions} - {entry.id for entry in sessions}
    built = [entry for entry in sessions if entry.fate == "built"]
    splits = tuple(
        scheme.model_copy(
            update={
                "subjects": {
                    name: part for name, part in scheme.subjects.items() if not person.is_named(name)
                },
                "folds": {name: fold for name, fold in scheme.folds.items() if not person.is_named(name)},
                "parts": {name: parts for name, parts in scheme.parts.items() if name not in ids},
            }
        )
        for scheme in record.splits
    )
    simulated = any(entry.simulated for entry in built) if built and ids else record.simulated
    return record.model_copy(update={"sessions": sessions, "splits": splits, "simulated": simulated})


def emptied(before: DatasetRecord, after: DatasetRecord) -> list[str]:
    """Return what splits lack now that they had, one line each."""
    lines = []
    for old, new in zip(before.splits, after.splits, strict=True):
        lost = [part for part in SPLITS if _has(old, part) and not _has(new, part)]
        lines += [f"split {new.name!r} has no {part} subject any more" for part in lost]
        gone = sorted(set(old.folds.values()) - set(new.folds.values()))
        lines += [f"fold {fold} of split {new.name!r} has no test subject any more" for fold in gone]
    return lines


def _has(scheme: SplitScheme, part: str) -> bool:
    timed = [one.split for parts in scheme.parts.values() for one in parts]
    return part in (*scheme.subjects.values(), *timed)


def _plan_dataset(
    plan: Plan, folder: Path, record: DatasetRecord, kept: DatasetRecord, person: Person
) -> None:
    gone = [entry for entry in record.sessions if person.is_named(entry.subject)]
    files = [
        folder / entry.file
        for entry in gone
        if entry.file is not None and Path(entry.file).name == entry.file
    ]
    report = folder / REPORT_NAME
    named = ", ".join(entry.id for entry in gone) or "what an interrupted call left"
    beside = [path for path in (report, *files) if path in plan.places.files]
    is_dataset = not folder.name.endswith((".building", ".replaced")) or not folder.name.startswith(".")
    plan.add(
        Item(
            kind="dataset",
            path=folder,
            what=f"{named} out of the record, its splits and its report",
            remove=tuple(beside),
            rewrite=lambda: _rewrite(folder, person),
            rewritten=(folder / RECORD_NAME,),
            finish=(lambda: _report(folder)) if is_dataset else None,
            hold=lambda: _not_built(folder),
            held=lock_of(folder),
        )
    )
    for line in emptied(record, kept):
        plan.stay(
            folder, line, f"draw another with `mavfer dataset split {folder}`; the others stay as they are"
        )


def _rewrite(folder: Path, person: Person) -> None:
    record = read_record(folder)
    kept = without(record, person)
    if kept != record:
        write_record(folder, kept, overwrite=True)


def _report(folder: Path) -> None:
    """Make a dataset's report anew; pictures of nobody but those who stay are on it."""
    from ..preprocess.report.page import dataset_page

    dataset_page(folder).write(folder / REPORT_NAME, overwrite=True)


def lock_of(folder: Path) -> Path:
    """Return the lock file of the builds of a dataset, given its folder or one that a build works in."""
    name = folder.name
    for end in (".building", ".replaced"):
        if name.startswith(".") and name.endswith(end):
            name = name.removeprefix(".").removesuffix(end)
    build = folder_of_build(folder.with_name(name))
    return build.with_name(f"{build.name}.lock")


@contextmanager
def _not_built(folder: Path) -> Iterator[None]:
    """Hold the lock that builds of a dataset hold; raises OutputError where one does."""
    path = lock_of(folder)
    try:
        claim = path.open("a+b")
    except OSError as error:
        raise OutputError(f"cannot change the dataset: {error.strerror}: {folder}") from error
    with claim:
        if not lock(claim.fileno()):
            raise OutputError(f"the dataset is being built; wait for it or stop it, and call again: {folder}")
        claim.truncate(0)
        claim.write(f"{os.getpid()} forgets a subject\n".encode())
        claim.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
