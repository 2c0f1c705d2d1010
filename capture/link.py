"""The wire between master and recorders: commands with acknowledgements, status and previews, clock pings.

The master binds neighbouring ports: commands (ROUTER to the recorders' DEALER), pings (see pings.py), status
and previews (SUB to PUB), and on demand one for files. A message that does not parse, or that another than
its sender's key carries, has no effect and is counted. messages.py says what the messages are.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import zmq

from ..errors import RecordError
from .clock import Clock, MonotonicClock
from .gate import Watch, watch_handshake
from .keys import MasterKeys, RecorderKeys
from .messages import PIECE_BYTES, Beat, Command, Heard, Report, parse_message
from .pings import OnPing, Pinger, answer_pings
from .sockets import DEAD_MS, HEARTBEAT_MS, MAX_COMMAND_BYTES, client_socket, connect

STATUS, PREVIEW = b"status", b"preview"
PEER = re.compile(rb"([a-z][a-z0-9_-]{0,31})\.[0-9a-f]{4,16}")
"""A recorder's name and what tells its processes apart; ZeroMQ's own names for peers are random bytes."""
MAX_STATUS_BYTES = 2**21
MAX_PIECES = 32
"""So many parts of files may wait at either end of the socket that carries them."""
RETRY_REFUSED_S = 1.0
FREE_PORTS_FROM = 61_000
"""Above those that Linux gives to sockets that connect: one that tries again and again where nobody listens
could otherwise be given the very port that it connects to, and meet itself."""


class MasterLink:
    """The master's end; used by one thread. Pings are answered by a thread of their own.

    Parameters
    ----------
    host : the address to bind to
    port : of the commands; 0 takes a free one
    neighbors : pings and status take the two ports after it; otherwise any free ones
    keys : CURVE keys; without them `host` must be this machine's loopback
    on_refusal : told in one line when a peer with an unknown key is refused

    Raises
    ------
    RecordError
        Another program, such as another master, listens there.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        neighbors: bool = True,
        keys: MasterKeys | None = None,
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.n_malformed = 0
        self._keys = keys
        self._host, self._port = host, port if neighbors else 0
        self._context = zmq.Context()
        self._gate = keys.gate(self._context, on_refusal) if keys is not None else None
        self._closing = threading.Event()
        self._sockets: list[zmq.Socket] = []
        try:
            self._router, command_port = self._bind(zmq.ROUTER, host, port, max_bytes=MAX_COMMAND_BYTES)
            next_port = port if neighbors else 0
            pings, self.ping_port = self._bind(zmq.ROUTER, host, next_port and port + 1, max_bytes=1024)
            self._sub, self.status_port = self._bind(zmq.SUB, host, next_port and port + 2, MAX_STATUS_BYTES)
        except BaseException:
            self._end()
            raise
        self.address = f"tcp://{_bracketed(host)}:{command_port}"
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._sub, zmq.POLLIN)
        self._sockets.remove(pings)  # from here on its thread's
        self._thread = threading.Thread(
            target=answer_pings, args=(pings, self._closing, MonotonicClock()), name="pings", daemon=True
        )
        self._thread.start()

    def send(self, peer: str, command: Command) -> None:
        """Send a command to a peer that was heard; raises RecordError if it is not connected."""
        try:
            self._router.send_multipart([peer.encode(), command.model_dump_json().encode()], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            raise RecordError(f"recorder {peer.split('.')[0]!r} cannot be reached ({error})") from error

    def receive(self, timeout_s: float) -> list[Heard]:
        """Return what came within `timeout_s`; as soon as there is something."""
        heard: list[Heard] = []
        ready = dict(self._poller.poll(round(timeout_s * 1000)))
        for socket, read in ((self._router, self._read_report), (self._sub, self._read_status)):
            if socket not in ready:
                continue
            for frames in _drain(socket):
                message = read(frames)
                if message is None:
                    self.n_malformed += 1
                else:
                    heard.append(message)
        return heard

    def bind_files(self) -> tuple[zmq.Socket, int]:
        """Return a ROUTER socket for the recorders' files, on the port after the others, and its port.

        It is used by the link's thread, and closed with the link. Raises RecordError if the port is taken.
        """
        port = self._port and self._port + 3
        return self._bind(zmq.ROUTER, self._host, port, PIECE_BYTES + 4096, queue=MAX_PIECES)

    def is_from(self, frame: zmq.Frame, name: str) -> bool:
        """Whether the key of recorder `name` carried a frame; without keys everyone is who it says it is."""
        return self._keys is None or self._keys.name_of(frame) == name

    def close(self) -> None:
        """Close all sockets and end the threads; what was sent is given a moment to leave."""
        self._closing.set()
        self._thread.join()
        self._end()

    def _end(self) -> None:
        for socket in self._sockets:
            socket.close()
        if self._gate is not None:
            self._gate.close()
        self._context.term()

    def _bind(
        self, kind: int, host: str, port: int, max_bytes: int, *, queue: int = 1000
    ) -> tuple[zmq.Socket, int]:
        socket = self._context.socket(kind)
        self._sockets.append(socket)
        socket.setsockopt(zmq.LINGER, 500 if kind == zmq.ROUTER else 0)
        socket.setsockopt(zmq.MAXMSGSIZE, max_bytes)
        socket.setsockopt(zmq.RCVHWM, queue)
        socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
        if ":" in host:
            socket.setsockopt(zmq.IPV6, 1)
        if kind == zmq.ROUTER:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
            socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a recorder that connects anew is still itself
        else:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        if self._keys is not None:
            self._keys.secure(socket)
        if self._gate is not None:
            self._gate.watch(socket)
        where = f"tcp://{_bracketed(host)}"
        try:
            if not port:
                return socket, socket.bind_to_random_port(where, min_port=FREE_PORTS_FROM)
            socket.bind(f"{where}:{port}")
        except zmq.ZMQError as error:
            raise RecordError(
                f"wanted to listen at {where}:{port}, could not ({error}); another master or program "
                f"may be there: end it, or give the rig another [master] host or port"
            ) from error
        return socket, port

    def _read_report(self, frames: list[zmq.Frame]) -> Heard | None:
        if len(frames) != 2:
            return None
        report = parse_message(frames[1].bytes, Report)
        return self._from(frames[0].bytes, frames[1], report)

    def _read_status(self, frames: list[zmq.Frame]) -> Heard | None:
        if len(frames) == 3 and frames[0].bytes == STATUS:
            return self._from(frames[1].bytes, frames[2], parse_message(frames[2].bytes, Beat))
        if len(frames) == 4 and frames[0].bytes == PREVIEW:
            heard = self._from(frames[1].bytes, frames[2], frames[2].bytes)
            return None if heard is None else heard.with_picture(frames[3].bytes)
        return None

    def _from(self, peer: bytes, frame: zmq.Frame, message: Report | Beat | bytes | None) -> Heard | None:
        """Return a message with its sender, if that is who it says it is."""
        if message is None:
            return None
        found = PEER.fullmatch(peer)
        if found is None or (self._keys is not None and self._keys.name_of(frame) != found[1].decode()):
            return None
        return Heard(peer.decode("ascii"), found[1].decode(), message)


class RecorderLink:
    """A recorder's end. Commands are one thread's; statuses and previews may be sent from any.

    Parameters
    ----------
    peer : name and instance, "kinect.5f3a"
    master : its address
    keys : CURVE keys
    on_refusal : told in one line, from another thread, why a master that answers is none for this recorder

    Raises
    ------
    RecordError
        `master` is no address.
    """

    def __init__(
        self,
        peer: str,
        *,
        master: str,
        keys: RecorderKeys | None = None,
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.n_malformed = 0
        self.context = zmq.Context()
        self._peer = peer.encode("ascii")
        self._master = master
        self._keys = keys
        self._pub: zmq.Socket | None = None
        self._pub_lock = threading.Lock()
        self._on_refusal = on_refusal
        self._refused_s: float | None = None
        self._dealer, self._watch = self._connect()

    def address_of(self, port: int) -> str:
        """Return the address of another port of the master."""
        return f"{self._master.rpartition(':')[0]}:{port}"

    def publish_to(self, port: int) -> None:
        """Send statuses and previews to this port of the master from now on."""
        pub = self._socket(zmq.PUB)
        pub.setsockopt(zmq.LINGER, 0)
        pub.setsockopt(zmq.SNDHWM, 20)
        connect(pub, self.address_of(port))
        with self._pub_lock:
            if self._pub is not None:
                self._pub.close()
            self._pub = pub

    def send(self, report: Report) -> bool:
        """Send a report; return whether it left. While the master cannot be reached nothing leaves."""
        try:
            self._dealer.send(report.model_dump_json().encode(), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def send_beat(self, beat: Beat) -> None:
        """Publish the status; nobody may hear it."""
        self._publish([STATUS, self._peer, beat.model_dump_json().encode()])

    def send_preview(self, head: bytes, jpeg: bytes) -> None:
        """Publish a preview; nobody may see it."""
        self._publish([PREVIEW, self._peer, head, jpeg])

    def receive(self, timeout_s: float) -> Command | None:
        """Return the next command, or None if none came within `timeout_s`."""
        if not self._dealer.poll(round(timeout_s * 1000)):
            self._try_anew()
            return None
        frames = self._dealer.recv_multipart()
        command = parse_message(frames[0], Command) if len(frames) == 1 else None
        self.n_malformed += command is None
        return command

    def pinger(self, port: int, *, clock: Clock, on_ping: "OnPing") -> "Pinger":
        """Return a running pinger to this port of the master."""
        return Pinger(
            self.context, address=self.address_of(port), clock=clock, on_ping=on_ping, keys=self._keys
        )

    def connect_files(self, port: int) -> zmq.Socket:
        """Return a socket to the master's port for files; whoever gets it closes it, before the link."""
        socket = self._socket(zmq.DEALER)
        socket.setsockopt(zmq.IDENTITY, self._peer)
        socket.setsockopt(zmq.LINGER, 500)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.SNDHWM, MAX_PIECES)
        connect(socket, self.address_of(port))
        return socket

    def close(self) -> None:
        """Close the sockets, once what was sent has left or a second is over."""
        with self._pub_lock:
            if self._pub is not None:
                self._pub.close()
                self._pub = None
        self._watch.close()
        self._dealer.close()
        self.context.term()

    def _connect(self) -> tuple[zmq.Socket, Watch]:
        dealer = self._socket(zmq.DEALER)
        dealer.setsockopt(zmq.IDENTITY, self._peer)
        dealer.setsockopt(zmq.LINGER, 1000)
        dealer.setsockopt(zmq.IMMEDIATE, 1)  # what cannot leave now is said anew later, not queued
        watch = watch_handshake(dealer, self._on_refusal)
        try:
            connect(dealer, self._master)
        except zmq.ZMQError as error:
            watch.close()
            dealer.close()
            self.context.term()
            raise RecordError(
                f"wanted the master's address like tcp://127.0.0.1:5555, found {self._master!r}"
            ) from error
        return dealer, watch

    def _try_anew(self) -> None:
        """Connect by a new socket where the last was refused for good: another master may be there by now."""
        if not self._watch.refused.is_set():
            return
        now_s = time.monotonic()
        if self._refused_s is None:
            self._refused_s = now_s
        elif now_s - self._refused_s > RETRY_REFUSED_S:
            self._refused_s = None
            self._watch.close()
            self._dealer.close(linger=0)
            self._dealer, self._watch = self._connect()

    def _publish(self, parts: list[bytes]) -> None:
        with self._pub_lock:
            if self._pub is not None:
                self._pub.send_multipart(parts, zmq.NOBLOCK)

    def _socket(self, kind: int) -> zmq.Socket:
        return client_socket(self.context, kind, self._keys)


def _drain(socket: zmq.Socket) -> Iterator[list[zmq.Frame]]:
    """Yield the messages that wait at a socket, at most a thousand so that others have their turn."""
    for _ in range(1000):
        try:
            yield cast(list[zmq.Frame], socket.recv_multipart(zmq.NOBLOCK, copy=False))
        except zmq.Again:
            return


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
