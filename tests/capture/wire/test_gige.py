"""The simulated A65 on real UDP, in a network of the test's own: what GigE Vision clients find and see."""

import json
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mavfer.capture.simulated import gvcp, gvsp
from mavfer.capture.simulated.a65_nodes import MONO14, NODE, TICK_HZ
from mavfer.capture.simulated.a65_pictures import TickClock, exposure_ticks, picture
from mavfer.capture.simulated.a65_registers import CONTROL_PRIVILEGE, STREAM_ADDRESS, STREAM_PORT
from mavfer.capture.simulated.gvcp import Command, Request, Status
from mavfer.capture.simulated.renderer import ThermalView
from mavfer.capture.simulated.scene import SceneSettings

WAIT_S = 30.0
N_PACKETS = 450  # of a 16-bit picture in packets of 1500 bytes
LOCALHOST = 0x7F000001
MAKE_SOCKET = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
one.bind(("127.0.0.1", 0))
socket.send_fds(socket.socket(fileno=int(sys.argv[1])), [b"."], [one.fileno()])
"""


class Client:
    """A GigE Vision client of few words.

    Parameters
    ----------
    sockets : two UDP sockets, for control and for the stream
    """

    def __init__(self, sockets, *, camera="127.0.0.1"):
        self.control, self.stream = sockets
        self.camera = (camera, gvcp.PORT)
        self._next_id = 0
        self._begun, self._whole = {}, {}  # packets by block and id

    def send(self, command, payload=b"", *, to=None):
        self._next_id = self._next_id % 65535 + 1
        self.control.sendto(Request(command, self._next_id, payload).pack(), to or self.camera)

    def hear(self, timeout_s=WAIT_S):
        self.control.settimeout(timeout_s)
        packet, peer = self.control.recvfrom(2048)
        return gvcp.answer_from_bytes(packet), peer

    def ask(self, command, payload=b""):
        self.send(command, payload)
        answer, peer = self.hear()
        assert (peer, answer.req_id, answer.command) == (self.camera, self._next_id, command + 1)
        return answer

    def write(self, *writes):
        return Status(self.ask(Command.WRITEREG, gvcp.pack_writes(list(writes))).status)

    def read(self, address):
        answer = self.ask(Command.READREG, gvcp.pack_addresses([address]))
        assert answer.status == Status.SUCCESS
        return int.from_bytes(answer.payload, "big")

    def set(self, name, value):
        assert self.write((NODE[name].address, value)) == Status.SUCCESS

    def start(self, *, pixel_format=MONO14):
        """Take the control and let linear pictures come, spread over half their time."""
        assert self.write((CONTROL_PRIVILEGE, 2)) == Status.SUCCESS
        self.set("GevHeartbeatTimeout", 60_000)
        self.set("PixelFormat", pixel_format)
        self.set("TemperatureLinearMode", 1)
        self.set("TemperatureLinearResolution", 1)
        self.set("NUCMode", 0)
        self.set("GevSCPD", 2000)
        self.write((STREAM_PORT, self.stream.getsockname()[1]), (STREAM_ADDRESS, LOCALHOST))
        self._forget()
        self.set("AcquisitionStart", 1)

    def packet(self):
        """Return the stream's next packet: status, block id, kind, packet id, and the rest of it."""
        self.stream.settimeout(WAIT_S)
        packet = self.stream.recv(65536)
        status, block_id, kind = struct.unpack_from(">HHI", packet)
        return status, block_id, kind >> 24, kind & 0xFFFFFF, packet[8:]

    def packets_of(self, block_id, n_packets):
        """Return the kind, id and rest of the next packets of one block."""
        found = []
        while len(found) < n_packets:
            _, block, *packet = self.packet()
            if block == block_id:
                found.append(tuple(packet))
        return found

    def frame(self):
        """Return block id, ticks and pixels of the next frame in order; lost packets are asked for again."""
        while not self._whole or min(self._begun, default=2**16) < min(self._whole):
            _, block_id, kind, packet_id, rest = self.packet()
            parts = self._begun.setdefault(block_id, {})
            parts[packet_id] = rest
            if len(parts) == N_PACKETS:
                self._whole[block_id] = self._begun.pop(block_id)
            elif kind == gvsp.TRAILER:
                for missing in set(range(N_PACKETS)) - set(parts):
                    self.send(Command.PACKETRESEND, gvcp.pack_resend(block_id, missing, missing))
        block_id = min(self._whole)
        parts = self._whole.pop(block_id)
        ticks = struct.unpack(">Q", parts[0][4:12])[0]
        pixels = b"".join(parts[i] for i in range(1, N_PACKETS - 1))
        return block_id, ticks, np.frombuffer(pixels, "<u2").reshape(512, 640)

    def _forget(self):
        """Forget what an earlier stream left."""
        self._begun, self._whole = {}, {}
        self.stream.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                self.stream.recv(65536)


@pytest.fixture
def client_of(wire):
    """Return a function that makes clients in the test's network."""
    opened = []

    def open_one():
        near, far = socket.socketpair()
        with near, far:
            wire.run(sys.executable, "-c", MAKE_SOCKET, far.fileno(), pass_fds=[far.fileno()])
            _, (number,), _, _ = socket.recv_fds(near, 1, 1)
        opened.append(socket.socket(fileno=number))
        return opened[-1]

    yield lambda **settings: Client((open_one(), open_one()), **settings)
    for one in opened:
        one.close()


def counters(device):
    return json.loads(device.tell("counters").removeprefix("ok counters "))


def rendered(device, ticks, block_id, *, drift_ppm=0.0):
    """Return what a device with the default scene shows in a frame."""
    return picture(
        ThermalView(SceneSettings(), subject="S01", seconds=60).thermal,
        ticks=ticks,
        block_id=block_id,
        clock=TickClock(device.clock_start_ns, drift_ppm),
        scene_start_ns=device.scene_start_ns,
    )


def test_cameras_are_found_by_broadcast_and_each_by_its_address(wire, client_of):
    serials = {"127.0.0.1": "A1", "127.0.0.2": "A2"}
    for address, serial in serials.items():
        wire.simulated_a65("--address", address, "--serial", serial)
    client = client_of()
    for everybody in ("255.255.255.255", "127.255.255.255"):
        client.send(Command.DISCOVERY, to=(everybody, gvcp.PORT))
        assert dict(discovered(client) for _ in serials) == serials
    for address, serial in serials.items():
        client.send(Command.DISCOVERY, to=(address, gvcp.PORT))
        assert discovered(client) == (address, serial)


def discovered(client):
    """Return address and serial number of the next camera that answers."""
    answer, (address, port) = client.hear()
    assert port == gvcp.PORT
    return address, answer.payload[0xD8:0xE8].rstrip(b"\0").decode()


def test_frames_hold_the_scene_at_their_timestamps(wire, client_of):
    device = wire.simulated_a65("--drift-ppm", 100)
    client = client_of()
    client.start()
    frames = [client.frame() for _ in range(4)]
    zero = round(frames[0][1] * 30 / TICK_HZ) - frames[0][0]
    assert [ticks for _, ticks, _ in frames] == [exposure_ticks(zero + frame[0], 30) for frame in frames]
    for block_id, ticks, pixels in frames:
        assert np.array_equal(pixels, rendered(device, ticks, block_id, drift_ppm=100))


def test_the_scene_begins_when_it_is_told_to(wire, client_of):
    device = wire.simulated_a65("--fps", 9)
    device.scene_start_ns -= 7_000_000_000
    device.tell(f"scene {device.scene_start_ns}")
    client = client_of()
    client.start()
    block_id, ticks, pixels = client.frame()
    assert np.array_equal(pixels, rendered(device, ticks, block_id))


def test_what_is_asked_for_again_is_what_was_sent(wire, client_of):
    wire.simulated_a65()
    client = client_of()
    client.start()
    sent = {}
    while gvsp.TRAILER not in [kind for kind, _ in sent.values()]:
        ((kind, packet_id, rest),) = client.packets_of(1, 1)
        sent[packet_id] = (kind, rest)
    client.set("AcquisitionStop", 1)
    client.send(Command.PACKETRESEND, gvcp.pack_resend(1, 0, 2**24 - 1))
    again = {packet_id: (kind, rest) for kind, packet_id, rest in client.packets_of(1, N_PACKETS)}
    assert sorted(again) == list(range(N_PACKETS))
    assert sent.items() <= again.items()
    client.send(Command.PACKETRESEND, gvcp.pack_resend(1, 17, 19))
    assert [packet_id for _, packet_id, _ in client.packets_of(1, 3)] == [17, 18, 19]
    client.send(Command.PACKETRESEND, gvcp.pack_resend(999, 1, 2))
    while (packet := client.packet())[1] != 999:
        pass
    assert packet[:4] == (Status.PACKET_UNAVAILABLE, 999, gvsp.PAYLOAD, 1)


def test_after_frame_65535_comes_frame_1(wire, client_of):
    wire.simulated_a65("--first-block", 65534)
    client = client_of()
    client.start()
    seen = []
    while 2 not in seen:
        block_id = client.packet()[1]
        seen += [block_id] * (block_id not in seen)
    assert seen == [65534, 65535, 1, 2]


def test_a_test_packet_has_the_size_that_was_asked_for(wire, client_of):
    wire.simulated_a65()
    client = client_of()
    client.write((CONTROL_PRIVILEGE, 2))
    client.write((STREAM_PORT, client.stream.getsockname()[1]), (STREAM_ADDRESS, LOCALHOST))
    client.stream.settimeout(WAIT_S)
    for size in (576, 1500, 9000):
        assert client.write((NODE["GevSCPSPacketSize"].address, 0xC000_0000 | size)) == Status.SUCCESS
        packet = client.stream.recv(65536)
        assert len(packet) == size - 28
        assert packet[:8] == bytes(8)


def test_lost_packets_are_those_of_the_seed_and_counted(wire, client_of):
    device = wire.simulated_a65("--drop", 0.002, "--seed", 3, "--no-resend")
    client = client_of()
    client.start()
    while client.packet()[1] < 12:
        pass
    client.set("AcquisitionStop", 1)
    client.write((CONTROL_PRIVILEGE, 0))
    counted = counters(device)
    lost = [gvsp.lost_packets(0.002, 450, seed=3, block_id=i) for i in range(1, counted["frames"] + 1)]
    assert counted["frames"] >= 11
    assert counted["damaged"] == [i for i, gone in enumerate(lost, 1) if gone.any()]
    assert counted["n_damaged"] == len(counted["damaged"])
    assert counted["dropped"] == sum(map(sum, lost)) > 0
    assert counted["packets"] == 450 * counted["frames"] - counted["dropped"]


def test_a_correction_holds_the_picture_for_its_time(wire, client_of):
    device = wire.simulated_a65("--nuc-length", 0.5, "--nuc-every", 1)
    client = client_of()
    client.start()
    last = client.frame()[2]
    device.tell("nuc")
    repeats = ""
    while "10" not in repeats:
        before, last = last, client.frame()[2]
        repeats += "01"[np.array_equal(before, last)]
    assert repeats.strip("0") == "1" * 15  # half a second
    counted = counters(device)
    assert len(counted["frozen"]) == counted["n_frozen"] == 15
    assert counted["corrections"] == 1  # none of its own in NUCMode Manual
    client.set("NUCMode", 1)
    while not np.array_equal(before, last):
        before, last = last, client.frame()[2]
    assert counters(device)["corrections"] >= 2


def test_a_camera_that_is_gone_says_nothing_and_comes_back_as_after_a_power_cut(wire, client_of):
    device = wire.simulated_a65()
    client = client_of()
    client.start()
    client.frame()
    assert device.tell("vanish") == "ok vanish"
    client.send(Command.DISCOVERY)
    with pytest.raises(TimeoutError):
        client.hear(timeout_s=0.5)
    said = device.tell("return")
    began_ns = int(said.partition("clock_start_ns=")[2])
    assert began_ns > device.clock_start_ns
    assert client.read(CONTROL_PRIVILEGE) == 0
    assert client.read(STREAM_PORT) == 0
    assert client.read(NODE["TemperatureLinearMode"].address) == 0
    before = counters(device)["frames"]
    client.start()
    device.clock_start_ns = began_ns
    block_id, ticks, pixels = client.frame()
    assert np.array_equal(pixels, rendered(device, ticks, block_id))
    assert counters(device)["frames"] > before


def test_a_second_client_waits_until_nothing_is_heard_of_the_first(wire, client_of):
    device = wire.simulated_a65()
    first, second = client_of(), client_of()
    first.start()
    assert second.write((CONTROL_PRIVILEGE, 2)) == Status.ACCESS_DENIED
    first.set("GevHeartbeatTimeout", 500)
    while second.write((CONTROL_PRIVILEGE, 2)) == Status.ACCESS_DENIED:
        pass
    assert second.read(STREAM_PORT) == 0
    counted = counters(device)
    assert counted["lost_heartbeats"] == 1
    assert counted["denied"] >= 1


def test_a_thousand_datagrams_of_noise_are_survived_and_counted(wire, client_of):
    device = wire.simulated_a65()
    client = client_of()
    rng = np.random.default_rng(20261121)
    for _ in range(1000):
        size = int(rng.integers(0, 600))
        client.control.sendto(b"\x17" + rng.bytes(size), client.camera)
        if rng.random() < 0.1:  # no more at once than its socket holds
            client.read(0x0)
    assert client.read(0x0) == 0x0001_0002
    counted = counters(device)
    assert counted["malformed"] == 1000
    assert client.write((CONTROL_PRIVILEGE, 2)) == Status.SUCCESS


def test_it_ends_when_it_is_told_to_and_counts_in_its_last_line(wire):
    process = wire.start(sys.executable, "-m", "mavfer", "simulate-a65", "--serial", "A7")
    assert process.stdout.readline().startswith("ready 127.0.0.1 A7 ")
    process.terminate()
    out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    (line,) = out.splitlines()
    assert json.loads(line)["serial"] == "A7"


def test_it_ends_with_its_input_where_that_is_asked_for(wire):
    process = wire.start(sys.executable, "-m", "mavfer", "simulate-a65", "--end-with-input")
    assert process.stdout.readline().startswith("ready ")
    process.stdin.write("what\nnuc\n")
    out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    first, second, last = out.splitlines()
    assert first.startswith("error: wanted one of nuc, vanish, return")
    assert second == "ok nuc"
    assert json.loads(last)["corrections"] == 1


BAD = {
    "an address that is taken": ([], "found it taken, perhaps by another one"),
    "no address": (
        ["--address", "here"],
        "--address wants an IPv4 address, 127.0.0.1 to 127.0.0.254, found 'here'",
    ),
    "another machine's": (
        ["--address", "10.1.2.3"],
        "wanted an IPv4 address of this machine, found '10.1.2.3'",
    ),
    "an address of no camera": (["--address", "0.0.0.0"], "--address wants the address of one camera"),
    "a serial that is none": (["--serial", "a b"], "--serial wants 1 to 15 letters and digits, found 'a b'"),
    "a scene that is none": (["--scene", "dog"], "found 'dog'"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_said_in_one_line(wire, what):
    options, wanted = BAD[what]
    if "taken" in what:
        wire.simulated_a65()
    process = wire.start(sys.executable, "-m", "mavfer", "simulate-a65", *options, stderr=-1)
    out, said = process.communicate(timeout=WAIT_S)
    misused = what not in ("an address that is taken", "another machine's")
    assert process.returncode == (2 if misused else 1)
    assert out == ""
    assert said.startswith("error: ")
    assert wanted in said
    assert said.count("\n") == 1


def test_an_independent_client_finds_it_and_sees_what_was_rendered(wire, tmp_path):
    pytest.importorskip("viva_genicam")
    device = wire.simulated_a65()
    wire.run(sys.executable, Path(__file__).with_name("viva_client.py"), tmp_path / "seen.npz", 30)
    with np.load(tmp_path / "seen.npz") as seen:
        assert (str(seen["model"]), str(seen["info"])) == ("FLIR AX5 A65", "mavfer simulated")
        assert seen["settings"].all()
        assert not len(seen["skipped"])
        assert str(seen["pixel_format"]) == "Mono14"
        ids, ticks, pixels = seen["block_id"], seen["ticks"], seen["pixels"]
    assert pixels.shape == (30, 512, 640)
    assert np.all(np.abs(np.diff(ticks.astype(float)) - np.diff(ids) * TICK_HZ / 30) < 1)
    for i in (0, 10, 29):
        assert np.array_equal(pixels[i], rendered(device, int(ticks[i]), int(ids[i])))
