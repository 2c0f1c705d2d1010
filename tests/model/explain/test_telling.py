from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.model.explain.telling import added, follow_label, on_telling, pixels_that_tell, sums_of, telling
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset

SIZE_PX = 48
WARM = (slice(10, 20), slice(30, 40))


def warm_where_known(_: str, columns: dict[str, np.ndarray]) -> None:
    """Let one patch of skin follow valence and nothing else change, but for noise."""
    noise = np.random.default_rng(0).integers(-2, 3, columns["thermal"].shape)
    columns["thermal"][:] = (30_700 + noise).astype(np.uint16)
    kelvin = np.rint(100 * columns["valence"])[:, None, None]
    columns["thermal"][:, *WARM] = (columns["thermal"][:, *WARM] + kelvin).astype(np.uint16)


@pytest.fixture
def sessions(make_dataset: Callable[..., Path], tmp_path: Path) -> list[DatasetSession]:
    splits = {"S01": "train", "S02": "test", "S03": "test"}
    path = make_dataset(tmp_path / "d", splits=splits, size_px=SIZE_PX, n_frames=32, change=warm_where_known)
    return open_dataset(path).split("test")


def test_the_pixels_that_follow_a_label_are_those_that_were_made_to(sessions: list[DatasetSession]) -> None:
    found = follow_label(sessions, "thermal", "valence")
    wanted = np.zeros((SIZE_PX, SIZE_PX), bool)
    wanted[WARM] = True
    np.testing.assert_array_equal(telling(found), wanted)
    assert 0.95 < found.max() <= 1


def test_a_stream_that_shows_nothing_has_no_such_pixels(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def still(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["depth"][:] = 900

    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "test"}, change=still)
    shares = follow_label(open_dataset(path).split("test"), "depth", "valence")
    assert not telling(shares).any()
    even = sums_of("S02", np.ones((4, *shares.shape)))
    one = on_telling([even], shares)
    assert (one.area, one.highest) == (0, 0)
    assert np.isnan(one.peaks.value)


def test_a_map_on_these_pixels_is_above_chance_an_even_one_is_not(sessions: list[DatasetSession]) -> None:
    shares = pixels_that_tell(sessions, ["thermal"], ["valence"])["valence"]["thermal"]
    there = np.full((8, SIZE_PX, SIZE_PX), 0.5)
    there[:, *WARM] = 2
    one = on_telling([sums_of("S02", there)], shares)
    assert one.area == pytest.approx(100 / SIZE_PX**2)
    assert one.peaks.value == pytest.approx(1 / one.area)
    assert one.weight.value == pytest.approx(2 / there[0].mean())
    even = np.random.default_rng(0).uniform(0.99, 1, (4000, SIZE_PX, SIZE_PX))
    none = on_telling([sums_of("S02", even)], shares)
    assert none.weight.value == pytest.approx(1, abs=0.01)
    assert none.peaks.value == pytest.approx(1, abs=0.4)


def test_maps_of_one_subject_add_up_and_intervals_are_over_subjects() -> None:
    maps = np.random.default_rng(0).uniform(size=(30, 8, 8))
    parts = [sums_of(f"S{n % 6}", maps[5 * n : 5 * n + 5]) for n in range(6)]
    again = added([*parts, *(sums_of(f"S{n % 6}", maps[:2]) for n in range(6))])
    assert [one.subject for one in again] == [f"S{n}" for n in range(6)]
    assert sum(one.n_frames for one in again) == 30 + 12
    assert sum(one.peaks.sum() for one in again) == pytest.approx(42)
    place = np.zeros((8, 8))
    place[0] = 1
    one = on_telling(again, place)
    assert one.weight.low < one.weight.value < one.weight.high


def test_frames_without_a_label_do_not_count(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    def unlabelled(subject: str, columns: dict[str, np.ndarray]) -> None:
        warm_where_known(subject, columns)
        columns["valence"][:] = np.nan

    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "test"}, change=unlabelled)
    assert not follow_label(open_dataset(path).split("test"), "thermal", "valence").any()
