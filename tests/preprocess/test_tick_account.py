"""Laws of the account: rows, ticks and frames add up to the frame, and a build where they do not fails."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import Synchronized, synchronize
from mavfer.errors import DatasetError
from mavfer.preprocess.dataset.record import Reason
from mavfer.preprocess.rows.clip_grid import NOT_A_TICK, clip_grid
from mavfer.preprocess.rows.tick_account import TickAccount, account_for

PATH = Path("session")


@pytest.fixture(scope="module")
def report(simulated_session: Path):
    return synchronize(open_session(simulated_session)).report


def synchronized_of(index: np.ndarray, report) -> Synchronized:
    time_s = np.arange(len(index)) / 10
    frame_s = {Stream.COLOR: np.where(index >= 0, time_s, np.nan)}
    return Synchronized(time_s, {Stream.COLOR: index}, report, frame_s)


def account(index: np.ndarray, report, *, n_stored: int, fps: float = 4.0, **changed) -> TickAccount:
    synchronized = synchronized_of(index, report)
    tick, _ = clip_grid(synchronized.time_s, fps=fps, path=PATH)
    tick = changed.get("tick", tick)
    has_frame = np.where(tick == NOT_A_TICK, -1, index[np.clip(tick, 0, len(index) - 1)]) >= 0
    reasons = changed.get("reasons", np.where(has_frame, Reason.OK, Reason.NOT_RECORDED).astype(np.uint8))
    return account_for(
        synchronized, n_stored={Stream.COLOR: n_stored}, tick=tick, reasons={Stream.COLOR: reasons}, path=PATH
    )


@given(st.integers(2, 80), st.sets(st.integers(0, 79)), st.integers(0, 20), st.sampled_from([0.0, 2.5, 4.0]))
def test_ticks_rows_and_frames_add_up(report, n_ticks: int, lost: set[int], n_more: int, fps: float) -> None:
    kept = [t for t in range(n_ticks) if t not in lost]
    index = np.full(n_ticks, -1)
    index[kept] = np.random.default_rng(n_ticks).permutation(len(kept) + n_more)[: len(kept)]
    found = account(index, report, n_stored=len(kept) + n_more, fps=fps)
    assert sum(found.ticks["color"].values()) == n_ticks
    assert found.ticks["color"].get("not_recorded", 0) == n_ticks - len(kept)
    assert found.stored["color"] == len(kept) + found.at_no_tick["color"]
    row = found.columns["row"]
    n_rows = sum(found.rows["color"].values())
    np.testing.assert_array_equal(np.sort(row[row >= 0]), np.arange(n_rows))
    sampled = np.isin(found.columns["reason_color"], [Reason.NOT_SAMPLED])
    assert not np.any(row[sampled] >= 0)


def test_a_frame_at_two_ticks_fails_the_build(report) -> None:
    with pytest.raises(DatasetError, match="color frames of ticks that are all different, found 3 twice"):
        account(np.array([0, 1, 2, 3, 3, 5]), report, n_stored=6)


def test_a_frame_that_is_not_stored_fails_the_build(report) -> None:
    with pytest.raises(DatasetError, match="color frames of ticks from 0 to 4, found 5"):
        account(np.arange(6), report, n_stored=5)


@pytest.mark.parametrize(
    ("tick", "words"),
    [([0, 2, 2], "ticks of rows that are all different"), ([0, 2, 9], "from 0 to 5, found 9")],
)
def test_a_row_of_no_tick_or_of_anothers_fails_the_build(report, tick: list[int], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        account(np.arange(6), report, n_stored=6, tick=np.array(tick), reasons=np.zeros(3, np.uint8))


def test_a_row_that_hides_a_missing_frame_fails_the_build(report) -> None:
    index = np.array([0, 1, -1, 2, 3, 4])
    with pytest.raises(DatasetError, match="color of tick 2 is 'ok' in the dataset, and the session has no"):
        account(index, report, n_stored=5, fps=0, reasons=np.zeros(6, np.uint8))


def test_a_row_that_loses_a_stored_frame_fails_the_build(report) -> None:
    reasons = np.array([Reason.OK, Reason.NOT_RECORDED, Reason.OK, Reason.OK, Reason.OK, Reason.OK], np.uint8)
    with pytest.raises(DatasetError, match=r"color of tick 1 is 'not_recorded' .* the session has a frame"):
        account(np.arange(6), report, n_stored=6, fps=0, reasons=reasons)


def test_a_column_that_is_too_short_fails_the_build(report) -> None:
    with pytest.raises(DatasetError, match="wanted 6 rows and 6 ticks of color, found 5 and 6"):
        account(np.arange(6), report, n_stored=6, fps=0, reasons=np.zeros(5, np.uint8))


def test_pictures_in_a_row_without_a_tick_fail_the_build(report) -> None:
    with pytest.raises(DatasetError, match="a row that shows no tick"):
        account(
            np.arange(6), report, n_stored=6, tick=np.array([0, NOT_A_TICK, 5]), reasons=np.zeros(3, np.uint8)
        )
