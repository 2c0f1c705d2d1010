"""The wire between master and recorders: commands with acknowledgements, reports, and clock pings.

Commands go over ROUTER (master) and DEALER (recorder), pings over a pair of their own with threads of their
own. Everything binds to 127.0.0.1. A message that does not parse has no effect and is counted.
"""

import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import zmq
from pydantic import Field, ValidationError

from ..config import StrictModel
from ..errors import RecordError

PING = struct.Struct("<qq")  # sequence, t0
PONG = struct.Struct("<qqqq")  # sequence, t0, t1, t2
PINGS_PER_BURST = 8
PING_SPACING_S = 0.02
PING_TIMEOUT_MS = 300
BURST_EVERY_S = 2.0


class Command(StrictModel):
    """What the master tells a recorder to do.

    Attributes
    ----------
    id : the same id twice is the same command; it is done once and acknowledged twice
    deadline_ns : on the master's clock; a command that arrives later is refused
    """

    id: int = Field(ge=0)
    do: Literal["open", "arm", "start", "stop", "quit", "stay"]
    deadline_ns: int = Field(ge=0)
    body: dict[str, Any] = Field(default_factory=dict)


class Report(StrictModel):
    """What a recorder tells the master.

    Attributes
    ----------
    kind : "hello" when it is there, "beat" four times a second, "done" or "refused" to acknowledge command
        `id`, "finished" when its files are closed
    """

    kind: Literal["hello", "beat", "done", "refused", "finished"]
    id: int | None = None
    body: dict[str, Any] = Field(default_factory=dict)


M = TypeVar("M", Command, Report)


def parse_message(payload: bytes, model: type[M]) -> M | None:
    """Return the message in `payload`, or None if there is none."""
    try:
        return model.model_validate_json(payload)
    except ValidationError:
        return None


class MasterLink:
    """The master's end; used by one thread. Pings are answered by a thread of their own."""

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        self.n_malformed = 0
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.LINGER, 200)
        self.address = f"tcp://{host}:{self._router.bind_to_random_port(f'tcp://{host}')}"
        pings = self._context.socket(zmq.ROUTER)
        pings.setsockopt(zmq.LINGER, 0)
        self.ping_address = f"tcp://{host}:{pings.bind_to_random_port(f'tcp://{host}')}"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._answer_pings, args=(pings,), name="pings", daemon=True)
        self._thread.start()

    def send(self, recorder: str, command: Command) -> None:
        """Send a command; raises RecordError if the recorder is not connected."""
        try:
            self._router.send_multipart([recorder.encode(), command.model_dump_json().encode()])
        except zmq.ZMQError as error:
            raise RecordError(f"recorder {recorder!r} cannot be reached ({error})") from error

    def receive(self, timeout_s: float) -> list[tuple[str, Report]]:
        """Return the reports that came within `timeout_s`; as soon as there is one."""
        reports = []
        timeout_ms = round(timeout_s * 1000)
        while self._router.poll(timeout_ms):
            timeout_ms = 0
            parts = self._router.recv_multipart()
            report = parse_message(parts[1], Report) if len(parts) == 2 else None
            if report is None:
                self.n_malformed += 1
            else:
                reports.append((parts[0].decode(errors="replace"), report))
        return reports

    def close(self) -> None:
        """Close all sockets and end the thread."""
        self._closing.set()
        self._thread.join()
        self._router.close()
        self._context.term()

    def _answer_pings(self, socket: zmq.Socket) -> None:
        while not self._closing.is_set():
            if not socket.poll(100):
                continue
            parts = socket.recv_multipart()
            t1_ns = time.monotonic_ns()
            if len(parts) == 2 and len(parts[1]) == PING.size:
                socket.send_multipart([parts[0], parts[1] + struct.pack("<qq", t1_ns, time.monotonic_ns())])
        socket.close()


class RecorderLink:
    """A recorder's end; used by one thread."""

    def __init__(self, name: str, *, master: str) -> None:
        self.n_malformed = 0
        self.context = zmq.Context()
        self._dealer = self.context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.IDENTITY, name.encode())
        self._dealer.setsockopt(zmq.LINGER, 1000)
        try:
            self._dealer.connect(master)
        except zmq.ZMQError as error:
            self._dealer.close()
            self.context.term()
            raise RecordError(
                f"wanted the master's address like tcp://127.0.0.1:5555, found {master!r}"
            ) from error

    def send(self, report: Report) -> None:
        """Send a report; it waits while the master cannot be reached, and is dropped when too many do."""
        try:
            self._dealer.send(report.model_dump_json().encode(), zmq.NOBLOCK)
        except zmq.Again:
            return

    def receive(self, timeout_s: float) -> Command | None:
        """Return the next command, or None if none came within `timeout_s`."""
        if not self._dealer.poll(round(timeout_s * 1000)):
            return None
        command = parse_message(self._dealer.recv(), Command)
        self.n_malformed += command is None
        return command

    def close(self) -> None:
        """Close the socket, once what was sent has left or a second is over."""
        self._dealer.close()
        self.context.term()


class Pinger:
    """A thread that measures a recorder's clock against the master's in bursts, until told to stop."""

    def __init__(
        self, context: zmq.Context, *, address: str, on_ping: Callable[[int, int, int, int], None]
    ) -> None:
        self.measured = threading.Event()
        """Set when the first burst is over, whether or not it was answered."""
        self._on_ping = on_ping
        self._stopping = threading.Event()
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(address)
        self._thread = threading.Thread(target=self._run, name="pings", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its socket; harmless when called twice."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        sequence = 0
        while not self._stopping.is_set():
            for _ in range(PINGS_PER_BURST):
                sequence += 1
                self._ping(sequence)
                if self._stopping.wait(PING_SPACING_S):
                    break
            self.measured.set()
            self._stopping.wait(BURST_EVERY_S)
        self._socket.close()

    def _ping(self, sequence: int) -> None:
        try:
            self._socket.send(PING.pack(sequence, time.monotonic_ns()), zmq.NOBLOCK)
        except zmq.Again:  # the master is gone and the queue to it is full
            return
        while self._socket.poll(PING_TIMEOUT_MS):
            answer = self._socket.recv()
            t3_ns = time.monotonic_ns()
            if len(answer) != PONG.size:
                continue
            found, t0_ns, t1_ns, t2_ns = PONG.unpack(answer)
            if found == sequence:  # an answer to an earlier ping came too late to be of use
                self._on_ping(t0_ns, t1_ns, t2_ns, t3_ns)
                return
