"""A rater at the page: a real Chromium, a real server, films with motion, and a target to follow."""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from mavfer.annotate.server.app import build_app
from mavfer.annotate.store.records import Assignment
from mavfer.annotate.store.store import Store, now_ms
from mavfer.annotate.study.films import Film, read_film
from mavfer.annotate.study.study import Study
from mavfer.annotate.takes.events import Chunk, Event
from mavfer.annotate.takes.replay import Replay, replay
from mavfer.errors import StudyError
from mavfer.web.access import Hosts
from mavfer.web.server import listen

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 20_000
KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('mavfer-chunk')).length"
FILM = (
    "(({ paused, ended, currentTime }) => ({ paused, ended, currentTime }))(document.querySelector('#film'))"
)
FOLLOW = Path(__file__).parent / "follow.js"
"""What moves the inputs in page time, and the scripted gamepad."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for a file of tests."""
    if shutil.which(CHROMIUM) is None:
        assert not os.environ.get("CI"), f"wanted Debian's chromium, found nothing: {CHROMIUM}"
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=WAIT_MS)


@dataclass
class Rater:
    """A rater of a served study with a browser of their own."""

    study: Study
    store: Store
    address: str
    context: BrowserContext
    name: str

    def log_in(self) -> None:
        """Take a login into the browser, and read the instructions."""
        rater = next(one for one in self.store.raters() if one.name == self.name)
        secret = self.store.access.redeem(
            self.store.access.new_link(rater.id, now_ms=now_ms()), now_ms=now_ms()
        )
        assert secret is not None
        self.context.add_cookies([{"name": "study", "value": secret, "url": self.address}])
        self.store.confirm_instructions(rater.id)

    def todo(self) -> list[Assignment]:
        """Return the rater's assignments in order."""
        rater = next(one for one in self.store.raters() if one.name == self.name)
        return list(self.store.assignments(rater=rater.id))

    def open(self, position: int = 0) -> Page:
        """Open the page of an assignment in a new tab."""
        page = self.context.new_page()
        page.goto(f"{self.address}/rate/{self.todo()[position].id}")
        return page

    def start(self, position: int = 0, *, at: str = "playing") -> Page:
        """Open the page of an assignment, press the button over the film, and wait until it plays."""
        page = self.open(position)
        self.press(page, at=at)
        return page

    def press(self, page: Page, *, at: str = "playing") -> None:
        """Press the main button over the film, and wait for the page's next state."""
        page.locator("#card button.main").click()
        self.wait(page, at)

    def wait(self, page: Page, *states: str) -> None:
        """Wait until the page is in one of these states."""
        try:
            expect(page.locator("body")).to_have_attribute("data-state", re.compile("|".join(states)))
        except AssertionError as error:
            error.add_note(f"its card says: {page.locator('#card').inner_text()!r}")
            error.add_note(f"its film: {page.evaluate(FILM)}")
            raise

    def halt(self, page: Page) -> None:
        """Pause the film, and wait until all that was rated is stored."""
        page.keyboard.press(" ")
        self.wait(page, "paused")
        while self.n_kept(page) > 0:
            page.wait_for_timeout(50)

    def n_kept(self, page: Page) -> int:
        """Return how many chunks the browser keeps because the server has not acknowledged them."""
        return page.evaluate(KEPT)

    def events(self, position: int = 0) -> list[list[Event]]:
        """Return what is stored of an assignment's take, for each run."""
        take = self.todo()[position].take
        runs: dict[int, list[Event]] = {}
        for chunk in self.store.takes.chunks(take) if take is not None else ():
            runs.setdefault(chunk.run, []).extend(Chunk.model_validate_json(chunk.body).events)
        return list(runs.values())

    def film(self, position: int = 0) -> Film:
        """Return the film of an assignment."""
        return read_film(self.study.videos / f"{self.todo()[position].video}.json")

    def rated(self, position: int = 0) -> Replay:
        """Return what the stored chunks of an assignment say."""
        return replay(self.events(position), self.film(position), self.todo()[position].dimensions)

    def misfit(self, target: Callable[[float], float], position: int = 0) -> np.ndarray:
        """Return for each frame how far its value is from the target within a frame of it, at the best."""
        film, found = self.film(position), self.rated(position)
        value = found.value[self.todo()[position].dimensions[0]]
        period_s = float(np.median(np.diff(film.media_s)))
        near = [film.media_s + k * period_s / 4 for k in range(-4, 5)]
        return np.min([abs(value - np.array([target(at_s) for at_s in times])) for times in near], axis=0)


class Restarted:
    """A server that can be stopped and started anew on the same port."""

    def __init__(self) -> None:
        self.port = 0

    def __call__(self, study: Study, store: Store) -> str:
        """Start it for a study and return its address."""
        self.gate = build_app(
            study, store, Hosts("127.0.0.1"), cookie="study", how_to_get_a_link=lambda: "ask"
        )
        self.start()
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the port that it had."""
        listener = listen("127.0.0.1", self.port, what="the study", error=StudyError)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self.gate, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)

    def stop(self) -> None:
        """Stop it; whoever asks is refused."""
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture
def serve_at() -> Iterator[Restarted]:
    """Return a server that can be stopped and started anew."""
    one = Restarted()
    yield one
    one.stop()


@pytest.fixture
def seat(browser, make_study, serve) -> Iterator[Callable[..., Rater]]:
    """Return a function that seats a logged in rater at a browser, in a new study."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(told: ConsoleMessage) -> None:
        if "Content Security" in told.text:
            complaints.append(told.text)

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)

    def sit(*, look: dict[str, Any] | None = None, serve: Any = serve, **study: Any) -> Rater:
        made, store = make_study(**{"raters": 1, "seconds": 3, **study})
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **(look or {})})
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(path=FOLLOW)
        context.on("page", watch)
        contexts.append(context)
        rater = Rater(made, store, serve(made, store), context, "rater1")
        rater.log_in()
        return rater

    yield sit
    for context in contexts:
        context.close()
    assert complaints == []
