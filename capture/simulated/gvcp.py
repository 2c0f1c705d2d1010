"""The GigE Vision control protocol (GVCP 1.2) as bytes: requests, answers, statuses. No socket, no device.

Numbers are those of the GigE Vision standard 1.2 as open receivers use them (aravis' arvgvcpprivate.h,
Wireshark's GVCP dissector). All of them travel big-endian.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

PORT = 3956
KEY = 0x42
HEADER = struct.Struct(">BBHHH")  # key, flags, command, payload's length, request id
ANSWER = struct.Struct(">HHHH")  # status, answer's command, payload's length, request id
WANTS_ANSWER = 0x01
MAX_PAYLOAD = 540  # 576 bytes, what every IP host takes, less the headers of IP, UDP and GVCP
MAX_READ = MAX_PAYLOAD - 4  # the answer to READMEM repeats the address
LAST_PACKET = 0xFFFFFF  # packet ids have 24 bits


class Command(IntEnum):
    """What a client can ask; the answer to it is one more, but for PACKETRESEND, which has none."""

    DISCOVERY = 0x0002
    FORCEIP = 0x0004
    PACKETRESEND = 0x0040
    READREG = 0x0080
    WRITEREG = 0x0082
    READMEM = 0x0084
    WRITEMEM = 0x0086


class Status(IntEnum):
    """How it went."""

    SUCCESS = 0x0000
    NOT_IMPLEMENTED = 0x8001
    INVALID_PARAMETER = 0x8002
    INVALID_ADDRESS = 0x8003
    WRITE_PROTECT = 0x8004
    BAD_ALIGNMENT = 0x8005
    ACCESS_DENIED = 0x8006
    BUSY = 0x8007
    PACKET_UNAVAILABLE = 0x800C
    INVALID_HEADER = 0x800E


class MalformedRequest(ValueError):
    """Bytes that are no request.

    Attributes
    ----------
    req_id, command : of the header, for the answer; None where there is none to answer
    """

    def __init__(self, why: str, *, req_id: int | None = None, command: int = 0) -> None:
        super().__init__(why)
        self.req_id, self.command = req_id, command


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes
    ----------
    command : of `Command`, or one that we do not know
    req_id : 1 to 65535, repeated in the answer
    payload : bytes after the header
    wants_answer : whether the client waits for one
    """

    command: int
    req_id: int
    payload: bytes = b""
    wants_answer: bool = True

    def pack(self) -> bytes:
        """Return it as it travels."""
        flags = WANTS_ANSWER if self.wants_answer else 0
        return HEADER.pack(KEY, flags, self.command, len(self.payload), self.req_id) + self.payload


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: `status` of `Status`, its command + 1, its id, and what was read."""

    status: int
    command: int
    req_id: int
    payload: bytes = b""

    def pack(self) -> bytes:
        """Return it as it travels."""
        return ANSWER.pack(self.status, self.command, len(self.payload), self.req_id) + self.payload


def request_from_bytes(packet: bytes) -> Request:
    """Return the request in a datagram.

    Raises
    ------
    MalformedRequest
        It has no header or another protocol's, or another length than the header says.
    """
    if len(packet) < HEADER.size or packet[0] != KEY:
        raise MalformedRequest("no GVCP header")
    _, flags, command, n_bytes, req_id = HEADER.unpack_from(packet)
    if len(packet) != HEADER.size + n_bytes or n_bytes > MAX_PAYLOAD:
        raise MalformedRequest("another length than the header says", req_id=req_id, command=command)
    if req_id == 0:
        raise MalformedRequest("request id 0", req_id=req_id, command=command)
    return Request(command, req_id, packet[HEADER.size :], bool(flags & WANTS_ANSWER))


def answer_from_bytes(packet: bytes) -> Answer:
    """Return the answer in a datagram; raises MalformedRequest if it is none."""
    if len(packet) < ANSWER.size:
        raise MalformedRequest("no GVCP header")
    status, command, n_bytes, req_id = ANSWER.unpack_from(packet)
    if len(packet) != ANSWER.size + n_bytes:
        raise MalformedRequest("another length than the header says")
    return Answer(status, command, req_id, packet[ANSWER.size :])


def pack_addresses(addresses: list[int]) -> bytes:
    """Return the payload of READREG."""
    return struct.pack(f">{len(addresses)}I", *addresses)


def pack_writes(writes: list[tuple[int, int]]) -> bytes:
    """Return the payload of WRITEREG: addresses and values."""
    return b"".join(struct.pack(">II", *write) for write in writes)


def pack_words(words: list[int]) -> bytes:
    """Return the payload of a READREG answer."""
    return struct.pack(f">{len(words)}I", *words)


def words_from_bytes(payload: bytes, *, at_least: int = 1, step: int = 1) -> tuple[int, ...]:
    """Return a payload's 32-bit words; raises MalformedRequest for another number than `step` allows."""
    n_words, rest = divmod(len(payload), 4)
    if rest or n_words < at_least or n_words % step:
        raise MalformedRequest("a payload of another length than the command has")
    return struct.unpack(f">{n_words}I", payload)


def pack_memory_range(address: int, n_bytes: int) -> bytes:
    """Return the payload of READMEM."""
    return struct.pack(">IHH", address, 0, n_bytes)


def memory_range_from_bytes(payload: bytes) -> tuple[int, int]:
    """Return address and number of bytes of READMEM; raises MalformedRequest."""
    if len(payload) != 8:
        raise MalformedRequest("READMEM wants 8 bytes")
    address, _, n_bytes = struct.unpack(">IHH", payload)
    return address, n_bytes


def pack_count(n_done: int) -> bytes:
    """Return the payload of an answer to WRITEREG (registers written) or WRITEMEM (bytes written)."""
    return struct.pack(">HH", 0, n_done)


def pack_resend(block_id: int, first: int, last: int) -> bytes:
    """Return the payload of PACKETRESEND for packets `first` to `last` of a block."""
    return struct.pack(">HHII", 0, block_id, first, last)


def resend_from_bytes(payload: bytes) -> tuple[int, int, int]:
    """Return block id, first and last packet id of PACKETRESEND; raises MalformedRequest."""
    if len(payload) < 12:
        raise MalformedRequest("PACKETRESEND wants 12 bytes")
    _, block_id, first, last = struct.unpack_from(">HHII", payload)
    return block_id, first & LAST_PACKET, last & LAST_PACKET
