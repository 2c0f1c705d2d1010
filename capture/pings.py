"""Clock pings between a recorder and its master, on a socket and a thread of their own at either end."""

import struct
import threading
from collections.abc import Callable

import zmq

from .clock import Clock, MonotonicClock
from .keys import RecorderKeys
from .sockets import client_socket, connect

PING = struct.Struct("<qq")  # sequence, t0
PONG = struct.Struct("<qqqq")  # sequence, t0, t1, t2
PINGS_PER_BURST = 8
PING_SPACING_S = 0.02
PING_TIMEOUT_MS = 300
BURST_EVERY_S = 2.0


OnPing = Callable[[int, int, int, int], None]


class Pinger:
    """A thread that measures a recorder's clock against the master's in bursts, until told to stop."""

    def __init__(
        self,
        context: zmq.Context,
        *,
        address: str,
        on_ping: OnPing,
        clock: Clock | None = None,
        keys: RecorderKeys | None = None,
    ) -> None:
        self.measured = threading.Event()
        """Set when the first burst is over, whether or not it was answered."""
        self._on_ping = on_ping
        self._clock = clock or MonotonicClock()
        self._stopping = threading.Event()
        self._socket = client_socket(context, zmq.DEALER, keys)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        connect(self._socket, address)
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
        if not self._socket.poll(PING_TIMEOUT_MS, zmq.POLLOUT):  # the master is out of reach
            return
        try:
            self._socket.send(PING.pack(sequence, self._clock.now_ns()), zmq.NOBLOCK)
        except zmq.Again:
            return
        while self._socket.poll(PING_TIMEOUT_MS):
            answer = self._socket.recv_multipart()
            t3_ns = self._clock.now_ns()
            if len(answer) != 1 or len(answer[0]) != PONG.size:
                continue
            found, t0_ns, t1_ns, t2_ns = PONG.unpack(answer[0])
            if found == sequence:  # an answer to an earlier ping came too late to be of use
                self._on_ping(t0_ns, t1_ns, t2_ns, t3_ns)
                return


def answer_pings(socket: zmq.Socket, closing: threading.Event, clock: Clock) -> None:
    """Answer pings on a ROUTER socket until `closing` is set; then close it."""
    while not closing.is_set():
        if not socket.poll(100):
            continue
        parts = socket.recv_multipart()
        t1_ns = clock.now_ns()
        if len(parts) == 2 and len(parts[1]) == PING.size:
            try:
                stamps = struct.pack("<qq", t1_ns, clock.now_ns())
                socket.send_multipart([parts[0], parts[1] + stamps], zmq.NOBLOCK)
            except zmq.ZMQError:  # who asked has gone
                continue
    socket.setsockopt(zmq.LINGER, 0)
    socket.close()
