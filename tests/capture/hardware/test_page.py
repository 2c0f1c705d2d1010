"""The report in a real Chromium: nothing is cut off on a wide or a narrow screen, and nothing is executed."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser():
    if shutil.which(CHROMIUM) is None:
        assert not os.environ.get("CI"), f"wanted Debian's chromium, found nothing: {CHROMIUM}"
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def report(checked, film):
    """Return a report in which every verdict occurs and a camera's words are hostile."""
    told = {"serial": "T-1", "owner": HOSTILE, "long": "x" * 400}
    found = checked(
        film(fps=60, slow_from=0, absent=frozenset(range(5, 900, 9)), told=told), keeps_pictures=True
    )
    assert {"ok", "failed", "not done"} <= {one.verdict for one in found.told}
    return found.folder / "report.html"


SCREENS = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]


def test_the_report_fits_every_screen_and_runs_nothing(browser, report):
    for width, scheme in SCREENS:
        look(browser, report, width, scheme)


def look(browser, report, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    assert page.title() == "First contact with the cameras"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".badge.bad").count() > 0
    for badge in page.locator(".badge").all()[:8]:
        assert badge.inner_text() in ("ok", "doubtful", "failed", "not done")
    assert all(page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth > 0)"))
    assert HOSTILE in page.inner_text("body")
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
