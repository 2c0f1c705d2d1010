"""Peers that take the identity of a recorder whose take runs: without keys with junk, with keys with lies."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import zmq

from mavfer.capture.crew import Crew
from mavfer.capture.desk import Desk, Stop
from mavfer.capture.keys import make_keys, read_recorder_keys
from mavfer.capture.master import new_record
from mavfer.capture.messages import Beat, Command, Hello, Report, parse_message
from mavfer.capture.take import Take

WAIT_S = 60.0


@pytest.fixture
def running(tmp_path, lab):
    """Return a function that begins a take with a recorder that waits, once its first frames are stored."""
    pool, takes = ThreadPoolExecutor(1), []

    def begin(rig, *, seconds):
        path, desk, crews = tmp_path / "take", Desk(), []

        def work():
            with Crew(rig, desk=desk, only=["cam"]) as crew:
                crews.append(crew)
                crew.gather(timeout_s=WAIT_S)
                cam_only = rig.model_copy(update={"recorders": {"cam": rig.recorders["cam"]}})
                record = new_record(path, rig=cam_only, subject="S01", seconds=seconds)
                take = Take(path, record, crew, desk=desk, seconds=seconds, previews=False)
                return take.run(overwrite=False), crew.n_malformed

        takes.append(pool.submit(work))
        n_shown = 0
        while not desk.status().tick >= 3:
            assert not takes[0].done(), takes[0].exception()
            n_shown = desk.wait(n_shown, 0.2)
        (member,) = crews[0].members()
        ports = SimpleNamespace(commands=lab.port, status=crews[0].link.status_port)
        return SimpleNamespace(desk=desk, peer=member.peer.encode(), ports=ports, take=takes[0])

    yield begin
    for take in takes:
        take.exception(WAIT_S)
    pool.shutdown()


@contextmanager
def stolen(running, *, keys=None):
    """Connect as the recorder again and again, with lies or junk; yield what was overheard."""
    over, told, heard = threading.Event(), threading.Event(), []

    def steal():
        with zmq.Context() as context, context.socket(zmq.PUB) as status:
            _secure(status, keys).connect(f"tcp://127.0.0.1:{running.ports.status}")
            while not over.is_set():
                with context.socket(zmq.DEALER) as thief:
                    thief.setsockopt(zmq.IDENTITY, running.peer)
                    _secure(thief, keys).connect(f"tcp://127.0.0.1:{running.ports.commands}")
                    master = heard[-1].master if heard else "0" * 16
                    for lie in junk(len(heard)) if keys is None else lies(master):
                        if thief.poll(200, zmq.POLLOUT):
                            thief.send(lie, zmq.NOBLOCK)
                        status.send_multipart([b"status", running.peer, lie])
                    if thief.poll(700):
                        heard.append(parse_message(thief.recv(), Command))
                        if len(heard) == 3:
                            told.set()

    thread = threading.Thread(target=steal)
    thread.start()
    try:
        assert told.wait(WAIT_S), "nothing was stolen"
        yield heard
    finally:
        over.set()
        thread.join()


def _secure(socket, keys):
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        keys.secure(socket)
    return socket


def lies(master):
    """Yield what would end a take, were it believed."""
    hello = Hello(pid=1, host="there", version="1", boot_id="b", state="waiting")
    finished = Beat(state="finished", session="take", tick=5, kept=5, failed=True, lost={"disk": 9})
    for body in ({"cause": "was told to end"}, {"cause": "lies", "beat": finished.model_dump()}):
        yield Report(kind="left", master=master, body=body).model_dump_json().encode()
    yield Report(kind="hello", body=hello.model_dump()).model_dump_json().encode()
    yield finished.model_dump_json().encode()
    for number in range(20):
        yield Report(kind="done", master=master, id=number).model_dump_json().encode()


def junk(seed):
    """Yield what is no message."""
    rng = np.random.default_rng(seed)
    for number in range(20):
        yield (rng.bytes(80), json.dumps({"kind": "left", "id": None}).encode(), b"[" * 5000)[number % 3]


def test_a_thief_of_a_recorder_s_identity_with_a_key_of_the_lab_ends_no_take(tmp_path, lab, running):
    make_keys(tmp_path / "keys", ("cam", "thermal"))
    tables = {"cam": {"camera": "video", "path": str(lab.film)}, "thermal": {"camera": "simulated_a65"}}
    rig = lab.rig(recorders=tables, keys=str(tmp_path / "keys"))
    recorder = lab.start()
    take = running(rig, seconds=4)
    with stolen(take, keys=read_recorder_keys(tmp_path / "keys", "thermal")) as heard:
        report, n_malformed = take.take.result(WAIT_S)
    assert heard
    assert (report.state, report.complaints) == ("complete", ())
    assert (report.frames_kept, report.n_lost) == ({"cam": 40}, 0)
    assert n_malformed > 20
    assert recorder.process.poll() is None


def test_a_take_is_stopped_once_the_thief_of_its_recorder_s_identity_has_gone(lab, long_film, running):
    rig = lab.rig(recorders={"cam": {"camera": "video", "path": str(long_film)}})
    recorder = lab.start()
    take = running(rig, seconds=55)
    with stolen(take) as heard:
        take.desk.ask(Stop())
        while not any(command.do == "stop" for command in tuple(heard)):  # it went to the thief
            assert not take.take.done(), take.take.exception()
            take.desk.wait(take.desk.wait(0, 0), 0.1)
    report, n_malformed = take.take.result(WAIT_S)
    assert (report.state, report.n_lost) == ("stopped", 0)
    assert 540 > report.frames_kept["cam"] >= report.n_ticks  # it heard of its end after the thief had gone
    assert n_malformed > 20
    assert recorder.process.poll() is None
