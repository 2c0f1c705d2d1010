"""Who is in a dataset, as splits see it: people, how many frames each has, and how their labels lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError

N_BINS = 40
BIN_WIDTH = 2 / N_BINS
"""Labels lie in [-1, 1]; a bin is half a point of the raters' scale."""
N_NAMED = 5


@dataclass(frozen=True, slots=True)
class SessionInSplit:
    """What a split needs to know of one session.

    Attributes
    ----------
    id, subject : str
    n_frames : int
    labels : per labelled dimension a `label_histogram`; None where the labels are not known
    """

    id: str
    subject: str
    n_frames: int
    labels: Mapping[str, NDArray[np.int64]] | None = None


def label_histogram(labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return (N_BINS,) int64, how many of the labels, (F,) in [-1, 1] or NaN, lie in each bin."""
    known = np.clip(labels[np.isfinite(labels)], -1, 1)
    return np.histogram(known, bins=N_BINS, range=(-1, 1))[0].astype(np.int64)


@dataclass(frozen=True, slots=True)
class People:
    """The n people of some sessions; spellings that differ in case alone are one person.

    Attributes
    ----------
    names : casefolded, sorted
    spellings : by name, the subjects' ids as the sessions have them
    n_frames : (n,) int64
    dimensions : the D dimensions of which any session has a label
    histograms : (n, D, N_BINS) int64, labels of all sessions of a person
    """

    names: tuple[str, ...]
    spellings: Mapping[str, tuple[str, ...]]
    n_frames: NDArray[np.int64]
    dimensions: tuple[str, ...]
    histograms: NDArray[np.int64]

    def shown(self, names: Iterable[str] | None = None) -> str:
        """Return the names, or all of them, as the sessions spell them, for a message; not all of many."""
        found = [self.spellings[name][0] for name in (self.names if names is None else names)]
        more = f" and {len(found) - N_NAMED} more" if len(found) > N_NAMED else ""
        return ", ".join(found[:N_NAMED]) + more

    def subjects_of(self, values: Mapping[str, str] | Mapping[str, int]) -> dict:
        """Return a value per person as one per subject id, in the order of the ids."""
        by_subject = {subject: value for name, value in values.items() for subject in self.spellings[name]}
        return dict(sorted(by_subject.items()))

    def name_of(self, subject: str) -> str:
        """Return who `subject` is; raises DatasetError, with the nearest ids, if nobody."""
        name = subject.strip().casefold()
        if name in self.spellings:
            return name
        near = get_close_matches(name, self.names, n=3)
        known = f"is {' or '.join(repr(self.spellings[one][0]) for one in near)} meant?" if near else ""
        raise DatasetError(
            f"wanted the id of a subject, found {subject.strip()!r}; "
            f"{known or f'the dataset has {self.shown()}'}"
        )


def people_of(sessions: Sequence[SessionInSplit]) -> People:
    """Return the people of `sessions`, whatever order these are in.

    Raises
    ------
    DatasetError
        There is no session.
    """
    if not sessions:
        raise DatasetError("wanted at least one session to split, found none")
    spellings: dict[str, set[str]] = {}
    for session in sessions:
        spellings.setdefault(session.subject.casefold(), set()).add(session.subject)
    names = sorted(spellings)
    number = {name: i for i, name in enumerate(names)}
    labelled = {name for one in sessions for name, counts in (one.labels or {}).items() if counts.any()}
    dimensions = tuple(sorted(labelled, reverse=True))  # valence, then arousal
    n_frames = np.zeros(len(names), np.int64)
    histograms = np.zeros((len(names), len(dimensions), N_BINS), np.int64)
    for session in sessions:
        i = number[session.subject.casefold()]
        n_frames[i] += session.n_frames
        for d, dimension in enumerate(dimensions):
            counts = (session.labels or {}).get(dimension)
            if counts is not None:
                histograms[i, d] += counts
    return People(
        tuple(names),
        {name: tuple(sorted(spellings[name])) for name in names},
        n_frames,
        dimensions,
        histograms,
    )
