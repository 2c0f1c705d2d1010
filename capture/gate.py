"""Who may pass at a socket that binds, and how a socket that connects learns that it may not.

CURVE proves that a peer holds the secret of the public key it shows; whose key that is, ZeroMQ asks of a
handler in the same process (ZAP, https://rfc.zeromq.org/spec/27). Key files are read in keys.py.
"""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

ZAP_ADDRESS = "inproc://zeromq.zap.01"
DOMAIN = b"mavfer"
TELL_EVERY_S = 1.0
HANDSHAKE_MS = 5_000
"""A peer that connects and then says nothing is dropped after this long."""
FAILURES_IN_A_ROW = 2
"""A master that is just going away breaks off one handshake; a master with another key, every one."""
MONITORS = itertools.count()
FINAL_EVENTS = (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_AUTH)
SERVER_EVENTS = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
"""Without HANDSHAKE_FAILED_AUTH: the gate itself has refused those, and told of it."""
CLIENT_EVENTS = SERVER_EVENTS | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED


def secure_server(socket: zmq.Socket, *, public: bytes, secret: bytes) -> None:
    """Let only holders of a key connect; call before the socket binds. Without a `Gate` nobody passes."""
    socket.curve_secretkey = secret
    socket.curve_publickey = public
    socket.curve_server = True
    socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)


class Gate:
    """A thread that lets the known keys pass at all secured sockets of a context; one per context.

    Parameters
    ----------
    names : who holds which public key (40 characters); frames carry the name as their "User-Id"
    on_refusal : told in one line, at most once a second, from a thread of the gate
    """

    def __init__(
        self, context: zmq.Context, *, names: Mapping[bytes, str], on_refusal: Callable[[str], None]
    ) -> None:
        self._context = context
        self._names = dict(names)
        self._teller = _Teller(on_refusal)
        self._watches: list[Watch] = []
        self._last_word = secrets.token_bytes(16)
        self._socket = context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(ZAP_ADDRESS)
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    @property
    def n_refused(self) -> int:
        """How many peers were refused so far; one that tries again counts again."""
        return self._teller.n_told

    def watch(self, socket: zmq.Socket) -> None:
        """Tell of peers, too, that fail at a secured socket before they show a key; call before it binds."""
        self._watches.append(Watch(socket, self._take_server_event, SERVER_EVENTS))

    def close(self) -> None:
        """End the gate's threads; nobody new passes after it. Harmless when called twice."""
        for watch in self._watches:
            watch.close()
        if self._thread.is_alive() and not self._context.closed:
            with self._context.socket(zmq.REQ) as request:
                request.setsockopt(zmq.LINGER, 0)
                request.connect(ZAP_ADDRESS)
                request.send(self._last_word)
                self._thread.join()

    def _run(self) -> None:
        with self._socket:
            try:
                while (request := self._socket.recv_multipart()) != [self._last_word]:
                    self._socket.send_multipart(self._answer(request))
            except zmq.ContextTerminated:
                return

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """Return the reply to a ZAP request: 200 and the recorder's name, or 400."""
        version, number, domain, address, _, mechanism, *credentials = [*request, *[b""] * 6]
        key = z85.encode(credentials[0]) if len(credentials[0]) == 32 else b""
        name = self._names.get(key)
        if version == b"1.0" and domain == DOMAIN and mechanism == b"CURVE" and name is not None:
            return [b"1.0", number, b"200", b"OK", name.encode(), b""]
        shown = f"the unknown key {key[:8].decode()}..." if key else "no key"
        self._teller.tell(f"refused a peer with {shown} from {address.decode(errors='replace')}")
        return [b"1.0", number, b"400", b"unknown key", b"", b""]

    def _take_server_event(self, event: int, value: int, address: str) -> None:
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            if value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
                why = "that uses no keys"
            elif value == zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
                why = "that wants a master with another key"
            else:
                why = "that does not speak this protocol"
            self._teller.tell(f"refused a peer {why} at {address}")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._teller.tell(f"a peer broke off before it showed a key at {address}")


class Watch:
    """A thread that hears how a socket's handshakes end, until it, the socket or the context is closed.

    Parameters
    ----------
    socket : not yet bound or connected
    on_event : called from the thread with event, its value and the socket's address
    events : those of `zmq.EVENT_*` that are heard
    """

    def __init__(self, socket: zmq.Socket, on_event: Callable[[int, int, str], None], events: int) -> None:
        self.refused = threading.Event()
        """Set once a handshake has failed for good: ZeroMQ tries no more, only a new socket can."""
        self._watched = socket
        self._on_event = on_event
        address = f"inproc://mavfer.monitor.{next(MONITORS)}"
        socket.monitor(address, events | zmq.EVENT_MONITOR_STOPPED)
        self._socket = socket.context.socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(address)
        self._thread = threading.Thread(target=self._run, name="handshakes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear no more; harmless when called twice, and after the socket was closed."""
        if not self._watched.closed:
            self._watched.disable_monitor()
        self._thread.join()

    def _run(self) -> None:
        with self._socket:
            try:
                while True:
                    heard = parse_monitor_message(self._socket.recv_multipart())
                    event, value = int(heard["event"]), int(heard["value"])
                    if event == zmq.EVENT_MONITOR_STOPPED:
                        return
                    if event in FINAL_EVENTS:
                        self.refused.set()
                    self._on_event(event, value, cast(bytes, heard["endpoint"]).decode(errors="replace"))
            except zmq.ContextTerminated:
                return


def watch_handshake(socket: zmq.Socket, on_failure: Callable[[str], None]) -> Watch:
    """Tell in one line why a recorder's socket does not come through to its master, which answers.

    Parameters
    ----------
    socket : secured (or without keys), not yet connected
    on_failure : told at most once a second, from a thread of the watch, and not of a master that is absent
    """
    teller = _Teller(on_failure)
    with_keys = socket.getsockopt(zmq.MECHANISM) == zmq.CURVE
    in_a_row = itertools.count(1)

    def hear(event: int, value: int, address: str) -> None:
        nonlocal in_a_row
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            in_a_row = itertools.count(1)
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            teller.tell(f"the master at {address} does not know this recorder's key")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            if value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
                what = "uses no keys, this recorder some" if with_keys else "uses keys, this recorder none"
            else:
                what = "does not speak this protocol"
            teller.tell(f"the master at {address} {what}")
        elif next(in_a_row) >= FAILURES_IN_A_ROW:
            what = (
                "has another key than master.pub, or none" if with_keys else "uses keys, this recorder none"
            )
            teller.tell(f"the master at {address} {what}")

    return Watch(socket, hear, CLIENT_EVENTS)


class _Teller:
    """Pass lines on, at most one a second; those in between are counted and told with the next."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.n_told = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._n_silent = 0
        self._told_s = -TELL_EVERY_S

    def tell(self, line: str) -> None:
        with self._lock:
            self.n_told += 1
            now_s = time.monotonic()
            if now_s - self._told_s < TELL_EVERY_S:
                self._n_silent += 1
                return
            more = f" (and {self._n_silent} more since the last such line)" if self._n_silent else ""
            self._n_silent, self._told_s = 0, now_s
        self._tell(line + more)
