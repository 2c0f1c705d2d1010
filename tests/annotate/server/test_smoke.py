"""A rater's take over HTTP, from the link to the end."""

import time

import httpx


def test_a_take_is_complete_when_its_frames_cover_the_film(make_study, serve, login):
    study, store = make_study(films=1)
    rater = store.raters()[0]
    address = serve(study, store)
    assert httpx.get(f"{address}/api/assignments").status_code == 401
    client = login(address, store, rater.id)
    first = client.get("/api/assignments").json()[0]
    wall = {"wall_ms": time.time() * 1000}
    assert client.post(f"/api/assignments/{first['id']}/open", json=wall).status_code == 409
    client.post("/api/instructions")
    opened = client.post(f"/api/assignments/{first['id']}/open", json=wall).json()
    events = [{"kind": "value", "t_ms": 0, "source": "start", "valence": 0}]
    for k in range(opened["n_frames"]):
        events.append({"kind": "frame", "t_ms": 40.0 * k, "media_s": k / 25, "presented": k})
    path = f"/api/takes/{opened['take']}/runs/{opened['run']}/chunks/0"
    answer = client.post(path, json={"wall_ms": 0, "events": events})
    assert answer.json() == {"acknowledged": 0, "newest_run": 0}
    assert client.post(path, json={"wall_ms": 0, "events": events}).status_code == 200
    assert client.post(path, json={"wall_ms": 1, "events": events}).status_code == 409
    assert client.get(f"/media/{first['video']}", headers={"range": "bytes=0-9"}).status_code == 206
    assert client.post(f"/api/takes/{opened['take']}/finish").json()["complete"]
