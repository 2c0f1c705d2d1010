"""Messages that make no sense, by the ten thousand, on every socket of a running take."""

import itertools
import json
import os
import socket as raw_sockets
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import zmq

from mavfer.capture.calls import Call, call_master, find_master
from mavfer.capture.clock import MonotonicClock
from mavfer.capture.master import rejoin
from mavfer.capture.messages import Beat, Command, Hello, Report, parse_message
from mavfer.capture.session import open_session
from mavfer.capture.synchronize import synchronize
from mavfer.errors import RecordError

N_MESSAGES = 10_000
WAIT_S = 60.0
WAIT_MS = 60_000
GROWTH_MB = 5
"""Less than ten thousand more messages would take if each were kept, after a first ten thousand have had the
process grow to its size."""
N_FLOODS = 4
"""What is kept adds up with every flood; a heap that finds its size, on a busy machine at times a little
later than after the first one, does not."""
FOREIGN = "0123456789abcdef"

WHOLE = {
    "command": Command(master=FOREIGN, id=7, do="quit", deadline_ns=2**62, body={"n_ticks": 1}).model_dump(),
    "report": Report(kind="done", master=FOREIGN, id=3, body={"streams": ["color"]}).model_dump(),
    "hello": Report(
        kind="hello",
        body=Hello(pid=1, host="there", version="1", boot_id="b", state="waiting").model_dump(),
    ).model_dump(),
    "beat": Beat(state="finished", session="take", files=("../../x",), lost={"disk": 3}).model_dump(),
    "call": Call(token="t" * 43, do="stop").model_dump(),
}
WRONG = (None, True, -1, 1e308, 2**80, "", "x" * 300, [], [[]], {}, {"a": {"b": [1]}}, "\x00", "é\U0001f600")
RAW_WRONG = ("NaN", "Infinity", "-Infinity", '"\\ud800"', "1e999", "01", "'x'", "{", "//")


@pytest.fixture(autouse=True)
def _masters_are_found_in_a_folder_of_the_test_s_own(tmp_path, monkeypatch):
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))


def payloads(n, *, seed):
    """Yield random bytes, real messages cut off, flipped, or with a wrong field, deep ones and long ones."""
    rng = np.random.default_rng(seed)
    wholes = [json.dumps(whole).encode() for whole in WHOLE.values()]
    deep = [b"[" * 4000, b'{"body":' * 500, b"[" * 150 + b"]" * 150, b'{"a":' * 90 + b"1" + b"}" * 90]
    kinds = itertools.cycle(range(6))
    for _ in range(n):
        kind, whole = next(kinds), wholes[int(rng.integers(len(wholes)))]
        if kind == 0:
            yield rng.bytes(int(rng.integers(0, 400)))
        elif kind == 1:
            yield whole[: int(rng.integers(len(whole)))]
        elif kind == 2:
            flipped = bytearray(whole)
            for at in rng.integers(0, len(whole), int(rng.integers(1, 6))):
                flipped[at] ^= int(rng.integers(1, 256))
            yield bytes(flipped)
        elif kind == 3:
            table = dict(list(WHOLE.values())[int(rng.integers(len(WHOLE)))])
            key = list(table)[int(rng.integers(len(table)))]
            if rng.integers(2):
                table[key] = WRONG[int(rng.integers(len(WRONG)))]
                yield json.dumps(table).encode()
            else:
                raw = RAW_WRONG[int(rng.integers(len(RAW_WRONG)))]
                yield json.dumps(table | {key: "@"}).replace('"@"', raw).encode()
        elif kind == 4:
            yield deep[int(rng.integers(len(deep)))]
        else:
            yield whole + whole


def messages(n, *, seed, heads=((),)):
    """Yield multipart messages: a payload, at times with parts too many or a head of another message."""
    rng = np.random.default_rng([seed, 1])
    for number, payload in enumerate(payloads(n, seed=seed)):
        head = heads[number % len(heads)]
        if number % 7 == 3:
            yield [*head, *[rng.bytes(3)] * int(rng.integers(1, 5)), payload]
        elif number % 11 == 5:
            yield [payload]
        else:
            yield [*head, payload]


@contextmanager
def connected(kind, address, **options):
    """Connect a socket, and wait until the connection stands."""
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, 100)
        socket.setsockopt(zmq.RECONNECT_IVL, 1)  # a message that is too long costs the connection
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.connect(address)
        yield socket


def flood(socket, parts_of_messages):
    """Send everything, as fast as it is taken; return how many messages that were."""
    n_sent = 0
    for parts in parts_of_messages:
        assert socket.poll(WAIT_MS, zmq.POLLOUT), "nothing is taken any more"
        socket.send_multipart(parts)
        n_sent += 1
    return n_sent


def memory_mb(pid):
    return psutil.Process(pid).memory_info().rss / 2**20


def knock(port, *, seed):
    """Speak no ZeroMQ at all at a port, or half a greeting, and go."""
    rng = np.random.default_rng(seed)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    for number in range(60):
        with raw_sockets.create_connection(("127.0.0.1", port), timeout=WAIT_S) as socket:
            noise = rng.bytes(int(rng.integers(1, 200)))
            half = greeting[: int(rng.integers(1, 64))]
            socket.sendall((noise, half, greeting + noise, b"GET / HTTP/1.1\r\n\r\n")[number % 4])


def take_home(report):
    """Bring the files that lie elsewhere into the session."""
    for folder in report["elsewhere"].values():
        for file in Path(folder).glob("*.mcap"):
            target = Path(report["path"]) / file.name
            if not target.exists():
                target.write_bytes(file.read_bytes())
    return open_session(Path(report["path"]))


IDENTITIES = (
    b"",
    b"cam",
    b"cam.",
    b".cam",
    b"master.1",
    b"cam.00000000",
    b"other.11111111",
    b"\x01\xff",
    b"x" * 255,
)


def flood_master(port, control_address, *, seed):
    """Send ten thousand messages to each of a master's sockets, and knock at their doors."""
    address = "tcp://127.0.0.1:{}".format
    for number, identity in enumerate(IDENTITIES):
        options = {"IDENTITY": identity} if identity else {}
        with connected(zmq.DEALER, address(port), **options) as commands:
            flood(commands, messages(N_MESSAGES // len(IDENTITIES) + 1, seed=seed + number))
            flood(commands, [[b'{"kind": "hello", "body": {"x": "' + b"x" * 1_000_000 + b'"}}']])
            flood(commands, [[b"x" * 2_000_000]])
    with connected(zmq.DEALER, address(port + 1)) as pings:
        short = messages(N_MESSAGES, seed=seed + 20, heads=((), (b"",)))
        flood(pings, ([part[:1000] for part in parts] for parts in short))
        flood(pings, ([np.random.default_rng(n).bytes(16)] for n in range(2000)))  # nobody reads the answers
        flood(pings, [[b"x" * 2000]] * 10)
    heads = [(topic, peer) for topic in (b"status", b"preview", b"", b"stat\xff") for peer in IDENTITIES]
    with connected(zmq.XPUB, address(port + 2), XPUB_NODROP=1) as status:
        assert status.poll(WAIT_MS)  # its subscription has come
        flood(status, messages(N_MESSAGES, seed=seed + 30, heads=heads))
        beat = json.dumps(WHOLE["beat"]).encode()
        flood(status, ([b"status", peer, beat] for peer in IDENTITIES))
        flood(status, [[b"preview", b"cam.00000000", b'{"stream": "color"}', b"x" * 1_500_000]] * 3)
        flood(status, [[b"x" * 3_000_000]])
    with connected(zmq.DEALER, control_address) as control:
        flood(control, messages(N_MESSAGES, seed=seed + 40))
        flood(control, [[json.dumps({"token": "é" * 43, "do": "stop"}).encode()], [b"x" * 100_000]])
    control_port = int(control_address.rpartition(":")[2])
    for number, one in enumerate((port, port + 1, port + 2, control_port)):
        knock(one, seed=seed + number)


def test_ten_thousand_malformed_messages_on_every_socket_of_a_master_change_nothing(
    tmp_path, lab, long_film, master_of
):
    lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    recorder = lab.start()
    master = master_of(tmp_path / "take", lab.file, 11)
    master.until(lambda status: status["tick"] >= 5)
    contact = find_master(tmp_path / "take")
    flood_master(lab.port, contact.address, seed=100)
    grown = []
    while not grown or (max(grown[-1]) >= GROWTH_MB and len(grown) < N_FLOODS):
        before = [memory_mb(pid) for pid in (master.process.pid, recorder.pid)]
        flood_master(lab.port, contact.address, seed=200 + 100 * len(grown))
        after = [memory_mb(pid) for pid in (master.process.pid, recorder.pid)]
        grown.append([now - then for now, then in zip(after, before, strict=True)])
    assert max(grown[-1]) < GROWTH_MB, grown
    assert call_master(contact, "mark", label="it still hears", t_ns=MonotonicClock().now_ns()).done
    seen = master.until(lambda status: "it still hears" in [one["label"] for one in status["markers"]])
    assert seen["state"] == "recording", "the take was too short for so many messages"
    report = master.outcome()
    assert (report["error"], report["state"], report["complaints"]) == ("", "complete", [])
    assert (report["frames_kept"], report["frames_lost"]) == ({"cam": 110}, {"cam": {}})
    session = take_home(report)
    assert synchronize(session).report.problems == ()
    (told,) = [event["text"] for event in session.events("master") if event["kind"] == "malformed"]
    assert told.endswith("messages to the master were malformed and had no effect")
    assert int(told.split()[0]) > N_MESSAGES
    assert len(session.pings("cam")) > 24
    assert recorder.process.poll() is None
    assert not any("turned" in line or "error" in line for line in recorder.lines)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ten_thousand_malformed_commands_from_where_the_master_was_change_nothing(
    tmp_path, lab, long_film, master_of
):
    lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    recorder = lab.start()
    master = master_of(tmp_path / "take", lab.file, 11)
    master.until(lambda status: status["tick"] >= 5)
    master.kill()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as fake:
        fake.setsockopt(zmq.LINGER, 0)
        fake.setsockopt(zmq.ROUTER_MANDATORY, 1)
        fake.setsockopt(zmq.SNDHWM, 100)
        fake.bind(f"tcp://127.0.0.1:{lab.port}")
        assert fake.poll(WAIT_MS)
        peer, hello = fake.recv_multipart()
        assert parse_message(hello, Report).kind == "hello"
        n_malformed = 0
        for seed in (50, 51):
            before_mb = memory_mb(recorder.pid)
            for parts in messages(N_MESSAGES, seed=seed):
                n_malformed += len(parts) != 1 or parse_message(parts[0], Command) is None
                flood(fake, [[peer, *parts]])
        bodies = [WRONG[n % len(WRONG)] for n in range(30)]
        joins = [{"ping_port": body, "status_port": body, "boot_id": body, "host": body} for body in bodies]
        foreign = [
            Command(master=FOREIGN, id=number, do=do, deadline_ns=2**62, body=body)
            for number, (do, body) in enumerate(
                [
                    *(("join", body) for body in joins),
                    *(
                        (do, {"n_ticks": 1})
                        for do in ("stop", "quit", "leave", "disarm", "arm", "open", "start")
                    ),
                    ("turn_away", {}),
                ]
            )
        ]
        flood(fake, ([peer, one.model_dump_json().encode()] for one in foreign))
        refused = set()
        while len(refused) < len(foreign) - 1:  # nobody is told of being turned away
            assert fake.poll(WAIT_MS), refused
            report = parse_message(fake.recv_multipart()[1], Report)
            assert report is not None
            assert report.kind in ("hello", "refused")
            refused |= {report.id} if report.kind == "refused" and report.master == FOREIGN else set()
        assert memory_mb(recorder.pid) - before_mb < GROWTH_MB
    report = rejoin(tmp_path / "take")
    assert (report.state, report.frames_kept, report.n_lost) == ("complete", {"cam": 110}, 0)
    session = take_home({"path": report.path, "elsewhere": report.elsewhere})
    assert synchronize(session).report.problems == ()
    told = [event["text"] for event in session.events("master") if event["kind"] == "malformed"]
    assert told == [f"{n_malformed} messages to cam were malformed and had no effect"]
    assert recorder.process.poll() is None


def test_a_master_that_is_flooded_from_the_beginning_still_finds_its_recorder(tmp_path, lab, operator_of):
    rig = lab.rig()
    operator = operator_of(tmp_path / "take", rig, seconds=2)
    operator.until(lambda status: status.state == "starting" or status.recorders)
    with connected(zmq.DEALER, f"tcp://127.0.0.1:{lab.port}") as commands:
        flood(commands, messages(2000, seed=60))
        lab.start()
        flood(commands, messages(2000, seed=61))
    report = operator.outcome()
    assert not isinstance(report, RecordError), report
    assert (report.state, report.n_lost) == ("complete", 0)
