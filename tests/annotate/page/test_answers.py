"""What answers a page that is not the study, or answers no more: nothing rated is taken for stored."""

import json
from itertools import cycle

from playwright.sync_api import expect

from mavfer.annotate.store.store import now_ms

STRANGERS = (
    {"status": 200, "content_type": "application/json", "body": "{}"},
    {"status": 404, "content_type": "text/html", "body": "<h1>Not found</h1>"},
    {"status": 403, "content_type": "text/html", "body": "<h1>Log in to the hotel's network</h1>"},
    {"status": 408, "content_type": "application/json", "body": '{"error": "too slow"}'},
)


def test_what_something_on_the_way_answers_is_no_word_on_what_was_rated(seat):
    rater = seat(films=0, seconds=4)
    answers = cycle(STRANGERS)
    n_answered = []
    page = rater.open()

    def answer(route):
        n_answered.append(1)
        route.fulfill(**next(answers))

    page.route("**/chunks/*", answer)
    rater.press(page)
    while len(n_answered) < len(STRANGERS):
        page.wait_for_timeout(50)
    expect(page.locator("#line")).to_contain_text("your rating is kept in this browser")
    assert rater.n_kept(page) > 0
    assert rater.events() == []
    page.unroute("**/chunks/*")
    rater.wait(page, "done")
    assert rater.rated().complete
    assert rater.n_kept(page) == 0


def test_a_take_that_is_complete_is_said_to_be_saved_whatever_comes_next(seat):
    rater = seat(films=0, seconds=1)
    page = rater.open()
    page.route("**/api/assignments", lambda route: route.fulfill(status=403, json={"error": "not for you"}))
    rater.press(page)
    rater.wait(page, "done")
    expect(page.locator("#card")).to_contain_text("Everything is saved.")
    expect(page.locator("#card")).not_to_contain_text("the last one")
    assert rater.todo()[0].state == "complete"


def test_a_take_that_counts_no_more_at_its_end_is_told_as_what_it_is(seat):
    rater = seat(films=0, seconds=1)
    page = rater.open()

    def meanwhile(route):
        rater.store.takes.reopen(rater.todo()[0].id)
        route.continue_()

    page.route("**/finish", meanwhile)
    rater.press(page)
    rater.wait(page, "stopped")
    expect(page.locator("#card h2")).to_have_text("This rating cannot go on")
    assert rater.todo()[0].state == "waiting"


def test_a_take_whose_end_is_rated_goes_on_with_what_is_missing_alone(seat):
    rater = seat(films=0, seconds=6)
    one, media_s = rater.todo()[0], rater.film().media_s.tolist()
    take, run = rater.store.takes.open_run(one.id, now_ms=now_ms(), clock_ahead_ms=0, browser="a test")
    events = [
        {"kind": "value", "t_ms": 0, "source": "start", "valence": 3},
        {"kind": "playback", "t_ms": 0, "what": "play", "media_s": 0},
        *(
            {"kind": "frame", "t_ms": 1000 * s, "media_s": s, "presented": 0}
            for s in media_s
            if not 0.5 <= s < 1.5
        ),
    ]
    body = json.dumps({"wall_ms": 0, "events": events}).encode()
    rater.store.takes.append(take, run, 0, body, now_ms=now_ms())
    page = rater.open()
    rater.wait(page, "gaps")
    expect(page.locator("#card button.main")).to_contain_text("again")
    rater.press(page)
    rater.wait(page, "done")
    assert rater.rated().complete
    assert max(event.media_s for event in rater.events()[1] if event.kind == "frame") < 3
