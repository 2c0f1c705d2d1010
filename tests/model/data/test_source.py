from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.model.data.augmentation import augment
from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.preprocess.dataset.clips import open_dataset

ALL = ("color", "depth", "thermal")
BOTH = ("valence", "arousal")


@pytest.fixture
def source(dataset: Path) -> ClipSource:
    options = InputOptions(modalities=ALL, size_px=32)
    return ClipSource(open_dataset(dataset).split("train"), options=options, dimensions=BOTH)


def test_streams_come_as_float_clips_near_zero(source: ClipSource) -> None:
    inputs = source.inputs([ClipIndex(0, 0), ClipIndex(1, 5)])
    assert {name: tuple(x.shape) for name, x in inputs.items()} == {
        "color": (2, 16, 3, 32, 32),
        "depth": (2, 16, 1, 32, 32),
        "thermal": (2, 16, 1, 32, 32),
    }
    assert all(x.dtype == torch.float32 and x.abs().max() <= 2 for x in inputs.values())


def test_color_counted_from_gray_runs_from_minus_one_to_one(make_dataset: Any, tmp_path: Path) -> None:
    def black_and_white(_: str, columns: dict) -> None:
        columns["color"][:, :16], columns["color"][:, 16:] = 0, 255

    path = make_dataset(tmp_path / "bw", splits={"S01": "train"}, change=black_and_white)
    options = InputOptions(modalities=("color",), size_px=32, color_reference="gray")
    source = ClipSource(open_dataset(path).split("train"), options=options, dimensions=BOTH)
    color = source.inputs([ClipIndex(0, 0)])["color"]
    assert (color[..., :16, :] == -1).all()
    assert (color[..., 16:, :] == 1).all()


def test_color_counted_from_the_session_shows_change_and_not_identity(
    make_dataset: Any, tmp_path: Path
) -> None:
    def brighter(_: str, columns: dict) -> None:
        columns["color"][:, :, 20:] += 40

    plain = make_dataset(tmp_path / "plain", splits={"S01": "train"})
    other = make_dataset(tmp_path / "other", splits={"S01": "train"}, change=brighter)
    options = InputOptions(modalities=("color",), size_px=32)
    a, b = (
        ClipSource(open_dataset(p).split("train"), options=options, dimensions=BOTH) for p in (plain, other)
    )
    whole = [ClipIndex(0, 0), ClipIndex(0, 16), ClipIndex(0, 32)]
    torch.testing.assert_close(a.inputs(whole)["color"], b.inputs(whole)["color"], atol=1e-4, rtol=0)
    torch.testing.assert_close(
        a.inputs(whole)["color"].mean((0, 1)), torch.zeros(3, 32, 32), atol=1e-4, rtol=0
    )


def test_missing_readings_and_invalid_frames_are_neutral(make_dataset: Any, tmp_path: Path) -> None:
    def spoil(_: str, columns: dict) -> None:
        columns["depth"][:, 0, :] = 0
        columns["valid_thermal"][3] = False

    path = make_dataset(tmp_path / "spoiled", splits={"S01": "train"}, change=spoil)
    options = InputOptions(modalities=ALL, size_px=32)
    source = ClipSource(open_dataset(path).split("train"), options=options, dimensions=BOTH)
    inputs = source.inputs([ClipIndex(0, 0)])
    assert (inputs["depth"][..., 0, :] == 0).all()
    assert (inputs["depth"][..., 1, :] != 0).any()
    assert (inputs["thermal"][0, 3] == 0).all()
    assert (inputs["thermal"][0, 4] != 0).any()


@pytest.mark.parametrize("reference", ["session", "gray"])
def test_invalid_frames_of_color_are_neutral_where_another_stream_comes_first(
    make_dataset: Any, tmp_path: Path, reference: Any
) -> None:
    def lose(_: str, columns: dict) -> None:
        columns["valid_color"][3] = False
        columns["color"][3] = 0

    path = make_dataset(tmp_path / "lost", splits={"S01": "train"}, change=lose)
    options = InputOptions(modalities=("thermal", "color"), size_px=32, color_reference=reference)
    source = ClipSource(open_dataset(path).split("train"), options=options, dimensions=BOTH)
    color = source.inputs([ClipIndex(0, 0)])["color"][0]
    assert color[3].abs().max() < 0.01
    assert color[4].abs().max() > 0.1


@pytest.mark.parametrize("stream", ["depth", "thermal"])
def test_what_a_session_is_shifted_by_does_not_show(make_dataset: Any, tmp_path: Path, stream: str) -> None:
    def shifted(_: str, columns: dict) -> None:
        columns[stream] += 30  # mm, or 0.3 degC

    plain = make_dataset(tmp_path / "plain", splits={"S01": "train"})
    moved = make_dataset(tmp_path / "moved", splits={"S01": "train"}, change=shifted)
    options = InputOptions(modalities=ALL, size_px=32)
    a, b = (
        ClipSource(open_dataset(p).split("train"), options=options, dimensions=BOTH) for p in (plain, moved)
    )
    clip = [ClipIndex(0, 0)]
    torch.testing.assert_close(a.inputs(clip)[stream], b.inputs(clip)[stream])


def test_leaning_forward_shows_in_depth_counted_from_the_session(source: ClipSource) -> None:
    depth = source.inputs([ClipIndex(0, 0)])["depth"][0, :, 0, 8:24, 8:24].mean((-2, -1))
    arousal = torch.from_numpy(source.labels[0][:16, 1])
    assert torch.corrcoef(torch.stack([depth, arousal]))[0, 1] < -0.95


def test_larger_crops_are_averaged_down(make_dataset: Any, tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "large", splits={"S01": "train"}, size_px=64)
    sessions = open_dataset(path).split("train")
    large, small = (
        ClipSource(
            sessions,
            options=InputOptions(modalities=("color",), size_px=size, color_reference="gray"),
            dimensions=BOTH,
        ).inputs([ClipIndex(0, 0)])["color"]
        for size in (64, 32)
    )
    torch.testing.assert_close(large.unflatten(-1, (32, 2)).unflatten(-3, (32, 2)).mean((-1, -3)), small)
    with pytest.raises(DatasetError, match="multiple of 48 px, found 64 px"):
        ClipSource(sessions, options=InputOptions(modalities=("color",), size_px=48), dimensions=BOTH)


def test_training_clips_never_overlap_and_their_grid_moves(source: ClipSource) -> None:
    phase = np.random.default_rng(0)
    first_starts = set()
    for _ in range(20):
        clips = source.training_clips(phase)
        starts = [clip.start for clip in clips if clip.session == 0]
        assert all(b - a >= 16 for a, b in pairwise(starts))
        assert max(starts) + 16 <= 48
        first_starts.add(starts[0])
    assert len(first_starts) > 5


def test_clips_with_an_unknown_label_or_face_are_not_trained_on(make_dataset: Any, tmp_path: Path) -> None:
    def gaps(_: str, columns: dict) -> None:
        columns["valence"][20] = np.nan
        columns["valid_color"][40] = False

    path = make_dataset(tmp_path / "gaps", splits={"S01": "train"}, change=gaps)
    options = InputOptions(modalities=ALL, size_px=32)
    source = ClipSource(open_dataset(path).split("train"), options=options, dimensions=BOTH)
    for seed in range(10):
        for clip in source.training_clips(np.random.default_rng(seed)):
            frames = range(clip.start, clip.start + 16)
            assert 20 not in frames
            assert 40 not in frames
    assert 20 in range(source.test_clips()[1].start, source.test_clips()[1].start + 16)


def test_a_clips_label_is_the_mean_of_its_frames(source: ClipSource) -> None:
    wanted = source.labels[1][7:23].mean(0)
    np.testing.assert_allclose(source.targets([ClipIndex(1, 7)])[0], wanted, rtol=1e-6)


def test_overlapping_test_clips_are_averaged_frame_by_frame(source: ClipSource) -> None:
    clips = [clip for clip in source.test_clips() if clip.session == 0]
    assert [clip.start for clip in clips] == [0, 8, 16, 24, 32]
    scores = np.array([[1.0, 0], [2, 0], [3, 0], [4, 0], [5, 0]])
    series, other = source.frame_predictions(clips, scores)
    np.testing.assert_allclose(series[:, 0], np.repeat([1, 1.5, 2.5, 3.5, 4.5, 5], 8))
    assert np.isnan(other).all()


def test_equal_clip_scores_give_that_score_at_every_frame_even_where_no_clip_is(source: ClipSource) -> None:
    clips = [ClipIndex(0, 0), ClipIndex(0, 30)]
    series, _ = source.frame_predictions(clips, np.full((2, 2), 0.25))
    np.testing.assert_allclose(series, 0.25)


def test_flips_are_shared_by_streams_and_frames_and_light_touches_color_alone(source: ClipSource) -> None:
    inputs = source.inputs([ClipIndex(0, start) for start in range(8)])
    augmented = augment(inputs, torch.Generator().manual_seed(3))
    flipped = [not torch.equal(augmented["depth"][k], inputs["depth"][k]) for k in range(8)]
    assert 0 < sum(flipped) < 8
    for k, flip in enumerate(flipped):
        for name in ("depth", "thermal"):
            wanted = inputs[name][k].flip(-1) if flip else inputs[name][k]
            assert torch.equal(augmented[name][k], wanted)
        color = augmented["color"][k].flip(-1) if flip else augmented["color"][k]
        assert not torch.equal(color, inputs["color"][k])
        correlation = torch.corrcoef(torch.stack([color.flatten(), inputs["color"][k].flatten()]))[0, 1]
        assert correlation > 0.95


def test_a_session_without_thermal_is_named(make_dataset: Any, tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "color", splits={"S01": "train"}, streams=(Stream.COLOR,))
    with pytest.raises(DatasetError, match=r"wanted stream 'depth' in every session, 'S01-a' has color"):
        ClipSource(
            open_dataset(path).split("train"),
            options=InputOptions(modalities=ALL, size_px=32),
            dimensions=BOTH,
        )
