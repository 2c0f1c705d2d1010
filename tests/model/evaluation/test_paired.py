from collections.abc import Callable

import numpy as np
import pytest

from mavfer.model.evaluation.paired import adjusted, paired, swaps
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.sums import SubjectSums, sums_of

Draw = Callable[..., SessionPrediction]


def system(draw_session: Draw, *, seeds: tuple[int, ...], n_subjects: int, **kind: float) -> SubjectSums:
    """Return the sums of subjects whose truth depends on their number alone, and whose noise on it too."""
    repeats = [
        [draw_session(f"S{k:02}", np.random.default_rng(100 * seed + k), **kind) for k in range(n_subjects)]
        for seed in seeds
    ]
    return sums_of(repeats, "valence")


@pytest.mark.parametrize("n_subjects", [8, 20])
def test_a_better_system_is_better_beyond_the_limits_and_the_mirror_is_exact(
    draw_session: Draw, n_subjects: int
) -> None:
    a = system(draw_session, seeds=(0,), n_subjects=n_subjects, quality=0.9)
    b = system(draw_session, seeds=(0,), n_subjects=n_subjects, quality=0.4)
    one, other = paired(a, b)["ccc"], paired(b, a)["ccc"]
    assert one.outside
    assert one.low is not None
    assert one.low > 0
    assert one.p_value is not None
    assert one.p_value < 0.01
    assert other.difference == -one.difference
    assert other.low == pytest.approx(-one.high)
    assert other.p_value == one.p_value


def test_a_system_does_not_differ_from_itself(draw_session: Draw) -> None:
    a = system(draw_session, seeds=(0, 1), n_subjects=9)
    for one in paired(a, a).values():
        assert (one.difference, one.low, one.high) == (0, 0, 0)
        assert one.p_value == 1
        assert not one.outside


def test_p_values_are_as_small_by_chance_as_they_say() -> None:
    rng = np.random.default_rng(3)
    names = tuple(f"S{k}" for k in range(8))
    p_values = []
    for _ in range(200):
        truth = rng.normal(0, 0.4, (8, 30))
        sums = []
        for _ in range(2):
            p = truth + rng.normal(0, 0.3, (8, 1)) + rng.normal(0, 0.3, (8, 30))
            parts = (truth * 0 + 1, p, truth, p**2, truth**2, p * truth)
            sums.append(SubjectSums(names, np.stack([part.sum(1) for part in parts], 1)[None]))
        p_values.append(paired(*sums)["ccc"].p_value)
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09
    assert 0.42 <= np.mean(np.array(p_values) <= 0.5) <= 0.58


def test_swapping_all_gives_the_difference_turned_round_so_the_least_p_of_n_subjects_is_known(
    draw_session: Draw,
) -> None:
    a = system(draw_session, seeds=(0,), n_subjects=6, quality=1.0)
    b = system(draw_session, seeds=(0,), n_subjects=6, quality=0.1)
    assert paired(a, b)["ccc"].p_value == pytest.approx(2 / 2**6)


def test_few_subjects_are_swapped_in_every_pattern_and_many_at_random() -> None:
    patterns, exact = swaps(5)
    assert exact
    assert len(np.unique(patterns, axis=0)) == 32
    drawn, exact = swaps(40, seed=1)
    assert not exact
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)


def test_systems_of_other_numbers_of_seeds_have_limits_and_no_permutation(draw_session: Draw) -> None:
    a = system(draw_session, seeds=(0, 1, 2), n_subjects=8, quality=0.9)
    b = system(draw_session, seeds=(0,), n_subjects=8, quality=0.4)
    one = paired(a, b)["ccc"]
    assert one.p_value is None
    assert one.low is not None
    with pytest.raises(ValueError, match="same subjects"):
        paired(a, system(draw_session, seeds=(0,), n_subjects=7))


def test_holms_correction_is_what_it_gives_by_hand() -> None:
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted([0.6, 0.9]) == [1.0, 1.0]
    assert adjusted([]) == []
