from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mavfer.errors import ModelError
from mavfer.model.explain.film import Shown, film_frame, over_frames, write_film, write_strip


def shown(n_frames: int = 12) -> Shown:
    rng = np.random.default_rng(0)
    truth = np.linspace(-1, 1, n_frames)
    truth[truth.size // 4] = np.nan
    ramp = np.linspace(0, 200, 48)[:, None, None] + rng.uniform(0, 55, (n_frames, 1, 1, 3))
    return Shown(
        color=np.broadcast_to(ramp, (n_frames, 48, 48, 3)).astype(np.uint8),
        attention=np.ones((n_frames, 48, 48), np.float32),
        time_s=7 + np.arange(n_frames) * 0.25,
        truth={"valence": truth},
        predicted={"valence": -np.linspace(-1, 1, n_frames)},
    )


def test_a_film_has_every_frame_at_its_own_time(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", shown())
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264"
        times = [float(frame.time or 0) for frame in film.decode(stream)]
    np.testing.assert_allclose(times, np.arange(12) * 0.25, atol=1e-4)


def test_a_film_shows_the_face_beside_its_attention_and_the_curve_below() -> None:
    one = shown()
    frame = film_frame(one, 5)
    assert frame.shape == (384 + 96, 2 * 384, 3)
    left = cv2.resize(frame[:384, :384], (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(left.astype(int) - one.color[5]).mean() < 2
    assert (film_frame(one, 5)[384:] != film_frame(one, 6)[384:]).any()


def test_the_prediction_is_drawn_higher_where_it_is_larger() -> None:
    panel = film_frame(shown(), 0)[384:].astype(int)
    orange = (panel[..., 0] > 180) & (panel[..., 2] < 90)
    rows = [np.flatnonzero(orange[:, x]).mean() for x in (300, 700)]
    assert rows[0] < rows[1]  # the prediction falls


def test_one_frame_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"film of attention was not written: .*film\.mp4"):
        write_film(tmp_path / "film.mp4", shown(1))
    assert list(tmp_path.iterdir()) == []


def test_frames_get_the_mean_of_the_clips_that_cover_them() -> None:
    found = over_frames(8, [0, 2], [np.full((4, 2, 2), 1.0), np.full((4, 2, 2), 3.0)])
    np.testing.assert_array_equal(found[:, 0, 0], [1, 1, 2, 2, 3, 3, np.nan, np.nan])


def test_a_strip_is_a_picture_of_crops_above_and_attention_below(tmp_path: Path) -> None:
    one = shown()
    write_strip(tmp_path / "strip.png", one.color, one.attention, n_shown=4)
    pixels = cv2.imread(str(tmp_path / "strip.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (2 * 48, 4 * 48 + 3 * 3, 4)
    np.testing.assert_array_equal(pixels[:48, :48, 2::-1], one.color[0])
