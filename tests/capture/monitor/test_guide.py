"""What an operator is guided to, on the page in a real Chromium, over the wire, and in the terminal."""

import io
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console

from mavfer.capture.guide import Guide, GuideCamera, GuideCount
from mavfer.capture.monitor.words import TakeStart
from mavfer.capture.status import TakeStatus
from mavfer.capture.streams import Stream
from mavfer.capture.terminal import rendered

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 20_000
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
CELLS = ((True, False, False), (True, True, False))
GUIDE = Guide(
    hint="Thermal: hold the board at the lower left",
    now="hold it still",
    missing=("thermal: hold the board at the lower left", "depth: 4 more places", HOSTILE),
    cameras=(
        GuideCamera(
            "color",
            Stream.COLOR,
            CELLS,
            (GuideCount("places", 3, 14), GuideCount("near", 2, 2), GuideCount("middle", 5, 0)),
            "still",
            ((0.1, 0.1), (0.4, 0.1), (0.4, 0.5)),
        ),
        GuideCamera("thermal", Stream.THERMAL, ((False,) * 3,) * 2, (GuideCount("places", 0, 14),)),
    ),
)


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
def page(browser: Browser, monitor) -> Iterator[Page]:
    expect.set_options(timeout=WAIT_MS)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(WAIT_MS)
    one = context.new_page()
    errors: list[str] = []
    one.on("pageerror", lambda error: errors.append(str(error)))
    one.goto(monitor.new_link())
    expect(one.locator("#pulse")).to_have_text("● live")
    yield one
    context.close()
    assert errors == []


def test_without_a_guide_the_page_has_none(page: Page) -> None:
    expect(page.locator("#guide")).to_be_hidden()
    expect(page.locator("#guide-card")).to_be_hidden()
    expect(page.locator("#label")).to_be_visible()


def test_the_page_shows_the_hint_large_the_cells_and_what_is_missing(page: Page, stage) -> None:
    stage.desk.put_guide(GUIDE)
    hint = page.locator("#guide-hint")
    expect(hint).to_have_text(GUIDE.hint)
    assert hint.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") > 40
    expect(page.locator("#guide-now")).to_have_text("hold it still")
    color = page.locator('figure[data-stream="color"] svg.cells')
    expect(color.locator("rect.hit")).to_have_count(3)
    expect(color.locator("rect.bare")).to_have_count(3)
    expect(color.locator("polygon")).to_have_count(1)
    expect(page.locator('figure[data-stream="thermal"] rect.hit')).to_have_count(0)
    expect(page.locator("#guide-missing li")).to_have_text(list(GUIDE.missing))
    rows = page.locator("#guide-counts tr")
    expect(rows.nth(1)).to_contain_text("color")
    expect(rows.nth(1).locator("td")).to_have_text(["still", "50 %", "3/14", "✓ 2", "5"])
    expect(rows.nth(2).locator("td").first).to_have_text("not seen")
    expect(rows.nth(2).locator("td").first).to_be_visible()
    assert "owned" not in page.title()


def test_the_cells_lie_over_the_picture(page: Page, stage) -> None:
    stage.desk.put_guide(GUIDE)
    canvas = page.locator('figure[data-stream="color"] canvas').first
    cell = page.locator('figure[data-stream="color"] rect').last
    expect(cell).to_be_visible()
    for width in (1280, 700):
        page.set_viewport_size({"width": width, "height": 720})
        expect(cell).to_be_visible()
        inner = canvas.evaluate(
            "one => { const box = one.getBoundingClientRect();"
            " const scale = Math.min(box.width / one.width, box.height / one.height);"
            " return [box.x + (box.width + one.width * scale) / 2,"
            " box.y + (box.height + one.height * scale) / 2]; }"
        )
        box = cell.bounding_box()
        assert box is not None
        assert (box["x"] + box["width"], box["y"] + box["height"]) == pytest.approx(inner, abs=2)


def test_a_tick_says_that_nothing_is_missing(page: Page, stage) -> None:
    stage.desk.put_guide(Guide(hint="Enough: nothing is missing", enough=True, cameras=GUIDE.cameras))
    expect(page.locator("#guide-hint")).to_have_text("✓ Enough: nothing is missing")
    expect(page.locator("#guide.enough")).to_be_visible()
    expect(page.locator("#guide-missing")).to_have_text("✓ nothing")


def test_the_guide_s_trouble_is_shown_in_its_place(page: Page, stage) -> None:
    stage.desk.put_guide(Guide(hint="x", trouble="nobody looks any more"))
    expect(page.locator("#guide-hint")).to_have_text("⚠ nobody looks any more")


@pytest.mark.parametrize("width", [1920, 1280, 700])
def test_no_width_needs_to_be_scrolled_sideways(page: Page, stage, width: int) -> None:
    stage.desk.put_guide(GUIDE)
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator("#guide-counts tr")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_guide_of_any_size_is_sent_bounded(visit, stage) -> None:
    stage.desk.put_guide(Guide(hint="x" * 10_000, missing=("y" * 10_000,) * 500))
    with visit().live() as line:
        guide = line.receive("status")["guide"]
        while guide is None:
            guide = line.receive("status")["guide"]
    assert len(guide["hint"]) <= 400
    assert len(guide["missing"]) < 50
    assert guide["n_missing"] == 500


def test_the_terminal_says_what_to_do_and_what_is_missing() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(rendered(TakeStatus(state="recording"), TakeStart(), guide=GUIDE))
    text = console.export_text()
    assert "> Thermal: hold the board at the lower left  hold it still" in text
    assert "still    3/6 cells" in text
    assert "places 3/14, near 2/2, middle 5" in text
    assert "then depth: 4 more places" in text
