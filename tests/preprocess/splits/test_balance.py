"""Laws of likeness: a distance is one, it is scipy's, and a search never makes a split worse."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from mavfer.preprocess.splits.balance import (
    FRAMES_WEIGHT,
    WITHOUT_LABELS,
    label_distances,
    most_alike,
    unlikeness,
)
from mavfer.preprocess.splits.people import (
    BIN_WIDTH,
    N_BINS,
    People,
    SessionInSplit,
    label_histogram,
    people_of,
)

Make = Callable[..., list[SessionInSplit]]


def people(*labels: list[float]) -> People:
    return people_of(
        [
            SessionInSplit(f"t{i}", f"S{i}", len(one), {"valence": label_histogram(np.array(one))})
            for i, one in enumerate(labels)
        ]
    )


def test_labels_moved_by_a_step_lie_that_step_apart() -> None:
    two = people([-0.5] * 8, [0.3] * 8)
    distances = label_distances(two, np.array([[0, 1]]), 2)
    np.testing.assert_allclose(distances, [[[0.4], [0.4]]], atol=BIN_WIDTH)  # half the labels are 0.8 away


def test_the_distance_is_the_earth_movers(some_sessions: Make) -> None:
    some = people_of(some_sessions(9))
    parts = np.arange(9) % 3
    centers = (np.arange(N_BINS) + 0.5) * BIN_WIDTH - 1
    found = label_distances(some, parts[None], 3)[0]
    for part in range(3):
        for d in range(2):
            inside = some.histograms[parts == part, d].sum(axis=0)
            wanted = wasserstein_distance(centers, centers, inside, some.histograms[:, d].sum(axis=0))
            assert found[part, d] == pytest.approx(wanted)


def test_parts_that_lie_as_the_whole_are_not_unlike_and_a_part_without_labels_is_most_unlike() -> None:
    same = people(*[[-0.2, 0.4]] * 4)
    np.testing.assert_allclose(unlikeness(same, np.array([[0, 0, 1, 1]]), np.array([0.5, 0.5])), 0)
    off = unlikeness(same, np.array([[0, 1, 1, 1]]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(off, FRAMES_WEIGHT * 0.5)
    empty = people([0.1], [np.nan] * 3)
    assert label_distances(empty, np.array([[0, 1]]), 2)[0, 1, 0] == WITHOUT_LABELS


@pytest.mark.parametrize("may_move", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_search_never_makes_a_split_worse_and_is_the_same_again(
    some_sessions: Make, seed: int, may_move: bool
) -> None:
    some = people_of(some_sessions(15, n_frames=np.random.default_rng(seed).integers(20, 900, 15).tolist()))
    start = np.random.default_rng(seed).permutation(np.arange(15) % 4)
    shares = np.full(4, 0.25)
    found = most_alike(some, start, shares, seed=seed, may_move=may_move)
    assert unlikeness(some, found[None], shares) <= unlikeness(some, start[None], shares)
    np.testing.assert_array_equal(found, most_alike(some, start, shares, seed=seed, may_move=may_move))
    if not may_move:
        np.testing.assert_array_equal(np.bincount(found), np.bincount(start))


def test_exchanges_find_the_only_fair_split() -> None:
    """Six people in three pairs of opposites: each part needs one whole pair."""
    some = people(*[[level] * 10 for level in (-0.9, 0.9, -0.6, 0.6, -0.3, 0.3)])
    found = most_alike(some, np.array([0, 1, 0, 1, 2, 2]), np.full(3, 1 / 3), seed=0, may_move=False)
    sums = [np.flatnonzero(found == part).tolist() for part in range(3)]
    least = min(
        float(unlikeness(some, np.array([parts]), np.full(3, 1 / 3))[0])
        for parts in ([0, 0, 1, 1, 2, 2], [0, 1, 1, 0, 2, 2], [0, 1, 2, 2, 1, 0], [0, 1, 2, 1, 0, 2])
    )
    assert unlikeness(some, found[None], np.full(3, 1 / 3))[0] <= least
    assert all(len(one) == 2 for one in sums)


def test_labels_at_the_ends_and_unknown_ones_are_counted_where_they_belong() -> None:
    counts = label_histogram(np.array([-1, 1, 1.0000001, np.nan, 0.01], np.float32))
    assert counts.sum() == 4
    assert (counts[0], counts[-1], counts[N_BINS // 2]) == (1, 2, 1)
