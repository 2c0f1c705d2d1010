"""What Chromium shows of a prepared film: its frame callbacks tell the map's times."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from mavfer.annotate.study.films import Film
from mavfer.annotate.study.prepare import prepare

PAGE = """<!doctype html><video id="v" src="/film.mp4" muted preload="auto" playsinline></video>
<script>
const video = document.getElementById("v"), seen = [], canvas = document.createElement("canvas");
canvas.width = 320; canvas.height = 240;
const pen = canvas.getContext("2d", {willReadFrequently: true});
function number() {
  pen.drawImage(video, 0, 0, 320, 240);
  const row = pen.getImageData(0, 120, 320, 1).data;
  let n = 0;
  for (let bit = 0; bit < 10; bit++) if (row[4 * (32 * bit + 16)] > 127) n += 2 ** bit;
  return n;
}
function shown(now, told) {
  seen.push([told.mediaTime, number(), told.width]);
  video.requestVideoFrameCallback(shown);
}
video.requestVideoFrameCallback(shown);
window.seekTo = (at) => new Promise((done) => {
  video.addEventListener("seeked", () => setTimeout(() => done(seen[seen.length - 1]), 120), {once: true});
  video.currentTime = at;
});
</script>"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a page with the film `film.mp4` of the test's folder on loopback."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, Response
    from starlette.routing import Route

    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def film(_: Request) -> Response:
        return FileResponse(tmp_path / "film.mp4", media_type="video/mp4")

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", page), Route("/film.mp4", film)])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Start the machine's Chromium."""
    sync = pytest.importorskip("playwright.sync_api")
    path = Path("/usr/bin/chromium")
    if not path.exists():
        pytest.skip("wants Chromium")
    with sync.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def even(n_frames: int, fps: float) -> list[float]:
    """Return the times of a steady film."""
    return [k / fps for k in range(n_frames)]


def uneven() -> list[float]:
    """Return the times of a film with frames 15 to 90 ms apart and a hole of 0.7 s."""
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.015, 0.09, 60))
    times_s[30:] += 0.7
    return list(times_s)


@pytest.mark.parametrize(
    ("times_s", "codec", "sound_s"),
    [
        (even(60, 30), "libx264", None),
        (even(60, 29.97), "libx264", (0.0, 2.0)),
        (uneven(), "libx264", None),
        (uneven(), "libx264", (0.5, 2.5)),
        (even(50, 25), "libx265", None),
    ],
    ids=["30 fps", "29.97 fps with sound", "variable", "variable with sound", "HEVC"],
)
def test_media_times_of_frame_callbacks_are_those_of_the_map(
    times_s, codec, sound_s, make_video: Callable[..., Path], tmp_path: Path, address: str, browser
):
    made = prepare(
        make_video("source.mkv", times_s=times_s, codec=codec, sound_s=sound_s), tmp_path, session="a"
    )
    film: Film = made.film
    (tmp_path / f"{made.video}.mp4").rename(tmp_path / "film.mp4")
    page = browser.new_page()
    page.goto(address)
    page.evaluate("new Promise((done) => { video.onended = done; video.play(); })")
    seen = page.evaluate("seen")
    assert page.evaluate("video.duration") == pytest.approx(film.end_s, abs=0.05 if sound_s else 0.001)
    assert len({number for _, number, _ in seen}) > film.n_frames // 2
    for media_s, number, _ in seen:
        k = film.frame_at(media_s)
        assert media_s == pytest.approx(film.media_s[k], abs=2e-6)
        assert number in (k, k + 1)  # a callback may run when the next frame is already shown
    assert np.mean([number == film.frame_at(media_s) for media_s, number, _ in seen]) > 0.5
    for k in (film.n_frames // 2, 3, film.n_frames - 4):
        until_s = film.media_s[k + 1]
        media_s, number, _ = page.evaluate(f"seekTo({(film.media_s[k] + until_s) / 2})")
        assert (number, film.frame_at(media_s)) == (k, k)
        assert media_s == pytest.approx(film.media_s[k], abs=2e-6)
    page.close()


def test_a_session_is_shown_at_the_times_of_its_frames(make_session, tmp_path: Path, address: str, browser):
    made = prepare(make_session(skip=[4, 5, 6]), tmp_path, session="take1")
    (tmp_path / f"{made.video}.mp4").rename(tmp_path / "film.mp4")
    page = browser.new_page()
    page.goto(address)
    page.evaluate("new Promise((done) => { video.onended = done; video.play(); })")
    seen = page.evaluate("seen")
    numbers = [k for k in range(30) if k not in (4, 5, 6)]
    for media_s, number, _ in seen:
        k = made.film.frame_at(media_s)
        assert media_s == pytest.approx(made.film.media_s[k], abs=2e-6)
        assert number in numbers[k : k + 2]
        assert made.film.time_s[k] == pytest.approx(numbers[k] / 10 + 0.01, abs=1e-3)
    assert len(seen) > 20
    page.close()
