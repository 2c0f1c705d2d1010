"""The film on the rater's page: once, forward, at its own speed; paused, gone back, begun again, gone."""

import numpy as np
from playwright.sync_api import expect


def whats(rater, run: int = 0) -> list[str]:
    return [event.what for event in rater.events()[run] if event.kind == "playback"]


def test_a_hidden_page_pauses_and_the_rater_goes_on(seat):
    rater = seat(films=0)
    page = rater.start()
    page.evaluate(
        """() => {
          Object.defineProperty(Document.prototype, "hidden", { configurable: true, get: () => true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    rater.wait(page, "paused")
    assert page.evaluate("document.querySelector('#film').paused")
    page.keyboard.press(" ")
    rater.wait(page, "done")
    assert "hidden" in whats(rater)
    assert rater.rated().complete


def test_going_back_rates_the_stretch_again_and_the_new_rating_counts(seat):
    rater = seat(films=0, seconds=5, rewind_s=2)
    page = rater.start()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(2500)
    page.keyboard.press(" ")
    rater.wait(page, "paused")
    at_s = page.evaluate("document.querySelector('#film').currentTime")
    page.keyboard.press("b")
    for _ in range(2):
        page.keyboard.press("PageDown")
    page.keyboard.press(" ")
    rater.wait(page, "done")
    film, value = rater.film(), rater.rated().value["valence"]
    again = (film.media_s > at_s - 1.9) & (film.media_s < at_s - 0.1)
    assert again.sum() > 20
    assert np.all(value[again] == -5)
    assert "rewind" in whats(rater)


def test_the_film_cannot_be_hurried_or_moved_forward(seat):
    rater = seat(films=0, seconds=8)
    page = rater.start()
    page.evaluate("document.querySelector('#film').playbackRate = 4")
    page.evaluate("document.querySelector('#film').currentTime = 7.5")
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('#film').playbackRate") == 1
    assert page.evaluate("document.querySelector('#film').currentTime") < 6
    rater.wait(page, "done", "gaps")
    shown = [event for event in rater.events()[0] if event.kind == "frame"]
    assert shown[-1].t_ms - shown[0].t_ms > 7500


def test_a_comment_pauses_is_kept_as_it_was_written_and_the_film_goes_on(seat):
    rater = seat(films=0)
    page = rater.start()
    page.keyboard.press("c")
    rater.wait(page, "commenting")
    page.keyboard.type("looks away <b> & c 0")
    page.keyboard.press("Enter")
    rater.wait(page, "playing")
    rater.wait(page, "done")
    assert [text for _, text in rater.rated().comments] == ["looks away <b> & c 0"]


def test_a_comment_on_the_last_frame_does_not_start_the_film_again(seat):
    rater = seat(films=0)
    page = rater.start()
    page.evaluate(
        """() => {
          const c = new KeyboardEvent("keydown", { key: "c", bubbles: true });
          const press = () => document.dispatchEvent(c);
          document.querySelector("#film").addEventListener("ended", press, { capture: true, once: true });
        }"""
    )
    rater.wait(page, "commenting")
    page.keyboard.type("at the end")
    page.wait_for_timeout(300)  # the film's end is told while the comment is written
    page.keyboard.press("Enter")
    rater.wait(page, "done")
    assert [text for _, text in rater.rated().comments] == ["at the end"]
    shown = [event.media_s for event in rater.events()[0] if event.kind == "frame"]
    assert shown == sorted(shown)


def test_a_browser_that_tells_late_of_a_pause_does_not_halt_the_film(seat):
    rater = seat(films=0)
    page = rater.start()
    page.evaluate("document.querySelector('#film').dispatchEvent(new Event('pause'))")
    rater.wait(page, "done")
    assert "pause" not in whats(rater)


def test_a_video_begun_again_has_a_new_take_and_the_old_one_counts_no_more(seat):
    rater = seat(films=0)
    page = rater.start()
    old = rater.todo()[0].take
    page.keyboard.press("ArrowUp")
    page.locator("#again").click()
    page.get_by_role("button", name="Begin again", exact=True).first.click()
    rater.wait(page, "ready")
    expect(page.locator("#card button.main")).to_have_text("Start")
    rater.press(page)
    rater.wait(page, "done")
    assert rater.todo()[0].take != old
    assert set(rater.rated().value["valence"]) == {0}


def test_a_film_that_is_gone_is_said_in_one_line(seat):
    rater = seat(films=0)
    (rater.study.videos / f"{rater.todo()[0].video}.mp4").unlink()
    page = rater.open()
    rater.wait(page, "stopped")
    expect(page.locator("#card p")).to_contain_text("The film is not there")


def test_a_film_that_chromium_cannot_play_is_said_in_one_line(seat):
    rater = seat(films=0)
    (rater.study.videos / f"{rater.todo()[0].video}.mp4").write_bytes(b"no film at all" * 100)
    page = rater.open()
    rater.wait(page, "stopped")
    expect(page.locator("#card p")).to_contain_text("cannot play the film")


def test_a_browser_that_tells_no_frames_is_refused_in_one_line(seat):
    rater = seat(films=0)
    rater.context.add_init_script("delete HTMLVideoElement.prototype.requestVideoFrameCallback")
    page = rater.open()
    expect(page.locator("#card h2")).to_have_text("This browser is too old")


def test_a_clock_that_is_wrong_is_said_and_hinders_nothing(seat):
    rater = seat(films=0)
    rater.context.add_init_script("const now = Date.now; Date.now = () => now() + 3 * 3600 * 1000")
    page = rater.start()
    expect(page.locator("#line")).to_contain_text("clock is 3 h fast")
    rater.wait(page, "done")


def test_a_video_out_of_turn_leads_back(seat):
    rater = seat(films=1)
    page = rater.open(1)
    expect(page.locator("#card p")).to_contain_text("another video comes first")
    page.locator("#card button.main").click()
    page.wait_for_url(f"{rater.address}/")
