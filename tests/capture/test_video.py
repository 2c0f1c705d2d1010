import numpy as np
import pytest

from mavfer.capture.session import open_session
from mavfer.capture.simulated.truth import truth_path
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.video import Video, import_video
from mavfer.errors import ConfigError, OutputError, SessionError

UNEVEN_MS = (0, 33, 70, 200, 210, 500, 533, 1000)


def test_an_imported_video_keeps_its_own_times(tmp_path, make_video):
    progress = []
    path = import_video(
        make_video(times_ms=UNEVEN_MS),
        out=tmp_path / "s",
        subject="S01",
        on_progress=lambda done, total: progress.append((done, total)),
    )
    session = open_session(path)
    assert session.streams == (Stream.COLOR,)
    assert session.record.plan.fps is None
    found = synchronize(session)
    assert found.report.complete
    np.testing.assert_allclose(found.time_s * 1000, UNEVEN_MS, atol=1e-6)
    np.testing.assert_array_equal(found.index[Stream.COLOR], np.arange(len(UNEVEN_MS)))
    assert progress[-1] == (len(UNEVEN_MS), len(UNEVEN_MS))


def test_times_begin_at_the_first_picture(tmp_path, make_video):
    path = import_video(make_video(times_ms=(500, 540, 900)), out=tmp_path / "s", subject="S01")
    np.testing.assert_allclose(synchronize(open_session(path)).time_s, [0, 0.04, 0.4], atol=1e-9)


def test_an_imported_video_keeps_its_pictures_and_their_size(tmp_path, make_video):
    path = import_video(make_video(size=(66, 50)), out=tmp_path / "s", subject="S01")
    session = open_session(path)
    assert session.spec(Stream.COLOR).shape == (50, 66, 3)
    for i in (0, 7, 119):
        pixels = session.frame(Stream.COLOR, i).pixels
        assert abs(pixels.mean() - (20 + 10 * (i % 20))) < 5


def test_a_portrait_recorded_lying_down_is_put_upright(make_video):
    with Video(make_video(times_ms=(0, 40))) as video:
        video.turns = 3
        video.spec = type(video.spec)(Stream.COLOR, (64, 48, 3), "uint8", "sRGB")
        pixels = next(video.pictures()).pixels()
    assert pixels.shape == (64, 48, 3)


def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path, make_video):
    whole = make_video("whole.mp4").read_bytes()
    text, empty, torn = tmp_path / "a.txt", tmp_path / "empty.mp4", tmp_path / "torn.mp4"
    text.write_text("not a film\n" * 50, encoding="utf-8")
    empty.write_bytes(b"")
    torn.write_bytes(whole[: len(whole) // 2])
    for file in (text, empty, torn):
        with pytest.raises(SessionError, match=f"wanted a video file.*{file.name}") as caught:
            import_video(file, out=tmp_path / "s", subject="S01")
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "empty.mp4", "torn.mp4", "whole.mp4"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SessionError, match=r"wanted a video file, found nothing.*no\.mp4"):
        import_video(tmp_path / "no.mp4", out=tmp_path / "s", subject="S01")
    with pytest.raises(SessionError, match="wanted a video file, found a folder"):
        import_video(tmp_path, out=tmp_path / "s", subject="S01")


def test_nothing_is_replaced_unless_it_is_asked_for(tmp_path, make_video):
    file = make_video(times_ms=(0, 40, 80))
    out = tmp_path / "s"
    import_video(file, out=out, subject="S01")
    with pytest.raises(OutputError, match="pass --overwrite"):
        import_video(file, out=out, subject="S02")
    assert open_session(out).record.subject == "S01"
    import_video(file, out=out, subject="S02", overwrite=True)
    assert open_session(out).record.subject == "S02"


def test_a_folder_that_is_no_session_is_never_replaced(tmp_path, make_video):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="wanted a session to replace, found something else"):
        import_video(make_video(), out=tmp_path / "mine", subject="S01", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_a_name_is_no_pseudonym(tmp_path, make_video):
    with pytest.raises(ConfigError, match="pseudonym"):
        import_video(make_video(), out=tmp_path / "s", subject="Jane Doe")


def test_a_subject_with_a_line_break_is_refused_in_one_line(tmp_path, make_video):
    with pytest.raises(ConfigError, match="pseudonym"):
        import_video(make_video(), out=tmp_path / "s", subject="S01\n")
    assert not (tmp_path / "s").exists()


def test_the_truth_of_a_replaced_simulated_session_goes_with_it(tmp_path, make_video):
    out = import_video(make_video(times_ms=(0, 40)), out=tmp_path / "s", subject="S01")
    truth_path(out).write_bytes(b"of another take")
    import_video(make_video(times_ms=(0, 40)), out=out, subject="S01", overwrite=True)
    assert not truth_path(out).exists()
