"""Live inputs are those that a dataset's reader would make of the same rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.model.use.live_clip import LiveClip
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset

N_FRAMES = 4
OPTIONS = InputOptions(n_frames=N_FRAMES, size_px=32)


def rows_of(session: DatasetSession) -> list[dict[str, np.ndarray]]:
    names = [name for name in session.column_names if not name.startswith("raters")]
    columns = {name: session.read(name) for name in names}
    return [{name: column[i] for name, column in columns.items()} for i in range(session.n_frames)]


def filled(clip: LiveClip, session: DatasetSession) -> LiveClip:
    for row in rows_of(session):
        clip.add(row)
    return clip


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"color_reference": "gray", "depth_reference": "frame", "thermal_reference": "fixed"},
        {"landmarks": True},
        {"modalities": ("depth",)},
        {"modalities": ("depth", "color")},
    ],
)
def test_after_the_last_row_the_newest_clip_is_the_last_clip_of_the_dataset(
    make_dataset: Callable[..., Path], tmp_path: Path, choice: dict
) -> None:
    def change(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["landmarks"][:] = np.arange(136, dtype=np.float32).reshape(68, 2) / 5
        columns["transforms"][:] = np.array([[1, 0.1, 2], [-0.1, 1, 3]], np.float32)
        columns["valid_thermal"][-2] = columns["valid_depth"][3] = False
        columns["valid_color"][-3] = choice.get("modalities") != ("depth", "color")

    path = make_dataset(tmp_path / "dataset", splits={"S01": "train"}, n_frames=24, change=change)
    (session,) = open_dataset(path).sessions
    options = InputOptions.model_validate(OPTIONS.model_dump() | choice)
    found = filled(LiveClip(options, clip_fps=4.0), session).inputs()
    assert found is not None
    t_s, live = found
    source = ClipSource([session], options=options, dimensions=())
    wanted = source.inputs([ClipIndex(0, session.n_frames - N_FRAMES)])
    assert t_s == pytest.approx(session.read("time_s")[-1])
    assert live.keys() == wanted.keys()
    for name, x in wanted.items():
        torch.testing.assert_close(live[name], x, rtol=0, atol=2e-6, equal_nan=True)


def test_rows_that_come_more_often_than_clips_want_are_taken_a_period_apart(dataset: Path) -> None:
    session = open_dataset(dataset).sessions[0]
    clip = LiveClip(OPTIONS, clip_fps=4.0)
    rows = rows_of(session)
    numbered = [row | {"time_s": np.float64(i / 12)} for i, row in enumerate(rows)]
    for row in numbered:
        clip.add(row)
    found = clip.inputs()
    assert found is not None
    every_third = [rows[-1 - 3 * k]["depth"] for k in range(N_FRAMES)][::-1]
    step = torch.from_numpy(np.diff(np.stack(every_third).astype(np.float32), axis=0)) / 100
    seen = found[1]["depth"][0, :, 0].diff(dim=0)
    inside = found[1]["depth"][0, :-1, 0].abs() < 1.5  # where nothing is clipped
    torch.testing.assert_close(seen[inside], step[inside], rtol=0, atol=1e-5)


def test_there_is_no_clip_before_it_is_full_and_none_across_a_gap(dataset: Path) -> None:
    rows = rows_of(open_dataset(dataset).sessions[0])
    clip = LiveClip(OPTIONS, clip_fps=4.0)
    full = []
    for i, row in enumerate(rows[:12]):
        lost = i in (6, 7)
        clip.add(row | {"valid_color": np.bool_(not lost)})
        full.append(clip.inputs() is not None)
    assert full == [i >= N_FRAMES - 1 and not 8 <= i < 11 for i in range(12)]


def test_a_lost_row_costs_nothing_where_another_lies_within_half_a_period(dataset: Path) -> None:
    rows = rows_of(open_dataset(dataset).sessions[0])
    clip = LiveClip(OPTIONS, clip_fps=4.0)
    for i, row in enumerate(rows[:24]):
        clip.add(row | {"time_s": np.float64(i / 10), "valid_color": np.bool_(i != 20)})
    assert clip.inputs() is not None


def test_references_say_on_how_many_seconds_they_rest(dataset: Path) -> None:
    rows = rows_of(open_dataset(dataset).sessions[0])
    clip = LiveClip(OPTIONS, clip_fps=4.0)
    assert clip.reference_s == 0
    clip.add(rows[0] | {"valid_color": np.bool_(False)})
    for row in rows[1:10]:
        clip.add(row)
    assert clip.reference_s == pytest.approx(2.0)


def test_memory_does_not_grow_with_the_session(dataset: Path) -> None:
    rows = rows_of(open_dataset(dataset).sessions[0])
    clip = LiveClip(OPTIONS, clip_fps=4.0)
    for i in range(200):
        clip.add(rows[i % len(rows)] | {"time_s": np.float64(i / 4)})
    assert len(clip._rows) <= N_FRAMES + 1
