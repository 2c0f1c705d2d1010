import dataclasses
import errno
import queue
import socket as sockets
import threading
import time

import numpy as np
import pytest
import zmq

from mavfer.capture.gate import TELL_EVERY_S, watch_handshake
from mavfer.capture.keys import make_keys, read_master_keys, read_recorder_keys

WAIT_MS = 10_000
WAIT_S = WAIT_MS / 1000


@pytest.fixture
def lab(tmp_path):
    """Return the keys of a master that knows kinect and thermal, and of those two and a stranger."""
    make_keys(tmp_path / "keys", ("kinect", "thermal", "stranger"))
    recorders = {
        name: read_recorder_keys(tmp_path / "keys", name) for name in ("kinect", "thermal", "stranger")
    }
    return read_master_keys(tmp_path / "keys", ("kinect", "thermal")), recorders


class Master:
    """A bound ROUTER behind a gate, in a context of its own."""

    def __init__(self, keys, *, with_gate=True, port=None):
        self.keys = keys
        self.refusals = queue.Queue()
        self.context = zmq.Context()
        self.gate = keys.gate(self.context, self.refusals.put) if with_gate else None
        self.router = self.context.socket(zmq.ROUTER)
        self.router.setsockopt(zmq.LINGER, 0)
        self.router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        keys.secure(self.router)
        if self.gate is not None:
            self.gate.watch(self.router)
        if port is None:
            port = self.router.bind_to_random_port("tcp://127.0.0.1")
        else:
            self.router.bind(f"tcp://127.0.0.1:{port}")
        self.port = port

    def receive(self):
        """Return (name by the key, identity, payload) of the next message."""
        assert self.router.poll(WAIT_MS)
        identity, payload = self.router.recv_multipart(copy=False)
        assert self.keys.name_of(identity) == self.keys.name_of(payload)
        return self.keys.name_of(payload), identity.bytes.decode(), payload.bytes

    def close(self):
        if self.gate is not None:
            self.gate.close()
        self.router.close()
        self.context.term()


class Recorder:
    """A DEALER that connects to a master, in a context of its own."""

    def __init__(self, port, *, keys=None, identity="kinect"):
        self.failures = queue.Queue()
        self.context = zmq.Context()
        self.dealer = self.context.socket(zmq.DEALER)
        self.dealer.setsockopt(zmq.LINGER, 0)
        self.dealer.setsockopt(zmq.RECONNECT_IVL, 20)
        self.dealer.setsockopt(zmq.IDENTITY, identity.encode())
        if keys is not None:
            keys.secure(self.dealer)
        self.watch = watch_handshake(self.dealer, self.failures.put)
        self.dealer.connect(f"tcp://127.0.0.1:{port}")
        self.dealer.send(b"hello")

    def close(self):
        self.dealer.close()
        self.watch.close()
        self.context.term()


@pytest.fixture
def opened():
    things = []

    def opening(kind, *arguments, **options):
        things.append(kind(*arguments, **options))
        return things[-1]

    before = set(threading.enumerate())
    yield opening
    for thing in reversed(things):
        thing.close()
    assert set(threading.enumerate()) == before


def answer(master, recorder, identity="kinect"):
    """Return whether a message of the master reaches the recorder."""
    master.router.send_multipart([identity.encode(), b"order"])
    return recorder.dealer.poll(WAIT_MS) and recorder.dealer.recv() == b"order"


def test_a_recorder_with_its_key_passes_and_is_named_by_it(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    for name in ("kinect", "thermal"):
        recorder = opened(Recorder, master.port, keys=recorders[name], identity=name)
        assert master.receive() == (name, name, b"hello")
        assert answer(master, recorder, name)
        assert recorder.failures.empty()
        assert not recorder.watch.refused.is_set()
    assert master.refusals.empty()
    assert master.gate.n_refused == 0


def test_a_recorder_that_calls_itself_another_is_still_named_by_its_key(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    opened(Recorder, master.port, keys=recorders["kinect"], identity="thermal")
    assert master.receive() == ("kinect", "thermal", b"hello")


def test_an_unknown_key_is_refused_and_both_sides_say_so(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    stranger = opened(Recorder, master.port, keys=recorders["stranger"])
    shown = recorders["stranger"].public[:8].decode()
    assert (
        master.refusals.get(timeout=WAIT_S)
        == f"refused a peer with the unknown key {shown}... from 127.0.0.1"
    )
    told = stranger.failures.get(timeout=WAIT_S)
    assert told == f"the master at tcp://127.0.0.1:{master.port} does not know this recorder's key"
    assert stranger.watch.refused.is_set()
    assert_nothing_passed(master, recorders)


def assert_nothing_passed(master, recorders):
    """The next message to arrive is that of a recorder that comes now, and nobody else can be reached."""
    with pytest.raises(zmq.ZMQError, match="Host unreachable"):
        master.router.send_multipart([b"kinect", b"order"])
    recorder = Recorder(master.port, keys=recorders["thermal"], identity="thermal")
    try:
        assert master.receive() == ("thermal", "thermal", b"hello")
        assert answer(master, recorder, "thermal")
    finally:
        recorder.close()
    assert not master.router.poll(0)


def test_a_peer_without_keys_is_refused_and_both_sides_say_so(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    naked = opened(Recorder, master.port)
    at = f"at tcp://127.0.0.1:{master.port}"  # the side that sees first that the other differs hangs up
    lines = (f"refused a peer that uses no keys {at}", f"a peer broke off before it showed a key {at}")
    assert master.refusals.get(timeout=WAIT_S) in lines
    told = naked.failures.get(timeout=WAIT_S)
    assert told == f"the master at tcp://127.0.0.1:{master.port} uses keys, this recorder none"
    assert_nothing_passed(master, recorders)


def test_a_recorder_refuses_a_master_with_another_key(lab, opened, tmp_path):
    keys, recorders = lab
    make_keys(tmp_path / "other", ("kinect",))
    master = opened(Master, keys)
    foreign = dataclasses.replace(
        recorders["kinect"], master=read_recorder_keys(tmp_path / "other", "kinect").master
    )
    recorder = opened(Recorder, master.port, keys=foreign)
    told = recorder.failures.get(timeout=WAIT_S)
    assert told.startswith(f"the master at tcp://127.0.0.1:{master.port} has another key")
    expected = f"refused a peer that wants a master with another key at tcp://127.0.0.1:{master.port}"
    assert master.refusals.get(timeout=WAIT_S) == expected
    assert_nothing_passed(master, recorders)


def test_a_recorder_with_keys_refuses_a_master_without_them(lab, opened):
    _, recorders = lab
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    recorder = opened(Recorder, port, keys=recorders["kinect"])
    assert f"the master at tcp://127.0.0.1:{port} " in recorder.failures.get(timeout=WAIT_S)
    assert not router.poll(0)
    router.close()
    context.term()


def test_a_master_that_is_absent_is_no_failure(lab, opened):
    keys, recorders = lab
    with sockets.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    recorder = opened(Recorder, port, keys=recorders["kinect"])
    master = opened(Master, keys, port=port)
    assert master.receive() == ("kinect", "kinect", b"hello")
    assert recorder.failures.empty()


def test_without_a_gate_nobody_passes(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys, with_gate=False)
    recorder = opened(Recorder, master.port, keys=recorders["kinect"])
    recorder.failures.get(timeout=WAIT_S)
    assert not master.router.poll(0)


def test_a_closed_gate_lets_nobody_new_pass_and_keeps_those_inside(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    inside = opened(Recorder, master.port, keys=recorders["kinect"])
    assert master.receive() == ("kinect", "kinect", b"hello")
    master.gate.close()
    master.gate.close()
    late = opened(Recorder, master.port, keys=recorders["thermal"], identity="thermal")
    late.failures.get(timeout=WAIT_S)
    assert answer(master, inside)
    assert not master.router.poll(0)


def test_refusals_are_told_at_most_once_a_second_and_all_counted(lab, opened):
    keys, recorders = lab
    times = []
    told = threading.Condition()

    def tell(line):
        with told:
            times.append((time.monotonic(), line))
            told.notify_all()

    context = zmq.Context()
    gate = keys.gate(context, tell)
    router = context.socket(zmq.ROUTER)
    keys.secure(router)
    gate.watch(router)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    foreign = dataclasses.replace(recorders["kinect"], master=recorders["thermal"].public)
    recorder = opened(Recorder, port, keys=foreign)  # tries again every 20 ms
    with told:
        assert told.wait_for(lambda: len(times) == 3, timeout=WAIT_S)
    recorder.dealer.disconnect(f"tcp://127.0.0.1:{port}")
    gate.close()
    router.close()
    context.term()
    gaps_s = np.diff([t for t, _ in times])
    assert (gaps_s >= TELL_EVERY_S * 0.99).all()
    silent = [int(line.split("(and ")[1].split()[0]) for _, line in times[1:]]
    assert min(silent) > 5
    assert gate.n_refused >= 3 + sum(silent)


def test_a_gate_and_its_watches_end_with_the_context_they_are_in(lab):
    keys, recorders = lab
    before = set(threading.enumerate())
    master = Master(keys)
    recorder = Recorder(master.port, keys=recorders["kinect"])
    assert master.receive()[0] == "kinect"
    for socket in (recorder.dealer, master.router):
        socket.close()
        socket.context.term()
    master.gate.close()
    recorder.watch.close()
    assert set(threading.enumerate()) == before


def blobs(n):
    """Yield n byte strings: noise, other protocols, and greetings of ZMTP that go wrong at each place."""
    rng = np.random.default_rng(0)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(15) + b"\x00" + bytes(31)
    hello = b"\x04\xc8\x05HELLO\x01\x00" + rng.bytes(192)
    whole = greeting + hello
    for i in range(n):
        kind = i % 5
        if kind == 0:
            yield rng.bytes(int(rng.integers(1, 300)))
        elif kind == 1:
            yield whole[: int(rng.integers(1, len(whole)))]
        elif kind == 2:
            bent = bytearray(whole)
            bent[int(rng.integers(len(bent)))] ^= 1 << int(rng.integers(8))
            yield bytes(bent)
        elif kind == 3:
            yield greeting + rng.bytes(int(rng.integers(1, 300)))
        else:
            yield b"GET / HTTP/1.1\r\nHost: " + rng.bytes(int(rng.integers(1, 50))) + b"\r\n\r\n"


def test_ten_thousand_malformed_connections_have_no_effect(lab, opened):
    keys, recorders = lab
    master = opened(Master, keys)
    recorder = opened(Recorder, master.port, keys=recorders["kinect"])
    assert master.receive() == ("kinect", "kinect", b"hello")
    for i, blob in enumerate(blobs(10_000)):
        with sockets.create_connection(("127.0.0.1", master.port), timeout=WAIT_S) as peer:
            try:
                peer.sendall(blob)
                peer.shutdown(sockets.SHUT_WR)
                while peer.recv(4096):  # until the master has read all and hung up
                    pass
            except OSError as error:  # it may hang up sooner
                if error.errno not in (errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE):
                    raise
        if i % 1000 == 0:
            assert answer(master, recorder)
    assert answer(master, recorder)
    assert not master.router.poll(0)
    assert recorder.failures.empty()
    assert master.gate.n_refused > 1000
    late = opened(Recorder, master.port, keys=recorders["thermal"], identity="thermal")
    assert master.receive() == ("thermal", "thermal", b"hello")
    assert answer(master, late, "thermal")
