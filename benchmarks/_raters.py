"""A rater without a browser, in a process of its own: what the rating page sends, when it sends it.

Values at 60 Hz and frames at 25 a second, cut into a chunk every half second, sent one after the other; what
was not acknowledged when the server died is sent again first when it is back, as the page does.
"""

import json
import random
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

import httpx

INPUT_HZ, FPS, CUT_S = 60, 25, 0.5
ANSWER_S = 10.0


def be_rater(pipe: Connection, seed: int) -> None:
    """Take rounds (address, token, assignment) from the pipe; after each send back what became of it."""
    left: dict[tuple[int, int], bytes] = {}
    for number, (address, token, assignment) in enumerate(iter(pipe.recv, None)):
        origin = {"origin": address}
        with httpx.Client(base_url=address, headers=origin, timeout=ANSWER_S) as client:
            client.post("/enter", data={"token": token}, follow_redirects=True).raise_for_status()
            client.post("/api/instructions").raise_for_status()
            wall = {"wall_ms": time.time() * 1000}
            answer = client.post(f"/api/assignments/{assignment}/open", json=wall)
            opened = answer.raise_for_status().json()
            for (run, chunk), body in left.items():
                _send(client, opened["take"], run, chunk, body)
            again, left = left, {}
            pipe.send("ready")
            pipe.recv()  # all raters begin together
            sent = _Sender(client, opened["take"], opened["run"])
            _rate(sent, random.Random(seed * 1000 + number))
        left = sent.unanswered
        pipe.send(
            {
                "take": opened["take"],
                "acknowledged": {**again, **sent.acknowledged},
                "unanswered": left,
                "answer_ms": sent.answer_ms,
                "failure": sent.failure,
            }
        )


class _Sender:
    """Sends chunks from a thread of its own until the server is gone."""

    def __init__(self, client: httpx.Client, take: str, run: int) -> None:
        self._client, self._take, self._run = client, take, run
        self._queue: SimpleQueue[tuple[int, bytes, float] | None] = SimpleQueue()
        self.acknowledged: dict[tuple[int, int], bytes] = {}
        self.unanswered: dict[tuple[int, int], bytes] = {}
        self.answer_ms: list[float] = []
        self.failure = ""
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._run_on)
        self._thread.start()

    def put(self, number: int, body: bytes) -> None:
        self._queue.put((number, body, time.perf_counter()))

    def end(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run_on(self) -> None:
        while (waiting := self._queue.get()) is not None:
            number, body, cut_s = waiting
            key = self._run, number
            if self.over.is_set():
                self.unanswered[key] = body
                continue
            try:
                _send(self._client, self._take, self._run, number, body)
            except httpx.TransportError:  # the server is gone
                self.unanswered[key] = body
                self.over.set()
            except httpx.HTTPStatusError as error:
                self.failure = f"{error.response.status_code} {error.response.text[:200]}"
                self.over.set()
            else:
                self.answer_ms.append((time.perf_counter() - cut_s) * 1000)
                self.acknowledged[key] = body


def _send(client: httpx.Client, take: str, run: int, number: int, body: bytes) -> None:
    path = f"/api/takes/{take}/runs/{run}/chunks/{number}"
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    answer.raise_for_status()
    if answer.json()["acknowledged"] != number:
        raise ValueError(f"the server acknowledged something else: {answer.text}")


def _rate(sender: _Sender, rng: random.Random) -> None:
    """Move a slider and see frames until the server is gone."""
    begin_s = time.perf_counter()
    cut_s = begin_s + rng.uniform(0, CUT_S)  # pages are not in step
    events: list[dict[str, Any]] = []
    n_inputs = n_frames = n_chunks = 0
    value = 0
    while not sender.over.is_set():
        n_inputs += 1
        time.sleep(max(0.0, begin_s + n_inputs / INPUT_HZ - time.perf_counter()))
        now_s = time.perf_counter()
        value = max(-10, min(10, value + rng.choice((-1, 1))))
        t_ms = round((now_s - begin_s) * 1000, 3)
        events.append({"kind": "value", "t_ms": t_ms, "source": "mouse", "valence": value})
        while n_frames / FPS <= now_s - begin_s:
            frame_ms = n_frames * 1000 / FPS
            shown = {"kind": "frame", "t_ms": frame_ms, "media_s": n_frames / FPS, "presented": n_frames + 1}
            events.append(shown)
            n_frames += 1
        if now_s >= cut_s:
            sender.put(n_chunks, json.dumps({"wall_ms": time.time() * 1000, "events": events}).encode())
            events, n_chunks, cut_s = [], n_chunks + 1, cut_s + CUT_S
    sender.end()
