"""The study's page and the rater's home in a real Chromium: links, names, refusals, narrow windows."""

import json

import pytest
from playwright.sync_api import expect

from mavfer.annotate.store.store import now_ms

EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture
def enter(browser, serve):
    """Return a function that opens a study's page as somebody, in a window of a size."""
    contexts = []

    def open_page(study, store, *, rater=None, address=None, wide_px=1400, path="/", **traits):
        address = address or serve(study, store)
        context = browser.new_context(viewport={"width": wide_px, "height": 800}, **traits)
        contexts.append(context)
        secret = store.access.redeem(store.access.new_link(rater, now_ms=now_ms()), now_ms=now_ms())
        context.add_cookies([{"name": "study", "value": secret, "url": address}])
        page = context.new_page()
        page.wrong = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on(
            "console", lambda told: page.wrong.append(told.text) if "Security Policy" in told.text else None
        )
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_a_link_made_on_the_study_page_opens_the_raters_home_elsewhere(enter, make_study, browser):
    study, store = make_study(raters=2, films=1)
    page = enter(study, store)
    page.get_by_role("button", name="Make a link for rater2").click()
    link = page.get_by_label("Link for rater2", exact=True).input_value()
    expect(page.locator("#link")).to_contain_text("this machine only")
    other = browser.new_context()
    home = other.new_page()
    home.goto(link)
    home.get_by_role("button", name="Open the study as rater2").click()
    expect(home.locator(".who")).to_contain_text("rater2")
    home.get_by_role("link", name="Read the instructions").click()
    home.get_by_label("Try the scale of valence").fill("10")
    expect(home.locator(".try.valence output, [data-dimension=valence] output")).to_have_text(
        "+10: very positive"
    )
    home.get_by_role("button", name="I have read this").click()
    home.get_by_role("link", name="Begin practice").click()
    assert "/rate/" in home.url
    other.close()
    assert not page.wrong


def test_a_name_that_is_taken_or_no_name_is_told_in_one_line(enter, make_study):
    study, store = make_study(raters=1, films=1)
    page = enter(study, store)
    name, says = page.get_by_label("New rater: a pseudonym"), page.locator("#add-says")
    for wrong, told in (
        ("RATER1", "which the study has in"),
        ("", "Wanted a name"),
        (EVIL[:30], "Wanted a name"),
    ):
        name.fill(wrong)
        name.press("Enter")
        expect(says).to_contain_text(told)
        expect(name).to_be_focused()
    name.fill("newcomer")
    name.press("Enter")
    expect(says).to_contain_text("newcomer is in team")
    expect(page.get_by_role("button", name="Make a link for newcomer")).to_be_visible()
    assert not page.wrong


def test_a_video_is_rated_again_from_its_cell_by_keyboard(enter, make_study):
    study, store = make_study(raters=1, films=1, dimensions=["valence"])
    first = store.assignments()[0]
    store.takes.open_run(first.id, now_ms=now_ms(), clock_ahead_ms=0, browser="a test")
    page = enter(study, store)
    cell = page.get_by_role("button", name="rater1, practice: valence begun")
    cell.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Let rate again").press("Enter")
    expect(page.get_by_role("button", name="rater1, practice: valence not begun")).to_be_visible()
    assert store.assignments()[0].state == "waiting"


def test_a_rater_who_left_is_let_go_and_comes_back(enter, make_study):
    study, store = make_study(raters=2, films=1)
    page = enter(study, store)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="rater2 has left the study").click()
    expect(page.get_by_role("button", name="Let come back")).to_be_visible()
    assert not store.raters()[1].active
    page.get_by_role("button", name="Let come back").click()
    expect(page.get_by_role("button", name="Make a link for rater2")).to_be_visible()
    assert store.raters()[1].active


def test_texts_stay_texts_in_the_browser(enter, make_study):
    study, store = make_study(raters=1, films=1, title=EVIL)
    (study.path / "instructions.txt").write_text(EVIL)
    first = store.assignments()[0]
    take, run = store.takes.open_run(first.id, now_ms=now_ms(), clock_ahead_ms=0, browser=EVIL)
    events = [{"kind": "comment", "t_ms": 1, "media_s": 0, "text": EVIL}]
    store.takes.append(take, run, 0, json.dumps({"wall_ms": 0, "events": events}).encode(), now_ms=now_ms())
    for rater in (None, first.rater):
        page = enter(study, store, rater=rater)
        expect(page.locator("h1")).to_have_text(EVIL)
        page.goto(page.url + "instructions")
        expect(page.locator(".own-words")).to_have_text(EVIL)
        assert page.locator("img[src=x]").count() == 0
        assert not page.wrong


@pytest.mark.parametrize("wide_px", [390, 1400])
@pytest.mark.parametrize("colors", ["light", "dark"])
def test_no_page_scrolls_sideways(enter, make_study, wide_px, colors):
    study, store = make_study(raters=6, films=3, title="A_title_without_a_single_space_in_it_" * 3)
    for rater, paths in (
        (None, ("/", "/instructions")),
        (store.raters()[0].id, ("/", "/instructions", "/none")),
    ):
        page = enter(study, store, rater=rater, wide_px=wide_px, color_scheme=colors)
        for path in paths:
            page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
            if rater is None and path == "/":
                expect(page.locator(".matrix")).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= wide_px, path


def test_the_study_page_says_when_its_server_is_gone_and_goes_on_later(enter, make_study):
    study, store = make_study(raters=1, films=1)
    page = enter(study, store)
    expect(page.locator("#how-far")).to_contain_text("ratings done")
    page.context.set_offline(True)
    page.get_by_role("button", name="Make a link for rater1").click()
    expect(page.locator("#trouble")).to_contain_text("No connection")
    page.context.set_offline(False)
    page.get_by_role("button", name="Make a link for rater1").click()
    expect(page.locator("#link")).to_be_visible()


def test_agreement_and_traces_appear_with_complete_takes(enter, make_study, rate_whole):
    study, store = make_study(raters=2, films=1, dimensions=["valence"])
    page = enter(study, store)
    expect(page.locator("#agreement")).to_contain_text("after the second complete take")
    expect(page.locator("#traces")).to_be_hidden()
    for one in store.assignments():
        rate_whole(store, study, one)
    page.reload()
    table = page.locator("#agreement .figures")
    expect(table).to_contain_text("valence")
    expect(page.locator("#agreement")).not_to_contain_text("null")
    for width_px in (1400, 1200, 390):
        page.set_viewport_size({"width": width_px, "height": 900})
        cut = "table => table.scrollWidth > table.parentElement.clientWidth"
        assert not table.evaluate(cut), f"one dimension of one session fits {width_px} px"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the traces").click()
    assert download.value.suggested_filename == "traces.zip"
    page.get_by_role("link", name="Everything, with pictures").click()
    page.wait_for_url("**/study/agreement")
    assert not page.wrong
