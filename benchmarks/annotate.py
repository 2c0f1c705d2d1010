"""Whether a rating that was acknowledged can be lost: `python benchmarks/annotate.py [--quick]`.

Six raters, each a process of its own, send what the rating page sends (60 values and 25 frames a second in
chunks of half a second) over HTTP to `mavfer annotate`, until it is killed with SIGKILL at a random moment.
It is started again, and every chunk that it had acknowledged must be there with equal bytes; 20 times, in
one and the same take of each rater. The time of an acknowledgement counts from when the chunk was cut to
when the answer was read. Beside it, the store alone and other ways to keep the same chunks safe.
The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from _chunk_stores import RewrittenFile, RolledBackSqlite, measure
from _raters import FPS, be_rater

import mavfer
from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.store.store import Store, now_ms
from mavfer.annotate.study.films import Film, write_film
from mavfer.annotate.study.study import Study, StudyConfig, new_id, new_study

N_RATERS, N_ROUNDS, ROUND_S, QUICK = 6, 20, 60.0, (2, 5.0)
FILM_S = 3600.0
WANTED = {"lost": 0, "ack_p99_ms": 200}
START_S = 60


def make_study(folder: Path, database: str | None) -> tuple[Study, str, list[Assignment]]:
    """Make a study with one film that nobody looks at; return it, its database and the assignments."""
    study = new_study(folder, StudyConfig(id=new_id(), title="A benchmark", dimensions=("valence",)))
    url = database or study.database_url
    media_s = np.arange(round(FILM_S * FPS)) / FPS
    video = Video(new_id(), "film", False, FILM_S, "0" * 64)
    film = Film("film", "nothing", video.sha256, 16, 16, False, media_s, media_s, FILM_S)
    write_film(study.videos / f"{video.id}.json", film)
    (study.videos / f"{video.id}.mp4").write_bytes(b"")
    with Store(url, study_id=study.config.id, key=study.key()) as store:
        store.add_video(video)
        raters = [store.add_rater(f"rater{k + 1}", team=1) for k in range(N_RATERS)]
        todo = [Assignment(new_id(), rater.id, video.id, "valence", 0) for rater in raters]
        store.add_assignments(todo)
    return study, url, todo


class Server:
    """`mavfer annotate` in a process of its own."""

    def __init__(self, study: Study, url: str) -> None:
        before_s = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mavfer", "annotate", str(study.path), "--port", "0", "--no-browser"],
            cwd=Path(mavfer.__file__).parent.parent,
            env={**os.environ, "MAVFER_DATABASE": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out = self._process.stdout
        link = out.readline().strip() if out is not None else ""
        if not link:
            raise SystemExit(f"the server did not start: {self._process.communicate(timeout=START_S)[1]}")
        self.address = "{0.scheme}://{0.netloc}".format(urlsplit(link))
        self.start_s = time.perf_counter() - before_s

    def kill(self) -> None:
        """End it as a power cut of the program would."""
        self._process.kill()
        self._process.communicate()


def play_round(
    server: Server, store: Store, pipes: list[Connection], todo: list[Assignment], seconds: float
) -> list[dict[str, Any]]:
    """Have all raters rate until the server is killed; return what became of each one's chunks."""
    for pipe, one in zip(pipes, todo, strict=True):
        pipe.send((server.address, store.access.new_link(one.rater, now_ms=now_ms()), one.id))
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    time.sleep(seconds)
    server.kill()
    return [pipe.recv() for pipe in pipes]


def check(store: Store, told: list[dict[str, Any]], wanted: dict[str, dict[tuple[int, int], bytes]]) -> int:
    """Return how many chunks that were ever acknowledged are not there, or have other bytes."""
    lost = 0
    for one in told:
        wanted.setdefault(one["take"], {}).update(one["acknowledged"])
        stored = {(chunk.run, chunk.number): chunk.body for chunk in store.takes.chunks(one["take"])}
        lost += sum(stored.get(key) != body for key, body in wanted[one["take"]].items())
        known = wanted[one["take"]] | one["unanswered"]
        foreign = [key for key, body in stored.items() if known.get(key) != body]
        if foreign or one["failure"]:
            raise SystemExit(f"chunks that nobody sent: {foreign}; refused: {one['failure']!r}")
    return lost


def run_rounds(n_rounds: int, seconds: float, database: str | None) -> dict[str, Any]:
    """Return what all rounds together show."""
    spawn = multiprocessing.get_context("spawn")
    pairs = [spawn.Pipe() for _ in range(N_RATERS)]
    processes = [
        spawn.Process(target=be_rater, args=(theirs, k), daemon=True) for k, (_, theirs) in enumerate(pairs)
    ]
    for process, (_, theirs) in zip(processes, pairs, strict=True):
        process.start()
        theirs.close()  # so that a rater that fails is noticed
    pipes = [ours for ours, _ in pairs]
    rng = random.Random(7)
    answer_ms, start_s, lost, n_unanswered, n_kept = [], [], 0, 0, 0
    wanted: dict[str, dict[tuple[int, int], bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        study, url, todo = make_study(Path(folder) / "study", database)
        with Store(url, study_id=study.config.id, key=study.key()) as store:
            server = Server(study, url)
            print(f"{'round':>5} {'acknowledged':>12} {'lost':>5} {'p50 ms':>7} {'p99 ms':>7} {'start s':>8}")
            try:
                for number in range(n_rounds):
                    told = play_round(server, store, pipes, todo, seconds + rng.uniform(0, 0.5))
                    server = Server(study, url)
                    gone = check(store, told, wanted)
                    times_ms = np.concatenate([one["answer_ms"] for one in told])
                    p50, p99 = np.percentile(times_ms, (50, 99))
                    n_round = len(times_ms)
                    print(
                        f"{number:5} {n_round:12} {gone:5} {p50:7.1f} {p99:7.1f} {server.start_s:8.2f}",
                        flush=True,
                    )
                    answer_ms.append(times_ms)
                    start_s.append(server.start_s)
                    lost += gone
                    for one in told:
                        kept = {(c.run, c.number) for c in store.takes.chunks(one["take"])}
                        n_unanswered += len(one["unanswered"])
                        n_kept += len(kept & one["unanswered"].keys())
            finally:
                server.kill()
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        process.join()
    all_ms = np.concatenate(answer_ms)
    p50, p99 = np.percentile(all_ms, (50, 99))
    print(
        f"not acknowledged when the server died: {n_unanswered} chunks, {n_kept} of them stored all the same"
    )
    return {
        "lost": lost,
        "ack_p50_ms": round(float(p50), 2),
        "ack_p99_ms": round(float(p99), 2),
        "ack_max_ms": round(float(all_ms.max()), 2),
        "acknowledged": len(all_ms),
        "restart_s": round(float(np.median(start_s)), 2),
    }


def compare(n_chunks: int) -> dict[str, float]:
    """Return how long a chunk takes in the store and its peers: six takes, ten times as often as a page."""
    events = [{"kind": "value", "t_ms": k / 3, "source": "mouse", "valence": 3} for k in range(60)]
    body = json.dumps({"wall_ms": 0, "events": events}).encode()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study, url, todo = make_study(folder / "study", None)
        with Store(url, study_id=study.config.id, key=study.key()) as store:
            opened = [store.takes.open_run(one.id, now_ms=0, clock_ahead_ms=0, browser="")[0] for one in todo]
            ways = {
                "store": lambda take, number, body: store.takes.append(take, 0, number, body, now_ms=0),
                "journal": RolledBackSqlite(folder).append,
                "rewrite": RewrittenFile(folder).append,
            }
            for way, append in ways.items():
                found[way] = measure(append, opened, body, n_chunks=n_chunks, every_s=0.05)
    names = {
        "store": "mavfer's store",
        "journal": "SQLite, FULL, rollback journal",
        "rewrite": "a JSON file rewritten",
    }
    print(f"\n{'on the disk, without HTTP':32}{'p50 ms':>9}{'p99 ms':>9}")
    result: dict[str, float] = {}
    for way, times_ms in found.items():
        p50, p99 = np.percentile(times_ms, (50, 99))
        print(f"{names[way]:32}{p50:9.2f}{p99:9.2f}")
        result |= {f"{way}_p50_ms": round(float(p50), 2), f"{way}_p99_ms": round(float(p99), 2)}
    for peer in ("journal", "rewrite"):
        result[f"{peer}_over_store"] = round(result[f"{peer}_p99_ms"] / result["store_p99_ms"], 2)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 rounds of 5 s")
    parser.add_argument("--seconds", type=float, help=f"of each round ({ROUND_S:g}); with it, 2 rounds")
    parser.add_argument("--rounds", type=int, help=f"how often the server is killed ({N_ROUNDS})")
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; else SQLite")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends too
    n_rounds, seconds = QUICK if arguments.quick or arguments.seconds else (N_ROUNDS, ROUND_S)
    n_rounds, seconds = arguments.rounds or n_rounds, arguments.seconds or seconds
    result = run_rounds(n_rounds, seconds, arguments.database)
    result |= compare(n_chunks=round(min(60, 20 * seconds)))
    print(json.dumps(result | {"rounds": n_rounds, "seconds": seconds, "wanted": WANTED}))


if __name__ == "__main__":
    main()
