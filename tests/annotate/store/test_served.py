"""Raters over HTTP at once, on both databases: each one's chunks are stored, and nobody waits for another."""

import json
import threading
import time

from mavfer.annotate.store.store import Store


def rate(client, answers, *, n_chunks):
    """Rate the first video in chunks of half a second, each sent twice; note every answer."""
    client.post("/api/instructions")
    first = client.get("/api/assignments").json()[0]
    opened = client.post(f"/api/assignments/{first['id']}/open", json={"wall_ms": time.time() * 1000}).json()
    n_frames = -(-opened["n_frames"] // n_chunks)
    for number in range(n_chunks):
        events = [{"kind": "value", "t_ms": 500 * number, "source": "mouse", "valence": number % 10}]
        for k in range(number * n_frames, min((number + 1) * n_frames, opened["n_frames"])):
            events.append({"kind": "frame", "t_ms": 40 * k, "media_s": k / 25, "presented": k + 1})
        body = json.dumps({"wall_ms": number, "events": events}).encode()
        path = f"/api/takes/{opened['take']}/runs/{opened['run']}/chunks/{number}"
        for _ in range(2):
            answer = client.post(path, content=body, headers={"content-type": "application/json"})
            answers.append((answer.status_code, opened["take"], number, body))
    answers.append((client.post(f"/api/takes/{opened['take']}/finish").json()["complete"], "", 0, b""))


def test_six_raters_at_once_find_all_they_sent_after_the_study_is_opened_anew(
    make_study, serve, login, database_url
):
    study, store = make_study(raters=6, films=0, database=database_url)
    address = serve(study, store)
    clients = [login(address, store, rater.id) for rater in store.raters()]
    answers: list[list] = [[] for _ in clients]
    threads = [
        threading.Thread(target=rate, args=(client, got), kwargs={"n_chunks": 8})
        for client, got in zip(clients, answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(database_url, study_id=study.config.id, key=study.key()) as again:
        for got in answers:
            *sent, (complete, *_) = got
            assert complete is True
            assert {status for status, *_ in sent} == {200}
            stored = {chunk.number: chunk.body for chunk in again.takes.chunks(sent[0][1])}
            assert stored == {number: body for _, _, number, body in sent}
        done = [one for one in again.assignments() if one.state == "complete"]
        assert len(done) == 6
