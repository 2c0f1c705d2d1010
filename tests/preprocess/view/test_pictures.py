import cv2
import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError
from mavfer.preprocess.view.catalog import open_catalog
from mavfer.preprocess.view.pictures import color_chunk_png, counts_chunk, row_png, scales


@pytest.fixture
def session(dataset):
    return open_catalog(dataset).session(0)


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_color_comes_as_it_is_stored_one_row_below_the_other(session):
    picture = decoded(color_chunk_png(session, 1))
    assert np.array_equal(picture.reshape(16, 32, 32, 3), session.read("color", 16, 32))
    assert np.array_equal(decoded(row_png(session, 30)), session.read("color", 30, 31)[0])


def test_counts_come_as_they_are_stored_also_in_the_last_short_chunk(session):
    counts = np.frombuffer(counts_chunk(session, Stream.THERMAL, 4), "<u2").reshape(-1, 32, 32)
    assert np.array_equal(counts, session.read("thermal", 64, 72))


@pytest.mark.parametrize("chunk", [-1, 5])
def test_a_chunk_that_is_not_there_is_refused(session, chunk):
    with pytest.raises(DatasetError, match="wanted a chunk of 72 rows"):
        counts_chunk(session, Stream.DEPTH, chunk)


def test_scales_span_what_is_valid_and_say_it_in_mm_and_degrees_celsius(session):
    found = scales(session)
    assert set(found) == {"depth", "infrared", "thermal"}
    thermal, depth = found["thermal"], found["depth"]
    low, high = (thermal["ranges"]["face"][end] for end in ("low", "high"))
    assert 28 < low * thermal["factor"] + thermal["offset"] < 30.8, "zeros of rows without a face are no cold"
    assert 30.0 < high * thermal["factor"] + thermal["offset"] < 33
    assert thermal["unit"] == "°C"
    assert (depth["unit"], depth["factor"]) == ("mm", 1.0)
    for stream in found.values():
        for span in stream["ranges"].values():
            assert span["low"] < span["high"]
            assert all(0 <= place <= 1 for place, _ in span["marks"])
        assert len(stream["colors"]) == 256
