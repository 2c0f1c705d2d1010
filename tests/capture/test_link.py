import json
import threading
import time

import numpy as np
import pytest
import zmq

from mavfer.capture.clock import solve_clock
from mavfer.capture.link import Command, MasterLink, Pinger, RecorderLink, Report, parse_message
from mavfer.errors import RecordError

WAIT_S = 5.0


@pytest.fixture
def master():
    link = MasterLink()
    yield link
    link.close()


@pytest.fixture
def recorder(master):
    link = RecorderLink("kinect", master=master.address)
    yield link
    link.close()


@pytest.fixture
def dealer():
    context = zmq.Context()
    sockets = []

    def connect(address):
        sockets.append(context.socket(zmq.DEALER))
        sockets[-1].connect(address)
        return sockets[-1]

    yield connect
    for socket in sockets:
        socket.close(linger=0)
    context.term()


def command(number, do="arm", **body):
    return Command(id=number, do=do, deadline_ns=1, body=body)


def test_commands_and_reports_arrive_as_they_were_sent(master, recorder):
    recorder.send(Report(kind="hello", body={"a": [1, "b"]}))
    assert master.receive(WAIT_S) == [("kinect", Report(kind="hello", body={"a": [1, "b"]}))]
    master.send("kinect", command(7, folder="/x"))
    assert recorder.receive(WAIT_S) == command(7, folder="/x")


def test_a_command_to_a_recorder_that_is_not_there_is_refused_and_not_lost_in_silence(master):
    with pytest.raises(RecordError, match="recorder 'thermal' cannot be reached"):
        master.send("thermal", command(1))


def test_waiting_for_nothing_ends_in_time(master, recorder):
    assert master.receive(0.05) == []
    assert recorder.receive(0.05) is None


def test_an_address_that_is_none_is_refused():
    with pytest.raises(RecordError, match="wanted the master's address"):
        RecorderLink("kinect", master="nonsense")


def garbage(n):
    rng = np.random.default_rng(0)
    whole = Report(kind="beat", body={"tick": 3}).model_dump_json().encode()
    for i in range(n):
        if i % 3 == 0:
            yield rng.bytes(int(rng.integers(0, 200)))
        elif i % 3 == 1:
            yield whole[: int(rng.integers(0, len(whole)))]
        else:
            yield json.dumps([{"kind": i}, {"kind": "beat", "extra": 1}, {"id": "x"}, None][i % 4]).encode()


def test_malformed_messages_have_no_effect_on_any_socket(master, recorder, dealer):
    n = 900
    commands, pings = dealer(master.address), dealer(master.ping_address)
    for message in garbage(n):
        commands.send(message)
        pings.send(message + b"never as long as a ping")
    commands.send_multipart([b"two", b"parts"])
    commands.send(Report(kind="hello").model_dump_json().encode())
    reports = []
    while not reports:
        reports = master.receive(WAIT_S)
    assert [report.kind for _, report in reports] == ["hello"]
    assert master.n_malformed == n + 1
    assert not pings.poll(100)
    measured = ping(master, recorder)
    assert len(measured) >= 8


def test_malformed_commands_have_no_effect(master, recorder):
    recorder.send(Report(kind="hello"))
    assert master.receive(WAIT_S)
    for message in list(garbage(90))[:-1]:
        assert parse_message(message, Command) is None


def ping(master, recorder):
    measured = []
    pinger = Pinger(
        recorder.context, address=master.ping_address, on_ping=lambda *stamps: measured.append(stamps)
    )
    assert pinger.measured.wait(WAIT_S)
    pinger.stop()
    pinger.stop()
    return measured


def test_pings_on_one_machine_tell_an_offset_below_a_millisecond(master, recorder):
    measured = np.array(ping(master, recorder))
    assert np.all(np.diff(measured, axis=1) >= 0)
    assert abs(solve_clock(measured).offset_ns) < 1_000_000


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
    silent.close(linger=0)
    context.term()


def test_a_recorder_s_link_closes_in_bounded_time_though_the_master_is_gone():
    link = RecorderLink("kinect", master="tcp://127.0.0.1:9")
    for _ in range(2000):
        link.send(Report(kind="beat"))
    begun_s = time.monotonic()
    link.close()
    assert time.monotonic() - begun_s < WAIT_S
