"""Several datasets become one: files are linked or copied, never built again.

Frames of different configuration do not mix, sessions keep their ids, and nobody is taken for two people, or
two people for one, unless it is said.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError, OutputError, UsageError
from ...output import new_folder, require_folder_free
from ..dataset import record as records
from ..dataset.record import ClipConfig, DatasetRecord, SessionRecord
from .merge_splits import merged_splits

FREE = ("compression", "verify_moments")
"""Of the configuration: what two datasets may differ in, because no frame shows it."""
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What became of a merge.

    Attributes
    ----------
    path, record : the new dataset
    remarks : what the user must know: splits drawn anew or left out, failed sessions dropped
    n_linked, n_copied : files that share their bytes with the old datasets; those that do not
    """

    path: Path
    record: DatasetRecord
    remarks: tuple[str, ...]
    n_linked: int
    n_copied: int


@dataclass(frozen=True, slots=True)
class _Source:
    """One of the datasets, renamed; `files` maps new names to where they lie."""

    path: Path
    record: DatasetRecord
    files: dict[str, Path]


def merge_datasets(
    paths: Sequence[Path],
    *,
    out: Path,
    prefixes: Sequence[str] = (),
    same_subjects: bool = False,
    copy: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> MergeReport:
    """Write one dataset with all sessions of several.

    Splits of one name are united where every dataset has one, of the same kind, and they agree on whom they
    share; otherwise they are drawn anew. The rows of no session are read, but for labels, to draw splits.

    Parameters
    ----------
    prefixes : one per dataset: goes before the ids of its sessions and subjects; none leaves them as they are
    same_subjects : whether a subject's id means the same person in all datasets
    copy : copy files also where they could be linked
    on_progress : called with the megabytes linked or copied and those in all

    Raises
    ------
    UsageError
        There are fewer than two datasets, or not as many prefixes as datasets.
    DatasetError
        A dataset is missing or damaged, configurations differ, or an id or a recording is there twice.
    OutputError
        Something stands at `out`, it is one of the datasets, or the disk refuses.
    """
    if len(paths) < 2:
        raise UsageError(f"wanted two datasets or more to merge, found {len(paths)}: {out}")
    _require_prefixes(prefixes, paths)
    require_folder_free(out, marker=records.RECORD_NAME, overwrite=overwrite)
    sources = [_source(path, f"{prefixes[i]}-" if prefixes else "") for i, path in enumerate(paths)]
    for path in paths:
        if out.exists() and out.samefile(path):
            raise OutputError(f"wanted a new folder for the merged dataset, found one of its parts: {out}")
    for source in sources[1:]:
        _require_compatible(sources[0], source)
    remarks: list[str] = []
    sessions = _sessions(sources, remarks)
    _require_distinct_files(sources)
    if not same_subjects:
        _require_strangers(sources)
    _require_recorded_once(sources)
    with new_folder(out, marker=records.RECORD_NAME, overwrite=overwrite) as folder:
        files = {folder / name: file for source in sources for name, file in source.files.items()}
        sizes = [file.stat().st_size for file in files.values()]
        linked = []
        for number, (to, file) in enumerate(files.items()):
            if on_progress is not None:
                on_progress(sum(sizes[:number]) >> 20, (sum(sizes) >> 20) + 1)
            linked.append(_place(file, to, copy=copy))
        built = [entry for entry in sessions if entry.fate == "built"]
        if len({source.record.simulated for source in sources}) > 1:
            remarks.append("simulated and recorded sessions are mixed: the dataset counts as simulated")
        record = DatasetRecord(
            software=" + ".join(dict.fromkeys(source.record.software for source in sources)),
            simulated=any(entry.simulated for entry in built),
            detector=sources[0].record.detector,
            box_policy=sources[0].record.box_policy,
            config=sources[0].record.config,
            splits=merged_splits([source.record for source in sources], built, folder, remarks),
            sessions=sessions,
        )
        records.write_record(folder, record)
    return MergeReport(out, record, tuple(remarks), sum(linked), len(linked) - sum(linked))


def _source(path: Path, prefix: str) -> _Source:
    record = records.read_record(path)
    files: dict[str, Path] = {}
    entries = []
    for entry in record.sessions:
        new: dict[str, object] = {"id": prefix + entry.id, "subject": prefix + entry.subject}
        if entry.fate == "built":
            if entry.file is None or Path(entry.file).name != entry.file or not (path / entry.file).is_file():
                raise DatasetError(
                    f"wanted {entry.file!r} of session {entry.id!r}, found no such file; see `mavfer dataset "
                    f"check`: {path}"
                )
            new["file"] = prefix + entry.file
            files[prefix + entry.file] = path / entry.file
        entries.append(entry.model_copy(update=new))
    splits = [
        scheme.model_copy(
            update={
                "subjects": {prefix + name: split for name, split in scheme.subjects.items()},
                "folds": {prefix + name: fold for name, fold in scheme.folds.items()},
                "parts": {prefix + name: parts for name, parts in scheme.parts.items()},
            }
        )
        for scheme in record.splits
    ]
    renamed = record.model_copy(update={"sessions": tuple(entries), "splits": tuple(splits)})
    return _Source(path, renamed, files)


def _require_prefixes(prefixes: Sequence[str], paths: Sequence[Path]) -> None:
    if prefixes and len(prefixes) != len(paths):
        raise UsageError(f"wanted a --prefix for each of {len(paths)} datasets, found {len(prefixes)}")
    for prefix in prefixes:
        if not PREFIX.fullmatch(prefix):
            raise UsageError(f"wanted a --prefix of letters, digits, - and _, found {prefix!r}")
    if len({prefix.casefold() for prefix in prefixes}) != len(prefixes):
        raise UsageError(f"wanted different prefixes, found {', '.join(prefixes)}")


def _require_compatible(first: _Source, other: _Source) -> None:
    """Raise DatasetError, naming every difference, unless two datasets' frames are made alike."""
    found: list[str] = []
    for name in ClipConfig.model_fields:
        here, there = getattr(first.record.config, name), getattr(other.record.config, name)
        if name not in FREE and here != there:
            found.append(f"{name} {_word(here)} and {_word(there)}")
    for name in ("detector", "box_policy"):
        here, there = getattr(first.record, name), getattr(other.record, name)
        if here != there:
            found.append(f"{name} {here!r} and {there!r}")
    if found:
        raise DatasetError(
            f"wanted datasets of one configuration, found {'; '.join(found)}; build one of them again: "
            f"{first.path} and {other.path}"
        )


def _word(value: object) -> str:
    return repr(str(value)) if isinstance(value, str) else f"{value}"


def _sessions(sources: Sequence[_Source], remarks: list[str]) -> tuple[SessionRecord, ...]:
    """Return all sessions; one that failed here and was built there is left out."""
    built: dict[str, Path] = {}
    for source in sources:
        for entry in source.record.built:
            if entry.id in built:
                raise DatasetError(
                    f"wanted sessions of different ids, found {entry.id!r} in both; give each dataset a "
                    f"--prefix, or leave one out: {built[entry.id]} and {source.path}"
                )
            built[entry.id] = source.path
    kept: list[SessionRecord] = []
    failed: set[str] = set()
    for source in sources:
        for entry in source.record.sessions:
            if entry.fate == "failed" and (entry.id in built or entry.id in failed):
                remarks.append(
                    f"session {entry.id!r} failed in {source.path.name} and is elsewhere too: left out"
                )
                continue
            if entry.fate == "failed":
                failed.add(entry.id)
            kept.append(entry)
    return tuple(kept)


def _require_distinct_files(sources: Sequence[_Source]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        for name, file in source.files.items():
            other = seen.setdefault(name.casefold(), file)
            if other != file:
                raise DatasetError(
                    f"wanted sessions whose files have different names, found {name!r} twice; give each "
                    f"dataset a --prefix: {other} and {file}"
                )


def _require_strangers(sources: Sequence[_Source]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        subjects = {entry.subject.casefold(): entry.subject for entry in source.record.built}
        both = sorted(subjects.keys() & seen.keys())
        if both:
            names = ", ".join(subjects[name] for name in both)
            raise DatasetError(
                f"wanted different subjects in each dataset, found {names} in two; pass --same-subjects if "
                f"they are the same people, a --prefix for each dataset if not: {seen[both[0]]} "
                f"and {source.path}"
            )
        seen |= dict.fromkeys(subjects, source.path)


def _require_recorded_once(sources: Sequence[_Source]) -> None:
    """Raise DatasetError where one recording comes under two names: a split may test on what it trains on."""
    seen: dict[str, tuple[str, Path]] = {}
    for source in sources:
        for entry in source.record.built:
            if entry.source_sha256 is None:
                continue
            twin, path = seen.setdefault(entry.source_sha256, (entry.id, source.path))
            if twin != entry.id:
                raise DatasetError(
                    f"wanted every recording once, found one as {twin!r} and as {entry.id!r}, which a split "
                    f"may part; leave one of the datasets out: {path} and {source.path}"
                )


def _place(file: Path, to: Path, *, copy: bool) -> bool:
    """Return whether `to` is a link to `file`; a copy where links are not asked for or not possible."""
    if not copy:
        try:
            os.link(file, to)
        except OSError:  # another disk, or a file system without links
            pass
        else:
            return True
    shutil.copyfile(file, to)
    return False
