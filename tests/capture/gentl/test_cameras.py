"""The producer between harvesters and two cameras: the simulated A65 and Debian's fake camera."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

HERE = Path(__file__).parent
A65_SERIAL, FAKE_SERIAL = "65000001", "FAKE01"
NEAR, EVERYBODY = "10.99.0.1", "255.255.255.255"


def harvest(lab, cti, *words):
    return json.loads(lab.run(sys.executable, HERE / "harvest.py", cti, *words))


def test_300_frames_come_without_a_gap_when_lost_packets_are_sent_again(lab, cti, a65):
    before = a65.counters()
    a65.tell("drop 0.002")
    seen = harvest(lab, cti, "stream", A65_SERIAL, 300, "resend")
    after = a65.counters()
    ids, times, sizes = zip(*seen["frames"], strict=True)
    assert ids == tuple(range(1, 301))
    assert all(after > before for before, after in pairwise(times))
    assert set(map(tuple, sizes)) == {(640, 512, 640 * 512)}
    assert after["dropped"] - before["dropped"] > 100
    assert seen["counters"]["StreamPacketResendReceivedPacketCount"] > 100
    assert seen["counters"]["StreamIncompleteFrameCount"] == seen["counters"]["StreamLostFrameCount"] == 0


def test_exactly_the_damaged_frames_are_missing_when_lost_packets_are_not_sent_again(lab, cti, a65):
    known = len(a65.counters()["damaged"])
    a65.tell("drop 0.0005")
    seen = harvest(lab, cti, "stream", A65_SERIAL, 90, "never")
    ids = [frame[0] for frame in seen["frames"]]
    after = a65.counters()
    damaged = {n for n in after["damaged"][known:] if n < ids[-1]}
    assert damaged
    assert set(range(1, ids[-1])) - set(ids) == damaged
    assert seen["counters"]["StreamPacketResendReceivedPacketCount"] == 0


@pytest.mark.usefixtures("a65", "fake")
def test_two_cameras_stream_at_once_through_one_producer(lab, cti):
    a65_frames, fake_frames = harvest(lab, cti, "two_at_once", A65_SERIAL, FAKE_SERIAL, 30)
    assert [frame[0] for frame in a65_frames] == list(range(1, 31))
    assert {tuple(frame[2]) for frame in a65_frames} == {(640, 512, 640 * 512)}
    assert {tuple(frame[2]) for frame in fake_frames} == {(512, 512, 512 * 512)}
    ids = [frame[0] for frame in fake_frames]
    assert ids == sorted(set(ids))


def test_a_camera_that_vanishes_is_told_and_streams_again_when_it_is_back(lab, cti, a65):
    words = (sys.executable, HERE / "harvest.py", cti, "gone_and_back", A65_SERIAL)
    process = lab.start(*words, MAVFER_GENTL_ADDRESS="127.0.0.1")
    assert process.stdout.readline() == "streaming\n", process.communicate()
    a65.tell("vanish")
    assert process.stdout.readline() == "gone\n", process.communicate()
    a65.tell("return")
    told, said = process.communicate("look\n")
    assert process.returncode == 0, said
    seen = json.loads(told)
    assert "does not answer" in seen["register"]
    assert "does not answer" in seen["opened"]
    assert seen["back"] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("a65", "fake")
def test_cameras_are_listed_with_what_a_rig_file_wants(lab, cti):
    words = (sys.executable, "-m", "mavfer", "gentl", "list", "--cti", cti)
    assert lab.run(*words, MAVFER_GENTL_ADDRESS="").splitlines() == [
        "65000001  FLIR Systems AB FLIR AX5 A65  free",
        "FAKE01  Aravis Fake  free",
    ]
    assert lab.run(*words, "--address", "127.0.0.2") == "FAKE01  Aravis Fake  free\n"
    nobody = lab.try_to(*words, "--address", "127.0.0.9")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "no camera answers" in nobody.stderr
    for no_address in ("camera.lab", "::1", "127.0.0.1:3956"):
        refused = lab.try_to(*words, "--address", no_address)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert no_address in refused.stderr


def test_only_the_addresses_that_are_given_are_asked_and_nothing_is_broadcast(lab, cti, a65):
    def destinations(addresses):
        words = (sys.executable, HERE / "listen.py", sys.executable, HERE / "harvest.py")
        heard = json.loads(
            lab.run(*words, cti, "stream", A65_SERIAL, 3, "resend", MAVFER_GENTL_ADDRESS=addresses)
        )
        assert heard["status"] == 0
        return {tuple(each) for each in heard["seen"]}

    assert destinations("127.0.0.1 127.0.0.2") == {("lo", "127.0.0.1"), ("lo", "127.0.0.2")}
    a65.tell("return")
    broadcast = {address for _, address in destinations("")}  # so that the ear is known to hear one
    assert EVERYBODY in broadcast or "10.99.0.255" in broadcast
