"""Which frames are for training, for validation and for testing: whole subjects, never a subject in two.

A dataset of one subject cannot be split by subject. It is split in time, and says so: its scores tell how
well a network does on this person, not how well it does on people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ...errors import DatasetError
from ..dataset.record import DEFAULT_SPLIT, SPLITS, Part, Split, SplitConfig, SplitScheme
from .balance import Assignment, label_distances, most_alike
from .people import People, SessionInSplit, people_of

TEST_SHARE = 5 / 17  # the paper tests on 5 of its 17 videos (section V-B)
VALIDATION_SHARE = 1 / 6  # of the other 12, two
CLIP_FRAMES = 16
TIME_SHARE = 0.2  # of a session's frames each for validation and for testing, at its end


def draw_scheme(
    sessions: Sequence[SessionInSplit],
    config: SplitConfig,
    *,
    name: str = DEFAULT_SPLIT,
    balance: bool = True,
) -> SplitScheme:
    """Return the split of whole subjects that `config` asks for.

    Where all sessions are of one subject and no number is asked for, ranges of time. The same sessions and
    seed give the same split, in whatever order the sessions come.

    Parameters
    ----------
    balance : choose, among many draws, the one whose parts' labels lie most alike (`balance`); a plain draw
        where no session has labels

    Raises
    ------
    DatasetError
        No subject would be left for training.
    """
    people = people_of(sessions)
    asked = config.n_test_subjects, config.n_validation_subjects
    if len(people.names) == 1 and asked == (None, None):
        return scheme_in_time(sessions, name=name)
    n_test, n_validation = _numbers(people, n_test=asked[0], n_validation=asked[1])
    parts = _plain_draw(len(people.names), n_test=n_test, n_validation=n_validation, seed=config.seed)
    balanced = balance and bool(people.dimensions)
    if balanced:
        used, compact = np.unique(parts, return_inverse=True)
        shares = np.bincount(compact) / len(parts)
        alike = most_alike(people, compact.astype(np.int64), shares, seed=config.seed, may_move=False)
        parts = used[alike]
    return SplitScheme(
        name=name,
        by="subject",
        seed=config.seed,
        balanced_on=people.dimensions if balanced else (),
        subjects=people.subjects_of(_named(people, parts)),
    )


def draw_folds(
    sessions: Sequence[SessionInSplit], n_folds: int, *, name: str, seed: int = 0, balance: bool = True
) -> SplitScheme:
    """Return `n_folds` folds of whole subjects; every subject is tested in exactly one.

    With as many folds as subjects, fold k leaves out the k-th subject in the order of their ids. Else the
    folds are drawn with `seed`, and with `balance` people are exchanged and moved between them until their
    numbers of frames and their labels are as alike as can be; a fold has one subject at least.

    Raises
    ------
    DatasetError
        There are fewer subjects than folds, or fewer than two folds.
    """
    people = people_of(sessions)
    n = len(people.names)
    if not 2 <= n_folds <= n:
        raise DatasetError(
            f"wanted 2 folds or more and a subject for each, found {n_folds} folds and {n} subject"
            f"{'s' if n > 1 else ''} ({people.shown()}); ask for fewer, or add sessions of others"
        )
    folds: Assignment = np.arange(n, dtype=np.int64)
    balanced = balance and n_folds < n
    if n_folds < n:
        folds[np.random.default_rng(seed).permutation(n)] = np.arange(n) % n_folds
    if balanced:
        folds = most_alike(people, folds, np.full(n_folds, 1 / n_folds), seed=seed, may_move=True)
    return SplitScheme(
        name=name,
        by="fold",
        seed=seed,
        balanced_on=people.dimensions if balanced else (),
        folds=people.subjects_of(dict(zip(people.names, folds.tolist(), strict=True))),
    )


def scheme_by_hand(
    sessions: Sequence[SessionInSplit], *, test: Iterable[str], validation: Iterable[str], name: str
) -> SplitScheme:
    """Return the split that tests on the subjects `test`; those that are not named are trained on.

    Raises
    ------
    DatasetError
        A subject is unknown (the message names the nearest ids) or named in both, or none is left to train.
    """
    people = people_of(sessions)
    chosen: dict[str, Split] = dict.fromkeys(people.names, "train")
    held_out: tuple[tuple[Split, Iterable[str]], ...] = (("test", test), ("validation", validation))
    for split, subjects in held_out:
        for subject in subjects:
            who = people.name_of(subject)
            if chosen[who] not in ("train", split):
                raise DatasetError(
                    f"wanted a subject in one split, found {people.shown([who])!r} in test and in validation"
                )
            chosen[who] = split
    if "train" not in chosen.values():
        raise DatasetError(f"wanted at least 1 subject for training, all are held out ({people.shown()})")
    return SplitScheme(name=name, by="subject", subjects=people.subjects_of(chosen))


def scheme_in_time(sessions: Sequence[SessionInSplit], *, name: str) -> SplitScheme:
    """Return the split in which every session trains at its beginning and is tested at its end."""
    parts = {session.id: split_in_time(session.n_frames) for session in sessions}
    return SplitScheme(name=name, by="time", parts=parts)


def mean_distance(sessions: Sequence[SessionInSplit], scheme: SplitScheme) -> float:
    """Return how far the labels of a scheme's parts, or folds, lie from those of all, on average.

    The earth mover's distance (see `balance`), in units of the label; NaN without labels or in time.
    """
    people = people_of(sessions)
    chosen = scheme.subjects or scheme.folds
    if not people.dimensions or not chosen:
        return float("nan")
    values = [chosen[people.spellings[name][0]] for name in people.names]
    _, parts = np.unique(np.array(values), return_inverse=True)
    return float(label_distances(people, parts[None], int(parts.max()) + 1).mean())


def split_subjects(
    subjects: Iterable[str], *, n_test: int | None, n_validation: int | None, seed: int
) -> dict[str, Split]:
    """Return the split of every subject, drawn with `seed`; the same subjects and seed give the same splits.

    Parameters
    ----------
    subjects : pseudonyms; one that comes twice counts once, and so do spellings that differ in case alone
    n_test, n_validation : how many subjects; None for the paper's share, at least one of each where there
        are three subjects or more

    Raises
    ------
    DatasetError
        No subject would be left for training.
    """
    people = people_of([SessionInSplit(id="", subject=subject, n_frames=0) for subject in subjects])
    n_test, n_validation = _numbers(people, n_test=n_test, n_validation=n_validation)
    parts = _plain_draw(len(people.names), n_test=n_test, n_validation=n_validation, seed=seed)
    return people.subjects_of(_named(people, parts))


def split_in_time(n_frames: int) -> tuple[Part, ...]:
    """Return a session's frames as training, validation and test part, in this order of time.

    Validation and test take a fifth each, and at least one clip. A session shorter than three clips is for
    training alone.
    """
    if n_frames < 3 * CLIP_FRAMES:
        return (Part(split="train", start=0, stop=n_frames),)
    n_held_out = max(CLIP_FRAMES, round(n_frames * TIME_SHARE))
    borders = (n_frames - 2 * n_held_out, n_frames - n_held_out)
    return (
        Part(split="train", start=0, stop=borders[0]),
        Part(split="validation", start=borders[0], stop=borders[1]),
        Part(split="test", start=borders[1], stop=n_frames),
    )


def _numbers(people: People, *, n_test: int | None, n_validation: int | None) -> tuple[int, int]:
    """Return how many people are tested and validated on; raises DatasetError if none is left."""
    n = len(people.names)
    if n_test is None:
        n_test = max(1, round(n * TEST_SHARE))
    if n_validation is None:
        left = n - n_test
        n_validation = max(1, round(left * VALIDATION_SHARE)) if left > 1 else 0
    if n_test + n_validation >= n:
        raise DatasetError(
            f"wanted {n_test} test and {n_validation} validation subjects and at least 1 for training, "
            f"found {n} ({people.shown()}); add sessions of other subjects, or ask for fewer with "
            f"--test-subjects and --validation-subjects"
        )
    return n_test, n_validation


def _plain_draw(n: int, *, n_test: int, n_validation: int, seed: int) -> Assignment:
    """Return (n,) places in SPLITS: the first of a shuffled order are tested, the next validated on."""
    order = np.random.default_rng(seed).permutation(n)
    parts = np.full(n, SPLITS.index("train"), np.int64)
    parts[order[: n_test + n_validation]] = SPLITS.index("validation")
    parts[order[:n_test]] = SPLITS.index("test")
    return parts


def _named(people: People, parts: Assignment) -> dict[str, Split]:
    return {name: SPLITS[part] for name, part in zip(people.names, parts.tolist(), strict=True)}
