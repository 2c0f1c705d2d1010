"""The agreement on the study page: of complete takes, for the owner alone, computed once."""

import time
from dataclasses import replace

import httpx
import numpy as np
import pytest

from mavfer.annotate.agreement.files import as_json
from mavfer.annotate.agreement.of_study import StudyAgreement
from mavfer.annotate.agreement.ratings import read_folder
from mavfer.annotate.agreement.summary import summary_of
from mavfer.annotate.exchange.export import export_traces
from mavfer.annotate.store.store import Store
from mavfer.annotate.study.films import Film, read_film
from mavfer.annotate.study.study import Study

CURVES = {
    "rater1": lambda t: 6 * np.sin(2 * t),
    "rater2": lambda t: 6 * np.sin(2 * t) + 1,
    "rater3": lambda t: -6 * np.sin(2 * t),
}


def rate(client: httpx.Client, curve, *, practice_alone: bool = False) -> None:
    """Rate everything that a rater has to rate, following a curve of the film's time."""
    client.post("/api/instructions")
    for one in client.get("/api/assignments").json():
        wall = {"wall_ms": time.time() * 1000}
        opened = client.post(f"/api/assignments/{one['id']}/open", json=wall).json()
        events = []
        for k in range(opened["n_frames"]):
            value = {name: round(float(curve(k / 25))) for name in opened["dimensions"]}
            events.append({"kind": "value", "t_ms": 40.0 * k, "source": "key", **value})
            events.append({"kind": "frame", "t_ms": 40.0 * k + 1, "media_s": k / 25, "presented": k})
        path = f"/api/takes/{opened['take']}/runs/{opened['run']}/chunks/0"
        assert client.post(path, json={"wall_ms": 0, "events": events}).status_code == 200
        assert client.post(f"/api/takes/{opened['take']}/finish").json()["complete"]
        if practice_alone:
            return


@pytest.fixture
def rated(make_study, serve, login) -> tuple[Study, Store, str]:
    study, store = make_study(raters=3, films=1, dimensions=("arousal",))
    address = serve(study, store)
    for rater in store.raters():
        rate(login(address, store, rater.id), CURVES[rater.name])
    return study, store, address


def test_the_owner_sees_figures_and_who_stands_out_and_practice_does_not_count(rated, login) -> None:
    _, store, address = rated
    told = login(address, store, None).get("/api/study/agreement").json()
    assert (told["n_raters"], told["n_sessions"]) == (3, 1)
    assert {row["scope"] for row in told["rows"]} == {"mean of sessions", "pooled per team"}
    assert [one["rater"] for one in told["standing_out"] if one["kind"] == "inverted"] == ["rater3"]


def test_the_page_is_the_owners_alone_and_has_no_script_to_run(rated, login) -> None:
    _, store, address = rated
    answer = login(address, store, None).get("/study/agreement")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "rater3 rates arousal the other way round" in answer.text
    for path in ("/study/agreement", "/api/study/agreement"):
        assert httpx.get(f"{address}{path}", trust_env=False).status_code == 401
        rater = login(address, store, store.raters()[0].id).get(path)
        assert rater.status_code == 403
        assert "rater3" not in rater.text


def test_before_two_have_rated_there_are_no_rows_and_practice_takes_are_none(
    make_study, serve, login
) -> None:
    study, store = make_study(raters=2, films=1)
    address = serve(study, store)
    owner = login(address, store, None)
    empty = {"n_raters": 0, "n_sessions": 0, "rows": [], "standing_out": [], "remarks": []}
    assert owner.get("/api/study/agreement").json() == empty
    rate(login(address, store, store.raters()[0].id), CURVES["rater1"], practice_alone=True)
    assert owner.get("/api/study/agreement").json() == empty
    page = owner.get("/study/agreement")
    assert page.status_code == 200
    assert "Nothing to compare" in page.text


def test_the_figures_are_made_once_and_anew_when_a_take_is_taken_back(rated) -> None:
    study, store, _ = rated
    found = StudyAgreement(store, lambda video: read_film(study.videos / f"{video}.json"))
    first = found.summary()
    assert found.summary() is first
    last = next(one for one in store.assignments() if one.position == 1)
    store.takes.reopen(last.id)
    assert len(found.summary().raters) == 2


def test_the_figures_are_those_of_the_studys_exported_traces(rated, tmp_path) -> None:
    study, store, _ = rated
    found = StudyAgreement(store, lambda video: read_film(study.videos / f"{video}.json")).summary()
    list(export_traces(study, store, tmp_path / "traces"))
    assert as_json(found) == as_json(summary_of(read_folder(tmp_path / "traces")))
    assert found.readings


def test_a_film_that_is_not_the_one_that_was_rated_leaves_its_takes_out(rated) -> None:
    study, store, _ = rated

    def another(video: str) -> Film:
        return replace(read_film(study.videos / f"{video}.json"), sha256="0" * 64)

    found = StudyAgreement(store, another).summary()
    assert found.sessions == ()
    assert "that was rated, found another" in found.remarks[0]


def test_a_film_that_is_gone_leaves_its_takes_out_and_says_so_until_it_is_back(rated) -> None:
    study, store, _ = rated
    agreement = StudyAgreement(store, lambda video: read_film(study.videos / f"{video}.json"))
    study.videos.rename(study.path / "elsewhere")
    found = agreement.summary()
    assert found.sessions == ()
    assert len(found.remarks) == 3
    assert "left out rater1" in found.remarks[0]
    assert agreement.summary() is found
    (study.path / "elsewhere").rename(study.videos)
    assert (len(agreement.summary().raters), agreement.summary().remarks) == (3, ())
