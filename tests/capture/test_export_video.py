import subprocess
import sys

import av
import numpy as np
import pytest

from mavfer.capture.export.colors import STRIP_PX, coloring_of
from mavfer.capture.export.export import ExportFormat, export
from mavfer.capture.session import RecorderRecord, SessionRecord, open_session, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec
from mavfer.capture.trigger import Plan
from mavfer.capture.video import import_video
from mavfer.errors import ConfigError, SessionError

COLOR = StreamSpec(Stream.COLOR, (120, 161, 3), "uint8", "sRGB")
THERMAL = StreamSpec(Stream.THERMAL, (256, 320), "uint16", "0.04 K")
FIRST_TICK_NS = 10_000_000_000
EXACT_S = 6e-6


def smooth(spec, i):
    """Return a picture without noise whose colors, or temperatures, move with `i`."""
    rows, columns = np.mgrid[: spec.shape[0], : spec.shape[1]]
    if spec.stream is Stream.COLOR:
        red = 30 + 190 * columns / spec.shape[1]
        blue = np.full_like(red, 20 + 8 * (i % 20))
        return np.stack([red, 220 - 1.4 * rows, blue], axis=-1).astype(np.uint8)
    warm = 22 + 14 * columns / spec.shape[1] + 0.05 * i
    return np.rint((warm + 273.15) / 0.04).astype(np.uint16)


@pytest.fixture
def make_film(tmp_path):
    """Return a function that records smooth pictures at given times, milliseconds since the first tick."""

    def make(spec, times_ms):
        path = tmp_path / "take"
        path.mkdir()
        writer = SessionWriter(path, recorder="one", specs=(spec,))
        writer.begin({"session": {}}, now_ns=0)
        for i, t_ms in enumerate(times_ms):
            t_ns = FIRST_TICK_NS + round(t_ms * 1e6)
            writer.append([Frame(spec.stream, smooth(spec, i), t_ns, t_ns, i)])
        recorder = RecorderRecord(camera="test", streams=(spec.stream,), files=writer.finish())
        record = SessionRecord(
            id="take",
            subject="S01",
            rig="test",
            simulated=False,
            state="complete",
            started_utc="2026-01-01T00:00:00Z",
            plan=Plan(first_tick_ns=FIRST_TICK_NS, fps=10.0, n_ticks=10),
            recorders={"one": recorder},
        )
        write_record(path, record)
        return open_session(path)

    return make


def seen(path):
    """Return the times (s) and the pictures (RGB) of a video, by FFmpeg's own decoder."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
    return np.array([float(frame.pts * frame.time_base) for frame in frames]), pictures


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


UNEVEN_MS = [1.7, 35.2, 68.4, 101.9, 202.0, 235.1, 301.3, 334.9, 400.0, 655.5]


def test_a_video_s_times_are_the_session_s_times(make_film, tmp_path):
    session = make_film(COLOR, UNEVEN_MS)
    export(session, out=tmp_path / "film", format=ExportFormat.MP4)
    times_s, pictures = seen(tmp_path / "film" / "color.mp4")
    np.testing.assert_allclose(times_s, np.array(UNEVEN_MS) / 1000, atol=EXACT_S)
    lines = (tmp_path / "film" / "frames.csv").read_text(encoding="utf-8").splitlines()
    assert [float(line.split(",")[4]) for line in lines[1:]] == [t / 1000 for t in UNEVEN_MS]
    assert len(pictures) == len(UNEVEN_MS)


def test_every_picture_of_a_color_video_looks_like_the_frame_it_was_made_of(make_film, tmp_path):
    session = make_film(COLOR, UNEVEN_MS)
    export(session, out=tmp_path / "color.mp4", format=ExportFormat.MP4)
    _, pictures = seen(tmp_path / "color.mp4")
    for i, picture in enumerate(pictures):
        assert picture.shape == (120, 162, 3)
        assert psnr(picture[:, :161], session.frame(Stream.COLOR, i).pixels) > 38


def test_a_video_says_that_its_colors_are_those_of_bt_709(make_film, tmp_path):
    export(make_film(COLOR, [0, 100]), out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


def test_a_stretch_s_video_begins_at_the_stretch_s_begin(make_film, tmp_path):
    session = make_film(COLOR, UNEVEN_MS)
    export(session, out=tmp_path / "a.mp4", format=ExportFormat.MP4, start_s=0.2, end_s=0.4)
    times_s, pictures = seen(tmp_path / "a.mp4")
    np.testing.assert_allclose(times_s, [0.002, 0.0351, 0.1013, 0.1349], atol=EXACT_S)
    assert psnr(pictures[0][:, :161], session.frame(Stream.COLOR, 4).pixels) > 38


def test_of_the_frames_before_the_first_tick_the_last_is_shown_from_the_beginning(make_film, tmp_path):
    session = make_film(COLOR, [-40.0, -7.0, 26.0, 60.0])
    report = export(session, out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    times_s, pictures = seen(tmp_path / "a.mp4")
    np.testing.assert_allclose(times_s, [0, 0.026, 0.06], atol=EXACT_S)
    assert psnr(pictures[0][:, :161], session.frame(Stream.COLOR, 1).pixels) > 38
    assert report.left_out == ("color frame 0: the next one takes its time in the video",)


def test_a_single_frame_is_a_video_too(make_film, tmp_path):
    export(make_film(COLOR, [0.0]), out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    times_s, _ = seen(tmp_path / "a.mp4")
    assert list(times_s) == [0.0]


def test_the_last_frame_is_shown_as_long_as_the_others(make_film, tmp_path):
    export(make_film(COLOR, range(0, 1000, 100)), out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.0, abs=EXACT_S)


def test_thermal_is_shown_in_the_session_s_colors_with_the_scale_beside_them(make_film, tmp_path):
    session = make_film(THERMAL, range(0, 1000, 100))
    export(session, out=tmp_path / "film", format=ExportFormat.MP4)
    _, pictures = seen(tmp_path / "film" / "thermal.mp4")
    stored = [frame.pixels for frame in session.frames(Stream.THERMAL)]
    coloring = coloring_of(THERMAL, stored)
    strips = []
    for picture, pixels in zip(pictures, stored, strict=True):
        assert picture.shape == (256, 320 + STRIP_PX, 3)
        assert psnr(picture, coloring.picture(pixels)) > 30
        strips.append(picture[:, 320:])
    assert psnr(strips[0], strips[-1]) > 35


def test_a_stretch_has_the_colors_of_the_whole_session(make_film, tmp_path):
    session = make_film(THERMAL, range(0, 1000, 100))
    export(session, out=tmp_path / "whole.mp4", format=ExportFormat.MP4)
    export(session, out=tmp_path / "end.mp4", format=ExportFormat.MP4, start_s=0.8)
    assert psnr(seen(tmp_path / "whole.mp4")[1][8], seen(tmp_path / "end.mp4")[1][0]) > 35


def test_a_video_comes_back_as_a_session_with_the_same_times(make_film, tmp_path):
    session = make_film(COLOR, [0.0, *UNEVEN_MS])
    export(session, out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    again = open_session(import_video(tmp_path / "a.mp4", out=tmp_path / "again", subject="S01"))
    times_ns = again.index(Stream.COLOR).host_time_ns
    np.testing.assert_allclose(times_ns / 1e6, [0.0, *UNEVEN_MS], atol=1000 * EXACT_S)
    assert psnr(again.frame(Stream.COLOR, 5).pixels[:, :161], session.frame(Stream.COLOR, 5).pixels) > 34


WITHOUT_PYAV = """
import sys
sys.modules["av"] = None
from mavfer.__main__ import main
sys.argv = ["mavfer", *sys.argv[1:]]
main()
"""


def test_without_pyav_one_line_says_what_to_install(make_session, tmp_path):
    command = [sys.executable, "-c", WITHOUT_PYAV, "export", str(make_session()), "--format", "mp4"]
    run = subprocess.run([*command, "--out", "film"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "run `pip install 'mavfer[build]'`" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "film").exists()


def test_a_file_takes_one_stream_only(make_session, tmp_path):
    with pytest.raises(
        ConfigError, match="a file holds the video of one stream, found color, depth, thermal"
    ):
        export(open_session(make_session()), out=tmp_path / "a.mp4", format=ExportFormat.MP4)


def test_a_stream_without_a_readable_frame_is_refused_and_leaves_nothing(make_film, tmp_path):
    session = make_film(COLOR, [0.0])
    file = tmp_path / "take" / session.record.recorders["one"].files[0]
    stored = file.read_bytes()
    at = stored.index(b"\xff\xd8\xff") + 400
    file.write_bytes(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    with pytest.raises(SessionError, match="no color frame can be read"):
        export(open_session(tmp_path / "take"), out=tmp_path / "a.mp4", format=ExportFormat.MP4)
    assert [entry.name for entry in tmp_path.iterdir()] == ["take"]
