"""Raters who stand out: each fault is found by its name, and nobody else is blamed for it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from mavfer.annotate.agreement.lags import apart_s
from mavfer.annotate.agreement.pairs import pearson
from mavfer.annotate.agreement.ratings import Ratings
from mavfer.annotate.agreement.standing_out import Profile, pairwise, profiles_of

N, FPS = 900, 10.0


def study(n_raters: int = 4, *, n_sessions: int = 4, noise: float = 0.05, fault=None) -> list[Ratings]:
    """Return sessions whose raters follow one curve; `fault(curve)` is what the last rater makes of it."""
    found = []
    for k in range(n_sessions):
        random = np.random.default_rng(k)
        truth = gaussian_filter1d(random.normal(size=N + 200), 20)
        truth = 0.4 * truth / truth.std()
        own = truth + gaussian_filter1d(random.normal(size=(n_raters, N + 200)), 4, axis=1) * noise
        if fault is not None:
            own[-1] = fault(own[-1])
        own = own[:, 100:-100]
        names = tuple(f"rater{i + 1}" for i in range(n_raters))
        found.append(Ratings(f"s{k}", "arousal", names, np.arange(N) / FPS, np.clip(own, -1, 1)))
    return found


def kinds(profiles: tuple[Profile, ...]) -> dict[str, set[str]]:
    return {one.rater: {finding.kind for finding in one.findings} for one in profiles if one.findings}


def with_gap(curve: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(curve)) > 700, np.nan, curve)


FAULTS = {
    "inverted": (lambda curve: -curve, {"inverted", "leave out"}),
    "bias": (lambda curve: curve * 0.6 + 0.4, {"bias"}),
    "spread": (lambda curve: curve * 0.3, {"spread"}),
    "late": (lambda curve: np.roll(curve, 18), {"late", "leave out"}),
    "early": (lambda curve: np.roll(curve, -18), {"late", "leave out"}),
    "constant": (lambda curve: np.zeros_like(curve), {"constant", "spread"}),
    "unrelated": (
        lambda curve: 0.4 * np.sin(np.arange(len(curve)) * 0.21 + 50 * curve[0]),
        {"unrelated", "leave out"},
    ),
    "missing": (with_gap, {"missing"}),
}


def test_raters_alike_do_not_stand_out() -> None:
    for n_raters in (2, 3, 6):
        assert kinds(profiles_of(study(n_raters))) == {}


@pytest.mark.parametrize("n_raters", [3, 4, 6])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_rater_with_a_fault_is_pointed_out_by_it_and_nobody_else_is(fault: str, n_raters: int) -> None:
    distort, allowed = FAULTS[fault]
    found = kinds(profiles_of(study(n_raters, fault=distort)))
    assert set(found) == {f"rater{n_raters}"}
    name = "late" if fault == "early" else fault
    assert name in found[f"rater{n_raters}"]
    assert found[f"rater{n_raters}"] <= allowed | {"leave out"}


def test_the_words_name_rater_dimension_and_number_and_ask_about_the_direction() -> None:
    found = profiles_of(study(3, fault=lambda curve: -curve))[-1]
    text = found.findings[0].text
    assert text.startswith("rater3 rates arousal the other way round: r = -1.00 with")
    assert text.endswith("did they mistake the direction of the scale?")


def test_of_two_who_contradict_one_another_it_is_said_that_nobody_can_tell_who_is_right() -> None:
    found = profiles_of(study(2, fault=lambda curve: -curve))
    assert kinds(found) == {"rater1": {"inverted"}, "rater2": {"inverted"}}
    assert "who is right cannot be told" in found[0].findings[0].text


def test_a_slider_left_alone_has_no_spread_to_be_told_of_however_it_rounds() -> None:
    random = np.random.default_rng(0)
    felt = 0.4 * np.sin(np.arange(601) / 20) + 0.05 * random.normal(size=(3, 601))
    felt[2] = 0.3
    found = profiles_of([Ratings("s", "valence", ("a", "b", "c"), np.arange(601) / 10, felt)])
    assert found[2].spread == 0
    assert [one.kind for one in found[2].findings] == ["constant", "bias", "leave out"]


def test_raters_who_all_disagree_are_no_measure_to_judge_one_by() -> None:
    random = np.random.default_rng(1)
    own = np.clip(gaussian_filter1d(random.normal(size=(4, N)), 20, axis=1) * 3, -1, 1)
    one = Ratings("s", "valence", ("a", "b", "c", "d"), np.arange(N) / FPS, own)
    for finding in kinds(profiles_of([one])).values():
        assert not finding & {"inverted", "unrelated", "late"}


def test_one_who_rates_alone_has_a_profile_without_numbers() -> None:
    found = profiles_of(study(1))[0]
    assert (found.n_sessions, found.n_others, found.findings) == (0, 0, ())
    assert np.isnan(found.r)


def test_the_lag_of_a_late_rater_is_found_to_a_tenth_of_a_second() -> None:
    for frames in (12, 25, 40):
        found = apart_s(study(4, fault=lambda curve, frames=frames: np.roll(curve, frames)))
        assert found["rater4"] == pytest.approx(frames / FPS, abs=0.11)
        assert [found[f"rater{k}"] for k in (1, 2, 3)] == [0, 0, 0]


def test_a_lag_at_the_edge_of_the_search_is_none() -> None:
    found = apart_s(study(2, fault=lambda curve: np.roll(curve, 90)))
    assert not abs(found["rater1"]) >= 5.9


@pytest.mark.parametrize("fps", [0.5, 7.0, 10.0, 25.0, 45.0, 59.94])
@pytest.mark.parametrize("begin_s", [0.0, 0.033, 7.3])
def test_a_lag_is_found_or_at_the_edge_refused_whatever_the_rate_and_the_begin(
    fps: float, begin_s: float
) -> None:
    time_s = begin_s + np.arange(int(120 * fps)) / fps

    def felt(at_s: np.ndarray) -> np.ndarray:
        return 0.5 * np.sin(0.15 * at_s) + 0.3 * np.sin(0.37 * at_s + 1)

    for lag_s in (0.0, 4.0, -4.0, 6.0, -6.0, 7.5):
        both = np.stack([felt(time_s), felt(time_s - lag_s)])
        found = apart_s([Ratings("s", "valence", ("A", "B"), time_s, both)])["B"]
        if abs(lag_s) < 6:
            assert found == pytest.approx(lag_s, abs=0.11)
        else:
            assert np.isnan(found)


def test_a_matrix_of_pairs_is_symmetric_and_blank_where_no_session_is_shared() -> None:
    first, second = study(2, n_sessions=2)
    second = Ratings("x", "arousal", ("rater8", "rater9"), second.time_s, second.per_rater)
    raters, matrix = pairwise([first, second], pearson)
    assert raters == ["rater1", "rater2", "rater8", "rater9"]
    assert np.array_equal(matrix, matrix.T, equal_nan=True)
    assert np.isnan(matrix[0, 2])
    assert matrix[0, 1] > 0.9
