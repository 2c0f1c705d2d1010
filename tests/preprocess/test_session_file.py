"""Laws of the clip-rate grid, and of sessions of color alone: a row for every frame time, none twice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mavfer.capture.video import import_video
from mavfer.errors import DatasetError, FaceError, SessionError
from mavfer.preprocess.building.jobs import SessionJob
from mavfer.preprocess.dataset.record import ClipConfig, SessionRecord
from mavfer.preprocess.rows.clip_grid import NOT_A_TICK, clip_grid
from mavfer.preprocess.rows.session_file import build_session

PATH = Path("session")


@given(st.integers(2, 400), st.sampled_from([1.0, 2.5, 4.0, 5.0, 10.0]))
def test_every_frame_time_has_a_row_from_the_nearest_tick(n_ticks: int, fps: float) -> None:
    tick_s = np.arange(n_ticks) / 10
    tick, time_s = clip_grid(tick_s, fps=fps, path=PATH)
    frame_s = np.arange(len(tick)) / fps
    assert len(tick) == int((n_ticks - 1) / 10 * fps + 1e-6) + 1
    assert np.all(np.diff(tick) > 0)
    assert np.all(np.abs(tick_s[tick] - frame_s) <= 0.05 + 1e-9)
    np.testing.assert_array_equal(time_s, tick_s[tick])


def test_rate_zero_keeps_every_tick_at_its_own_time() -> None:
    tick_s = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 100))
    tick, time_s = clip_grid(tick_s, fps=0, path=PATH)
    np.testing.assert_array_equal(tick, np.arange(100))
    np.testing.assert_array_equal(time_s, tick_s)


def test_a_gap_in_a_video_has_rows_without_a_tick() -> None:
    tick_s = np.concatenate([np.arange(0, 2, 0.04), np.arange(4, 6, 0.04)])
    tick, time_s = clip_grid(tick_s, fps=4, path=PATH)
    np.testing.assert_allclose(time_s, np.arange(24) / 4, atol=0.045)  # half a tick, a whole one at the gap
    inside = (time_s > 2.1) & (time_s < 3.9)
    assert np.all((tick == NOT_A_TICK) == inside)


@given(st.lists(st.floats(0.01, 0.5), min_size=5, max_size=80))
def test_no_tick_becomes_two_rows(periods_s: list[float]) -> None:
    tick_s = np.concatenate([[0.0], np.cumsum(periods_s)])
    tick, _ = clip_grid(tick_s, fps=float(1 / np.median(np.diff(tick_s))), path=PATH)
    used = tick[tick != NOT_A_TICK]
    assert len(np.unique(used)) == len(used)


def test_one_tick_is_one_row() -> None:
    tick, time_s = clip_grid(np.zeros(1), fps=4, path=PATH)
    assert (tick.tolist(), time_s.tolist()) == ([0], [0.0])


def test_clips_faster_than_the_session_are_refused() -> None:
    with pytest.raises(
        DatasetError, match=r"wanted clips at 20 frames per second, the session has 10.*session$"
    ):
        clip_grid(np.arange(50) / 10, fps=20, path=PATH)


def test_a_session_without_ticks_is_refused() -> None:
    with pytest.raises(SessionError, match="wanted a session with ticks"):
        clip_grid(np.zeros(0), fps=4, path=PATH)


def color_session(folder: Path, write_video: Callable[..., Path], pictures: list[NDArray]) -> Path:
    folder.mkdir(exist_ok=True)
    return import_video(write_video(folder / "v.mp4", pictures), out=folder / "v", subject="S01")


def built_of_color(path: Path, **config) -> SessionRecord:
    job = SessionJob(
        path=path,
        id="v",
        subject="S01",
        simulated=False,
        calibration=None,
        calibration_sha256=None,
        traces=(),
        config=ClipConfig(**({"fps": 0} | config)),
        yunet=None,
        out=path.parent / "v.h5",
        n_frames=1,
    )
    return build_session(job, [].append)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_a_film_of_a_few_frames_has_as_many_rows(
    tmp_path: Path, write_video: Callable[..., Path], color_frames: NDArray, n_frames: int
) -> None:
    path = color_session(tmp_path / "f", write_video, [frame[::2, ::2] for frame in color_frames[:n_frames]])
    record = built_of_color(path)
    assert record.n_frames == record.n_ticks == n_frames
    assert record.reasons == {"color": {"ok": n_frames}}
    assert record.geometry == "not checked"


def test_a_single_frame_can_be_smoothed_and_has_a_rate(
    tmp_path: Path, write_video: Callable[..., Path], color_frames: NDArray
) -> None:
    path = color_session(tmp_path / "f", write_video, [color_frames[0, ::2, ::2]])
    assert built_of_color(path, smoothing="savitzky-golay").fps > 0


def test_a_film_of_an_odd_size_and_one_held_upright_are_built(
    tmp_path: Path, write_video: Callable[..., Path], color_frames: NDArray
) -> None:
    narrow = [frame[100:1000, 650:1280] for frame in color_frames[:3]]
    record = built_of_color(color_session(tmp_path / "n", write_video, [p[:898, :626] for p in narrow]))
    assert record.reasons == {"color": {"ok": 3}}


def test_a_film_without_a_face_fails_with_one_line(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    gray = [np.full((240, 320, 3), 90, np.uint8)] * 3
    with pytest.raises(FaceError, match="wanted a face, found none in 3 frames"):
        built_of_color(color_session(tmp_path / "g", write_video, gray))


def test_a_face_half_out_of_the_picture_is_out_of_view_or_cut(
    tmp_path: Path, write_video: Callable[..., Path], color_frames: NDArray
) -> None:
    """Frames in which the face is cut off by the border, after frames in which it is whole."""
    whole = list(color_frames[:4])
    cut_off = [frame[:, 930:] for frame in whole]
    padded = [np.pad(frame, ((0, 0), (0, 930), (0, 0)), mode="edge") for frame in cut_off]
    record = built_of_color(color_session(tmp_path / "h", write_video, whole + padded))
    assert sum(record.reasons["color"].values()) == 8
    assert record.reasons["color"]["ok"] >= 4
    assert set(record.reasons["color"]) <= {"ok", "no_face", "out_of_view"}
