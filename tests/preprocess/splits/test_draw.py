"""Laws of splitting: no subject in two splits, the seed decides, too few subjects are refused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.clips import parts_of
from mavfer.preprocess.dataset.record import SessionRecord, SplitConfig
from mavfer.preprocess.splits.draw import (
    draw_folds,
    draw_scheme,
    mean_distance,
    scheme_by_hand,
    split_in_time,
    split_subjects,
)
from mavfer.preprocess.splits.people import SessionInSplit

Make = Callable[..., list[SessionInSplit]]


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


def plain(*sessions: tuple[str, int]) -> list[SessionInSplit]:
    return [SessionInSplit(f"take{i}", *session) for i, session in enumerate(sessions)]


def test_one_subject_is_split_in_time_and_two_are_not() -> None:
    alone = draw_scheme(plain(("S", 100), ("S", 60)), SplitConfig())
    assert alone.by == "time"
    for parts in alone.parts.values():
        assert [part.split for part in parts] == ["train", "validation", "test"]
    assert draw_scheme(plain(("S", 100), ("T", 60)), SplitConfig()).by == "subject"


def test_one_subject_cannot_be_asked_for_test_subjects() -> None:
    with pytest.raises(DatasetError, match="wanted 1 test"):
        draw_scheme(plain(("S", 100)), SplitConfig(n_test_subjects=1))


def test_nothing_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="at least one session to split"):
        draw_scheme([], SplitConfig())


def test_spellings_that_differ_in_case_alone_are_one_person() -> None:
    splits = split_subjects(["S01", "s01", "S02", "S03"], n_test=1, n_validation=1, seed=0)
    assert splits["S01"] == splits["s01"]
    assert draw_scheme(plain(("S01", 100), ("s01", 100)), SplitConfig()).by == "time"
    folds = draw_folds(plain(("S01", 10), ("s01", 10), ("S02", 10), ("S03", 10)), 3, name="k").folds
    assert folds["S01"] == folds["s01"]


def test_sessions_without_labels_are_split_as_they_are_drawn() -> None:
    sessions = plain(*((f"S{i:02d}", 100 + i) for i in range(12)))
    scheme = draw_scheme(sessions, SplitConfig(seed=5))
    subjects = [session.subject for session in sessions]
    assert scheme.subjects == split_subjects(subjects, n_test=None, n_validation=None, seed=5)
    assert scheme.balanced_on == ()


@pytest.mark.parametrize("seed", range(4))
def test_balancing_makes_the_parts_more_alike_and_keeps_their_sizes(some_sessions: Make, seed: int) -> None:
    sessions = some_sessions(17)
    config = SplitConfig(seed=seed)
    drawn = draw_scheme(sessions, config, balance=False)
    balanced = draw_scheme(sessions, config)
    assert mean_distance(sessions, balanced) < 0.6 * mean_distance(sessions, drawn)
    assert Counter(balanced.subjects.values()) == Counter(drawn.subjects.values())
    assert balanced.balanced_on == ("valence", "arousal")


def test_the_seed_decides_a_balanced_split_and_the_order_of_sessions_does_not(some_sessions: Make) -> None:
    sessions = some_sessions(14)
    first = draw_scheme(sessions, SplitConfig())
    assert draw_scheme(sessions[::-1], SplitConfig()) == first
    others = [draw_scheme(sessions, SplitConfig(seed=seed)).subjects for seed in range(1, 6)]
    assert any(other != first.subjects for other in others)


def test_a_subject_without_labels_is_not_tested_alone(some_sessions: Make) -> None:
    sessions = [replace(one, labels=None) if one.subject < "S03" else one for one in some_sessions(8)]
    for seed in range(6):
        scheme = draw_scheme(sessions, SplitConfig(n_test_subjects=1, n_validation_subjects=1, seed=seed))
        assert {scheme.subjects[one.subject] for one in sessions[:3]} == {"train"}


@given(st.integers(2, 24), st.integers(2, 24), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_every_subject_is_tested_in_one_fold_and_no_fold_is_empty(
    some_sessions: Make, n_subjects: int, n_folds: int, seed: int
) -> None:
    sessions = some_sessions(n_subjects)
    if n_folds > n_subjects:
        with pytest.raises(DatasetError, match=f"found {n_folds} folds and {n_subjects} subjects"):
            draw_folds(sessions, n_folds, name="k", seed=seed)
        return
    scheme = draw_folds(sessions, n_folds, name="k", seed=seed)
    assert scheme.folds.keys() == {one.subject for one in sessions}
    assert set(scheme.folds.values()) == set(range(n_folds))
    tested = [
        one.id
        for fold in range(n_folds)
        for one in sessions
        if parts_of(entry(one), scheme, fold=fold)[0].split == "test"
    ]
    assert sorted(tested) == sorted(one.id for one in sessions)


def entry(session: SessionInSplit) -> SessionRecord:
    return SessionRecord(
        id=session.id, subject=session.subject, simulated=True, fate="built", n_frames=session.n_frames
    )


def test_folds_are_alike_in_labels_and_in_frames(some_sessions: Make) -> None:
    lengths = np.random.default_rng(0).integers(100, 1200, 20).tolist()
    sessions = some_sessions(20, n_frames=lengths)
    drawn = draw_folds(sessions, 5, name="k", balance=False)
    balanced = draw_folds(sessions, 5, name="k")
    assert mean_distance(sessions, balanced) < 0.6 * mean_distance(sessions, drawn)
    n_frames = Counter[int]()
    for one in sessions:
        n_frames[balanced.folds[one.subject]] += one.n_frames
    assert max(n_frames.values()) < 1.25 * min(n_frames.values())


def test_folds_of_sessions_without_labels_are_alike_in_frames() -> None:
    sessions = plain(*((f"S{i:02d}", n) for i, n in enumerate([1000, 10, 10, 10, 500, 490, 20, 960])))
    folds = draw_folds(sessions, 3, name="k").folds
    n_frames = Counter[int]()
    for one in sessions:
        n_frames[folds[one.subject]] += one.n_frames
    assert sorted(n_frames.values()) == [1000, 1000, 1000]


def test_as_many_folds_as_subjects_leave_one_out_in_the_order_of_their_ids(some_sessions: Make) -> None:
    folds = draw_folds(some_sessions(6), 6, name="loso", seed=3).folds
    assert folds == {f"S{i:02d}": i for i in range(6)}


def test_what_is_named_by_hand_is_held_out_and_the_rest_trains(some_sessions: Make) -> None:
    scheme = scheme_by_hand(some_sessions(4), test=["S01", " s03"], validation=["S00"], name="x")
    assert scheme.subjects == {"S00": "validation", "S01": "test", "S02": "train", "S03": "test"}
    for test, validation, said in (
        (["S1"], [], r"found 'S1'; is 'S01' meant\?"),
        (["anna"], [], "found 'anna'; the dataset has S00, S01, S02, S03"),
        (["S01"], ["s01"], "'S01' in test and in validation"),
        (["S00", "S01"], ["S02", "S03"], "all are held out"),
    ):
        with pytest.raises(DatasetError, match=said):
            scheme_by_hand(some_sessions(4), test=test, validation=validation, name="x")


def test_sessions_of_a_subject_stay_together(some_sessions: Make) -> None:
    sessions = [replace(one, subject=f"S{i % 5}") for i, one in enumerate(some_sessions(20))]
    scheme = draw_scheme(sessions, SplitConfig(seed=3))
    assert scheme.subjects.keys() == {f"S{i}" for i in range(5)}
