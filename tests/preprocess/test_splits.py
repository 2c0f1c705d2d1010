"""Laws of splitting: no subject in two splits, the seed decides, too few subjects are refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.errors import DatasetError
from mavfer.preprocess.build import assign_parts
from mavfer.preprocess.record import ClipConfig
from mavfer.preprocess.splits import split_in_time, split_subjects


@given(st.integers(3, 60), st.integers(0, 5))
def test_every_subject_is_in_one_split_and_no_split_is_empty(n_subjects: int, seed: int) -> None:
    subjects = [f"S{i:02d}" for i in range(n_subjects)]
    splits = split_subjects(subjects * 2, n_test=None, n_validation=None, seed=seed)
    assert set(splits) == set(subjects)
    assert set(splits.values()) == {"train", "validation", "test"}


def test_the_papers_seventeen_videos_give_five_for_testing() -> None:
    splits = list(split_subjects(map(str, range(17)), n_test=None, n_validation=None, seed=0).values())
    assert [splits.count(name) for name in ("train", "validation", "test")] == [10, 2, 5]


def test_the_seed_decides_and_the_order_of_sessions_does_not() -> None:
    subjects = [f"S{i:02d}" for i in range(12)]
    first = split_subjects(subjects, n_test=3, n_validation=2, seed=0)
    assert split_subjects(subjects[::-1], n_test=3, n_validation=2, seed=0) == first
    assert any(split_subjects(subjects, n_test=3, n_validation=2, seed=s) != first for s in range(1, 4))


@pytest.mark.parametrize(("n_test", "n_validation"), [(2, 1), (3, 0), (5, 5)])
def test_too_few_subjects_are_refused(n_test: int, n_validation: int) -> None:
    with pytest.raises(DatasetError, match=r"at least 1 for training, found 3 \(A, B, C\)"):
        split_subjects("ABC", n_test=n_test, n_validation=n_validation, seed=0)


def test_two_subjects_are_one_for_training_and_one_for_testing() -> None:
    splits = split_subjects("AB", n_test=None, n_validation=None, seed=0)
    assert sorted(splits.values()) == ["test", "train"]


@given(st.integers(1, 2000))
def test_parts_in_time_cover_every_frame_once(n_frames: int) -> None:
    parts = split_in_time(n_frames)
    assert parts[0].start == 0
    assert parts[-1].stop == n_frames
    assert all(before.stop == after.start for before, after in pairwise(parts))
    assert len(parts) == 1 or all(part.stop - part.start >= 16 for part in parts)


def test_one_subject_is_split_in_time_and_two_are_not() -> None:
    alone = assign_parts([("S", 100), ("S", 60)], ClipConfig())
    assert [[part.split for part in parts] for parts in alone] == [["train", "validation", "test"]] * 2
    assert [len(parts) for parts in assign_parts([("S", 100), ("T", 60)], ClipConfig())] == [1, 1]


def test_one_subject_cannot_be_asked_for_test_subjects() -> None:
    with pytest.raises(DatasetError, match="wanted 1 test"):
        assign_parts([("S", 100)], ClipConfig(n_test_subjects=1))


def test_sessions_of_a_subject_stay_together() -> None:
    sessions = [(f"S{i % 5}", 10) for i in range(20)]
    parts = assign_parts(sessions, ClipConfig(seed=3))
    splits = {}
    for (subject, _), (part,) in zip(sessions, parts, strict=True):
        assert splits.setdefault(subject, part.split) == part.split


def test_spellings_that_differ_in_case_alone_are_one_person() -> None:
    splits = split_subjects(["S01", "s01", "S02", "S03"], n_test=1, n_validation=1, seed=0)
    assert splits["S01"] == splits["s01"]
    parts = assign_parts([("S01", 100), ("s01", 100)], ClipConfig())
    assert [[part.split for part in of] for of in parts] == [["train", "validation", "test"]] * 2
