"""Laws of the track: gaps are filled only as asked, never smoothed across; rows wait no longer than said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mavfer.preprocess.dataset.record import Smoothing
from mavfer.preprocess.faces.face import Face, Found
from mavfer.preprocess.faces.track import LandmarkTrack

SHAPE = np.random.default_rng(0).uniform(-60, 60, (68, 2)).astype(np.float32)


def face(x: float) -> Face:
    return Face(np.zeros(4), SHAPE + np.float32(x), Found.REGION)


def run(
    seen: list[bool], *, fps: float = 10, fill_gaps_s: float = 0, smoothing: Smoothing = Smoothing.NONE
) -> list[tuple[NDArray[np.float32], Found] | None]:
    """Return every row of a track on which the face moves by one pixel a row, asked as early as may be."""
    track = LandmarkTrack(smoothing=smoothing, fps=fps, fill_gaps_s=fill_gaps_s)
    rows = []
    for k, there in enumerate(seen):
        track.add(k / fps, face(k) if there else None)
        if k >= track.lookahead:
            rows.append(track.at(k - track.lookahead))
    track.close()
    return [*rows, *(track.at(k) for k in range(len(rows), len(seen)))]


def pattern(text: str) -> list[bool]:
    return [sign == "x" for sign in text]


def test_a_row_without_a_face_has_no_landmarks_unless_gaps_are_filled() -> None:
    assert [row is not None for row in run(pattern("xx.xx"))] == pattern("xx.xx")


def test_a_gap_is_filled_evenly_between_the_faces_around_it() -> None:
    rows = run(pattern("xx..xx"), fill_gaps_s=0.2)
    for k, row in enumerate(rows):
        assert row is not None
        np.testing.assert_allclose(row[0], SHAPE + k, atol=1e-4)
        assert row[1] is (Found.FILLED if k in (2, 3) else Found.REGION)


def test_a_gap_that_is_longer_stays_a_gap_from_end_to_end() -> None:
    rows = run(pattern("xx...xx"), fill_gaps_s=0.2)
    assert [row is not None for row in rows] == pattern("xx...xx")


def test_a_gap_at_either_end_of_a_session_stays() -> None:
    assert [row is not None for row in run(pattern(".xx."), fill_gaps_s=1)] == pattern(".xx.")


def test_nothing_is_smoothed_across_a_gap() -> None:
    for smoothing in (Smoothing.ONE_EURO, Smoothing.SAVITZKY_GOLAY):
        track = LandmarkTrack(smoothing=smoothing, fps=10, fill_gaps_s=0)
        for k in range(10):
            track.add(k / 10, face(0))
        track.add(1.0, None)
        for k in range(11, 21):
            track.add(k / 10, face(500))
        track.close()
        for k in (9, 11):
            row = track.at(k)
            assert row is not None
            np.testing.assert_allclose(row[0], SHAPE + (0 if k == 9 else 500), atol=1e-3)


@settings(deadline=None, max_examples=60)
@given(
    seen=st.lists(st.booleans(), min_size=1, max_size=40),
    fill_rows=st.integers(0, 4),
    smoothing=st.sampled_from(list(Smoothing)),
)
def test_asking_as_early_as_allowed_gives_what_asking_at_the_end_gives(
    seen: list[bool], fill_rows: int, smoothing: Smoothing
) -> None:
    early = run(seen, fill_gaps_s=fill_rows / 10, smoothing=smoothing)
    track = LandmarkTrack(smoothing=smoothing, fps=10, fill_gaps_s=fill_rows / 10)
    for k, there in enumerate(seen):
        track.add(k / 10, face(k) if there else None)
    track.close()
    for k, row in enumerate(early):
        late = track.at(k)
        assert (row is None) == (late is None)
        if row is not None and late is not None:
            np.testing.assert_array_equal(row[0], late[0])
            assert row[1] is late[1]
        if seen[k]:
            assert row is not None


def test_a_row_asked_for_too_early_or_twice_in_one_time_is_refused() -> None:
    track = LandmarkTrack(smoothing=Smoothing.NONE, fps=10, fill_gaps_s=0.3)
    track.add(0.0, face(0))
    with pytest.raises(ValueError, match="wanted a row with 3 rows after it"):
        track.at(0)
    with pytest.raises(ValueError, match="wanted a row later than"):
        track.add(0.0, face(0))
