import json
import threading
import time

import numpy as np
import psutil
import pytest
import zmq

from mavfer.capture.clock import MonotonicClock, SkewedClock, solve_clock
from mavfer.capture.keys import make_keys, read_master_keys, read_recorder_keys
from mavfer.capture.link import FREE_PORTS_FROM, MasterLink, RecorderLink
from mavfer.capture.messages import Beat, Command, Hello, Join, Piece, Report, Want, parse_body, parse_message
from mavfer.capture.pings import Pinger, answer_pings
from mavfer.errors import RecordError

WAIT_S = 10.0
PEER = "kinect.5f3a"
MASTER = "0123456789abcdef"


@pytest.fixture
def master():
    link = MasterLink()
    yield link
    link.close()


@pytest.fixture
def recorder(master):
    link = RecorderLink(PEER, master=master.address)
    yield link
    link.close()


@pytest.fixture
def sockets():
    context = zmq.Context()
    made = []

    def connect(kind, address, **options):
        socket = context.socket(kind)
        made.append(socket)
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.connect(address)
        return socket

    yield connect
    for socket in made:
        socket.close(linger=0)
    context.term()


def at_port(port):
    return f"tcp://127.0.0.1:{port}"


def command(number, do="arm", **body):
    return Command(master=MASTER, id=number, do=do, deadline_ns=1, body=body)


def say(recorder, report):
    """Send a report; until the connection stands nothing leaves."""
    end_s = time.monotonic() + WAIT_S
    while not recorder.send(report):
        assert time.monotonic() < end_s, "the master was not reached"
        assert recorder.receive(0.02) is None


def hear(master, wanted=lambda _: True):
    """Return the next message that is wanted."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        for heard in master.receive(0.1):
            if wanted(heard):
                return heard
    raise AssertionError("it did not come")


def test_commands_and_reports_arrive_as_they_were_sent_and_from_whom(master, recorder):
    report = Report(kind="hello", body={"a": [1, "b", None]})
    say(recorder, report)
    heard = hear(master)
    assert (heard.peer, heard.name, heard.message) == (PEER, "kinect", report)
    master.send(PEER, command(7, folder="/x"))
    assert recorder.receive(WAIT_S) == command(7, folder="/x")


def test_who_has_no_name_is_not_heard(master, sockets):
    hello = Report(kind="hello").model_dump_json().encode()
    for identity in (
        b"kinect",
        b"kinect.",
        b".5f3a",
        b"\x01to.0000",
        b"Kinect.5f3a",
        b"kinect.5f3a\n",
        b"x" * 200,
    ):
        sockets(zmq.DEALER, master.address, IDENTITY=identity).send(hello)
    sockets(zmq.DEALER, master.address).send(hello)
    assert hear_nothing_until(master, 8)


def test_a_command_to_a_recorder_that_is_not_there_is_refused_and_not_lost_in_silence(master):
    with pytest.raises(RecordError, match="recorder 'thermal' cannot be reached"):
        master.send("thermal.0000", command(1))


def test_a_report_to_a_master_that_is_not_there_is_refused_and_not_queued():
    link = RecorderLink(PEER, master="tcp://127.0.0.1:9")
    assert not link.send(Report(kind="hello"))
    link.close()


def test_waiting_for_nothing_ends_in_time(master, recorder):
    assert master.receive(0.05) == []
    assert recorder.receive(0.05) is None


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:5570", "tcp://", ""])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(RecordError, match="wanted the master's address"):
        RecorderLink(PEER, master=address)


def test_statuses_and_previews_arrive_from_who_sent_them(master, recorder):
    recorder.publish_to(master.status_port)
    beat = Beat(state="recording", session="take", tick=3, kept=4, lost={"queue": 1}, complaints=("a", "b"))
    published(recorder, beat, master)
    recorder.send_preview(b'{"stream": "color"}', b"picture")
    heard = hear(master, lambda one: not isinstance(one.message, Beat))
    assert (heard.name, heard.message, heard.picture) == ("kinect", b'{"stream": "color"}', b"picture")


def published(recorder, beat, master):
    """Publish a status until it is heard, as a recorder does; return how often that took."""
    for number in range(1, 200):
        recorder.send_beat(beat)
        if any(one.message == beat and one.peer == PEER for one in master.receive(0.05)):
            return number
    raise AssertionError("no status came")


def test_a_recorder_that_publishes_before_its_master_listens_is_heard_once_it_does():
    first = MasterLink()
    address, port = first.address, first.status_port
    first.close()
    recorder = RecorderLink(PEER, master=address)
    recorder.publish_to(port)
    beat = Beat(state="waiting")
    for _ in range(100):
        recorder.send_beat(beat)
    late = MasterLink(port=int(address.rpartition(":")[2]), neighbors=False)
    recorder.publish_to(late.status_port)
    assert published(recorder, beat, late) < 40  # of 50 ms
    say(recorder, Report(kind="hello"))
    assert hear(late, lambda one: isinstance(one.message, Report)).peer == PEER
    recorder.close()
    late.close()


def test_a_recorder_is_heard_again_by_a_master_that_takes_the_place_of_another():
    first = MasterLink()
    number = int(first.address.rpartition(":")[2])
    recorder = RecorderLink(PEER, master=first.address)
    say(recorder, Report(kind="hello"))
    hear(first)
    first.close()
    second = MasterLink(port=number, neighbors=False)
    say(recorder, Report(kind="hello", id=2))
    assert hear(second).message.id == 2
    second.send(PEER, command(1))
    assert recorder.receive(WAIT_S) == command(1)
    recorder.close()
    second.close()


def test_free_ports_lie_where_no_socket_that_connects_is_given_one(master):
    for port in (int(master.address.rpartition(":")[2]), master.ping_port, master.status_port):
        assert port >= FREE_PORTS_FROM


def test_a_second_master_on_a_port_is_refused_in_one_line_and_leaves_nothing_open(master):
    number = int(master.address.rpartition(":")[2])
    with pytest.raises(
        RecordError, match=r"^wanted to listen at tcp://127\.0\.0\.1:\d+, could not .*in use"
    ) as caught:
        MasterLink(port=number, neighbors=False)
    assert "\n" not in str(caught.value)


def test_the_neighbors_of_a_port_are_taken_with_it_or_none_of_them(master):
    with pytest.raises(RecordError, match=f"could not .*{master.status_port}"):
        MasterLink(port=master.status_port - 2)
    free = MasterLink(port=master.status_port - 2, neighbors=False)
    free.close()


def test_of_two_recorders_with_one_identity_the_last_to_connect_is_the_one_that_is_spoken_to(
    master, recorder
):
    say(recorder, Report(kind="hello", id=1))
    hear(master)
    again = RecorderLink(PEER, master=master.address)
    say(again, Report(kind="hello", id=2))
    hear(master, lambda one: one.message.id == 2)
    master.send(PEER, command(1))
    assert again.receive(WAIT_S) == command(1)
    again.close()


def test_with_keys_a_recorder_is_heard_under_its_own_name_alone(tmp_path):
    make_keys(tmp_path / "keys", ("kinect", "thermal"))
    master = MasterLink(keys=read_master_keys(tmp_path / "keys", ("kinect", "thermal")))
    thermal = read_recorder_keys(tmp_path / "keys", "thermal")
    impostor = RecorderLink(PEER, master=master.address, keys=thermal)
    honest = RecorderLink("thermal.77aa", master=master.address, keys=thermal)
    for link in (impostor, honest):
        link.publish_to(master.status_port)
    say(impostor, Report(kind="hello"))
    say(honest, Report(kind="hello"))
    assert hear(master).name == "thermal"
    beats, heard = 0, []
    while not heard:
        impostor.send_beat(Beat(state="finished"))
        honest.send_beat(Beat(state="open"))
        beats += 1
        heard = [one for one in master.receive(0.05) if isinstance(one.message, Beat)]
        assert beats < 200
    assert {one.name for one in heard} == {"thermal"}
    for link in (impostor, honest):
        link.close()
    n_malformed = master.n_malformed
    master.close()
    assert n_malformed >= 1


def garbage(n):
    """Yield messages of which none is a report, a command or a status."""
    rng = np.random.default_rng(0)
    whole = Report(kind="hello", body={"tick": 3}).model_dump_json().encode()
    wrong = [{"kind": 3}, {"kind": "hello", "extra": 1}, {"id": "x"}, None, {"state": "asleep"}, [[]], 1e999]
    for i in range(n):
        if i % 3 == 0:
            yield rng.bytes(int(rng.integers(0, 200)))
        elif i % 3 == 1:
            yield whole[: int(rng.integers(0, len(whole)))]
        else:
            yield json.dumps(wrong[i % len(wrong)]).encode()


def test_malformed_messages_have_no_effect_on_any_socket_of_a_master(master, recorder, sockets):
    n = 900
    commands = sockets(zmq.DEALER, master.address, IDENTITY=b"kinect.0000")
    nameless = sockets(zmq.DEALER, master.address)
    pings = sockets(zmq.DEALER, at_port(master.ping_port))
    for message in garbage(n):
        commands.send(message)
        pings.send(message + b"never as long as a ping")
    commands.send_multipart([b"two", b"parts"])
    nameless.send(Report(kind="hello").model_dump_json().encode())
    commands.send(Report(kind="hello").model_dump_json().encode())
    assert hear(master).peer == "kinect.0000"
    assert hear_nothing_until(master, n + 2)
    status = sockets(zmq.PUB, at_port(master.status_port))
    recorder.publish_to(master.status_port)
    published(recorder, Beat(state="open"), master)
    assert status.poll(WAIT_S * 1000, zmq.POLLOUT)
    before = master.n_malformed
    while master.n_malformed < before + 100:  # of the first ones the connection knows nothing
        for message in garbage(50):
            status.send_multipart([b"status", b"kinect.5f3a", message])
            status.send_multipart([b"preview", message])
            status.send(message)
            status.send_multipart([b"status", b"no instance", Beat(state="open").model_dump_json().encode()])
        assert master.receive(0.05) == []
    assert not pings.poll(100)
    assert len(ping(master, recorder)) >= 8


def hear_nothing_until(master, n_malformed):
    end_s = time.monotonic() + WAIT_S
    while master.n_malformed < n_malformed and time.monotonic() < end_s:
        assert master.receive(0.05) == []
    return master.n_malformed == n_malformed


def test_a_message_of_more_than_a_mebibyte_is_not_taken_in(master, recorder, sockets):
    huge = sockets(zmq.DEALER, master.address, IDENTITY=b"kinect.0000")
    huge.send(b'{"kind": "hello", "body": {"x": "' + b"x" * 2**21 + b'"}}')
    say(recorder, Report(kind="hello"))
    assert hear(master).peer == PEER
    assert master.receive(0.1) == []


def test_malformed_commands_have_no_effect_and_are_counted(master, recorder):
    say(recorder, Report(kind="hello"))
    hear(master)
    for message in garbage(90):
        master._router.send_multipart([PEER.encode(), message])
    master._router.send_multipart([PEER.encode(), b"two", b"parts"])
    master.send(PEER, command(5))
    got = None
    while got is None:
        got = recorder.receive(WAIT_S)
    assert got == command(5)
    assert recorder.n_malformed == 91


MODELS = {
    Command: {"master": MASTER, "id": 1, "do": "stop", "deadline_ns": 2, "body": {}},
    Report: {"kind": "done", "master": MASTER, "id": 1, "body": {}},
    Hello: {"pid": 1, "host": "h", "version": "1", "boot_id": "b", "state": "open", "session": "s"},
    Join: {"ping_port": 1, "status_port": 2, "boot_id": "b", "host": "h"},
    Beat: Beat(state="open").model_dump(),
    Want: {"id": 1, "do": "bytes", "file": "f", "at": 0, "n_bytes": 1, "hash": ""},
    Piece: {"kind": "bytes", "id": 1, "hash": "", "error": ""},
}


@pytest.mark.parametrize("model", MODELS)
def test_a_message_with_a_field_of_a_wrong_type_is_none(model):
    whole = MODELS[model]
    assert parse_body(whole, model) is not None
    assert parse_message(json.dumps(whole).encode(), model) == parse_body(whole, model)
    for key in whole:
        for wrong in ({"deep": {}}, [[1]], None):
            if wrong == {"deep": {}} and key == "body":
                continue
            assert parse_message(json.dumps(whole | {key: wrong}).encode(), model) is None, (key, wrong)
    assert parse_message(json.dumps(whole | {"more": 1}).encode(), model) is None


@pytest.mark.parametrize("model", MODELS)
def test_a_message_that_is_nested_beyond_reason_is_none(model):
    for deep in (b"[" * 100_000, b'{"body":' * 100_000, b'{"body":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        assert parse_message(deep, model) is None


def ping(master, recorder, *, clock=None):
    measured = []
    pinger = recorder.pinger(
        master.ping_port, clock=clock or MonotonicClock(), on_ping=lambda *stamps: measured.append(stamps)
    )
    assert pinger.measured.wait(WAIT_S)
    pinger.stop()
    pinger.stop()
    return measured


def test_pings_on_one_machine_tell_an_offset_below_a_millisecond(master, recorder):
    measured = np.array(ping(master, recorder))
    assert np.all(np.diff(measured, axis=1) >= 0)
    assert abs(solve_clock(measured).offset_ns) < 1_000_000


def test_pings_tell_the_offset_of_a_clock_that_is_hours_wrong(master, recorder):
    measured = np.array(ping(master, recorder, clock=SkewedClock(-10_000_000_000_000, 0.0)))
    assert abs(solve_clock(measured).offset_ns - 10_000_000_000_000) < 1_000_000


def test_a_pinger_ends_though_nobody_answers():
    context = zmq.Context()
    silent = context.socket(zmq.ROUTER)
    port = silent.bind_to_random_port("tcp://127.0.0.1")
    measured = []
    pinger = Pinger(
        context, address=f"tcp://127.0.0.1:{port}", on_ping=lambda *stamps: measured.append(stamps)
    )
    stopper = threading.Thread(target=pinger.stop)
    stopper.start()
    stopper.join(WAIT_S)
    assert not stopper.is_alive()
    assert measured == []
    context.destroy(linger=0)


def test_answers_that_are_late_twisted_or_of_another_ping_measure_nothing():
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    measured = []
    pinger = Pinger(
        context, address=f"tcp://127.0.0.1:{port}", on_ping=lambda *stamps: measured.append(stamps)
    )
    n_asked = 0
    while n_asked < 8:
        assert router.poll(WAIT_S * 1000)
        peer, asked = router.recv_multipart()
        n_asked += 1
        for answer in ([b""], [asked], [bytes(32)], [asked + bytes(16), b"more"], [asked + bytes(15)]):
            router.send_multipart([peer, *answer])
    assert pinger.measured.wait(WAIT_S)
    pinger.stop()
    assert measured == []
    context.destroy(linger=0)


def test_pings_are_answered_until_the_end_whatever_comes_between():
    context = zmq.Context()
    closing = threading.Event()
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    thread = threading.Thread(target=answer_pings, args=(router, closing, MonotonicClock()))
    thread.start()
    asking = context.socket(zmq.DEALER)
    asking.connect(f"tcp://127.0.0.1:{port}")
    rng = np.random.default_rng(1)
    for _ in range(2000):
        asking.send_multipart([rng.bytes(int(rng.integers(0, 40))) for _ in range(int(rng.integers(1, 4)))])
    gone = context.socket(zmq.DEALER)
    gone.connect(f"tcp://127.0.0.1:{port}")
    for _ in range(100):
        gone.send(bytes(16))
    gone.close(linger=0)
    question = bytes(range(16))
    asking.send(question)
    answer = b""
    while not answer.startswith(question):
        assert asking.poll(WAIT_S * 1000)
        answer = asking.recv()
    assert len(answer) == 32
    closing.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    context.destroy(linger=0)


def test_a_recorder_s_link_closes_in_bounded_time_though_the_master_is_gone():
    link = RecorderLink(PEER, master="tcp://127.0.0.1:9")
    link.publish_to(10)
    for _ in range(2000):
        assert not link.send(Report(kind="hello"))
        link.send_beat(Beat(state="open"))
    closer = threading.Thread(target=link.close)
    closer.start()
    closer.join(WAIT_S)
    assert not closer.is_alive()


def test_a_pinger_whose_master_is_out_of_reach_ends_within_one_ping_s_patience():
    context = zmq.Context()
    measured = []
    pinger = Pinger(context, address="tcp://127.0.0.1:9", on_ping=lambda *stamps: measured.append(stamps))
    begun_s = time.monotonic()
    pinger.stop()
    assert time.monotonic() - begun_s < 2  # a burst that waits in vain takes 2.6 s
    assert measured == []
    context.term()


def test_statuses_come_again_to_a_master_that_ends_and_begins_anew_on_the_same_ports():
    port = three_free_ports()
    recorder = RecorderLink(PEER, master=f"tcp://127.0.0.1:{port}")
    recorder.publish_to(port + 2)  # before there is a master
    for number in range(3):
        master = MasterLink(port=port)
        published(recorder, Beat(state="open", tick=number), master)
        assert len(ping(master, recorder)) == 8
        master.close()
    recorder.close()


def three_free_ports():
    """Return the first of three neighbouring ports that nobody listens on, below those that links take."""
    for port in range(20_000, FREE_PORTS_FROM, 7):
        try:
            MasterLink(port=port).close()
        except RecordError:
            continue
        return port
    raise AssertionError("no three neighbouring ports are free")


def test_closing_both_ends_leaves_no_thread_and_no_socket_behind():
    def open_handles():
        sockets = {one.laddr.port for one in psutil.Process().net_connections("tcp")}
        return sockets, set(threading.enumerate()), psutil.Process().num_threads()

    before = open_handles()
    master = MasterLink()
    recorder = RecorderLink(PEER, master=master.address)
    recorder.publish_to(master.status_port)
    published(recorder, Beat(state="open"), master)
    assert len(ping(master, recorder)) >= 8
    recorder.send_beat(Beat(state="open"))
    master.send(unheard(master, recorder), command(1))
    recorder.close()
    master.close()
    assert open_handles() == before
    MasterLink(port=int(master.address.rpartition(":")[2]), neighbors=False).close()  # the port is free again


def unheard(master, recorder):
    """Return the peer of a recorder that has said hello, and will not read what it is told."""
    say(recorder, Report(kind="hello"))
    return hear(master, lambda one: isinstance(one.message, Report)).peer
