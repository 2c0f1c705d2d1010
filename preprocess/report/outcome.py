"""First section of the report: what came out, and every session's fate, failures first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ...annotate.trace import DIMENSIONS
from ...capture.streams import Stream
from ...report import Badge, Cell, Page, Prose, Share
from ..dataset.record import SPLITS, DatasetRecord, SessionRecord, SplitScheme
from .drawing import count, percent
from .rows import CLIP_LENGTH, TEST_STEP, SessionRows

FOLD_BEYOND = 40
"""Longest table of sessions that stands open."""
GEOMETRY: Mapping[str, Literal["good", "doubt", "bad", "none"]] = {
    "agrees": "good",
    "knocked": "bad",
    "cannot tell": "doubt",
    "not checked": "none",
}


def add_outcome(
    page: Page,
    record: DatasetRecord,
    sessions: Sequence[SessionRows],
    unreadable: Sequence[tuple[SessionRecord, str]],
    scheme: SplitScheme | None,
) -> None:
    """Add tiles, failures, the split's table and the sessions' table."""
    page.section("What came out", _lead(record, sessions, unreadable))
    page.tiles(_tiles(record, sessions, unreadable))
    _add_failures(page, record.failed, unreadable)
    if sessions and scheme is not None:
        page.table(*_split_table(sessions, scheme), caption=_split_caption(scheme))
    if sessions:
        others = _other_streams(sessions)
        ordered = sorted(sessions, key=_trouble, reverse=True)
        rows = [_session_row(one, scheme, others) for one in ordered]
        header = ["session", "", "frames", "aligned"]
        header += [*others, "labelled", "raters", "geometry"]
        caption = (
            "The sessions in the dataset, those that lost most first. Of all their frames: aligned, valid in "
            "each other stream, labelled in valence and arousal. Geometry: does the calibration still fit?"
        )
        if len(rows) > FOLD_BEYOND:
            page.table(header, rows[:FOLD_BEYOND], caption=caption)
            with page.folded(f"the other {len(rows) - FOLD_BEYOND} sessions"):
                page.table(header, rows[FOLD_BEYOND:])
        else:
            page.table(header, rows, caption=caption)
    _add_remarks(page, record)


def _lead(
    record: DatasetRecord, sessions: Sequence[SessionRows], unreadable: Sequence[tuple[SessionRecord, str]]
) -> str:
    n_lost = len(record.failed) + len(unreadable)
    if n_lost:
        verb = "is" if n_lost == 1 else "are"
        return f"{n_lost} of {len(record.sessions)} sessions {verb} not in the dataset; why stands below."
    n_remarked = sum(bool(entry.remarks) for entry in record.built)
    remarked = f" {n_remarked} of them with remarks, which stand below." if n_remarked else ""
    if len(sessions) == 1:
        return "The session was built." + (" Its remarks stand below." if n_remarked else "")
    whole = "Both" if len(sessions) == 2 else f"All {len(sessions)}"
    return f"{whole} sessions were built.{remarked}"


def _tiles(
    record: DatasetRecord, sessions: Sequence[SessionRows], unreadable: Sequence[tuple[SessionRecord, str]]
) -> dict[str, str]:
    n_frames = sum(rows.entry.n_frames for rows in sessions)
    n_aligned = sum(int(rows.aligned.sum()) for rows in sessions)
    n_labelled = sum(int(_both_labels(rows).sum()) for rows in sessions)
    n_clips = {
        split: sum(rows.clips(part) for rows in sessions for part in rows.parts if part.split == split)
        for split in SPLITS
    }
    tiles = {f"of {count(len(record.sessions))} sessions built": count(len(sessions))}
    if n_failed := len(record.failed) + len(unreadable):
        tiles["sessions failed"] = count(n_failed)
    tiles["subjects" if _n_subjects(sessions) != 1 else "subject"] = count(_n_subjects(sessions))
    tiles[f"frames, {_rates(sessions)}"] = count(n_frames)
    tiles["of the frames aligned"] = percent(n_aligned / n_frames) if n_frames else "–"
    tiles["labelled in both dimensions"] = percent(n_labelled / n_frames) if n_frames else "–"
    for split, word in zip(SPLITS, ("to train on", "to validate", "to test"), strict=True):
        tiles[f"clips of {CLIP_LENGTH} {word}"] = count(n_clips[split])
    return tiles


def _rates(sessions: Sequence[SessionRows]) -> str:
    rates = sorted({round(rows.entry.fps, 2) for rows in sessions})
    if not rates:
        return "none"
    return f"{rates[0]:g} a second" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g} a second"


def _n_subjects(sessions: Sequence[SessionRows]) -> int:
    return len({rows.entry.subject.casefold() for rows in sessions})


def _both_labels(rows: SessionRows) -> np.ndarray:
    return rows.labelled(DIMENSIONS[0]) & rows.labelled(DIMENSIONS[1])


def _add_failures(
    page: Page, failed: Sequence[SessionRecord], unreadable: Sequence[tuple[SessionRecord, str]]
) -> None:
    lines: list[list[Cell]] = [
        [Prose(entry.id), Badge("failed", "bad"), entry.subject, Prose(entry.error or "It did not say why.")]
        for entry in failed
    ]
    lines += [
        [Prose(entry.id), Badge("unreadable", "bad"), entry.subject, Prose(error)]
        for entry, error in unreadable
    ]
    if lines:
        page.table(["session", "", "subject", "why"], lines, caption="Not in the dataset")


def _split_table(sessions: Sequence[SessionRows], scheme: SplitScheme) -> tuple[list[str], list[list[Cell]]]:
    header = ["split", "subjects", "sessions", "frames", "aligned", "clips", "clips with both labels"]
    lines: list[list[Cell]] = []
    unused = sum(not rows.parts for rows in sessions)
    for split in SPLITS:
        own = [(rows, part) for rows in sessions for part in rows.parts if part.split == split]
        if not own:
            continue
        n_frames = sum(part.stop - part.start for _, part in own)
        n_aligned = sum(int(rows.aligned[part.start : part.stop].sum()) for rows, part in own)
        lines.append(
            [
                split,
                count(len({rows.entry.subject.casefold() for rows, _ in own})),
                count(len({rows.entry.id for rows, _ in own})),
                count(n_frames),
                percent(n_aligned / n_frames) if n_frames else "–",
                count(sum(rows.clips(part) for rows, part in own)),
                count(sum(rows.clips(part, labelled=DIMENSIONS) for rows, part in own)),
            ]
        )
    if unused:
        lines.append([f"in no part of {scheme.name!r}", "", count(unused), "", "", "", ""])
    return header, lines


def _split_caption(scheme: SplitScheme) -> str:
    kind = {
        "subject": "by subject",
        "time": "in time: all splits show the same person",
        "fold": f"in {scheme.n_folds} folds of subjects, of which this is fold 0",
    }[scheme.by]
    return (
        f"Split {scheme.name!r}, {kind}. A clip is {CLIP_LENGTH} aligned frames on end; those to train on do "
        f"not overlap, those to validate and test start every {TEST_STEP} frames."
    )


def _session_row(rows: SessionRows, scheme: SplitScheme | None, others: Sequence[Stream]) -> list[Cell]:
    entry = rows.entry
    aligned = float(rows.aligned.mean()) if entry.n_frames else 0.0
    labelled = float(_both_labels(rows).mean()) if entry.n_frames else 0.0
    split = ", ".join(dict.fromkeys(part.split for part in rows.parts)) if scheme else ""
    fate = Badge("remarks", "doubt") if entry.remarks else Badge("built", "good")
    return [
        Prose(entry.id, small=" · ".join(filter(None, (entry.subject, split)))),
        fate,
        count(entry.n_frames),
        Share(aligned, percent(aligned)),
        *(percent(rows.share_valid(other)) if other in rows.reason else "–" for other in others),
        percent(labelled) if entry.raters or labelled else "–",
        str(len(entry.raters)),
        Badge(entry.geometry, GEOMETRY[entry.geometry]),
    ]


def _other_streams(sessions: Sequence[SessionRows]) -> list[Stream]:
    present = {stream for rows in sessions for stream in rows.entry.streams}
    return [stream for stream in Stream if stream in present and stream is not Stream.COLOR]


def _trouble(rows: SessionRows) -> tuple[bool, float]:
    """Return what sessions are sorted by: a knocked camera, then the share of rows lost."""
    return (rows.entry.geometry == "knocked", rows.share_lost)


def _add_remarks(page: Page, record: DatasetRecord) -> None:
    lines: list[list[Cell]] = []
    for entry in record.built:
        remarks = list(entry.remarks)
        if entry.geometry in ("knocked", "cannot tell") and entry.geometry_reason:
            remarks.append(f"Geometry, {entry.geometry}: {entry.geometry_reason}")
        for i, remark in enumerate(remarks):
            lines.append([Prose("" if i else entry.id), Prose(remark)])
    if not lines:
        return
    caption = "What the build remarks about sessions that are in the dataset"
    if len(lines) > FOLD_BEYOND:
        with page.folded(f"{len(lines)} remarks about sessions that are in the dataset"):
            page.table(["session", "remark"], lines, caption=caption)
    else:
        page.table(["session", "remark"], lines, caption=caption)
