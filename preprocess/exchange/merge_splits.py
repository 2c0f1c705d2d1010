"""The splits of datasets that are merged: united where they agree, otherwise drawn anew, and said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import DatasetError
from ..dataset.record import DEFAULT_SPLIT, DatasetRecord, SessionRecord, SplitConfig, SplitScheme
from ..splits.draw import draw_folds, draw_scheme, scheme_in_time
from ..splits.people import SessionInSplit
from ..splits.summary import sessions_in_split


def merged_splits(
    parts: Sequence[DatasetRecord], built: Sequence[SessionRecord], folder: Path, remarks: list[str]
) -> tuple[SplitScheme, ...]:
    """Return every split that one of the datasets has: united where they agree, else drawn anew.

    Parameters
    ----------
    parts : the datasets' records
    built : the sessions of all, whose files lie in `folder`
    remarks : gets a line for each split that is not simply united

    Raises
    ------
    DatasetError
        The default split cannot be drawn anew, or a file is damaged.
    """
    names = dict.fromkeys(scheme.name for part in parts for scheme in part.splits)
    summaries = None
    splits = []
    for name in names:
        schemes = [scheme for part in parts for scheme in part.splits if scheme.name == name]
        why = _disagreement(schemes, len(parts), built)
        if why is None:
            splits.append(_united(schemes))
            continue
        summaries = summaries or sessions_in_split(folder, built)
        try:
            splits.append(_drawn(schemes[0], summaries, name))
        except DatasetError as error:
            if name == DEFAULT_SPLIT:
                raise
            remarks.append(f"split {name!r} left out: {why}, and none can be drawn ({error})")
            continue
        remarks.append(f"split {name!r} drawn anew: {why}")
    return tuple(splits)


def _drawn(like: SplitScheme, sessions: Sequence[SessionInSplit], name: str) -> SplitScheme:
    if like.by == "time" and name != DEFAULT_SPLIT:  # asked for by name, so it stays what it is
        return scheme_in_time(sessions, name=name)
    if like.by == "fold":
        return draw_folds(sessions, like.n_folds, name=name, seed=like.seed)
    return draw_scheme(sessions, SplitConfig(seed=like.seed), name=name)


def _disagreement(
    schemes: Sequence[SplitScheme], n_sources: int, built: Sequence[SessionRecord]
) -> str | None:
    """Return why splits of one name cannot be united; None where they can."""
    if len(schemes) < n_sources:
        return f"{len(schemes)} of {n_sources} datasets have it"
    kinds = dict.fromkeys(scheme.by for scheme in schemes)
    if len(kinds) > 1:
        return f"one is by {' and one by '.join(kinds)}"
    people = {entry.subject.casefold() for entry in built}
    if schemes[0].by == "time" and schemes[0].name == DEFAULT_SPLIT and len(people) > 1:
        return f"it is in time, for one subject, and there are now {len(people)}"
    if len({scheme.n_folds for scheme in schemes}) > 1:
        return f"they have {' and '.join(str(scheme.n_folds) for scheme in schemes)} folds"
    seen: dict[str, tuple[str, object]] = {}
    for scheme in schemes:
        places = scheme.folds if scheme.by == "fold" else scheme.subjects
        for subject, place in places.items():
            other = seen.setdefault(subject.casefold(), (subject, place))
            if other[1] != place:
                return f"subject {subject!r} is in {_part(other[1])} here and in {_part(place)} there"
    return None


def _part(place: object) -> str:
    return f"fold {place}" if isinstance(place, int) else str(place)


def _united(schemes: Sequence[SplitScheme]) -> SplitScheme:
    first = schemes[0]
    balanced = len({scheme.balanced_on for scheme in schemes}) == 1
    return SplitScheme(
        name=first.name,
        by=first.by,
        seed=first.seed,
        balanced_on=first.balanced_on if balanced else (),
        subjects={name: split for scheme in schemes for name, split in scheme.subjects.items()},
        folds={name: fold for scheme in schemes for name, fold in scheme.folds.items()},
        parts={name: parts for scheme in schemes for name, parts in scheme.parts.items()},
    )
