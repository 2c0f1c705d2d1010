"""Who gets what: every route, asked by nobody, a rater, another, the owner, and one who has left."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import httpx
import pytest

from mavfer.annotate.server.app import build_app
from mavfer.annotate.server.description import description
from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.study.study import new_id
from mavfer.web.access import Hosts

WHO = ("nobody", "rater", "other", "owner", "left")
OPENING = {"wall_ms": time.time() * 1000}
CHUNK = {"wall_ms": 0, "events": []}

# (method, path) -> status for nobody, the rater it belongs to, another rater, the owner, a rater who has left
RIGHTS = {
    ("get", "/api/assignments"): (401, 200, 200, 403, 401),
    ("post", "/api/instructions"): (401, 200, 200, 403, 401),
    ("post", "/api/assignments/{assignment}/open"): (401, 200, 404, 403, 401),
    ("post", "/api/takes/{take}/runs/{run}/chunks/{number}"): (401, 200, 404, 403, 401),
    ("post", "/api/takes/{take}/finish"): (401, 200, 404, 403, 401),
    ("post", "/api/takes/{take}/discard"): (401, 200, 404, 403, 401),
    ("get", "/media/{video}"): (401, 200, 404, 200, 401),
}
"""Of what a rater asks; all below /api/study is the owner's alone."""
PAGES = {
    "/": (401, 200, 200, 200, 401),
    "/instructions": (401, 200, 200, 200, 401),
    "/rate/{assignment}": (401, 200, 404, 403, 401),
    "/enter": (403, 200, 200, 200, 403),
    "/assets/uplot.js": (200, 200, 200, 200, 200),
    "/assets/rate.html": (404, 404, 404, 404, 404),
    "/docs": (401, 404, 404, 404, 401),
    "/openapi.json": (401, 404, 404, 404, 401),
}


@dataclass(frozen=True)
class Place:
    """A served study, its clients, and the ids of what belongs to the rater alone."""

    clients: dict[str, httpx.Client]
    ids: dict[str, str]
    gate: object


@pytest.fixture
def place(make_study, serve, login) -> Iterator[Place]:
    study, store = make_study(raters=3, films=1)
    rater, _, left = people = store.raters()
    video = new_id()
    for suffix in (".mp4", ".json"):
        shutil.copy(study.videos / f"{store.videos()[0].id}{suffix}", study.videos / f"{video}{suffix}")
    store.add_video(Video(video, "hers", False, 4.0, "0" * 64))
    alone = Assignment(new_id(), rater.id, video, "valence", 100)
    store.add_assignments([alone])
    address = serve(study, store)
    clients = {
        "nobody": httpx.Client(base_url=address, headers={"origin": address}),
        "rater": login(address, store, rater.id),
        "other": login(address, store, people[1].id),
        "owner": login(address, store, None),
        "left": login(address, store, left.id),
    }
    store.set_active(left.id, False)
    first = store.assignments(rater=rater.id)[0]
    clients["rater"].post("/api/instructions")
    opened = clients["rater"].post(f"/api/assignments/{first.id}/open", json=OPENING).json()
    ids = {
        "assignment": first.id,
        "take": opened["take"],
        "run": "0",
        "number": "0",
        "video": video,
        "rater": left.id,
    }
    yield Place(clients, ids, build_app(study, store, Hosts(""), cookie="x", how_to_get_a_link=str))
    clients["nobody"].close()


def ask(place: Place, who: str, method: str, path: str) -> httpx.Response:
    options = {"json": body_of(path, who)} if method == "post" else {}
    answer = place.clients[who].request(method, path.format(**place.ids), **options)
    if answer.status_code >= 400:
        assert list(answer.json()) == ["error"], (method, path, who, answer.text)
        assert "\n" not in answer.json()["error"]
    return answer


def body_of(path: str, who: str) -> dict[str, object]:
    if path.endswith("/open"):
        return OPENING
    if "chunks" in path:
        return CHUNK
    return {"name": f"new-{who}", "team": 1} if path.endswith("/raters") else {}


def test_each_answers_only_whom_it_is_for(place):
    for (method, path), wanted in RIGHTS.items():
        for who, status in zip(WHO, wanted, strict=True):
            if who == "rater" and path.endswith("discard"):
                opened = ask(place, who, "post", "/api/assignments/{assignment}/open")
                place.ids["take"] = opened.json()["take"]
            answer = ask(place, who, method, path)
            assert answer.status_code == status, (method, path, who, answer.text)


def test_what_is_not_a_raters_is_the_owners_alone(place):
    described = description(place.gate.app)["paths"]
    asked = {(method, path) for path, methods in described.items() for method in methods}
    assert set(RIGHTS) <= asked
    assert len(asked - set(RIGHTS)) >= 6
    for method, path in sorted(asked - set(RIGHTS), key=lambda one: (one[1].endswith("return"), one)):
        assert path.startswith("/api/study")
        for who, status in (("nobody", 401), ("rater", 403), ("other", 403), ("left", 401)):
            assert ask(place, who, method, path).status_code == status, (method, path, who)
        assert ask(place, "owner", method, path).status_code in (200, 409, 422), (method, path)


def test_each_page_is_for_whom_it_is_for_and_says_so_in_words(place):
    for path, wanted in PAGES.items():
        for who, status in zip(WHO, wanted, strict=True):
            answer = place.clients[who].get(path.format(**place.ids))
            assert answer.status_code == status, (path, who)
            if status >= 400 and not path.startswith("/assets"):
                assert answer.headers["content-type"].startswith("text/html"), (path, who)
                assert "<h1>" in answer.text


NAMES = [
    "..%2fstudy.key",
    "%2e%2e%2fstudy.key",
    "....//study.key",
    "../study.key",
    "%00",
    "x" * 5000,
    "study.key",
    "0123456789abcdeF",
    "0123456789abcdef.mp4",
    "0123456789abcdef%0a",
    "0123456789abcdef/../../study.key",
    "%c0%ae%c0%ae/study.key",
    "..\\study.key",
]


def test_a_video_is_asked_for_by_its_id_and_by_nothing_else(place):
    for who, name, prefix in product(("rater", "owner"), NAMES, ("/media/", "/assets/", "/rate/")):
        answer = place.clients[who].get(httpx.URL(place.clients[who].base_url).join(prefix + name))
        assert answer.status_code in ((404, 403) if who == "owner" else (404,)), (prefix, name)


def test_what_changes_something_wants_this_pages_origin(place):
    for headers, status in (
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://127.0.0.1"}, 403),
    ):
        for path in ("/api/instructions", "/enter", "/leave"):
            answer = place.clients["rater"].post(path, headers=headers)
            assert answer.status_code == status, (path, headers)
    without = httpx.Client(base_url=place.clients["rater"].base_url, cookies=place.clients["rater"].cookies)
    with without:
        assert without.get("/api/assignments").status_code == 200
        for path in ("/api/instructions", "/leave"):
            assert without.post(path).status_code == 403, path
    assert place.clients["rater"].get("/api/assignments").status_code == 200, "nobody has left"
    evil = {"host": "evil.example"}
    assert place.clients["rater"].get("/api/assignments", headers=evil).status_code == 403


def test_every_answer_forbids_what_the_page_does_not_need(place):
    for who in WHO:
        for path in ("/", "/api/assignments", "/assets/uplot.js", "/enter", "/nothing", "/media/x"):
            headers = place.clients[who].get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
