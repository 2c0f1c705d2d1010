"""Nothing is lost: the network goes, the tab closes, the login ends, another window opens, storage fills."""

import time

import numpy as np
from playwright.sync_api import expect


def test_a_cut_of_ten_seconds_and_a_closed_tab_lose_nothing_and_the_take_is_complete(seat):
    rater = seat(films=0, seconds=14)
    page = rater.start()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(600)
    rater.context.set_offline(True)
    begun_s = time.monotonic()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#line")).to_contain_text("your rating is kept in this browser")
    page.wait_for_timeout(10_000 - 1000 * (time.monotonic() - begun_s))
    assert page.get_attribute("body", "data-state") == "playing"
    before = sum(len(run) for run in rater.events())
    rater.context.set_offline(False)
    expect(page.locator("#line")).to_have_text("")
    while sum(len(run) for run in rater.events()) < before + 200:  # ten seconds of frames come after
        assert page.get_attribute("body", "data-state") == "playing"
        page.wait_for_timeout(50)
    page.keyboard.press("ArrowUp")
    page.close()
    page = rater.open()
    rater.wait(page, "ready")
    expect(page.locator("#card button.main")).to_contain_text("Go on from 0:0")
    assert page.locator(".slider").get_attribute("aria-valuenow") == "2"
    rater.press(page)
    rater.wait(page, "done")
    found = rater.rated()
    assert found.complete
    assert rater.todo()[0].state == "complete"
    assert len(rater.events()) == 2
    assert found.shown.mean() > 0.8
    assert {1, 2} <= set(np.unique(found.value["valence"]))


def test_what_a_closed_tab_had_not_sent_is_sent_by_the_next_page_first(seat):
    rater = seat(films=0, seconds=6)
    page = rater.start()
    page.wait_for_timeout(500)
    page.route("**/chunks/*", lambda route: route.abort())
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(1500)
    assert rater.n_kept(page) >= 2
    page.close()
    page = rater.open()
    rater.wait(page, "ready")
    assert rater.n_kept(page) == 0
    first = [event for event in rater.events()[0] if event.kind == "value"]
    assert [event.valence for event in first][-1] == 1


def test_another_window_takes_over_and_the_first_one_stops(seat):
    rater = seat(films=0, seconds=8)
    first = rater.start()
    second = rater.open()
    rater.wait(first, "stopped")
    expect(first.locator("#card h2")).to_have_text("Open in another window")
    rater.wait(second, "ready")
    rater.press(second)
    rater.wait(second, "done")
    assert rater.rated().complete


def test_begin_again_in_a_window_that_is_behind_leaves_the_newer_rating_alone(seat):
    rater = seat(films=0, seconds=30)
    behind = rater.open()
    rater.wait(behind, "ready")
    behind.locator("#again").click()
    first = rater.todo()[0].take
    ahead = rater.open()
    rater.wait(ahead, "ready")
    ahead.locator("#again").click()
    ahead.get_by_role("button", name="Begin again", exact=True).first.click()
    rater.wait(ahead, "ready")
    rater.press(ahead)
    newer = rater.todo()[0].take
    assert newer != first
    behind.get_by_role("button", name="Begin again", exact=True).first.click()
    rater.wait(behind, "ready")
    assert rater.todo()[0].take == newer


def test_a_login_that_ends_stops_the_page_and_the_rating_comes_with_the_next_login(seat):
    rater = seat(films=0, seconds=8)
    page = rater.start()
    page.wait_for_timeout(500)
    rater.context.clear_cookies()
    page.keyboard.press("ArrowUp")
    rater.wait(page, "stopped")
    expect(page.locator("#card h2")).to_have_text("You are logged out")
    assert rater.n_kept(page) > 0
    rater.log_in()
    page.locator("#card button.main").click()
    rater.wait(page, "ready")
    assert rater.n_kept(page) == 0
    assert rater.rated().last_value == {"valence": 1}


def test_a_full_storage_pauses_and_says_so_and_what_was_rated_still_comes(seat):
    rater = seat(films=0, seconds=6)
    page = rater.start()
    page.wait_for_timeout(300)
    page.evaluate(
        """() => {
          let size = 5 * 1024 * 1024;
          for (let k = 0; size >= 1; k++) {
            try { localStorage.setItem(`filler ${k}`, "x".repeat(size)); }
            catch { size = Math.floor(size / 2); }
          }
        }"""
    )
    page.keyboard.press("ArrowUp")
    rater.wait(page, "paused")
    expect(page.locator("#card h2")).to_contain_text("storage is full")
    expect(page.locator("#line")).to_have_text("")
    page.evaluate("localStorage.clear()")
    rater.press(page)
    rater.wait(page, "done")
    assert rater.rated().complete


def test_a_stretch_that_is_missing_is_shown_and_rated_again(seat):
    rater = seat(films=0, seconds=7)
    page = rater.start()
    # the page's log of a stretch never comes to be: as if this browser had been emptied
    page.wait_for_timeout(1500)
    page.evaluate(
        """() => {
          window.kept = Storage.prototype.setItem;
          Storage.prototype.setItem = function (key, body) {
            const chunk = JSON.parse(body);
            chunk.events = chunk.events.filter((event) => event.kind !== "frame");
            window.kept.call(this, key, JSON.stringify(chunk));
          };
        }"""
    )
    page.wait_for_timeout(2000)
    page.evaluate("() => { Storage.prototype.setItem = window.kept; }")
    rater.wait(page, "gaps")
    assert len(rater.rated().missing) == 1
    expect(page.locator("#card button.main")).to_contain_text("again")
    rater.press(page)
    rater.wait(page, "done")
    assert rater.todo()[0].state == "complete"


def test_a_server_that_is_started_anew_gets_all_that_was_rated_meanwhile(seat, serve_at):
    rater = seat(films=0, seconds=9, serve=serve_at)
    page = rater.start()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(700)
    serve_at.stop()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#line")).to_contain_text("No connection")
    assert page.get_attribute("body", "data-state") == "playing"
    serve_at.start()
    rater.wait(page, "done")
    found = rater.rated()
    assert found.complete
    assert {1, 2} <= set(found.value["valence"])
    assert rater.n_kept(page) == 0
