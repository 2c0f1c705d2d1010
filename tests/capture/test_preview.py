import threading
from itertools import pairwise

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.preview import (
    MAX_JPEG_BYTES,
    Previewer,
    preview_of_message,
    scale_colors,
)
from mavfer.capture.streams import (
    A65_THERMAL,
    COLOR_1080P,
    KINECT_DEPTH,
    KINECT_INFRARED,
    Frame,
    Stream,
    StreamSpec,
)

WAIT_S = 10.0
SPECS = (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, A65_THERMAL)
JPEG = simplejpeg.encode_jpeg(np.zeros((4, 4, 3), np.uint8))
HEAD = {"stream": "depth", "frame_id": 3, "host_time_ns": 5, "low": 0.0, "high": 1.0, "unit": "mm"}


def frame(spec, value, *, number=1):
    pixels = np.zeros(spec.shape, spec.dtype)
    pixels[:] = value
    return Frame(spec.stream, pixels, 10, 20, number)


class Made:
    """Keeps what a previewer sends."""

    def __init__(self):
        self.messages = []
        self._changed = threading.Condition()

    def __call__(self, head, jpeg):
        with self._changed:
            self.messages.append((head, jpeg))
            self._changed.notify_all()

    def wait_for(self, n):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= n, WAIT_S)
            return list(self.messages)


@pytest.fixture
def made():
    return Made()


@pytest.fixture
def preview(made):
    """Return a function that gives the pictures of some sets of frames, in order."""
    previewers = []

    def pictures(*sets, specs=SPECS):
        previewers.append(Previewer(made, specs, every_s=0))
        n = len(made.messages)
        for frames in sets:
            before, n = n, n + len(frames)
            while len(made.messages) == before:  # it takes a set as soon as it is idle
                previewers[-1].offer(frames)
                threading.Event().wait(0.001)
            made.wait_for(n)
        return made.messages[-sum(map(len, sets)) :]

    yield pictures
    for one in previewers:
        one.close()
        assert one.n_failed == 0


def test_a_picture_beyond_its_law_is_shown_in_counts(made):
    spec = StreamSpec(Stream.THERMAL, (64, 64), "uint16", "planck R=1000 B=1428 F=0.5 O=0")
    previewer = Previewer(made, [spec], every_s=0.0)
    counts = np.linspace(1000, 3000, 64 * 64).reshape(64, 64)  # from 2000 on there is no temperature
    previewer.offer((frame(spec, counts),))
    (told,) = made.wait_for(1)
    previewer.close()
    preview = preview_of_message(*told)
    assert preview is not None
    assert preview.unit == "counts"


def test_each_stream_becomes_a_small_picture_that_says_what_it_was_made_of(preview):
    frames = tuple(frame(spec, 500) if spec.dtype == "uint16" else frame(spec, 90) for spec in SPECS)
    for spec, (head, jpeg) in zip(SPECS, preview(frames), strict=True):
        assert (head["stream"], head["frame_id"], head["host_time_ns"]) == (spec.stream.value, 1, 20)
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        assert width <= max(480, 512)
        assert abs(width / height - spec.shape[1] / spec.shape[0]) < 0.01
        assert preview_of_message(head, jpeg).stream is spec.stream


def test_a_cameras_own_jpeg_looks_like_its_pixels(preview):
    pixels = frame(COLOR_1080P, 40)
    pixels.pixels[:, 960:] = (200, 60, 20)
    jpeg = simplejpeg.encode_jpeg(pixels.pixels, quality=95)
    empty = np.zeros((0, 0, 3), np.uint8)
    encoded = Frame(Stream.COLOR, empty, 10, 20, 1, encoded=jpeg)
    first, second = (simplejpeg.decode_jpeg(jpeg) for _, jpeg in preview((pixels,), (encoded,)))
    assert first.shape == second.shape == (270, 480, 3)
    assert np.abs(first.astype(int) - second).mean() < 3


def test_thermal_ends_are_the_temperatures_of_the_counts(preview):
    cold, warm = round((20 + 273.15) / 0.04), round((34 + 273.15) / 0.04)
    pixels = frame(A65_THERMAL, cold)
    pixels.pixels[200:400, 200:400] = warm
    ((head, jpeg),) = preview((pixels,))
    assert head["low"] == pytest.approx(20, abs=0.1)
    assert head["high"] == pytest.approx(34, abs=0.1)
    assert head["unit"] == "°C"
    gray = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")
    assert gray[225, 225] > 4 * (gray[10, 10] + 1), "what is warmer is brighter"


def test_one_temperature_all_over_is_not_stretched_to_noise(preview):
    ((head, _),) = preview((frame(A65_THERMAL, 7500),))
    assert head["high"] - head["low"] == pytest.approx(4.0)
    assert (head["high"] + head["low"]) / 2 == pytest.approx(7500 * 0.04 - 273.15)


def test_the_ends_follow_slowly(preview):
    sets = [(frame(A65_THERMAL, 7400),)] + [(frame(A65_THERMAL, 7500),)] * 30
    lows = [head["low"] for head, _ in preview(*sets)]
    assert all(0 < after - before < 1.0 for before, after in pairwise(lows))
    assert lows[-1] - lows[0] == pytest.approx(4.0, abs=0.1)


def test_no_reading_is_black_and_every_depth_is_not(preview):
    pixels = frame(KINECT_DEPTH, 0)
    columns = [0, 300, 400, 800, 1500, 9000]
    for i, depth_mm in enumerate(columns):
        pixels.pixels[:, i * 80 : (i + 1) * 80] = depth_mm
    ((head, jpeg),) = preview((pixels,))
    assert (head["low"], head["high"], head["unit"]) == (400.0, 1500.0, "mm")
    shown = simplejpeg.decode_jpeg(jpeg)[200, 40 : 40 + 80 * len(columns) : 80].astype(int)
    assert shown[0].sum() < 20
    assert all(color.sum() > 120 for color in shown[1:])
    assert np.abs(shown[1] - shown[2]).max() < 12, "nearer than the scale looks like its end"
    assert np.abs(shown[4] - shown[5]).max() < 12
    assert np.abs(shown[2] - shown[3]).max() > 60


def test_the_scale_beside_a_picture_is_of_the_pictures_colors(preview):
    depth_mm = frame(KINECT_DEPTH, 0)
    depth_mm.pixels[:] = np.linspace(400, 1500, 512)
    ((_, jpeg),) = preview((depth_mm,))
    row = simplejpeg.decode_jpeg(jpeg)[200]
    colors = scale_colors(Stream.DEPTH, 8)
    for x, color in zip(np.linspace(2, 509, 8).round().astype(int), colors, strict=True):
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(row[x].astype(int) - wanted).max() < 40
    assert scale_colors(Stream.COLOR) == []


def test_offers_while_a_picture_is_in_the_making_are_dropped_and_not_kept_waiting():
    busy, go_on, sent = threading.Event(), threading.Event(), []

    def slow(head, _):
        sent.append(head["frame_id"])
        busy.set()
        assert go_on.wait(WAIT_S)

    previewer = Previewer(slow, SPECS, every_s=0)
    previewer.offer((frame(KINECT_DEPTH, 700, number=1),))
    assert busy.wait(WAIT_S)
    for number in range(2, 500):
        previewer.offer((frame(KINECT_DEPTH, 700, number=number),))
    go_on.set()
    previewer.close()
    assert sent == [1]


def test_a_picture_that_cannot_be_made_or_sent_ends_nothing(made):
    failing = threading.Event()

    def send(head, jpeg):
        if not failing.is_set():
            failing.set()
            raise OSError("the network is gone")
        made(head, jpeg)

    previewer = Previewer(send, SPECS, every_s=0)
    wrong = Frame(Stream.DEPTH, np.zeros((3, 0), np.uint8), 1, 1, 1)
    torn = Frame(Stream.COLOR, np.zeros((0, 0, 3), np.uint8), 1, 1, 1, encoded=JPEG[:30])
    while not made.messages:
        previewer.offer((wrong, torn, frame(KINECT_DEPTH, 700)))
        threading.Event().wait(0.001)
    previewer.close()
    previewer.close()
    assert previewer.n_failed >= 4


def test_streams_that_were_not_announced_are_passed_over(preview):
    assert [head["stream"] for head, _ in preview((frame(KINECT_DEPTH, 700),), specs=(KINECT_DEPTH,))] == [
        "depth"
    ]


def test_thermal_counts_without_a_temperature_stay_counts(preview):
    spec = StreamSpec(Stream.THERMAL, (20, 30), "uint16", "counts")
    ((head, _),) = preview((frame(spec, 7000),), specs=(spec,))
    assert head["unit"] == "counts"
    assert head["low"] < 7000 < head["high"]


def test_what_was_sent_is_what_comes_out_at_the_other_end():
    found = preview_of_message(HEAD, JPEG)
    assert found is not None
    assert (found.stream, found.frame_id, found.host_time_ns, found.jpeg) == (Stream.DEPTH, 3, 5, JPEG)
    assert (found.low, found.high, found.unit) == (0.0, 1.0, "mm")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stream", "sound"),
        ("stream", None),
        ("stream", []),
        ("frame_id", 1.5),
        ("frame_id", True),
        ("frame_id", 2**63),
        ("host_time_ns", "5"),
        ("low", float("nan")),
        ("high", float("inf")),
        ("high", "1"),
        ("unit", "m" * 17),
        ("unit", 3),
        ("extra", 1),
    ],
)
def test_a_malformed_head_is_none(key, value):
    assert preview_of_message({**HEAD, key: value}, JPEG) is None


@pytest.mark.parametrize(
    "jpeg",
    [
        b"",
        JPEG[:20],
        b"\x89PNG",
        None,
        "text",
        JPEG + b"\0" * MAX_JPEG_BYTES,
        simplejpeg.encode_jpeg(np.zeros((1, 4000, 3), np.uint8)),
    ],
)
def test_a_malformed_picture_is_none(jpeg):
    assert preview_of_message(HEAD, jpeg) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(
    head=JSON | st.fixed_dictionaries(dict.fromkeys(HEAD, JSON)), jpeg=st.binary(max_size=60) | st.just(JPEG)
)
def test_any_message_gives_a_preview_or_none(head, jpeg):
    found = preview_of_message(head, jpeg)
    assert found is None or found.jpeg == jpeg
