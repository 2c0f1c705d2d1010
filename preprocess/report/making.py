"""How the dataset was made: configuration, splits, software, and the hashes of what went in."""

from __future__ import annotations

from collections.abc import Sequence

from ...report import Cell, Page, Prose
from ..dataset.record import SPLITS, ClipConfig, DatasetRecord, SplitScheme
from .drawing import count

HASH_DIGITS = 16
MOST_NAMES = 60
MOST_CHOICES = 6
CHOICE_HEADER = ["subject's face", "sessions", ""]


def add_making(page: Page, record: DatasetRecord) -> None:
    """Add what the dataset was made with, and from what."""
    page.section("How it was made", "All of this stands in dataset.toml, the hashes in full.")
    made: list[list[Cell]] = [
        ["software", Prose(record.software)],
        ["detector", Prose(record.detector)],
        ["box policy", Prose(record.box_policy)],
    ]
    page.table(["made with", ""], made, caption="What it was made with")
    chosen = _choice_rows(record)
    if len(chosen) > MOST_CHOICES:
        with page.folded(f"How the subject's face was told from others, in {len(chosen)} ways"):
            page.table(CHOICE_HEADER, chosen)
    elif chosen:
        page.table(CHOICE_HEADER, chosen, caption="How the subject's face was told from others")
    page.table(
        ["configuration", "value", "what it is"], _config_rows(record.config), caption="Its configuration"
    )
    for scheme in record.splits:
        page.table(
            [f"split {scheme.name!r}", "", "subjects or sessions"],
            _scheme_rows(scheme),
            caption=_scheme_words(scheme),
        )
    header = ["session", "rig", "recording", "ratings", "calibration", "file"]
    if len(record.built) > 6:
        with page.folded(f"Hashes (sha256) of what went in and came out, {len(record.built)} sessions"):
            page.table(header, _hash_rows(record))
    elif record.built:
        page.table(
            header, _hash_rows(record), caption="Hashes (sha256) of what went in, and of the file made"
        )


def _choice_rows(record: DatasetRecord) -> list[list[Cell]]:
    """Return a row for each way subjects were told, that of most sessions first, with their names."""
    sessions: dict[str, list[str]] = {}
    for entry in record.built:
        if entry.subject_choice:
            sessions.setdefault(entry.subject_choice, []).append(entry.id)
    ordered = sorted(sessions.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [[Prose(words), count(len(own)), Prose(_names(own))] for words, own in ordered]


def _config_rows(config: ClipConfig) -> list[list[Cell]]:
    return [
        [name, str(getattr(config, name)), Prose(field.description or _units(name))]
        for name, field in type(config).model_fields.items()
    ]


def _units(name: str) -> str:
    known = {
        "size_px": "side of a crop, pixels",
        "align": "how a face is laid onto the crop",
        "smoothing": "of the landmarks over time, before the cut",
        "compression": "of the pixels in the files",
    }
    return known.get(name, "")


def _scheme_words(scheme: SplitScheme) -> str:
    words = {
        "subject": "Whole subjects",
        "fold": "In folds of subjects",
        "time": "In time, within one subject",
    }
    balanced = f", balanced on {' and '.join(scheme.balanced_on)}" if scheme.balanced_on else ""
    return f"{words[scheme.by]}, drawn with seed {scheme.seed}{balanced}"


def _scheme_rows(scheme: SplitScheme) -> list[list[Cell]]:
    if scheme.by == "time":
        return [
            [
                split,
                f"{count(sum(part.stop - part.start for part in parts))} frames",
                Prose(_names([session for session, own in scheme.parts.items() if _has(own, split)])),
            ]
            for split in SPLITS
            if (parts := [p for own in scheme.parts.values() for p in own if p.split == split])
        ]
    grouped: dict[str, list[str]] = {}
    if scheme.by == "fold":
        for subject, fold in sorted(scheme.folds.items(), key=lambda pair: pair[1]):
            grouped.setdefault(f"tested in fold {fold}", []).append(subject)
    else:
        for split in SPLITS:
            own = [subject for subject, where in scheme.subjects.items() if where == split]
            if own:
                grouped[split] = own
    return [[name, count(len(own)), Prose(_names(own))] for name, own in grouped.items()]


def _has(parts: Sequence, split: str) -> bool:
    return any(part.split == split for part in parts)


def _names(names: Sequence[str]) -> str:
    shown = sorted(names)[:MOST_NAMES]
    more = f", and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def _hash_rows(record: DatasetRecord) -> list[list[Cell]]:
    return [
        [
            Prose(entry.id),
            Prose(entry.rig or "–"),
            *(
                (value or "–")[:HASH_DIGITS]
                for value in (
                    entry.source_sha256,
                    entry.traces_sha256,
                    entry.calibration_sha256,
                    entry.sha256,
                )
            ),
        ]
        for entry in record.built
    ]
