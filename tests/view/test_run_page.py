"""The page of a run in a real Chromium, against a real server."""

import re

import pytest
from playwright.sync_api import expect

from mavfer.view.run_app import run_app
from mavfer.view.run_view import open_run_view
from mavfer.web.viewer import PageViewer


@pytest.fixture(scope="module")
def viewer(lab):
    view = open_run_view(lab / "mran")
    with PageViewer(lambda door: run_app(view, door)) as one:
        yield one
    assert one.failures == []


def test_predictions_labels_faces_and_attention_are_shown_at_the_row_that_a_link_names(page, viewer):
    page.goto(viewer.new_link())
    expect(page.locator("#where")).to_contain_text("row 0 ")
    expect(page.locator("#session")).to_have_text("S04-a")
    expect(page.locator("#pooled")).to_contain_text("valence")
    expect(page.locator("#pooled-note")).to_contain_text("No intervals")
    page.goto(f"{viewer.address}#session=S05-a&t=2.5")
    expect(page.locator("#session")).to_have_text("S05-a")
    expect(page.locator("#where")).to_have_text(re.compile(r"^row 10 "))
    for words in ("valence predicted", "arousal label", "valence off by"):
        expect(page.locator("#facts")).to_contain_text(words)
    expect(page.locator("#attention .blank")).to_have_text("")
    drawn = """() => {
        const canvas = document.querySelector("#attention canvas");
        return canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3];
    }"""
    assert page.evaluate(drawn) == 255
    for width in (1440, 700, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), width


def test_keys_step_through_rows_clips_sessions_and_the_worst(page, viewer):
    page.goto(viewer.new_link())
    expect(page.locator("#where")).to_contain_text("row 0 ")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#where")).to_contain_text("row 1 ")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#where")).to_contain_text("row 4 ")  # clips overlap by half
    page.keyboard.press("End")
    expect(page.locator("#where")).to_contain_text("row 31 ")
    expect(page.locator("#attention .blank")).to_have_text("in no clip")
    expect(page.locator("#facts")).to_contain_text("interpolated")
    page.keyboard.press("w")
    expect(page.locator("#where")).not_to_contain_text("row 31 ")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#session")).to_have_text("S05-a")
    box = page.locator("#plot").bounding_box()
    page.mouse.click(box["x"] + 84 + (box["width"] - 100) * (16.5 / 32), box["y"] + 40)
    expect(page.locator("#where")).to_contain_text("row 16 ")
