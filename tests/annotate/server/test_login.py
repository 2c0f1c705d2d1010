"""Coming in by a link and leaving: previews use nothing up, a link works once, wrong ones are held back."""

import re

import httpx
import pytest

from mavfer.annotate.server import login as login_module
from mavfer.annotate.store.store import now_ms


@pytest.fixture
def served(make_study, serve):
    study, store = make_study(films=0, title="Faces & <feelings>")
    return serve(study, store), store


@pytest.fixture
def visit(served):
    made = []

    def come() -> httpx.Client:
        made.append(httpx.Client(base_url=served[0], headers={"origin": served[0]}, trust_env=False))
        return made[-1]

    yield come
    for client in made:
        client.close()


def token_of(store, rater=None):
    return store.access.new_link(rater, now_ms=now_ms())


def test_looking_at_a_link_uses_nothing_up_and_its_button_opens_the_study(served, visit):
    store, browser = served[1], visit()
    rater = store.raters()[0]
    token = token_of(store, rater.id)
    for _ in range(20):  # a mail program's preview, a scanner
        page = visit().get("/enter", params={"token": token})
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
    page = browser.get("/enter", params={"token": token})
    assert "Faces &amp; &lt;feelings&gt;" in page.text
    assert rater.name in page.text
    assert page.headers["referrer-policy"] == "same-origin", "no-referrer makes the form's Origin null"
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None
    answer = browser.post("/enter", data={"token": found[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/", "max-age=5184000"):
        assert part in cookie
    assert browser.get("/api/assignments").status_code == 200
    browser.cookies.set("other_program", '{"view": [1, 2]}')
    assert browser.get("/api/assignments").status_code == 200, "one jar serves all ports of a machine"


def test_a_used_an_old_and_a_made_up_link_say_kindly_whom_to_ask(served, visit):
    store = served[1]
    used, old = token_of(store, store.raters()[0].id), token_of(store, store.raters()[1].id)
    assert visit().post("/enter", data={"token": used}).status_code == 303
    token_of(store, store.raters()[1].id)  # voids the one before
    for token in (used, old, "made-up", "\udcff".encode("utf-8", "surrogatepass").hex(), "x" * 5000):
        for answer in (
            visit().get("/enter", params={"token": token}),
            visit().post("/enter", data={"token": token}),
        ):
            assert answer.status_code == 403
            assert "Ask the study&#39;s owner" in answer.text
            assert "set-cookie" not in answer.headers
            assert "/enter?token" not in answer.text


def test_whoever_is_in_goes_on_with_a_used_link_and_may_change_by_another(served, visit):
    store, browser = served[1], visit()
    first, second = store.raters()
    token = token_of(store, first.id)
    browser.post("/enter", data={"token": token})
    for answer in (
        browser.get("/enter", params={"token": token}),
        browser.post("/enter", data={"token": token}),
    ):
        assert answer.status_code == 200
        assert 'url=/"' in answer.text
    before = dict(browser.cookies)
    other = token_of(store, second.id)
    assert "logged in here already" in browser.get("/enter", params={"token": other}).text
    assert browser.post("/enter", data={"token": other}).status_code == 303
    assert store.access.identify(next(iter(before.values())), now_ms=now_ms()) is None


def test_leaving_ends_the_login_on_the_server(served, visit):
    store, browser = served[1], visit()
    browser.post("/enter", data={"token": token_of(store, store.raters()[0].id)})
    cookies = dict(browser.cookies)
    assert browser.post("/leave").status_code == 303
    assert dict(browser.cookies) == {}
    stolen = httpx.get(f"{served[0]}/api/assignments", cookies=cookies)
    assert stolen.status_code == 401


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-www-form-urlencoded", b"token=a&token=b"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"&".join([b"token=a"] * 50)),
        ("application/json", b'{"token": "a"}'),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        ("", b""),
    ],
)
def test_a_form_that_is_none_opens_nothing(visit, kind, content):
    answer = visit().post("/enter", content=content, headers={"content-type": kind})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_wrong_links_are_held_back_and_told_for_how_long(served, visit):
    store, browser = served[1], visit()
    good = token_of(store, store.raters()[0].id)
    codes = [browser.post("/enter", data={"token": f"guess{k}"}).status_code for k in range(15)]
    assert codes == [403] * login_module.PER_CLIENT + [429] * (15 - login_module.PER_CLIENT)
    answer = browser.post("/enter", data={"token": good})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= login_module.WINDOW_S
    assert browser.get("/enter", params={"token": good}).status_code == 429
    assert store.access.link_of(good, now_ms=now_ms()) is not None, "the link is still good"
    assert browser.get("/").status_code == 401, "other pages are answered"
