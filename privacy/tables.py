"""A subject's lines in tables (CSV with a column `subject` or `session`), and their clips in tar shards."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..output import new_file
from ..preprocess.dataset.clips import sha256_of_file
from ..preprocess.exchange.webdataset import INDEX_NAME
from .person import Person
from .places import Places
from .plan import Item, Plan

SUBJECT, SESSION = "subject", "session"
LONGEST_HEADING = 1 << 20


def subjects_in_tables(places: Places) -> Iterator[str]:
    """Yield the subjects that tables name."""
    for path in places.files:
        columns = _columns(path)
        if columns is not None and columns[0] is not None:
            for row in _rows(path):
                if columns[0] < len(row):
                    yield row[columns[0]].strip()


def plan_tables(plan: Plan, person: Person) -> None:
    """Plan that tables lose the subject's lines, and that a dataset's pictures beside its table go."""
    for path in plan.places.files:
        columns = None if plan.goes(path) or path in plan.known else _columns(path)
        if columns is None:
            continue
        theirs = [row for row in _rows(path) if _is_theirs(row, columns, person)]
        if not theirs:
            continue
        named = {row[columns[1]] for row in theirs if columns[1] is not None and columns[1] < len(row)}
        pictures = tuple(
            path.parent / one
            for one in sorted(named)
            if path.name == "frames.csv"
            and one not in ("", ".", "..")
            and path.parent / one in plan.places.folders
        )
        plan.add(
            Item(
                kind="table",
                path=path,
                what=f"{len(theirs)} {'line' if len(theirs) == 1 else 'lines'} of a table"
                + (", and the pictures beside it" if pictures else ""),
                remove=pictures,
                rewrite=lambda path=path: _rewrite(path, person),
                rewritten=(path,),
            )
        )


def _columns(path: Path) -> tuple[int | None, int | None] | None:
    """Return which columns of a CSV file name subject and session; None where it is no such table."""
    if path.suffix.casefold() != ".csv":
        return None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            heading = next(csv.reader(io.StringIO(file.readline(LONGEST_HEADING))), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    names = [name.strip().casefold() for name in heading]
    found = tuple(names.index(name) if name in names else None for name in (SUBJECT, SESSION))
    return None if found == (None, None) else (found[0], found[1])


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            next(reader, None)
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error):
        return


def _is_theirs(row: list[str], columns: tuple[int | None, int | None], person: Person) -> bool:
    subject, session = (row[at].strip() if at is not None and at < len(row) else "" for at in columns)
    return person.is_seen(subject, session)


def _rewrite(path: Path, person: Person) -> None:
    """Write a table without the subject's lines; what others' lines hold stays as it is."""
    columns = _columns(path)
    if columns is None:
        return
    text = path.read_bytes()
    end = "\r\n" if b"\r\n" in text[:LONGEST_HEADING] else "\n"
    mark = text.startswith(b"\xef\xbb\xbf")
    with (
        path.open(newline="", encoding="utf-8-sig") as old,
        new_file(path, overwrite=True) as temporary,
        temporary.open("w", newline="", encoding="utf-8-sig" if mark else "utf-8") as new,
    ):
        reader, writer = csv.reader(old), csv.writer(new, lineterminator=end)
        writer.writerow(next(reader))
        writer.writerows(row for row in reader if not _is_theirs(row, columns, person))


def plan_shards(plan: Plan, person: Person) -> None:
    """Plan that tar shards of `mavfer dataset export --to webdataset` lose the subject's clips."""
    for index in plan.places.named(INDEX_NAME):
        if plan.goes(index):
            continue
        shards = [path for path in plan.places.beside(index.parent) if path.suffix == ".tar"]
        theirs = {path: keys for path in shards if (keys := _keys(path, person))}
        if theirs:
            plan.add(
                Item(
                    kind="shards",
                    path=index.parent,
                    what=f"{sum(map(len, theirs.values()))} clips in {len(theirs)} tar files",
                    rewrite=lambda index=index, shards=tuple(theirs): _rewrite_shards(index, shards, person),
                    rewritten=(*theirs, index),
                )
            )


def _keys(path: Path, person: Person) -> set[str]:
    """Return the samples of a shard that are the subject's."""
    keys: set[str] = set()
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".json") and (file := tar.extractfile(member)) is not None:
                    told = json.load(file)
                    if isinstance(told, dict) and person.is_seen(told.get(SUBJECT), told.get(SESSION)):
                        keys.add(member.name.split(".", 1)[0])
    except (OSError, tarfile.TarError, ValueError):
        return keys
    return keys


def _rewrite_shards(index: Path, shards: tuple[Path, ...], person: Person) -> None:
    for path in shards:
        keys = _keys(path, person) if path.is_file() else set()
        if keys:
            with (
                new_file(path, overwrite=True) as temporary,
                tarfile.open(path) as old,
                tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as new,
            ):
                for member in old:
                    if member.name.split(".", 1)[0] not in keys:
                        new.addfile(member, old.extractfile(member))
    told: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
    for one in told.get("shards", ()):
        path = index.parent / str(one.get("name"))
        if path.parent == index.parent and path.is_file():
            one["clips"], one["sha256"] = _n_clips(path), sha256_of_file(path)
    told["shards"] = [one for one in told.get("shards", ()) if one.get("clips")]
    with new_file(index, overwrite=True) as temporary:
        temporary.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for path in shards:
        if path.is_file() and _n_clips(path) == 0:
            path.unlink()


def _n_clips(path: Path) -> int:
    with tarfile.open(path) as tar:
        return len({member.name.split(".", 1)[0] for member in tar})
