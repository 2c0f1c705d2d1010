"""The control channel: who may do what, what a request sets off, and what is answered to nonsense."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.simulated import gvcp
from mavfer.capture.simulated.a65_nodes import NODE
from mavfer.capture.simulated.a65_registers import CONTROL_PRIVILEGE, STREAM_ADDRESS, STREAM_PORT, Registers
from mavfer.capture.simulated.gige_control import ControlChannel
from mavfer.capture.simulated.gvcp import Command, Request, Status

ME, OTHER = ("127.0.0.1", 40001), ("127.0.0.1", 40002)
ELSEWHERE = ("127.0.0.9", 40001)


class Told:
    """A camera that notes what it is told."""

    def __init__(self):
        self.said = []

    def acquire(self, on):
        self.said.append(("acquire", on))

    def correct(self):
        self.said.append("correct")

    def reset_clock(self):
        self.said.append("reset")

    def ticks(self):
        return 0x1_2345_6789

    def fire_test_packet(self, packet_size):
        self.said.append(("test", packet_size))

    def send_again(self, block_id, first, last):
        self.said.append(("again", block_id, first, last))


class Line:
    """A control channel, and the clients that speak to it."""

    def __init__(self, *, resend=True):
        self.camera = Told()
        self.registers = Registers("127.0.0.1", serial="1")
        self.channel = ControlChannel(self.registers, self.camera, resend=resend)
        self.now_ns = 0
        self._next_id = 0

    def ask(self, command, payload=b"", *, peer=ME, broadcast=False, wants_answer=True):
        self._next_id = self._next_id % 65535 + 1
        request = Request(command, self._next_id, payload, wants_answer)
        packet = self.channel.answer(request.pack(), peer, self.now_ns, broadcast=broadcast)
        if packet is None:
            return None
        answer = gvcp.answer_from_bytes(packet)
        assert (answer.command, answer.req_id) == (command + 1, self._next_id)
        return answer

    def read(self, *addresses, peer=ME):
        answer = self.ask(Command.READREG, gvcp.pack_addresses(list(addresses)), peer=peer)
        return answer.status, [word for (word,) in struct.iter_unpack(">I", answer.payload)]

    def write(self, *writes, peer=ME):
        answer = self.ask(Command.WRITEREG, gvcp.pack_writes(list(writes)), peer=peer)
        return answer.status, struct.unpack(">HH", answer.payload)[1]

    def execute(self, name, *, peer=ME):
        node = NODE[name]
        return self.write((node.address, node.command), peer=peer)


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def held(line):
    assert line.write((CONTROL_PRIVILEGE, 2)) == (Status.SUCCESS, 1)
    return line


def test_a_discovery_is_answered_with_the_beginning_of_the_registers(line):
    answer = line.ask(Command.DISCOVERY, broadcast=True, wants_answer=False)
    assert answer.status == Status.SUCCESS
    assert len(answer.payload) == 248
    assert answer.payload == line.registers.read(0, 248)
    assert answer.payload[0x24:0x28] == bytes([127, 0, 0, 1])
    assert answer.payload[0xD8:0xE8].rstrip(b"\0") == b"1"


@pytest.mark.parametrize("command", [Command.READREG, Command.WRITEREG, 0x1234])
def test_what_is_sent_to_everybody_can_only_ask_who_is_there(held, command):
    assert held.ask(command, gvcp.pack_writes([(CONTROL_PRIVILEGE, 0)]), broadcast=True) is None
    assert held.channel.holder == ME


def test_several_registers_are_read_at_once(line):
    status, words = line.read(0x0, 0x24, 0x904)
    assert (status, words) == (Status.SUCCESS, [0x0001_0002, 0x7F00_0001, 1])


def test_of_several_reads_those_before_the_bad_one_are_answered(line):
    assert line.read(0x0, 0x24, 0x5000, 0x904) == (Status.INVALID_ADDRESS, [0x0001_0002, 0x7F00_0001])


def test_of_several_writes_those_before_the_bad_one_are_done_and_counted(held):
    writes = ((STREAM_PORT, 5), (NODE["Width"].address, 1), (STREAM_ADDRESS, 6))
    assert held.write(*writes) == (Status.INVALID_PARAMETER, 1)
    assert held.read(STREAM_PORT, STREAM_ADDRESS) == (Status.SUCCESS, [5, 0])


def test_memory_is_written_in_words_and_read_back(held):
    name = b"left camera".ljust(16, b"\0")
    answer = held.ask(Command.WRITEMEM, struct.pack(">I", NODE["DeviceUserID"].address) + name)
    assert (answer.status, answer.payload) == (Status.SUCCESS, struct.pack(">HH", 0, 16))
    answer = held.ask(Command.READMEM, gvcp.pack_memory_range(NODE["DeviceUserID"].address, 16))
    assert answer.payload == struct.pack(">I", NODE["DeviceUserID"].address) + name


def test_nothing_is_written_for_a_client_that_is_not_in_control(line):
    assert line.write((STREAM_PORT, 5)) == (Status.ACCESS_DENIED, 0)
    assert line.read(STREAM_PORT) == (Status.SUCCESS, [0])


@pytest.mark.parametrize("writes", [(CONTROL_PRIVILEGE, 2), (CONTROL_PRIVILEGE, 0), (STREAM_PORT, 5)])
@pytest.mark.parametrize("peer", [OTHER, ELSEWHERE])
def test_a_second_client_is_denied_what_the_first_holds(held, writes, peer):
    assert held.write(writes, peer=peer) == (Status.ACCESS_DENIED, 0)
    assert held.channel.holder == ME
    assert held.channel.counters.denied == 1
    assert held.read(CONTROL_PRIVILEGE, peer=peer) == (Status.SUCCESS, [2])


def test_a_camera_that_one_has_for_itself_cannot_even_be_read(line):
    line.write((CONTROL_PRIVILEGE, 1))
    assert line.read(0x0, peer=OTHER) == (Status.ACCESS_DENIED, [])
    assert line.ask(Command.READMEM, gvcp.pack_memory_range(0, 4), peer=OTHER).status == Status.ACCESS_DENIED
    assert line.read(CONTROL_PRIVILEGE, peer=OTHER) == (Status.SUCCESS, [1])
    assert line.read(0x0) == (Status.SUCCESS, [0x0001_0002])


def test_the_control_let_go_is_another_s_and_the_stream_is_closed(held):
    held.write((STREAM_PORT, 5), (STREAM_ADDRESS, 0x7F000001))
    held.execute("AcquisitionStart")
    held.write((CONTROL_PRIVILEGE, 0))
    assert held.camera.said[-1] == ("acquire", False)
    assert held.read(STREAM_PORT, STREAM_ADDRESS) == (Status.SUCCESS, [0, 0])
    assert held.write((CONTROL_PRIVILEGE, 2), peer=OTHER) == (Status.SUCCESS, 1)


def test_a_client_that_is_heard_of_keeps_the_control(held):
    for _ in range(10):
        held.now_ns += 2_900_000_000
        held.read(CONTROL_PRIVILEGE)
    assert held.write((CONTROL_PRIVILEGE, 2), peer=OTHER) == (Status.ACCESS_DENIED, 0)


def test_a_client_that_is_silent_for_the_heartbeat_s_time_loses_the_control(held):
    held.write((NODE["GevHeartbeatTimeout"].address, 500))
    held.execute("AcquisitionStart")
    held.now_ns += 500_000_000
    held.read(0x0, peer=OTHER)
    assert held.channel.holder == ME
    held.channel.expire(held.now_ns + 1)
    assert held.channel.holder is None
    assert held.camera.said[-1] == ("acquire", False)
    assert held.channel.counters.lost_heartbeats == 1


def test_commands_do_what_they_are_for(held):
    for name in ("AcquisitionStart", "NUCAction", "GevTimestampControlReset", "AcquisitionStop"):
        assert held.execute(name) == (Status.SUCCESS, 1)
    assert held.camera.said == [("acquire", True), "correct", "reset", ("acquire", False)]


def test_a_latched_timestamp_stays_until_the_next(held):
    assert held.registers.get("GevTimestampValue") == 0
    held.execute("GevTimestampControlLatch")
    assert held.read(0x948, 0x94C) == (Status.SUCCESS, [0x1, 0x2345_6789])


def test_a_test_packet_is_fired_once_and_its_bit_reads_back_as_0(held):
    assert held.write((0xD04, 0xC000_0000 | 9000)) == (Status.SUCCESS, 1)
    assert held.camera.said == [("test", 9000)]
    assert held.read(0xD04) == (Status.SUCCESS, [0x4000_0000 | 9000])


def test_packets_are_sent_again_for_the_client_s_other_sockets_too(held):
    for peer in (ME, OTHER, ELSEWHERE):
        assert held.ask(Command.PACKETRESEND, gvcp.pack_resend(3, 1, 4), peer=peer) is None
    assert held.camera.said == [("again", 3, 1, 4)] * 2
    assert held.channel.counters.denied == 1


def test_a_camera_that_sends_nothing_again_says_so():
    line = Line(resend=False)
    line.registers = Registers("127.0.0.1", serial="1", resend=False)
    line.channel = ControlChannel(line.registers, line.camera, resend=False)
    line.write((CONTROL_PRIVILEGE, 2))
    assert line.read(0x934)[1][0] & 4 == 0
    assert line.ask(Command.PACKETRESEND, gvcp.pack_resend(3, 1, 4)).status == Status.NOT_IMPLEMENTED
    assert line.camera.said == []


@pytest.mark.parametrize("command", [Command.FORCEIP, 0x00C0, 0x0100, 0xFFFE])
def test_a_command_that_it_does_not_know_is_answered_so(held, command):
    assert held.ask(command, b"\0\0\0\0").status == Status.NOT_IMPLEMENTED
    assert held.channel.counters.unknown == 1


def test_who_wants_no_answer_gets_none(held):
    assert held.ask(Command.WRITEREG, gvcp.pack_writes([(STREAM_PORT, 5)]), wants_answer=False) is None
    assert held.read(STREAM_PORT) == (Status.SUCCESS, [5])


COMMANDS = st.sampled_from([*Command, 0x0001, 0x00C0, 0xFFFF])
PACKETS = st.one_of(
    st.binary(max_size=600),
    st.builds(
        lambda c, i, p: Request(c, i, p).pack(), COMMANDS, st.integers(0, 65535), st.binary(max_size=64)
    ),
    st.builds(
        lambda c, n, i, p: gvcp.HEADER.pack(gvcp.KEY, 1, c, n, i) + p,
        *(COMMANDS, st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=64)),
    ),
    st.builds(
        lambda c, words: Request(c, 9, struct.pack(f">{len(words)}I", *words)).pack(),
        *(
            COMMANDS,
            st.lists(st.sampled_from([0, 1, 2, 4, 0xA00, 0xD00, 0xD308, 0xE938, 0x100000, 2**32 - 4])),
        ),
    ),
)


@given(st.lists(st.tuples(PACKETS, st.sampled_from([ME, OTHER]), st.booleans()), max_size=12))
def test_whatever_comes_in_is_survived_counted_and_answered_well_formed(packets):
    line = Line()
    n_none = 0
    for packet, peer, broadcast in packets:
        try:
            gvcp.request_from_bytes(packet)
        except gvcp.MalformedRequest:
            n_none += 1
        answer = line.channel.answer(packet, peer, 0, broadcast=broadcast)
        if answer is not None:
            found = gvcp.answer_from_bytes(answer)
            assert len(answer) <= 576 - 28
            assert found.status in set(Status)
            assert found.command == struct.unpack(">H", packet[2:4])[0] + 1 & 0xFFFF
    assert n_none <= line.channel.counters.malformed <= len(packets)
    holder = line.channel.holder or ME
    line.ask(Command.WRITEREG, gvcp.pack_writes([(CONTROL_PRIVILEGE, 0)]), peer=holder)
    assert line.write((CONTROL_PRIVILEGE, 2)) == (Status.SUCCESS, 1)
    assert line.read(0x0) == (Status.SUCCESS, [0x0001_0002])
