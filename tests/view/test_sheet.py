import cv2
import numpy as np
import pytest

from mavfer.capture.streams import Stream
from mavfer.errors import UsageError
from mavfer.view.sheet import Spacing, clock
from mavfer.view.sheet_html import sheet_page
from mavfer.view.sheet_of import blocks_of
from mavfer.view.sheet_png import sheet_png


def test_moments_are_the_middles_of_equal_stretches():
    moments = Spacing(count=4).moments(10.0, 8.0)
    np.testing.assert_allclose(moments.time_s, [11, 13, 15, 17])
    np.testing.assert_allclose(Spacing(every_s=3).moments(0.0, 8.0).time_s, [1.5, 4.5, 7.5])
    assert Spacing(every_s=5).moments(0.0, 60.1).n == 12  # none lies behind the end
    with pytest.raises(UsageError, match="--every"):
        Spacing(every_s=0.05).moments(0.0, 1000.0)


def test_a_moment_is_told_in_minutes_and_seconds():
    assert [clock(0.04), clock(59.96), clock(75.5)] == ["0:00.0", "1:00.0", "1:15.5"]


def test_a_session_has_a_row_per_stream_and_says_what_was_lost(lab):
    (block,), told = blocks_of([lab / "S01-a"], spacing=Spacing(30))
    assert [row.name for row in block.rows] == ["color", "depth", "thermal"]
    assert told == []
    for words in ("subject S01", "30 ticks at 10 a second", "color 30", "thermal has no frame at 1 tick"):
        assert words in block.about
    thermal = block.rows[2]
    assert [k for k, picture in enumerate(thermal.pictures) if picture is None] == [5]
    assert any("°C" in text for _, text in thermal.scale.marks)
    assert block.curves[0].name == "ratings"
    (only,), _ = blocks_of([lab / "S01-a"], spacing=Spacing(2), streams=[Stream.DEPTH])
    assert [row.name for row in only.rows] == ["depth"]


def test_sheets_of_datasets_and_runs_have_a_block_per_session(lab):
    blocks, told = blocks_of([lab / "clips"], spacing=Spacing(4))
    assert [block.title for block in blocks] == [f"S0{k}-a" for k in range(1, 6)]
    assert "S06-a not built" in told[0]
    runs, _ = blocks_of([lab / "mran"], spacing=Spacing(4))
    assert [block.title for block in runs] == ["S04-a", "S05-a"]
    assert [row.name for row in runs[0].rows] == ["face", "attention"]
    assert [line.name for line in runs[0].curves[0].lines] == ["label", "predicted"]


def test_a_sheet_of_several_folders_is_one_picture_whose_moments_go_on_below(lab):
    blocks, _ = blocks_of([lab / "S01-a", lab / "mran"], spacing=Spacing(4))
    wide = cv2.imdecode(np.frombuffer(sheet_png("lab", blocks, columns=4, cell_px=64), np.uint8), 1)
    high = cv2.imdecode(np.frombuffer(sheet_png("lab", blocks, columns=2, cell_px=64), np.uint8), 1)
    assert high.shape[1] < wide.shape[1]
    assert high.shape[0] > 1.5 * wide.shape[0]
    with pytest.raises(UsageError, match="pixels a side"):
        sheet_png("lab", blocks * 40, columns=1, cell_px=640)


def test_a_sheet_as_a_page_needs_no_other_file(lab):
    blocks, _ = blocks_of([lab / "S01-a"], spacing=Spacing(4))
    html = sheet_page("lab", blocks, columns=4, cell_px=64).html()
    assert "http://" not in html.replace("http://www.w3.org", "")
    for words in ("S01-a", "0:00.4", "°C", "seconds since the first tick"):
        assert words in html


def test_one_session_that_cannot_be_read_is_left_out_and_named(lab, make_session, tmp_path):
    running = make_session(tmp_path / "running", state="recording")
    blocks, told = blocks_of([lab / "S01-a", running], spacing=Spacing(2))
    assert [block.title for block in blocks] == ["S01-a"]
    assert "running is left out" in told[0]
    assert "mavfer recover" in told[0]
