from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.errors import ModelError
from mavfer.model.checkpoint import open_run
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.model.explain.attention import attention_maps, attention_of, maps_of_clips
from mavfer.preprocess.dataset.clips import open_dataset


def test_every_frame_of_the_attention_has_mean_one_at_the_size_of_the_crop(
    mran_run: Path, faces: Path
) -> None:
    session = open_dataset(faces).split("test")[0]
    maps = attention_maps(mran_run, session, 3)
    assert maps.shape == (8, 48, 48)
    assert maps.dtype == np.float32
    assert (maps > 0).all()
    np.testing.assert_allclose(maps.mean((1, 2)), 1, rtol=1e-5)


def test_a_run_by_its_path_and_an_opened_run_attend_alike(mran_run: Path, faces: Path) -> None:
    session = open_dataset(faces).split("test")[0]
    np.testing.assert_array_equal(
        attention_maps(mran_run, session, 0), attention_maps(open_run(mran_run), session, 0)
    )


def test_attention_of_many_clips_is_that_of_each(mran_run: Path, faces: Path) -> None:
    run, session = open_run(mran_run), open_dataset(faces).split("test")[1]
    source = ClipSource([session], options=run.record.inputs, dimensions=())
    clips = [ClipIndex(0, 0), ClipIndex(0, 8)]
    for clip, found in zip(clips, maps_of_clips(attention_of(run), source, clips), strict=True):
        np.testing.assert_array_equal(found, attention_maps(run, session, clip.start))


def test_weights_that_are_all_zero_count_as_a_uniform_map(mran_run: Path, faces: Path) -> None:
    run, session = open_run(mran_run), open_dataset(faces).split("test")[0]
    source = ClipSource([session], options=run.record.inputs, dimensions=())
    found = next(maps_of_clips(lambda _: torch.zeros(1, 8, 12, 12), source, [ClipIndex(0, 0)]))
    np.testing.assert_array_equal(found, np.ones((8, 48, 48)))


def test_a_network_without_attention_is_refused_by_name(cnn_run: Path, faces: Path) -> None:
    with pytest.raises(ModelError, match=r"with attention such as mran or uran, cnn has none: .*run"):
        attention_maps(cnn_run, open_dataset(faces).split("test")[0], 0)


@pytest.mark.parametrize("start", [-1, 25])
def test_a_clip_outside_of_the_session_is_refused(mran_run: Path, faces: Path, start: int) -> None:
    with pytest.raises(ModelError, match=r"clip of 8 frames from frame .* has 32"):
        attention_maps(mran_run, open_dataset(faces).split("test")[0], start)
