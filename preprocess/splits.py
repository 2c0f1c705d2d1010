"""Which frames are for training, for validation and for testing: whole subjects, never a subject in two.

A dataset of one subject cannot be split by subject. It is split in time, and says so: its scores tell how
well a network knows this person, not how well it knows people.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import DatasetError
from .record import Part, Split

TEST_SHARE = 5 / 17  # the paper tests on 5 of its 17 videos (section V-B)
VALIDATION_SHARE = 1 / 6  # of the other 12, two
CLIP_FRAMES = 16
TIME_SHARE = 0.2  # of a session's frames each for validation and for testing, at its end


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
    spellings: dict[str, set[str]] = {}
    for subject in subjects:
        spellings.setdefault(subject.casefold(), set()).add(subject)
    names = sorted(spellings)
    if n_test is None:
        n_test = max(1, round(len(names) * TEST_SHARE))
    if n_validation is None:
        left = len(names) - n_test
        n_validation = max(1, round(left * VALIDATION_SHARE)) if left > 1 else 0
    if n_test + n_validation >= len(names):
        found = ", ".join(min(spellings[name]) for name in names)
        raise DatasetError(
            f"wanted {n_test} test and {n_validation} validation subjects and at least 1 for training, "
            f"found {len(names)} ({found}); add sessions of other subjects, or ask for fewer with "
            f"--test-subjects and --validation-subjects"
        )
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    held_out = n_test + n_validation
    drawn: dict[str, Split] = {}
    for place, i in enumerate(order):
        split: Split = "test" if place < n_test else "validation" if place < held_out else "train"
        drawn |= dict.fromkeys(spellings[names[i]], split)
    return drawn


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
