"""What the page is told when it opens or ends a take: where to go on, what is rated and what is missing."""

import json
import time
from typing import Any

import httpx
import numpy as np

from mavfer.annotate.study.films import read_film
from mavfer.annotate.takes.replays import Replays


def begin(make_study: Any, serve: Any, login: Any) -> tuple[httpx.Client, dict, dict]:
    study, store = make_study(films=1, mode="together")
    client = login(serve(study, store), store, store.raters()[0].id)
    client.post("/api/instructions")
    first = client.get("/api/assignments").json()[0]
    return client, first, open_take(client, first)


def open_take(client: httpx.Client, first: dict) -> dict:
    return client.post(f"/api/assignments/{first['id']}/open", json={"wall_ms": time.time() * 1000}).json()


def send(client: httpx.Client, opened: dict, number: int, events: list[dict]) -> None:
    path = f"/api/takes/{opened['take']}/runs/{opened['run']}/chunks/{number}"
    assert client.post(path, json={"wall_ms": 0, "events": events}).status_code == 200


def frames(begin: int, end: int) -> list[dict]:
    return [
        {"kind": "frame", "t_ms": 40 * k + 9, "media_s": k / 25, "presented": k} for k in range(begin, end)
    ]


START = {"kind": "value", "t_ms": 0, "source": "start", "valence": 1, "arousal": -1}
PLAY = {"kind": "playback", "t_ms": 8, "what": "play", "media_s": 0}


def test_a_take_that_was_left_is_told_where_it_stands(make_study, serve, login) -> None:
    client, first, opened = begin(make_study, serve, login)
    assert opened["curve"] == {"valence": [], "arousal": []}
    assert (opened["resume_s"], opened["missing"], opened["comments"]) == (0, [[0, 4]], [])
    moved = {"kind": "value", "t_ms": 40 * 30, "source": "pad", "valence": 4}
    said = {"kind": "comment", "t_ms": 1300, "media_s": 1.28, "text": "a door"}
    send(client, opened, 0, [START, PLAY, *frames(0, 50), moved, said])
    left = client.post(f"/api/takes/{opened['take']}/finish").json()
    again = open_take(client, first)
    for told in (left, again):
        assert told["curve"]["valence"] == [[0, 1], [1.16, 1], [1.2, 4], [1.96, 4]]
        assert told["curve"]["arousal"] == [[0, -1], [1.96, -1]]
        assert told["missing"] == [[2, 4]]
        assert told["comments"] == [[1.28, "a door"]]
        assert told["value"] == {"valence": 4, "arousal": -1}
        assert told["resume_s"] == 1.96
    assert left["complete"] is False
    assert again["run"] == 1
    send(client, again, 0, [START, PLAY, *frames(49, 100)])
    done = client.post(f"/api/takes/{opened['take']}/finish").json()
    assert (done["complete"], done["missing"], done["n_skipped"]) == (True, [], 0)


def test_a_replay_is_made_anew_when_a_chunk_has_come_and_only_then(make_study) -> None:
    study, store = make_study(films=1)
    one = store.assignments()[0]
    film = read_film(study.videos / f"{one.video}.json")
    take, run = store.takes.open_run(one.id, now_ms=0, clock_ahead_ms=0, browser="")
    replays = Replays(store, kept=1)
    empty = replays.of(take, film, one.dimensions)
    assert replays.of(take, film, one.dimensions) is empty
    body = json.dumps({"wall_ms": 0, "events": [START, PLAY, *frames(0, 50)]}).encode()
    store.takes.append(take, run, 0, body, now_ms=0)
    half = replays.of(take, film, one.dimensions)
    assert (np.isnan(empty.value["valence"]).sum(), np.isnan(half.value["valence"]).sum()) == (100, 50)
    replays.of("0" * 16, film, one.dimensions)
    assert replays.of(take, film, one.dimensions) is not half  # one alone was to be kept
