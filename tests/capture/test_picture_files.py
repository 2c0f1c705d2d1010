from pathlib import Path

import cv2
import numpy as np
import pytest

from mavfer.capture.film import store_film
from mavfer.capture.picture_files import PictureFiles
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.video import import_video
from mavfer.errors import SessionError


def write_pictures(
    folder: Path, times_s: list[float], size: tuple[int, int] = (64, 48)
) -> list[tuple[float, Path]]:
    files = []
    for i, time_s in enumerate(times_s):
        path = folder / f"{i}.png"
        cv2.imwrite(str(path), np.full((size[1], size[0], 3), 20 + 10 * i, np.uint8))
        files.append((time_s, path))
    return files


def test_pictures_keep_their_times_counted_from_the_first(tmp_path: Path) -> None:
    film = PictureFiles(tmp_path, write_pictures(tmp_path, [5.0, 5.04, 5.5]))
    session = open_session(store_film(film, out=tmp_path / "s", subject="S01", notes="from here"))
    np.testing.assert_allclose(synchronize(session).time_s, [0, 0.04, 0.5], atol=1e-9)
    assert (session.record.notes, session.record.plan.n_ticks) == ("from here", 3)
    assert abs(session.frame(Stream.COLOR, 2).pixels.mean() - 40) < 2


def test_a_picture_not_later_than_the_one_before_is_left_out_and_counted(tmp_path: Path) -> None:
    film = PictureFiles(tmp_path, write_pictures(tmp_path, [0.0, 0.1, 0.1, 0.2]))
    session = open_session(store_film(film, out=tmp_path / "s", subject="S01"))
    assert session.record.recorders["video"].frames_lost == {"order": 1}
    assert len(session.index(Stream.COLOR)) == 3


def test_pictures_of_two_sizes_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    files = write_pictures(tmp_path, [0.0, 0.1])
    cv2.imwrite(str(files[1][1]), np.zeros((50, 64, 3), np.uint8))
    with pytest.raises(SessionError, match=r"wanted pictures of one size, 64x48, found 64x50.*1\.png"):
        store_film(PictureFiles(tmp_path, files), out=tmp_path / "s", subject="S01")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png"]


def test_no_pictures_and_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="wanted pictures, found none"):
        PictureFiles(tmp_path, [])
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(SessionError, match=r"is none or is damaged.*a\.png"):
        PictureFiles(tmp_path, [(0.0, tmp_path / "a.png")])
    with pytest.raises(SessionError, match=r"could not read it.*b\.png"):
        PictureFiles(tmp_path, [(0.0, tmp_path / "b.png")])


@pytest.mark.parametrize(("max_fps", "kept"), [(None, 120), (100.0, 120), (15.0, 60), (10.0, 40), (4.0, 16)])
def test_a_video_is_thinned_to_the_rate_asked_for(tmp_path, make_video, max_fps, kept):
    session = open_session(import_video(make_video(), out=tmp_path / "s", subject="S01", max_fps=max_fps))
    time_s = synchronize(session).time_s
    assert len(time_s) == kept
    if max_fps is not None and max_fps < 30:
        np.testing.assert_allclose(time_s, np.arange(kept) / max_fps, atol=1 / 30)
