"""The control channel of the simulated camera: who may do what, and what each request sets off.

No socket: a datagram goes in, the answer comes out. As GigE Vision 1.2 has it, one client holds the control
(or has the camera for itself), and loses it when nothing is heard of it for a heartbeat's time.
"""

import socket
import struct
from typing import Protocol

from . import gvcp
from .a65_nodes import NODE
from .a65_registers import (
    CONTROL_PRIVILEGE,
    FIRE_TEST_PACKET,
    PACKET_SIZE,
    PRIMARY_ADDRESS,
    PRIMARY_PORT,
    STREAM_ADDRESS,
    STREAM_PORT,
    TIMESTAMP_CONTROL,
    RegisterError,
    Registers,
)
from .gige_counters import ControlCounters
from .gvcp import Answer, Command, MalformedRequest, Request, Status

Peer = tuple[str, int]
EXCLUSIVE, CONTROL = 1, 2  # bits of the control channel privilege
RESET, LATCH = 1, 2  # bits of the timestamp control


class Effects(Protocol):
    """What the camera does when it is told to."""

    def acquire(self, on: bool) -> None:
        """Begin or end streaming."""
        ...

    def correct(self) -> None:
        """Correct the detector now: a freeze."""
        ...

    def reset_clock(self) -> None:
        """Begin the timestamp anew."""
        ...

    def ticks(self) -> int:
        """Return the timestamp now."""
        ...

    def fire_test_packet(self, packet_size: int) -> None:
        """Send one packet of this size to the stream's receiver."""
        ...

    def send_again(self, block_id: int, first: int, last: int) -> None:
        """Send packets of a block again."""
        ...


class ControlChannel:
    """The camera's side of GVCP; from one thread."""

    def __init__(self, registers: Registers, effects: Effects, *, resend: bool = True) -> None:
        self.counters = ControlCounters()
        self.acquiring = False
        self._registers, self._effects, self._resend = registers, effects, resend
        self._holder: Peer | None = None
        self._heard_ns = 0

    @property
    def holder(self) -> Peer | None:
        """Who holds the control."""
        return self._holder

    def answer(self, packet: bytes, peer: Peer, now_ns: int, *, broadcast: bool = False) -> bytes | None:
        """Return what to send back to `peer` for its datagram, None for nothing.

        What was sent to everybody can only ask who is there.
        """
        self.expire(now_ns)
        try:
            request = gvcp.request_from_bytes(packet)
            if broadcast and request.command != Command.DISCOVERY:
                return None
            self.counters.requests += 1
            if peer == self._holder:
                self._heard_ns = now_ns
            answer = self._answer(request, peer, now_ns)
        except MalformedRequest as error:
            self.counters.malformed += 1
            if broadcast or not error.req_id:
                return None
            return Answer(Status.INVALID_HEADER, error.command + 1 & 0xFFFF, error.req_id).pack()
        if answer is None or not (request.wants_answer or request.command == Command.DISCOVERY):
            return None
        return answer.pack()

    def expire(self, now_ns: int) -> None:
        """Take the control from a client of which nothing was heard for the heartbeat's time."""
        timeout_ns = self._registers.get("GevHeartbeatTimeout") * 1_000_000
        if self._holder is not None and now_ns - self._heard_ns > timeout_ns:
            self.counters.lost_heartbeats += 1
            self._release()

    def forget(self) -> None:
        """Be as after a power cut: nobody is in control, nothing streams."""
        self._release()

    def _answer(self, request: Request, peer: Peer, now_ns: int) -> Answer | None:
        status, payload = Status.SUCCESS, b""
        if request.command == Command.DISCOVERY:
            payload = self._registers.discovery()
        elif request.command == Command.READREG:
            status, payload = self._read_registers(request.payload, peer)
        elif request.command == Command.READMEM:
            status, payload = self._read_memory(request.payload, peer)
        elif request.command == Command.WRITEREG:
            words = _words(request, at_least=2, step=2)
            writes = list(zip(words[::2], words[1::2], strict=True))
            status, n_done = self._write(writes, peer, now_ns)
            payload = gvcp.pack_count(n_done)
        elif request.command == Command.WRITEMEM:
            address, *values = _words(request, at_least=2)
            writes = [(address + 4 * i, value) for i, value in enumerate(values)]
            status, n_done = self._write(writes, peer, now_ns)
            payload = gvcp.pack_count(4 * n_done)
        elif request.command == Command.PACKETRESEND and self._resend:
            block_id, first, last = _named(request, gvcp.resend_from_bytes)
            if self._holder is not None and peer[0] == self._holder[0]:  # asked from the stream's socket
                self._effects.send_again(block_id, first, last)
            else:
                self.counters.denied += 1
            return None
        else:
            self.counters.unknown += 1
            status = Status.NOT_IMPLEMENTED
        return Answer(status, request.command + 1 & 0xFFFF, request.req_id, payload)

    def _read_registers(self, payload: bytes, peer: Peer) -> tuple[Status, bytes]:
        """Return the words at the addresses, up to the first that cannot be read."""
        read = []
        for address in gvcp.words_from_bytes(payload):
            if self._closed_to(peer) and address != CONTROL_PRIVILEGE:
                self.counters.denied += 1
                return Status.ACCESS_DENIED, b"".join(read)
            try:
                read.append(self._registers.read(address, 4))
            except RegisterError as error:
                return error.status, b"".join(read)
        return Status.SUCCESS, b"".join(read)

    def _read_memory(self, payload: bytes, peer: Peer) -> tuple[Status, bytes]:
        address, n_bytes = gvcp.memory_range_from_bytes(payload)
        if self._closed_to(peer):
            self.counters.denied += 1
            return Status.ACCESS_DENIED, b""
        try:
            return Status.SUCCESS, struct.pack(">I", address) + self._registers.read(address, n_bytes)
        except RegisterError as error:
            return error.status, b""

    def _write(self, writes: list[tuple[int, int]], peer: Peer, now_ns: int) -> tuple[Status, int]:
        """Write in order, up to the first that fails; return how it went and how many were written."""
        for n_done, (address, value) in enumerate(writes):
            if self._holder != peer and (address != CONTROL_PRIVILEGE or self._holder is not None):
                self.counters.denied += 1
                return Status.ACCESS_DENIED, n_done
            if address == CONTROL_PRIVILEGE:
                self._set_privilege(value, peer, now_ns)
                continue
            try:
                self._registers.write(address, value, streaming=self.acquiring)
            except RegisterError as error:
                return error.status, n_done
            self._act(address, value)
        return Status.SUCCESS, len(writes)

    def _act(self, address: int, value: int) -> None:
        if address == NODE["AcquisitionStart"].address:
            self._acquire(True)
        elif address == NODE["AcquisitionStop"].address:
            self._acquire(False)
        elif address == NODE["NUCAction"].address:
            self._effects.correct()
        elif address == TIMESTAMP_CONTROL:
            if value & RESET:
                self._effects.reset_clock()
            if value & LATCH:
                self._registers.latch(self._effects.ticks())
        elif address in (STREAM_PORT, STREAM_ADDRESS):
            self._effects.acquire(self.acquiring)
        elif address == PACKET_SIZE and value & FIRE_TEST_PACKET:
            self._registers.put(PACKET_SIZE, value & ~FIRE_TEST_PACKET)
            self._effects.fire_test_packet(self._registers.get("GevSCPSPacketSize"))

    def _acquire(self, on: bool) -> None:
        self.acquiring = on
        self._effects.acquire(on)

    def _closed_to(self, peer: Peer) -> bool:
        """Whether another has the camera for itself."""
        exclusive = self._registers.word(CONTROL_PRIVILEGE) & EXCLUSIVE
        return bool(exclusive) and self._holder not in (None, peer)

    def _set_privilege(self, value: int, peer: Peer, now_ns: int) -> None:
        if not value & (EXCLUSIVE | CONTROL):
            self._release()
            return
        self._holder, self._heard_ns = peer, now_ns
        self._registers.put(CONTROL_PRIVILEGE, value & (EXCLUSIVE | CONTROL))
        self._registers.put(PRIMARY_PORT, peer[1])
        self._registers.put(PRIMARY_ADDRESS, struct.unpack(">I", socket.inet_aton(peer[0]))[0])

    def _release(self) -> None:
        """Let the control go; the stream's channel closes with it."""
        self._holder = None
        for register in (CONTROL_PRIVILEGE, PRIMARY_PORT, PRIMARY_ADDRESS, STREAM_PORT, STREAM_ADDRESS):
            self._registers.put(register, 0)
        self._registers.set("TLParamsLocked", 0)
        self._acquire(False)


def _words(request: Request, *, at_least: int, step: int = 1) -> tuple[int, ...]:
    return _named(request, lambda payload: gvcp.words_from_bytes(payload, at_least=at_least, step=step))


def _named(request: Request, parse):
    """Return the parsed payload; a MalformedRequest carries the request's id, so that it is answered."""
    try:
        return parse(request.payload)
    except MalformedRequest as error:
        raise MalformedRequest(str(error), req_id=request.req_id, command=request.command) from error
