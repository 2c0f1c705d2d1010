"""The splits that a dataset's record holds: one more, one less; nothing is built again."""

from __future__ import annotations

from pathlib import Path

from ...errors import DatasetError, OutputError
from ..dataset.record import DEFAULT_SPLIT, DatasetRecord, SplitScheme, read_record, write_record


def require_name_free(record: DatasetRecord, name: str, *, overwrite: bool, path: Path) -> None:
    """Raise OutputError if the dataset has a split of that name and it may not be replaced."""
    if not overwrite and any(scheme.name == name for scheme in record.splits):
        raise OutputError(
            f"the dataset has a split {name!r}; pass --overwrite, which makes another split of it for every "
            f"run that names it, or another --name: {path}"
        )


def add_split(path: Path, scheme: SplitScheme, *, overwrite: bool = False) -> DatasetRecord:
    """Write `scheme` into the record of the dataset at `path`, which appears complete or stays as it was.

    Raises
    ------
    DatasetError
        There is no dataset at `path`.
    OutputError
        It has a split of that name and `overwrite` is False, or the disk refuses the write.
    """
    record = read_record(path)
    require_name_free(record, scheme.name, overwrite=overwrite, path=path)
    splits = [scheme if old.name == scheme.name else old for old in record.splits]
    if scheme not in splits:
        splits.append(scheme)
    changed = record.model_copy(update={"splits": tuple(splits)})
    write_record(path, changed, overwrite=True)
    return changed


def remove_split(path: Path, name: str) -> DatasetRecord:
    """Take the split called `name` out of the record of the dataset at `path`.

    Raises
    ------
    DatasetError
        There is no dataset, or no such split, or it is the one that is used where none is named.
    """
    record = read_record(path)
    record.scheme(name)
    if name == DEFAULT_SPLIT:
        raise DatasetError(
            f"wanted a split that can be removed, found {name!r}, which is used where no split is named; "
            f"replace it with --name {name} --overwrite: {path}"
        )
    kept = tuple(scheme for scheme in record.splits if scheme.name != name)
    changed = record.model_copy(update={"splits": kept})
    write_record(path, changed, overwrite=True)
    return changed
