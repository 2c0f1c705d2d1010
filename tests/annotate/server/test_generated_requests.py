"""Ten thousand generated requests to a served study: no defect, no answer undescribed, no foreign data."""

import json
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mavfer.annotate.server.app import build_app
from mavfer.annotate.server.description import description
from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.store.store import now_ms
from mavfer.annotate.study.study import new_id
from mavfer.web.access import Hosts

N_REQUESTS = 10_000
COMMENT = {"kind": "comment", "t_ms": 0, "media_s": 1, "text": "canary-comment"}
CHECKED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WHO = ("nobody", "left", "other", "rater", "owner")
"""Each generated request is sent as each of them, in this order: the owner may let the rater go."""


@dataclass
class Place:
    """A served study, the cookies of who asks, real ids, and what each must never be told."""

    address: str
    description: dict
    cookies: dict[str, dict[str, str]]
    ids: dict[str, list[str]]
    foreign: dict[str, tuple[str, ...]]
    n_sent: int = 0
    statuses: Counter = field(default_factory=Counter)


@pytest.fixture
def place(make_study, serve, login) -> Place:
    study, store = make_study(raters=1, films=1)
    rater = store.raters()[0]
    other = store.add_rater("canary-rater", team=1)
    video = new_id()
    for suffix in (".mp4", ".json"):
        shutil.copy(study.videos / f"{store.videos()[0].id}{suffix}", study.videos / f"{video}{suffix}")
    store.add_video(Video(video, "canary-session", False, 4.0, "0" * 64))
    theirs = Assignment(new_id(), other.id, video, "valence", 0)
    store.add_assignments([theirs])
    take, _ = store.takes.open_run(theirs.id, now_ms=now_ms(), clock_ahead_ms=0, browser="canary-browser")
    body = json.dumps({"wall_ms": 0, "events": [COMMENT]}).encode()
    store.takes.append(take, 0, 0, body, now_ms=now_ms())
    address = serve(study, store)
    gone = store.add_rater("gone", team=1)
    clients = {
        "left": login(address, store, gone.id),
        "other": login(address, store, other.id),
        "rater": login(address, store, rater.id),
        "owner": login(address, store, None),
    }
    store.set_active(gone.id, False)
    clients["rater"].post("/api/instructions")
    own = store.assignments(rater=rater.id)
    opened = clients["rater"].post(f"/api/assignments/{own[0].id}/open", json={"wall_ms": 0}).json()
    described = build_app(study, store, Hosts(""), cookie="x", how_to_get_a_link=str)
    others = ("canary-rater", "canary-comment", "canary-browser", theirs.id, take, video, other.id)
    own_canaries = ("rater1", "canary-user-agent")
    all_ids = (own[0].id, opened["take"], rater.id, own[0].video, str(study.path), "canary-session")
    return Place(
        address,
        description(described.app),
        {"nobody": {}, **{who: dict(client.cookies) for who, client in clients.items()}},
        {
            "assignment": [own[0].id, own[1].id, theirs.id],
            "take": [opened["take"], take],
            "video": [own[0].video, video],
            "rater": [rater.id, other.id],
            "run": ["0"],
            "number": [str(k) for k in range(20)],
        },
        {
            "nobody": (*all_ids, *others, *own_canaries),
            "left": (*all_ids, *others, *own_canaries),
            "rater": (*others, str(study.path), "canary-session", "take1"),
            "other": (*own_canaries, own[0].id, opened["take"], rater.id, str(study.path), "take1"),
            "owner": (str(study.path), rater_secret(clients["rater"])),
        },
    )


def rater_secret(client) -> str:
    return next(iter(dict(client.cookies).values()))


def cases(place: Place, operation, mode: GenerationMode) -> st.SearchStrategy:
    """Return generated requests, most of them with ids that are there in place of generated ones."""

    def placed(drawn):
        case, ids = drawn
        for name in case.path_parameters or {}:
            if ids[name] is not None:
                case.path_parameters[name] = ids[name]
        return case

    real = {name: st.sampled_from([*known, *known, None]) for name, known in place.ids.items()}
    return st.tuples(operation.as_strategy(generation_mode=mode), st.fixed_dictionaries(real)).map(placed)


def send(place: Place, who: str, session: requests.Session, case) -> None:
    """Send one request and judge its answer."""
    answer = case.call(base_url=place.address, session=session, headers={"Origin": place.address}, timeout=60)
    place.n_sent += 1
    place.statuses[who, answer.status_code] += 1
    case.validate_response(answer, checks=CHECKED)
    told = answer.content.decode("latin-1") + str(answer.headers)
    assert not [text for text in place.foreign[who] if text in told], (case.method, case.formatted_path)
    if who in ("nobody", "left"):
        assert answer.status_code in (400, 401, 405), case.formatted_path


@pytest.mark.timeout(900)
def test_no_generated_request_finds_a_defect_or_foreign_data(place):
    schema = schemathesis.openapi.from_dict(place.description)
    kinds = list(product([found.ok() for found in schema.get_all_operations()], GenerationMode))
    generated = []
    while len(generated) * len(WHO) < N_REQUESTS:  # some kinds have only few different requests
        for at, kind in enumerate(kinds):
            missing = -(-N_REQUESTS // len(WHO)) - len(generated)
            generated += drawn(cases(place, *kind), -(-missing // (len(kinds) - at)))
    for who in WHO:
        with requests.Session() as session:
            session.cookies.update(place.cookies[who])
            session.trust_env = False
            for case in generated:
                send(place, who, session, case)
    assert place.n_sent >= N_REQUESTS
    for who, status in (("rater", 200), ("rater", 404), ("rater", 422), ("owner", 200), ("owner", 422)):
        assert place.statuses[who, status] >= N_REQUESTS // 100, place.statuses


def drawn(strategy: st.SearchStrategy, n_wanted: int) -> list:
    """Return `n_wanted` examples, always the same, or as many as differ."""
    found = []

    @settings(
        max_examples=max(1, n_wanted),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run(case):
        found.append(case)

    with suppress(Unsatisfiable):  # there is nothing wrong to send where nothing is sent
        run()
    return found
