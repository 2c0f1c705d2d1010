"""The page of a session in a real Chromium, against a real server."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from mavfer.errors import OutputError
from mavfer.view.landmarks import landmarks_of
from mavfer.view.session_app import session_app
from mavfer.view.session_view import open_view
from mavfer.web.viewer import PageViewer

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def viewer(lab):
    view = open_view(lab / "S01-a")
    points = landmarks_of(view, dataset=lab / "clips")
    with PageViewer(lambda door: session_app(view, door, landmarks=points)) as one:
        yield one
    assert one.failures == []


def enter(page: Page, viewer: PageViewer) -> None:
    page.goto(viewer.new_link())
    shows(page, 0)


def shows(page: Page, tick: int) -> None:
    """Wait until a tick is shown, words and pixels: color is 40 + 2 * tick, after JPEG about."""
    expect(page.locator("#where")).to_contain_text(f"tick {tick} of 30")
    page.wait_for_function(
        """(wanted) => {
            const canvas = document.querySelector("[data-stream=color] canvas");
            return Math.abs(canvas.getContext("2d").getImageData(2, 2, 1, 1).data[0] - wanted) < 2;
        }""",
        arg=40 + 2 * tick,
    )


def test_all_streams_of_a_tick_are_shown_with_what_is_known_of_it(page, viewer):
    enter(page, viewer)
    for stream in ("color", "depth", "thermal"):
        expect(page.get_by_role("img", name=f"{stream}, tick 0: shown")).to_be_visible()
    for words in ("rest: Look at the cross.", "frame 0", "Ada +4.0"):
        expect(page.locator("#facts")).to_contain_text(words)
    expect(page.locator("#problems summary")).to_contain_text("thermal: 1 of 30 ticks have no frame (5)")
    expect(page.locator("#moments button.event")).to_contain_text([HOSTILE, HOSTILE])
    assert page.title() == "S01-a – mavfer view"
    expect(page.locator("[data-stream=thermal] figcaption")).to_contain_text("°C")
    expect(page.locator("[data-stream=thermal] .marks span")).not_to_have_count(0)
    for width in (1440, 700, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), width


def test_keys_step_and_jump_and_a_link_leads_to_a_moment(page, viewer):
    enter(page, viewer)
    for key, tick in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 11),
        ("n", 15),
        ("n", 20),
        ("p", 15),
        ("End", 29),
        ("Home", 0),
        ("n", 5),
    ):
        page.keyboard.press(key)
        shows(page, tick)
    expect(page.locator("[data-stream=thermal] .blank")).to_have_text("no frame")
    assert page.url.endswith("#t=0.500")
    page.goto(f"{viewer.address}#t=2.0")
    shows(page, 20)
    expect(page.locator("[data-stream=thermal] .state")).to_contain_text("late +40.0 ms")
    page.locator("#moments button", has_text="laughs").click()
    shows(page, 15)


def test_pointing_reads_the_pixel_in_its_unit(page, viewer):
    enter(page, viewer)
    page.locator("[data-stream=depth] canvas").hover()
    expect(page.locator("[data-stream=depth] .under")).to_have_text(re.compile(r"x \d+, y \d+ px · 700 mm"))
    page.locator("[data-stream=thermal] canvas").hover()
    expect(page.locator("[data-stream=thermal] .under")).to_have_text(re.compile(r"px · 3\d\.\d\d °C"))


def test_playing_takes_as_long_as_the_session_took(page, viewer):
    enter(page, viewer)
    page.evaluate(
        """() => {
            window.seen = [];
            const where = document.getElementById("where");
            const note = () => window.seen.push([performance.now(), parseInt(where.textContent.slice(5))]);
            new MutationObserver(note).observe(where, { childList: true });
        }"""
    )
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()  # again, at the end
    seen = page.evaluate("window.seen")
    first, last = seen[0], next(one for one in seen if one[1] == 29)
    assert 2.5 < (last[0] - first[0]) / 1000 < 4.4  # 2.9 s; the last picture may come late, none early


def test_a_stranger_and_another_site_are_told_nothing(viewer):
    with httpx.Client(base_url=viewer.address, trust_env=False) as client:
        for path in ("/session", "/color/0", "/counts/depth/0", "/assets/session.js", "/alive"):
            answer = client.get(path)
            assert (answer.status_code, answer.content) == (401, b""), path
        assert client.get("/enter?token=guess").status_code == 403
        assert client.get(viewer.new_link()).status_code == 200
        assert client.get("/session", headers={"Host": "evil.example"}).status_code == 403
        assert client.get("/session", headers={"Origin": "http://evil.example"}).status_code == 403
        policy = client.get("/").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "immutable" in client.get("/color/0").headers["cache-control"]
        assert client.get("/session").headers["cache-control"] == "no-store"
        for path in (
            "/color/30",
            "/color/-1",
            "/counts/depth/x",
            "/counts/color/0",
            "/counts/thermal/5",
            "/counts/sound/0",
            "/celsius/depth",
            "/laid/depth/0",
        ):
            answer = client.get(path)
            assert answer.status_code == 422, path
            assert "Traceback" not in answer.text
        assert client.get("/assets/..%2Fsession.html").status_code == 404
        assert client.get("/landmarks/99").content == b""


def test_a_port_that_is_taken_is_said_in_one_line(viewer, lab):
    view = open_view(lab / "S01-a")
    with (
        pytest.raises(OutputError, match="choose another --port"),
        PageViewer(lambda door: session_app(view, door), port=viewer.port),
    ):
        pass
