"""Films made of sessions and video files: every frame at its time, sound with it, bad input in one line."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mavfer.annotate.study import encode
from mavfer.annotate.study.films import read_film
from mavfer.annotate.study.practice import prepare_practice
from mavfer.annotate.study.prepare import prepare, prepared_before
from mavfer.annotate.study.sources import session_of
from mavfer.capture.streams import Stream
from mavfer.errors import SessionError, StudyError


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    """Return media time and picture of each frame of a film."""
    with av.open(str(path)) as container:
        return [(frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def sound_in(path: Path) -> tuple[np.ndarray, int]:
    """Return a file's first channel from time 0 on and its rate."""
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        pieces = [(frame.time or 0.0, frame.to_ndarray()[0]) for frame in container.decode(track)]
        rate = track.rate
    n = max(round(t * rate) + len(one) for t, one in pieces)
    samples = np.zeros(n, np.float32)
    for t, one in pieces:
        at = round(t * rate)
        samples[max(at, 0) : at + len(one)] = one[max(-at, 0) :]
    return samples, rate


def test_every_frame_of_a_session_is_in_its_film_at_its_own_time(make_session, number_of, tmp_path):
    made = prepare(make_session(skip=[3, 4]), tmp_path, session="take1")
    film = read_film(tmp_path / f"{made.video}.json")
    numbers = [k for k in range(30) if k not in (3, 4)]
    assert film.n_frames == 28
    np.testing.assert_allclose(film.time_s, np.array(numbers) / 10 + 0.01, atol=1e-6)
    np.testing.assert_allclose(film.media_s, film.time_s - film.time_s[0], atol=2e-5)
    assert film.media_s[0] == 0
    assert film.end_s == pytest.approx(film.media_s[-1] + 0.1)
    found = frames_of(tmp_path / f"{made.video}.mp4")
    assert [number_of(picture) for _, picture in found] == numbers
    np.testing.assert_allclose([t for t, _ in found], film.media_s, atol=1e-6)


def test_times_of_a_variable_frame_rate_stay(make_video, tmp_path):
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.2, 40)) + 1.5
    made = prepare(make_video("face.mkv", times_s=times_s), tmp_path, session="face")
    np.testing.assert_allclose(made.film.time_s, times_s - times_s[0], atol=1.1e-3)  # Matroska: milliseconds
    np.testing.assert_allclose(made.film.media_s, made.film.time_s, atol=1e-5)


def test_key_frames_come_every_half_second_and_the_index_first(make_video, tmp_path):
    made = prepare(make_video(times_s=[k / 30 for k in range(90)]), tmp_path, session="face")
    path = tmp_path / f"{made.video}.mp4"
    with av.open(str(path)) as container:
        keys = [float(one.pts * one.time_base) for one in container.demux(video=0) if one.is_keyframe]
    assert np.diff(keys).max() <= encode.KEYFRAME_S + 1 / 30
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("begin_s", [0.0, 0.5])
def test_sound_stays_where_it_was(begin_s, make_video, tmp_path):
    source = make_video(sound_s=(begin_s, 1.5))
    made = prepare(source, tmp_path, session="face")
    assert made.film.has_audio
    samples, rate = sound_in(tmp_path / f"{made.video}.mp4")
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    assert loud[0] / rate == pytest.approx(begin_s, abs=0.03)
    assert loud[-1] / rate == pytest.approx(1.5, abs=0.05)


def test_sound_of_another_file_can_be_given_to_a_session(make_session, make_video, tmp_path):
    made = prepare(make_session(), tmp_path, session="take1", sound=make_video(sound_s=(0, 2)))
    assert made.film.has_audio
    with pytest.raises(StudyError, match="wanted a file with sound, found none"):
        prepare(make_session("take2"), tmp_path, session="take2", sound=make_video("mute.mp4"))


def test_wide_films_are_made_smaller_and_keep_their_shape(make_video, tmp_path):
    made = prepare(make_video(), tmp_path, session="face", max_width_px=200)
    assert (made.film.width_px, made.film.height_px) == (200, 150)


def test_damaged_frames_are_left_out_and_counted(make_session, tmp_path, number_of):
    session = make_session()
    (path,) = session.glob("*.mcap")
    content = bytearray(path.read_bytes())
    for at in (0.4, 0.6):
        place = int(len(content) * at)
        content[place : place + 40] = bytes(255 - one for one in content[place : place + 40])
    path.write_bytes(content)
    made = prepare(session, tmp_path, session="take1")
    assert 1 <= len(made.left_out) < 30
    assert made.film.n_frames == 30 - len(made.left_out)
    numbers = [number_of(picture) for _, picture in frames_of(tmp_path / f"{made.video}.mp4")]
    np.testing.assert_allclose(made.film.time_s, np.array(numbers) / 10 + 0.01, atol=1e-6)


def test_a_session_without_color_is_told(make_session, tmp_path):
    with pytest.raises(StudyError, match="wanted a session with color, which raters watch, found depth"):
        prepare(make_session(stream=Stream.DEPTH), tmp_path, session="take1")
    assert not list(tmp_path.glob("*.mp4"))


def test_a_session_of_a_simulated_board_is_told(make_session, tmp_path):
    settings = {
        "recorders": {"kinect": {"camera": "simulated_kinect"}},
        "simulated": {"target": "board"},
    }
    with pytest.raises(StudyError, match="found one of a simulated calibration board"):
        prepare(make_session(settings=settings), tmp_path, session="take1")


def test_what_is_no_video_is_told_and_leaves_nothing(make_video, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    text = tmp_path / "notes.mp4"
    text.write_text("no film")
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for path in (text, empty):
        with pytest.raises(SessionError, match="wanted a video file"):
            prepare(path, folder, session="notes")
    broken = tmp_path / "broken.mkv"
    content = make_video("whole.mkv").read_bytes()
    broken.write_bytes(content[: len(content) // 3])
    still = make_video("still.mkv", times_s=[0.0])
    with pytest.raises(StudyError, match="found one moment only"):
        prepare(still, folder, session="still")
    with pytest.raises((SessionError, StudyError)):
        prepare(text, folder, session="notes")
    assert not list(folder.iterdir())


def test_without_libx264_one_line_says_so(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"aac"})
    with pytest.raises(StudyError, match="wanted PyAV with libx264"):
        prepare(make_video(), tmp_path, session="face")


def test_names_of_sessions_are_checked_before_anything_is_decoded(make_session, make_video, tmp_path):
    assert session_of(make_session("take1")) == "take1"
    assert session_of(make_video("face.mp4")) == "face"
    for name, found in (("practice.mp4", "practice"), ("a b.mp4", "'a b'")):
        with pytest.raises(StudyError, match=found):
            session_of(make_video(name))
    with pytest.raises(StudyError, match="found nothing"):
        session_of(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(StudyError, match="a folder without one"):
        session_of(tmp_path / "bare")


def test_an_interrupted_preparation_leaves_nothing(make_video, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    source = make_video(times_s=[k / 25 for k in range(60)])

    def stop(done: int, total: int) -> None:  # noqa: ARG001
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, folder, session="face", on_progress=stop)
    assert not list(folder.iterdir())


def test_a_film_is_known_again_by_its_source_and_checksum(make_video, tmp_path):
    made = prepare(make_video(), tmp_path, session="face")
    wanted = {"words": made.film.source, "session": "face"}
    found = prepared_before(tmp_path, **wanted, known=set())
    assert found is not None
    assert found.video == made.video
    assert prepared_before(tmp_path, **wanted, known={made.video}) is None
    path = tmp_path / f"{made.video}.mp4"
    path.write_bytes(path.read_bytes()[:-1])
    assert prepared_before(tmp_path, **wanted, known=set()) is None


def test_the_practice_film_is_a_face_that_moves(tmp_path):
    made = prepare_practice(tmp_path, seconds=1.0)
    assert made.film.session == "practice"
    assert made.film.n_frames == 15
    pictures = [picture for _, picture in frames_of(tmp_path / f"{made.video}.mp4")]
    assert pictures[0].shape == (480, 640, 3)
    assert np.abs(pictures[0].astype(int) - pictures[-1]).mean() > 0.5
    record = json.loads((tmp_path / f"{made.video}.json").read_text())
    assert record["source"].startswith("simulated face")


def test_importing_the_study_does_not_import_pyav():
    code = "import sys, mavfer.annotate.study.setup; print('av' in sys.modules, 'cv2' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split()[0] == "False"
