"""The page in a real Chromium, against a real server."""

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mavfer.capture.desk import NextStep, Start, Stop
from mavfer.capture.monitor import Monitor
from mavfer.capture.status import Marker

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 20_000
BOUNCE_MS = 400
"""A second press counts only this long after the first; see controls.js."""
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
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(WAIT_MS)
    one = context.new_page()
    errors = []
    one.on("pageerror", lambda error: errors.append(str(error)))
    yield one
    context.close()
    assert errors == []


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=WAIT_MS)


class Relay:
    """A way to the monitor that can be cut: the browser's end of a tunnel, or a cable."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._through = threading.Event()
        self._through.set()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stall(self) -> None:
        """Let nothing through, and close nothing, as a pulled cable does."""
        self._through.clear()

    def mend(self) -> None:
        self._through.set()

    def close(self) -> None:
        self._through.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._pump, args=(one, other)))
                self._threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while some := source.recv(65536):
                self._through.wait()
                sink.sendall(some)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@pytest.fixture
def relay(monitor) -> Iterator[Relay]:
    one = Relay(monitor.port)
    yield one
    one.close()


def enter(page: Page, monitor: Monitor, *, port: int | None = None) -> None:
    """Open the page by a new link, and wait until it is live."""
    link = monitor.new_link()
    page.goto(link if port is None else link.replace(f":{monitor.port}/", f":{port}/"))
    expect(page.locator("#pulse")).to_have_text("● live")


def press_twice(page: Page, key: str) -> None:
    page.keyboard.press(key)
    expect(page.locator("button.armed")).to_be_visible()
    page.wait_for_timeout(BOUNCE_MS)  # the page's law, not the test's patience
    page.keyboard.press(key)
    expect(page.locator("button.armed")).to_have_count(0)


def drawn(page: Page, stream: str) -> int:
    """Return how many gray values there are in a preview's middle row."""
    return page.evaluate(
        """(stream) => {
            const canvas = document.querySelector(`[data-stream=${stream}] canvas`);
            const row = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1).data;
            return new Set(row.filter((_, i) => i % 4 === 1)).size;
        }""",
        stream,
    )


def test_the_page_shows_the_take_its_recorders_and_all_four_streams(page, monitor):
    enter(page, monitor)
    expect(page.locator("#word")).to_have_text("RECORDING")
    expect(page.locator("#elapsed")).to_have_text(re.compile(r"02:\d\d"))
    expect(page.locator("#left")).to_have_text(re.compile(r"12:\d\d"))
    expect(page.locator("#count")).to_have_text("✓ no problems")
    row = page.get_by_role("row").filter(has_text="kinect").first
    for words in ("1,240 / 1,234", "119 min", "recording"):
        expect(row).to_contain_text(words)
    for words in ("sensor temperature 41.3 °C", "clock +5.000 s ± 0.03 ms", "round trip 0.21 ms"):
        expect(page.locator("#recorders")).to_contain_text(words.replace(" ", "\xa0"))
    thermal = page.locator("[data-stream=thermal] figcaption")
    expect(thermal).to_contain_text("°C")
    expect(page.locator("[data-stream=depth] figcaption")).to_contain_text("1500 mm")
    for stream in ("color", "depth", "infrared", "thermal"):
        expect(page.get_by_role("img", name=f"{stream.capitalize()} preview, live")).to_be_visible()
        assert drawn(page, stream) > 10
    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        overflow = "document.documentElement.scrollHeight > innerHeight"
        assert not page.evaluate(f"{overflow} || document.documentElement.scrollWidth > innerWidth")


def test_a_take_starts_at_the_second_press_with_what_the_form_says(page, stage, monitor):
    stage.tell(state="ready", can_start=True, step=None)
    enter(page, monitor)
    page.get_by_label("Subject").fill("S08")
    page.get_by_label("Seconds").fill("90")
    page.get_by_label("Consent").fill("K-12")
    page.get_by_label("Notes").fill("window seat: sxn1")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Press again")).to_be_visible()
    assert stage.asked == [], "a bouncing key is one press"
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Start take")).to_be_visible()
    press_twice(page, "s")
    assert stage.wait_for(1) == [Start("S08", 90.0, "K-12", "window seat: sxn1")]


def test_a_name_is_no_pseudonym_and_starts_nothing(page, stage, monitor):
    stage.tell(state="ready", can_start=True, step=None)
    enter(page, monitor)
    page.get_by_label("Subject").fill("Anna Schmidt")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start take").click()
    expect(page.locator("button.armed")).to_have_count(0)
    assert stage.asked == []


def test_a_slip_does_not_stop_a_take_and_two_presses_do(page, stage, monitor):
    enter(page, monitor)
    page.get_by_role("button", name="Stop take").dblclick()
    expect(page.get_by_role("button", name="Press again")).to_be_visible()
    expect(page.get_by_role("button", name="Stop take")).to_be_visible()  # it lets go by itself
    assert stage.asked == []
    press_twice(page, "x")
    assert stage.wait_for(1) == [Stop()]


def test_keys_mark_and_go_on_but_never_while_somebody_types(page, stage, monitor):
    enter(page, monitor)
    page.keyboard.press("1")
    page.keyboard.press("9")
    page.keyboard.press("m")
    page.keyboard.type("xxss 12 nn", delay=20)
    assert page.locator("button.armed").count() == 0
    page.keyboard.press("Enter")
    press_twice(page, "n")
    asked = stage.wait_for(4)
    assert [one.label for one in asked if isinstance(one, Marker)] == ["video starts", "mark 9", "xxss 12 nn"]
    assert asked[3] == NextStep()
    expect(page.locator("#markers li").first).to_contain_text("xxss 12 nn")
    times = page.locator("#markers time").all_inner_texts()
    assert all(re.fullmatch(r"02:\d\d", time) for time in times)
    stage.wait_for_pictures(25)
    assert page.locator("#markers time").all_inner_texts() == times, "a marker keeps its time"


def test_what_is_wrong_is_red_and_large_and_said_in_words(page, stage, monitor):
    enter(page, monitor)
    stage.tell(recorders=(stage.recorder("kinect"), stage.recorder("thermal", lost={"queue full": 14})))
    expect(page.locator("#count")).to_have_text("⚠ 1 PROBLEM")
    expect(page.get_by_role("alert")).to_contain_text("thermal: 14 lost (queue full)")
    red, green, blue = page.evaluate(
        "getComputedStyle(document.getElementById('verdict')).backgroundColor"
        ".match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert red > 3 * max(green, blue)
    expect(page.locator("tr.first.wrong")).to_have_count(1)
    expect(page.get_by_role("img", name="has problems")).to_be_visible()
    stage.tell()
    expect(page.locator("#count")).to_have_text("✓ no problems")


def test_hostile_words_are_shown_as_words(page, stage, monitor):
    enter(page, monitor)
    stage.tell(
        subject=HOSTILE,
        rig=HOSTILE,
        notice=HOSTILE,
        notice_is_bad=True,
        markers=(Marker(0, HOSTILE, HOSTILE),),
        recorders=(stage.recorder(HOSTILE, complaints=(HOSTILE,), camera=HOSTILE, health={HOSTILE: 1.0}),),
    )
    for place in ("#subject", "#hint", "#notice", "#markers", "#problems", "#recorders"):
        expect(page.locator(place)).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.title().startswith("‼ RECORDING")


def test_a_cable_that_is_pulled_is_shown_loudly_and_the_page_comes_back_by_itself(
    page, stage, monitor, relay
):
    enter(page, monitor, port=relay.port)
    relay.stall()
    expect(page.locator("#word")).to_have_text("NO CONNECTION")
    expect(page.locator("#verdict")).to_contain_text("recorders go on by themselves")
    expect(page.locator("#hint")).to_contain_text("nothing here is live")
    assert page.title().startswith("‼ NO CONNECTION")
    assert page.get_by_role("button", name="Stop take").is_disabled()
    page.keyboard.press("1")
    page.keyboard.press("x")
    expect(page.locator("[data-stream=color] .veil")).to_contain_text("s old")
    relay.mend()
    expect(page.locator("#word")).to_have_text("RECORDING")
    expect(page.locator("[data-stream=color] .veil")).to_have_text("")
    assert stage.asked == [], "what is asked without a connection is not kept for later"


def test_a_master_that_has_nothing_new_to_tell_does_not_look_live(page, stage, monitor):
    enter(page, monitor)
    stage.telling = False
    expect(page.locator("#word")).to_have_text("MASTER SILENT")
    assert page.get_by_role("button", name="Stop take").is_disabled()
    stage.telling = True
    expect(page.locator("#word")).to_have_text("RECORDING")


def test_a_picture_that_is_old_says_its_age_while_the_rest_is_live(page, stage, monitor):
    enter(page, monitor)
    stage.showing = False
    expect(page.locator("[data-stream=thermal]")).to_have_class("tile stale")
    expect(page.locator("[data-stream=thermal] .veil")).to_contain_text("s old")
    expect(page.locator("#word")).to_have_text("RECORDING")
    stage.showing = True
    expect(page.locator("[data-stream=thermal]")).to_have_class("tile")


def test_a_new_master_asks_a_page_it_does_not_know_for_a_link_and_the_end_of_a_program_is_no_alarm(
    page, stage
):
    with Monitor(stage.desk) as monitor:
        enter(page, monitor)
    expect(page.locator("#word")).to_have_text("NO CONNECTION")
    with Monitor(stage.desk, port=monitor.port) as again:
        expect(page.locator("#word")).to_have_text("LINK NEEDED")
        enter(page, again)
        stage.tell(state="ended")
        expect(page.locator("#word")).to_have_text("ENDED")
    expect(page.locator("#count")).to_have_text("ENDED")
    expect(page.locator("#verdict")).to_contain_text("can be closed")


def test_a_link_that_was_used_tells_a_person_what_to_do(page, monitor):
    link = monitor.new_link()
    page.goto(link)
    expect(page.locator("#word")).to_have_text("RECORDING")
    assert "token" not in page.url
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_role("heading")).to_have_text("This link has been used")
    expect(page.locator("body")).to_contain_text("Ask for a new link in the terminal")
