"""A study in small, with a real film (4 s, 25 fps, H.264, each frame's number in its gray), and databases.

A test that asks for `database_url` runs on both: a fresh SQLite file, and a fresh database on a real
PostgreSQL that lives for the session.
"""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

from mavfer.annotate.server.app import build_app
from mavfer.annotate.store.records import Assignment, Video
from mavfer.annotate.store.store import Store, now_ms
from mavfer.annotate.study.films import Film, write_film
from mavfer.annotate.study.study import Study, StudyConfig, new_id, new_study
from mavfer.errors import StudyError
from mavfer.web.access import Hosts
from mavfer.web.server import listen

FPS, SECONDS, SIDE_PX = 25, 4, 160


def make_film(folder: Path, video: str, *, session: str, seconds: float = SECONDS) -> Film:
    """Write `video`.mp4 and its record into a folder."""
    import av

    path = folder / f"{video}.mp4"
    n_frames = round(FPS * seconds)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"crf": "20", "preset": "ultrafast", "g": "12"}
        )
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt = "yuv420p"
        for k in range(n_frames):
            pixels = np.full((SIDE_PX, SIDE_PX, 3), 40 + k % 160, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    media_s = np.arange(n_frames) / FPS
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    film = Film(session, "a gray film", digest, SIDE_PX, SIDE_PX, False, media_s, media_s.copy(), seconds)
    write_film(folder / f"{video}.json", film)
    return film


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[Callable[..., tuple[Study, Store]]]:
    """Return a function that makes a study with raters, a practice film and films, all assigned to all."""
    stores: list[Store] = []

    def make(
        *,
        raters: int = 2,
        films: int = 2,
        seconds: float = SECONDS,
        database: str | None = None,
        **config: object,
    ) -> tuple[Study, Store]:
        study = new_study(
            tmp_path / "study", StudyConfig.model_validate({"id": new_id(), "title": "A study", **config})
        )
        store = Store(database or study.database_url, study_id=study.config.id, key=study.key())
        stores.append(store)
        people = [store.add_rater(f"rater{k + 1}", team=1) for k in range(raters)]
        videos = []
        for k in range(films + 1):
            video = new_id()
            film = make_film(
                study.videos, video, session="practice" if k == 0 else f"take{k}", seconds=seconds
            )
            videos.append(Video(video, film.session, k == 0, film.end_s, film.sha256))
            store.add_video(videos[-1])
        dimensions = ("both",) if study.config.mode == "together" else study.config.dimensions
        for person in people:
            todo = [(video.id, dimension) for dimension in dimensions for video in videos]
            store.add_assignments(
                Assignment(new_id(), person.id, video, dimension, position)
                for position, (video, dimension) in enumerate(todo)
            )
        return study, store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Study, Store], str]]:
    """Return a function that serves a study on a free port of loopback and returns its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(study: Study, store: Store) -> str:
        listener = listen("127.0.0.1", 0, what="the study", error=StudyError)
        gate = build_app(study, store, Hosts("127.0.0.1"), cookie="study", how_to_get_a_link=lambda: "ask")
        server = uvicorn.Server(uvicorn.Config(gate, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def rate_whole() -> Callable[[Store, Study, Assignment], None]:
    """Return a function that stores a complete take of an assignment, every frame at the value 1."""

    def rate(store: Store, study: Study, one: Assignment) -> None:
        take, run = store.takes.open_run(one.id, now_ms=now_ms(), clock_ahead_ms=0, browser="a test")
        film = json.loads((study.videos / f"{one.video}.json").read_text())
        events = [{"kind": "value", "t_ms": 0, "source": "start", **dict.fromkeys(one.dimensions, 1)}]
        events += [{"kind": "playback", "t_ms": 0, "what": "play", "media_s": 0}]
        events += [
            {"kind": "frame", "t_ms": 1000 * media_s, "media_s": media_s, "presented": k}
            for k, media_s in enumerate(film["media_s"])
        ]
        store.takes.append(
            take, run, 0, json.dumps({"wall_ms": 0, "events": events}).encode(), now_ms=now_ms()
        )
        store.takes.finish(take, now_ms=now_ms())

    return rate


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running PostgreSQL: where it listens, and its superuser's password."""

    port: int
    password: str

    def url(self, name: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{name}"

    def run(self, statement: str, *, name: str = "postgres") -> None:
        """Run one statement in a database."""
        import psycopg

        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("pg_ctl")
    return Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Run a throw-away PostgreSQL with password logins (scram) on a free port of loopback."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("wanted PostgreSQL, found none; install postgresql")
        pytest.skip("there is no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="mavfer-pg-"))
    password = secrets.token_hex(8)
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    as_owner: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_owner = ["runuser", "-u", "postgres", "--"]
        for path in (folder, secret):
            shutil.chown(path, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def run(*command: str | Path) -> None:
        subprocess.run(
            [*as_owner, *map(str, command)],
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what the server inherits must not be a pipe that we read
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            timeout=60,
        )

    state = folder / "state"
    logins = ("--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}")
    run(programs / "initdb", "-D", state, "-E", "UTF8", "--no-locale", *logins)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
    try:
        run(programs / "pg_ctl", "-D", state, "-w", "-l", folder / "log", "-o", options, "start")
        yield Cluster(port, password)
    finally:
        if (state / "postmaster.pid").exists():
            run(programs / "pg_ctl", "-D", state, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(cluster: Cluster) -> Iterator[str]:
    """Return the URL of an empty database on the PostgreSQL server."""
    name = f"study_{secrets.token_hex(6)}"
    cluster.run(f"CREATE DATABASE {name}")
    yield cluster.url(name)
    cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database; a test that asks for it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.sqlite'}"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def login() -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that logs in as a rater or, with None, as the owner, and returns the client.

    The client sends the Origin header that a page's own requests have; without it, what is posted is refused.
    """
    made: list[httpx.Client] = []

    def come_in(address: str, store: Store, rater: str | None) -> httpx.Client:
        client = httpx.Client(base_url=address, headers={"origin": address}, trust_env=False)
        made.append(client)
        token = store.access.new_link(rater, now_ms=now_ms())
        assert client.post("/enter", data={"token": token}).status_code == 303
        return client

    yield come_in
    for client in made:
        client.close()
