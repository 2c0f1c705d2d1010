"""The pages as they come from the server: what they say in each state, and that text stays text."""

import runpy
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from mavfer.annotate.server.home import clock, home_shown, minutes
from mavfer.annotate.server.pages import own_words
from mavfer.annotate.store.store import now_ms
from mavfer.annotate.trace import read_traces
from mavfer.errors import StudyError

ROOT = Path(__file__).parents[3]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


def told(position, *, practice=False, dimension="valence", state="waiting", seconds=300.0, video=None):
    return {
        "id": f"{position:016x}",
        "video": video or f"v{position}",
        "practice": practice,
        "duration_s": seconds,
        "dimension": dimension,
        "position": position,
        "state": state,
    }


@pytest.fixture
def client_of(serve):
    def client(study, store, rater=None):
        address = serve(study, store)
        secret = store.access.redeem(store.access.new_link(rater, now_ms=now_ms()), now_ms=now_ms())
        return httpx.Client(base_url=address, cookies={"study": secret}, headers={"origin": address})

    return client


def test_practice_counts_neither_among_the_videos_nor_in_the_film_that_is_left():
    shown = home_shown([told(0, practice=True, state="complete", seconds=30), told(1), told(2)])
    assert (shown["n_done"], shown["n_total"], shown["left"]) == (0, 2, "10 min")
    assert shown["next"]["button"] == "Rate video 1 of 2"


def test_what_is_next_is_the_first_that_is_not_complete_and_says_where_it_goes_on():
    rows = [told(0, state="complete"), told(1, state="open"), told(2)]
    shown = home_shown(rows, resume_s=130.4)
    assert shown["next"]["id"] == rows[1]["id"]
    assert shown["next"]["button"] == "Go on at 2:10"
    assert home_shown(rows, resume_s=0.2)["next"]["button"] == "Go on with video 2 of 3"


def test_with_everything_complete_nothing_is_next():
    shown = home_shown([told(0, state="complete"), told(1, dimension="arousal", state="complete")])
    assert shown["next"] is None
    assert shown["left"] == "0 s"


def test_a_turn_to_the_other_dimension_is_told_once_at_its_begin():
    rows = [told(0, state="complete"), told(1, dimension="arousal"), told(2, dimension="arousal")]
    assert home_shown(rows)["turned"] == {"now": "arousal", "before": "valence"}
    rows[1]["state"] = "complete"
    assert home_shown(rows)["turned"] is None


def test_passes_that_alternate_are_one_list_whose_rows_name_their_dimension():
    shown = home_shown(
        [told(k, dimension=("valence", "arousal")[k % 2], video=f"v{k // 2}") for k in range(6)]
    )
    assert len(shown["groups"]) == 1
    assert [row["name"] for row in shown["groups"][0]["rows"]][:2] == ["Video 1, valence", "Video 1, arousal"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (40, "40 s"), (300, "5 min"), (6000, "1 h 40 min")]
)
def test_lengths_of_film_read_as_people_say_them(seconds, words):
    assert minutes(seconds) == words


def test_places_in_a_film_are_minutes_and_seconds():
    assert (clock(0), clock(9.99), clock(130), clock(3600)) == ("0:00", "0:09", "2:10", "60:00")


def test_own_instructions_are_headings_and_paragraphs(make_study):
    study, _ = make_study(raters=0, films=0)
    (study.path / "instructions.txt").write_text(
        "# Welcome\nOne line\nand its rest.\n\nAnother.\n#no heading\n"
    )
    assert own_words(study) == [
        ("heading", "Welcome"),
        ("text", "One line and its rest."),
        ("text", "Another. #no heading"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff\xfe\x00", "UTF-8"), (b"x" * 70_000, "at most 65536 bytes")]
)
def test_own_instructions_that_cannot_be_shown_are_told_in_one_line(make_study, client_of, content, reason):
    study, store = make_study(raters=0, films=0)
    (study.path / "instructions.txt").write_bytes(content)
    with pytest.raises(StudyError, match=reason):
        own_words(study)
    with client_of(study, store) as owner:
        page = owner.get("/instructions")
        assert page.status_code == 422
        assert reason in page.text
        assert str(study.path) not in page.text


def test_texts_of_the_lab_stay_texts(make_study, client_of):
    study, store = make_study(raters=1, films=1, title=EVIL)
    (study.path / "instructions.txt").write_text(f"# {EVIL}\n{EVIL}\n")
    with client_of(study, store) as owner, client_of(study, store, store.raters()[0].id) as rater:
        for page in (owner.get("/"), owner.get("/instructions"), rater.get("/"), rater.get("/instructions")):
            assert page.status_code == 200
            assert "alert(1)" in page.text
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text


def test_a_raters_home_names_no_session_and_no_other_rater(make_study, client_of):
    study, store = make_study(raters=2, films=2)
    with client_of(study, store, store.raters()[0].id) as rater:
        for path in ("/", "/instructions"):
            page = rater.get(path).text
            assert "take1" not in page
            assert "take2" not in page
            assert "rater2" not in page


def test_a_rater_with_practice_alone_has_nothing_to_rate_and_may_practise(make_study, client_of):
    study, store = make_study(raters=1, films=0)
    rater = store.raters()[0]
    with client_of(study, store, rater.id) as client:
        home = client.get("/").text
        assert "Nothing to rate yet" in home
        assert "0 of" not in home
        assert 'href="/instructions" id="go"' in home
        store.confirm_instructions(rater.id)
        assert f'href="/rate/{store.assignments()[0].id}" id="go"' in client.get("/").text


def test_a_home_goes_from_the_instructions_over_practice_to_thanks(make_study, client_of, rate_whole):
    study, store = make_study(raters=1, films=1, dimensions=["valence"])
    one = store.raters()[0]
    practice, video = store.assignments(rater=one.id)
    with client_of(study, store, one.id) as rater:
        assert 'href="/instructions" id="go"' in rater.get("/").text
        assert rater.post("/api/instructions").status_code == 200
        assert f'href="/rate/{practice.id}"' in rater.get("/").text
        rate_whole(store, study, practice)
        page = rater.get("/").text
        assert f'href="/rate/{video.id}"' in page
        assert "Rate video 1 of 1" in page
        rate_whole(store, study, video)
        assert "Thank you" in rater.get("/").text


def test_a_home_opens_though_the_film_of_what_is_next_is_gone(make_study, client_of):
    study, store = make_study(raters=1, films=1)
    one = store.raters()[0]
    store.confirm_instructions(one.id)
    first = store.assignments()[0]
    store.takes.open_run(first.id, now_ms=now_ms(), clock_ahead_ms=0, browser="a test")
    (study.videos / f"{first.video}.json").unlink()
    with client_of(study, store, one.id) as rater:
        assert "Go on with practice" in rater.get("/").text


def test_the_owner_adds_lets_go_and_brings_back_a_rater(make_study, client_of):
    study, store = make_study(raters=1, films=2, teams=1, raters_per_session=3)
    with client_of(study, store) as owner:
        added = owner.post("/api/study/raters", json={"name": "rater2", "team": 1})
        assert added.status_code == 200
        assert added.json()["n_assigned"] == 6
        again = owner.post("/api/study/raters", json={"name": "RATER2", "team": 1})
        assert again.status_code == 422
        assert "which the study has in" in again.json()["error"]
        other = owner.post("/api/study/raters", json={"name": "rater3", "team": 2})
        assert other.status_code == 422
        assert "team from 1 to 1" in other.json()["error"]
        rater = added.json()["id"]
        assert owner.post(f"/api/study/raters/{rater}/leave").json()["done"]
        assert owner.post(f"/api/study/raters/{rater}/link").status_code == 409
        assert not store.assignments(rater=rater)
        assert owner.post(f"/api/study/raters/{rater}/return").json() == {"done": True, "n_assigned": 4}
        assert owner.post(f"/api/study/raters/{rater}/link").status_code == 200


def test_what_is_to_be_rated_again_waits_and_keeps_its_old_take(make_study, client_of, rate_whole):
    study, store = make_study(raters=1, films=1, dimensions=["valence"])
    first = store.assignments()[0]
    rate_whole(store, study, first)
    with client_of(study, store) as owner:
        shown = owner.get("/api/study").json()
        assert {one["state"] for one in shown["assignments"]} == {"complete", "waiting"}
        assert shown["n_done"] == 0  # it was practice
        assert owner.post(f"/api/study/assignments/{first.id}/again").json()["done"]
        assert owner.post(f"/api/study/assignments/{'0' * 16}/again").status_code == 404
        assert store.assignments()[0].state == "waiting"
        assert len(store.takes.discarded(first.id)) == 1
        rate_whole(store, study, first)
        assert owner.post(f"/api/study/raters/{first.rater}/leave").json() == {"done": True, "n_assigned": 0}
        gone = owner.post(f"/api/study/assignments/{first.id}/again")
        assert (gone.status_code, "has left the study" in gone.text) == (409, True)
    assert store.assignments()[0].state == "complete"


def test_a_page_that_is_open_counts_as_seen(make_study, client_of):
    study, store = make_study(raters=2, films=1)
    first = store.assignments(rater=store.raters()[0].id)[0]
    take, run = store.takes.open_run(first.id, now_ms=5_000, clock_ahead_ms=0, browser="a test")
    assert store.takes.last_seen_ms() == {first.rater: 5_000}
    store.takes.append(take, run, 0, b'{"wall_ms":0,"events":[]}', now_ms=9_000)
    assert store.takes.last_seen_ms() == {first.rater: 9_000}
    with client_of(study, store) as owner:
        rows = {one["id"]: one for one in owner.get("/api/study").json()["raters"]}
    assert rows[first.rater]["last_seen_ms"] == 9_000
    assert rows[store.raters()[1].id]["last_seen_ms"] is None


def test_who_opened_the_link_counts_as_seen(make_study):
    _, store = make_study(raters=2, films=1)
    first = store.raters()[0]
    store.access.redeem(store.access.new_link(None, now_ms=1), now_ms=2_000)  # the owner is no rater
    assert store.takes.last_seen_ms() == {}
    store.access.redeem(store.access.new_link(first.id, now_ms=1), now_ms=3_000)
    assert store.takes.last_seen_ms() == {first.id: 3_000}


def test_a_clock_that_is_off_by_more_than_a_minute_is_told_to_the_owner(make_study, client_of):
    study, store = make_study(raters=1, films=1)
    first = store.assignments()[0]
    store.confirm_instructions(first.rater)
    with client_of(study, store) as owner, client_of(study, store, first.rater) as rater:
        for ahead_ms, wrong in ((3_600_000, True), (0, False)):
            opening = {"wall_ms": now_ms() + ahead_ms}
            assert rater.post(f"/api/assignments/{first.id}/open", json=opening).status_code == 200
            assert owner.get("/api/study").json()["raters"][0]["clock_wrong"] is wrong


@pytest.mark.parametrize("dimension", ["valence", "arousal"])
def test_the_manikins_are_what_their_tool_draws(dimension):
    tool = runpy.run_path(str(ROOT / "tools" / "draw_manikins.py"))
    for step in range(1, 6):
        drawn = (ROOT / "annotate" / "server" / "assets" / f"sam-{dimension}-{step}.svg").read_text()
        assert drawn == tool[dimension](step)
        assert ET.fromstring(drawn).find("{*}title") is not None


def test_the_owner_downloads_what_is_complete_as_traces(make_study, client_of, tmp_path, rate_whole):
    study, store = make_study(raters=1, films=1, dimensions=["valence"])
    practice, video = store.assignments()
    with client_of(study, store) as owner, client_of(study, store, practice.rater) as rater:
        assert owner.get("/api/study/traces.zip").status_code == 409
        rate_whole(store, study, practice)
        rate_whole(store, study, video)
        assert rater.get("/api/study/traces.zip").status_code == 403
        answer = owner.get("/api/study/traces.zip")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    (trace,) = read_traces(tmp_path / "traces", "take1")
    assert (trace.rater, trace.dimension) == ("rater1", "valence")
    assert set(trace.value) == {1.0}
