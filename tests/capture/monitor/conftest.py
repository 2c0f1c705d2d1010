"""A desk that a thread drives as a master's loop does, with previews of the simulated rig, and its page."""

import http.cookiejar
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mavfer.capture.clock import VirtualClock
from mavfer.capture.desk import Desk, Preview
from mavfer.capture.monitor import Monitor
from mavfer.capture.preview import Previewer, preview_of_message
from mavfer.capture.simulated.cameras import SimulatedA65, SimulatedKinect
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.status import Marker, RecorderStatus, StepStatus, TakeStatus
from mavfer.capture.streams import Stream

WAIT_S = 20.0
TURN_S = 0.05


def make_recorder(name: str, **changes) -> RecorderStatus:
    """Return a recorder that is well."""
    well = RecorderStatus(
        name,
        host="127.0.0.1",
        pid=4711,
        camera="simulated-kinect-v2" if name == "kinect" else "simulated-flir-a65",
        state="recording",
        tick=1233,
        grabbed=1240,
        kept=1234,
        waiting=2,
        silent_s=0.1,
        bytes_per_s=30e6,
        disk_free_bytes=214 * 10**9,
        tick_error_ms=-3.1,
        clock_offset_ms=5000.21,
        clock_residual_ms=0.03,
        round_trip_ms=0.21,
        n_pings=64,
        health={"sensor_temperature_c": 41.3},
    )
    return replace(well, **changes)


def make_take(**changes) -> TakeStatus:
    """Return a take that runs well."""
    well = TakeStatus(
        state="recording",
        rig="face lab",
        session=Path("takes/S07-2"),
        subject="S07",
        tick=1233,
        n_ticks=9000,
        elapsed_s=123.4,
        seconds=900.0,
        skew_ms=1.2,
        recorders=(make_recorder("kinect"), make_recorder("thermal")),
        step=StepStatus(0, 2, "Relaxing video", "Do not speak.", 123.4, 600.0),
    )
    return replace(well, **changes)


class Stage:
    """Drives a desk: tells `status` again and again, lays out pictures, and keeps what was asked."""

    def __init__(self, pictures: dict[Stream, list[Preview]]) -> None:
        self.desk = Desk()
        self.status = make_take()
        self.telling, self.showing = True, True
        self.asked: list[object] = []
        self.n_shown = self.n_turns = 0
        self._pictures = pictures
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._turn()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def tell(self, **changes) -> None:
        """Tell of a take that runs well but for `changes`, and wait until that has been shown."""
        with self._changed:
            self.status = make_take(**changes)
            wanted = self.n_turns + 2
            assert self._changed.wait_for(lambda: self.n_turns >= wanted, WAIT_S)

    def recorder(self, name: str, **changes) -> RecorderStatus:
        """Return a recorder that is well but for `changes`."""
        return make_recorder(name, **changes)

    def wait_for(self, n_asked: int) -> list[object]:
        """Return what was asked, as soon as it is that much."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= n_asked, WAIT_S), self.asked
            return list(self.asked)

    def wait_for_pictures(self, n_more: int) -> None:
        """Wait until every stream has had that many more pictures."""
        with self._changed:
            wanted = self.n_shown + n_more
            assert self._changed.wait_for(lambda: self.n_shown >= wanted, WAIT_S)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(TURN_S):
            self._turn()

    def _turn(self) -> None:
        now_ns = time.monotonic_ns()
        asked = self.desk.take_requests()
        with self._changed:
            self.asked += asked
            markers = tuple(one for one in asked if isinstance(one, Marker))
            passed_s = (now_ns - self.status.now_ns) / 1e9 if self.status.now_ns else 0.0
            self.status = replace(
                self.status,
                now_ns=now_ns,
                elapsed_s=self.status.elapsed_s + passed_s,
                markers=self.status.markers + markers,
            )
            if self.telling:
                self.desk.show(self.status)
            if self.showing:
                self.n_shown += 1
                for pictures in self._pictures.values():
                    picture = pictures[self.n_shown % len(pictures)]
                    self.desk.put_preview(replace(picture, frame_id=self.n_shown, host_time_ns=now_ns))
            self.n_turns += 1
            self._changed.notify_all()


@pytest.fixture(scope="session")
def pictures() -> dict[Stream, list[Preview]]:
    """Return previews of the simulated rig's four streams, made by a Previewer, two of each."""
    scene, clock = SceneSettings(clock="virtual", seed=3), VirtualClock(0)
    found: dict[Stream, list[Preview]] = {stream: [] for stream in Stream}
    for kind in (SimulatedKinect, SimulatedA65):
        camera = kind(scene, subject="S01", seconds=10, clock=clock)
        camera.open()
        camera.start(0)
        complete = threading.Event()
        n_wanted = 2 * len(camera.specs)
        made: list[Preview] = []

        def keep(head, jpeg, made=made, n_wanted=n_wanted, complete=complete):
            preview = preview_of_message(head, jpeg)
            assert preview is not None
            made.append(preview)
            if len(made) >= n_wanted:
                complete.set()

        previewer = Previewer(keep, camera.specs, every_s=0)
        while not complete.is_set():
            previewer.offer(camera.grab(1.0).retrieve())
        previewer.close()
        assert previewer.n_failed == 0
        camera.close()
        for preview in made:
            found[preview.stream].append(preview)
    return found


@pytest.fixture
def stage(pictures) -> Iterator[Stage]:
    one = Stage(pictures)
    yield one
    one.close()


@pytest.fixture
def monitor(stage) -> Iterator[Monitor]:
    with Monitor(stage.desk, labels=("video starts", "video ends")) as one:
        yield one
    assert one.failures == []


class Visitor:
    """A browser's share of HTTP and WebSocket without the browser: it keeps cookies and follows the link."""

    def __init__(self, monitor: Monitor, link: str | None = None) -> None:
        self.address = monitor.address.rstrip("/")
        self.host = urllib.parse.urlsplit(self.address).netloc
        jar = http.cookiejar.CookieJar()
        self.http = httpx.Client(base_url=self.address, cookies=jar, trust_env=False)
        if link is not None:
            assert self.http.get(link).status_code == 200

    def live(self, **headers: str) -> "Line":
        """Open the live connection, with the headers of a page of ours unless told otherwise."""
        cookie = "; ".join(f"{one.name}={one.value}" for one in self.http.cookies.jar)
        sent = {"Origin": self.address, "Cookie": cookie, **headers}
        return Line(
            connect(
                f"ws://{self.host}/live",
                additional_headers={name: value for name, value in sent.items() if value},
                compression=None,
                proxy=None,
                open_timeout=WAIT_S,
                max_size=2**22,
            )
        )

    def close(self) -> None:
        self.http.close()


class Line:
    """A live connection as a page has it, but it says only what it is told to."""

    def __init__(self, connecting: AbstractContextManager[ClientConnection]) -> None:
        self._open = ExitStack()
        self.socket = self._open.enter_context(connecting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, message: str | bytes | dict) -> None:
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def receive(self, kind: str = "") -> dict:
        """Return the next message (of a kind), with its "jpeg" if it is a picture."""
        while True:
            message = self.socket.recv(timeout=WAIT_S)
            if isinstance(message, bytes):
                size = int.from_bytes(message[:4], "big")
                head = json.loads(message[4 : 4 + size])
                found = {"kind": "picture", **head, "jpeg": message[4 + size :]}
            else:
                found = json.loads(message)
            if kind in ("", found["kind"]):
                return found

    def ask(self, **request: object) -> tuple[bool, str]:
        """Send a request; return whether it was taken, and what was told."""
        self.send({"id": 1, **request})
        answer = self.receive("answer")
        return answer["ok"], answer["text"]

    def until_let_go(self) -> tuple[int, str]:
        """Read until the server closes; return its code and reason."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")


@pytest.fixture
def visit(monitor):
    """Return the function that makes a visitor; with a session unless `session=False`."""
    made = []

    def come(*, session: bool = True, to: Monitor = monitor) -> Visitor:
        made.append(Visitor(to, to.new_link() if session else None))
        return made[-1]

    yield come
    for one in made:
        one.close()
