"""The page in a real Chromium, against a real server."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mavfer.capture.streams import Stream
from mavfer.preprocess.view.app import dataset_app
from mavfer.preprocess.view.catalog import open_catalog
from mavfer.web.viewer import PageViewer

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 20_000
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        assert not os.environ.get("CI"), f"wanted Debian's chromium, found nothing: {CHROMIUM}"
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    one = context.new_page()
    complaints = []
    one.on("pageerror", lambda error: complaints.append(str(error)))
    one.on("console", lambda told: "Content Security" in told.text and complaints.append(told.text))
    yield one
    context.close()
    assert complaints == []


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=WAIT_MS)


def view_of(catalog, **more) -> PageViewer:
    return PageViewer(lambda door: dataset_app(catalog, door), command="mavfer dataset view", **more)


@pytest.fixture
def viewer(dataset) -> Iterator[PageViewer]:
    with view_of(open_catalog(dataset)) as one:
        yield one
    assert one.failures == []


def enter(page: Page, viewer: PageViewer) -> None:
    page.goto(viewer.new_link())
    expect(page.locator("#where")).to_contain_text("row 0")
    expect(page.locator("#session")).to_have_text("S01-a")


def gray(page: Page, stream: str) -> list[int]:
    """Return the color in a corner of a stream's picture, where no landmark is."""
    return page.evaluate(
        """(stream) => {
            const canvas = document.querySelector(`[data-stream=${stream}] canvas`);
            return [...canvas.getContext("2d").getImageData(2, 2, 1, 1).data];
        }""",
        stream,
    )


def shows(page: Page, row: int) -> None:
    """Wait until a row is shown, words and pixels: color is 40 + 2 * row there."""
    expect(page.locator("#where")).to_contain_text(re.compile(rf"^row {row} "))
    page.wait_for_function(
        """(wanted) => {
            const canvas = document.querySelector("[data-stream=color] canvas");
            return canvas.getContext("2d").getImageData(2, 2, 1, 1).data[0] === wanted;
        }""",
        arg=40 + 2 * row,
    )


def test_the_first_session_is_shown_with_all_its_streams_and_what_is_known_of_the_row(page, viewer):
    enter(page, viewer)
    shows(page, 0)
    for stream in ("color", "depth", "infrared", "thermal"):
        expect(page.get_by_role("img", name=f"{stream}, row 0: valid")).to_be_visible()
        assert gray(page, stream)[3] == 255
    expect(page.locator("#session-about")).to_contain_text("subject S01 · train · 72 rows")
    for words in ("arousal", "+0.25", "near its last place", "Ada −0.10, Ben +0.10", "0.50"):
        expect(page.locator("#facts")).to_contain_text(words)
    expect(page.locator("[data-stream=thermal] .marks")).to_contain_text("30")
    expect(page.locator("[data-stream=thermal] figcaption")).to_contain_text("°C")
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), width


def test_keys_step_by_row_and_by_clip_and_to_both_ends(page, viewer):
    enter(page, viewer)
    for key, row in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 26),
        ("PageDown", 42),
        ("ArrowLeft", 41),
        ("Shift+ArrowLeft", 26),
        ("PageUp", 0),
        ("ArrowLeft", 0),
        ("End", 71),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        shows(page, row)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#session")).to_have_text("S02-a")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("play, pause")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator("#session")).to_have_text("S02-a")


def test_a_row_without_a_face_says_so_in_every_stream_and_holds_no_old_picture(page, viewer):
    enter(page, viewer)
    shows(page, 0)
    page.goto(f"{viewer.address}#session=S01-a&row=22")
    expect(page.locator("#where")).to_contain_text("row 22 (last 71) · 0:02.75 · in no clip")
    for stream in ("color", "depth", "infrared", "thermal"):
        expect(page.locator(f"[data-stream={stream}]")).to_have_class("tile off")
        expect(page.locator(f"[data-stream={stream}] .blank")).to_have_text("no face")
        assert gray(page, stream)[3] == 0
    expect(page.locator("#facts")).to_contain_text("not found")


def test_playing_goes_on_at_the_rate_of_the_clips_and_stops_when_told(page, viewer):
    enter(page, viewer)
    shows(page, 0)
    page.evaluate(
        """() => {
            window.seen = [];
            const where = document.getElementById("where");
            const note = () => window.seen.push([performance.now(), parseInt(where.textContent.slice(4))]);
            new MutationObserver(note).observe(where, { childList: true });
        }"""
    )
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function("() => window.seen.some(([, row]) => row >= 12)")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    seen = {row: at_ms for at_ms, row in page.evaluate("window.seen")}
    assert (seen[12] - seen[4]) / 8 == pytest.approx(125, rel=0.3)  # 8 rows a second
    shown = page.locator("#where").inner_text()
    page.wait_for_timeout(300)
    assert page.locator("#where").inner_text() == shown


def test_a_clip_that_is_repeated_begins_again(page, viewer):
    enter(page, viewer)
    page.goto(f"{viewer.address}#session=S01-a&row=13")
    shows(page, 13)
    page.keyboard.press("r")
    page.keyboard.press(" ")
    page.wait_for_function("() => parseInt(document.getElementById('where').textContent.slice(4)) < 3")
    page.keyboard.press(" ")
    row = int(page.locator("#where").inner_text().split()[1])
    assert row < 13  # of the same clip, rows 0 to 15, and not of the next


def test_a_click_on_the_timeline_goes_there_and_the_address_follows(page, viewer):
    enter(page, viewer)
    timeline = page.get_by_role("slider", name="Row of the session")
    box = timeline.bounding_box()
    assert box is not None
    left, right = 72, box["width"] - 58
    page.mouse.click(box["x"] + left + (right - left) * (30.5 / 72), box["y"] + 40)
    shows(page, 30)
    assert page.url.endswith("#session=S01-a&row=30")
    expect(timeline).to_have_attribute("aria-valuenow", "30")
    page.reload()
    shows(page, 30)


def test_filters_keep_what_is_asked_for(page, viewer):
    enter(page, viewer)
    listed = page.locator("#sessions button")
    expect(listed).to_have_count(4)
    page.locator("#split").select_option("test")
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("S02-a")
    page.locator("#split").select_option("")
    page.locator("#scheme").select_option("two")
    page.locator("#split").select_option("fold 0")
    expect(listed).to_have_count(2)
    page.locator("#subject").select_option("S01")
    expect(listed).to_have_count(1)
    page.locator("#stream").select_option("depth")
    expect(page.locator("#reason")).not_to_contain_text("unsynchronised")


def test_frames_of_one_reason_and_the_worst_are_listed_and_stepped_through(page, viewer):
    enter(page, viewer)
    page.get_by_role("tab", name="Frames to check").click()
    page.locator("#reason").select_option("no_face")
    listed = page.locator("#frames button")
    expect(listed).to_have_count(3)
    expect(listed.first).to_contain_text("row 20–25")
    page.locator("#stage").focus()
    page.keyboard.press("n")
    expect(page.locator("#where")).to_contain_text("row 20 ")
    page.keyboard.press("n")
    expect(page.locator("#session")).to_have_text("S02-a")
    page.locator("#reason").select_option("")
    page.locator("#order").select_option("sharpness")
    expect(listed.first).to_contain_text("sharpness 0.10")
    listed.first.click()
    expect(page.locator("#session")).to_have_text("S01-a")
    shows(page, 60)
    expect(listed.first).to_have_attribute("aria-current", "true")


def test_pointing_at_a_picture_reads_the_same_place_in_every_stream(page, viewer):
    enter(page, viewer)
    page.keyboard.press("ArrowRight")
    shows(page, 1)
    page.locator("[data-stream=color] canvas").hover()
    expect(page.locator("[data-stream=depth] .under")).to_have_text("701 mm")
    expect(page.locator("[data-stream=thermal] .under")).to_have_text("30.01 °C")
    expect(page.locator("[data-stream=infrared] .under")).to_have_text("2010")


def test_landmarks_and_the_colors_of_the_scale_can_be_changed(page, viewer):
    enter(page, viewer)
    shows(page, 0)

    def picture(stream):
        return page.evaluate(
            "(stream) => document.querySelector(`[data-stream=${stream}] canvas`).toDataURL()", stream
        )

    with_landmarks = picture("color")
    page.keyboard.press("l")
    expect(page.get_by_label("Landmarks")).not_to_be_checked()
    assert picture("color") != with_landmarks
    page.get_by_label("Colors").select_option("whole")
    assert picture("color") != with_landmarks


def test_words_from_the_dataset_are_shown_as_words(page, viewer):
    enter(page, viewer)
    page.get_by_role("button", name="S02-a").click()
    expect(page.locator("#remarks")).to_contain_text(HOSTILE)
    assert page.title() == "S02-a – mavfer dataset view"


def test_a_damaged_file_and_one_that_was_not_built_are_named_and_the_rest_is_shown(
    page, make_dataset, tmp_path
):
    path = make_dataset(tmp_path / "clips")
    (path / "S01-a.h5").unlink()
    (path / "S02-a.h5").write_bytes(b"no HDF5")
    with view_of(open_catalog(path)) as viewer:
        page.goto(viewer.new_link())
        expect(page.locator("#session")).to_have_text("S02-a")  # the first that is not known to be unreadable
        expect(page.locator("#error")).to_contain_text("S02-a.h5")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#error")).to_contain_text("S01-a.h5")
        page.get_by_role("button", name="S04-a").click()
        expect(page.locator("#error")).to_contain_text("no face in 40 frames")
        page.get_by_role("button", name="S03-a").click()
        expect(page.locator("#error")).to_be_hidden()
        shows(page, 0)
    assert viewer.failures == []


def test_a_dataset_of_color_alone_is_shown(page, make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips", streams=(Stream.COLOR,))
    with view_of(open_catalog(path)) as viewer:
        enter(page, viewer)
        shows(page, 0)
        expect(page.locator(".tile")).to_have_count(1)
    assert viewer.failures == []


def test_a_page_whose_server_has_ended_says_so_and_one_that_comes_again_asks_for_a_link(page, dataset):
    catalog = open_catalog(dataset)
    with view_of(catalog) as viewer:
        enter(page, viewer)
    expect(page.get_by_role("alert").first).to_contain_text("The viewer has ended")
    with view_of(catalog, port=viewer.port):
        expect(page.get_by_role("alert").first).to_contain_text("open the link that it printed")
