"""The rater's page in windows of all sizes: film, scale, value, curve and buttons are in sight at once."""

import pytest
from playwright.sync_api import expect

WINDOWS_PX = [(1400, 900), (390, 844), (1200, 520), (360, 600)]
PARTS = [
    "#film",
    ".slider",
    ".figure.lit >> nth=0",
    ".value >> nth=0",
    "#curve",
    "#play",
    "#back",
    "#comment",
]
NEIGHBORS = [("#film", ".slider"), (".slider", "#curve"), ("#curve", "#play"), ("#film", "#curve")]


@pytest.mark.parametrize("mode", ["separate", "together"])
def test_all_that_a_rater_needs_is_in_sight_and_nothing_lies_on_anything(seat, mode):
    page = seat(films=0, mode=mode).start()
    page.keyboard.press(" ")
    for width, height in WINDOWS_PX:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = {}
        for part in PARTS:
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
            boxes[part] = page.locator(part).bounding_box()
        for one, other in NEIGHBORS:
            a, b = boxes[one], boxes[other]
            apart = (
                a["x"] + a["width"] <= b["x"] + 1
                or b["x"] + b["width"] <= a["x"] + 1
                or a["y"] + a["height"] <= b["y"] + 1
                or b["y"] + b["height"] <= a["y"] + 1
            )
            assert apart, (width, height, one, other)
        assert min(boxes["#film"]["width"], boxes["#film"]["height"]) >= 120


def test_three_hints_are_shown_the_first_time_and_never_again(seat):
    rater = seat(films=0, seconds=5)
    page = rater.start()
    expect(page.locator(".hint")).to_contain_text("Move the slider")
    page.evaluate("localStorage.setItem('mavfer-coached', 'yes')")
    page.reload()
    rater.press(page)
    assert page.locator(".hint").count() == 0
