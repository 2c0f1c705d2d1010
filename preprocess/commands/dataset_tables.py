"""The tables of `mavfer dataset info`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...capture.streams import Stream
from ..dataset.clips import DatasetSession, windows
from ..dataset.columns import column_layout
from ..dataset.record import DatasetRecord, SessionRecord, read_record
from .label_share import label_share

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..splits.summary import PartSummary

CLIP_FRAMES = 16
DIMENSIONS = ("valence", "arousal")
N_NAMED = 8
N_SESSIONS = 40
"""Sessions with a line of their own; of more, subjects get the lines."""


def print_dataset(path: Path, *, split_name: str | None = None) -> None:
    """Print what is in the dataset at `path`; reads labels and masks, about a millisecond per session.

    Raises
    ------
    DatasetError
        There is no dataset or no such split, or a file is damaged.
    """
    from rich.console import Console

    record = read_record(path)
    schemes = (record.scheme(split_name),) if split_name is not None else record.splits
    console = Console(highlight=False)
    sessions = {entry.id: _whole(path, entry) for entry in record.built}
    n_clips = {
        name: len(windows(session, length=CLIP_FRAMES, step=CLIP_FRAMES))
        for name, session in sessions.items()
    }
    _say(console, _heading(path, record, sum(n_clips.values())))
    _print_people(console, record, n_clips)
    _print_modalities(console, record)
    _print_labels(console, sessions.values())
    for scheme in schemes:
        from ..splits.summary import summary_of

        how = {"subject": "by subject", "fold": f"in {scheme.n_folds} folds of subjects", "time": "in time"}
        alike = f", labels made alike ({', '.join(scheme.balanced_on)})" if scheme.balanced_on else ""
        _say(console, f"\nsplit {scheme.name!r}, {how[scheme.by]}, seed {scheme.seed}{alike}")
        _print_parts(console, summary_of(path, record, scheme))
    _print_making(console, record)
    for entry in record.failed:
        _say(console, f"not built: {entry.id}: {entry.error}")


def _whole(path: Path, entry: SessionRecord) -> DatasetSession:
    return DatasetSession(
        id=entry.id,
        session_id=entry.id,
        subject=entry.subject,
        split="train",
        start=0,
        n_frames=entry.n_frames,
        fps=entry.fps,
        streams=entry.streams,
        path=path / (entry.file or ""),
        n_ticks=entry.n_ticks,
    )


def _heading(path: Path, record: DatasetRecord, n_clips: int) -> str:
    n_frames = sum(entry.n_frames for entry in record.built)
    n_bytes = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    people = len({entry.subject.casefold() for entry in record.built})
    hours = sum(entry.n_frames / entry.fps for entry in record.built if entry.fps) / 3600
    kind = "simulated " if record.simulated else ""
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"
    return (
        f"{len(record.built)} {kind}sessions of {people} subjects, {n_frames} frames ({duration}), {n_clips} "
        f"clips of {CLIP_FRAMES} frames without overlap, {n_bytes / 1e6:.1f} MB: {path}"
    )


def _print_people(console: Console, record: DatasetRecord, n_clips: dict[str, int]) -> None:
    by_session = len(record.built) <= N_SESSIONS
    table = _table(*(("session", "subject") if by_session else ("subject", "sessions")))
    for name in ("frames", "clips", "aligned", "labelled", "raters"):
        table.add_column(name, justify="right", no_wrap=True)
    groups: dict[str, list[SessionRecord]] = {}
    for entry in record.built:
        groups.setdefault(entry.id if by_session else entry.subject, []).append(entry)
    for name, entries in groups.items():
        n_frames = sum(entry.n_frames for entry in entries)
        aligned = sum(entry.aligned_share * entry.n_frames for entry in entries) / max(1, n_frames)
        raters = {rater for entry in entries for rater in entry.raters}
        table.add_row(
            _plain(name),
            _plain(entries[0].subject if by_session else str(len(entries))),
            str(n_frames),
            str(sum(n_clips[entry.id] for entry in entries)),
            f"{aligned:.1%}",
            label_share(entries),
            str(len(raters)),
        )
    console.print(table)


def _print_modalities(console: Console, record: DatasetRecord) -> None:
    _say(console, "")
    table = _table("modality", "unit")
    for name in ("sessions", "frames", "usable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what is missing, and why")
    for stream in Stream:
        having = [entry for entry in record.built if stream in entry.streams]
        if not having:
            continue
        counts: Counter[str] = Counter()
        for entry in having:
            counts.update(entry.reasons.get(stream, {}))
        usable = counts.pop("ok", 0) + counts.pop("plane", 0)
        total = sum(entry.n_frames for entry in having)
        missing = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.most_common() if n)
        unit = column_layout(size_px=1, streams=(stream,))[stream.value].unit
        table.add_row(
            stream.value, unit, str(len(having)), str(total), f"{usable / max(1, total):.1%}", missing
        )
    console.print(table)


def _print_labels(console: Console, sessions: Iterable[DatasetSession]) -> None:
    _say(console, "")
    table = _table("label")
    for name in ("frames", "known", "mean", "spread", "5 %", "median", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    read = list(sessions)
    for dimension in DIMENSIONS:
        values = np.concatenate([np.zeros(0, np.float32), *(session.read(dimension) for session in read)])
        known = values[np.isfinite(values)]
        if len(known) == 0:
            table.add_row(dimension, "0", "0.0%", *["-"] * 5)
            continue
        low, middle, high = np.percentile(known, (5, 50, 95))
        table.add_row(
            dimension,
            str(len(known)),
            f"{len(known) / len(values):.1%}",
            f"{known.mean():+.2f}",
            f"{known.std():.2f}",
            *(f"{value:+.2f}" for value in (low, middle, high)),
        )
    console.print(table)


def _print_parts(console: Console, parts: Sequence[PartSummary]) -> None:
    table = _table("part")
    for name in ("subjects", "frames", "clips"):
        table.add_column(name, justify="right", no_wrap=True)
    for dimension in DIMENSIONS:
        table.add_column(dimension, justify="right", no_wrap=True)
    table.add_column("who")
    for part in parts:
        named = ", ".join(part.subjects[:N_NAMED])
        more = len(part.subjects) - N_NAMED
        table.add_row(
            part.split if part.fold is None else f"fold {part.fold}",
            str(len(part.subjects)),
            str(part.n_frames),
            str(part.n_clips),
            *(
                f"{part.mean[name]:+.2f} ± {part.spread[name]:.2f}"
                if np.isfinite(part.mean.get(name, np.nan))
                else "-"
                for name in DIMENSIONS
            ),
            _plain(named + (f" and {more} more" if more > 0 else "")),
        )
    console.print(table)


def _print_making(console: Console, record: DatasetRecord) -> None:
    _say(console, f"\nmade by {record.software}, faces found by {record.detector}")
    config = record.config.model_dump(mode="json")
    _say(console, "configuration: " + ", ".join(f"{name} {value}" for name, value in config.items()))
    _say(console, f"box policy: {record.box_policy}")
    rigs = sorted({entry.rig for entry in record.built if entry.rig})
    calibrations = sorted(
        {entry.calibration_sha256[:12] for entry in record.built if entry.calibration_sha256}
    )
    if rigs:
        _say(console, f"rigs: {', '.join(rigs)}; calibrations: {', '.join(calibrations) or 'none'}")


def _table(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False)
