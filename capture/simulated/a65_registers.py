"""The register map of the simulated A65: GigE Vision 1.2's bootstrap registers, its own, and its XML.

Addresses of the bootstrap registers are those of the standard, as aravis' arvgvcpprivate.h lists them.
What a write sets off (a freeze, streaming) is the device's affair (gige_control.py).
"""

import socket
import struct

from . import gvcp
from .a65_nodes import MONO8, NODE, NODES, PLANCK, Node
from .a65_xml import FILE_NAME, a65_xml, zipped
from .gvcp import Status

CONTROL_PRIVILEGE = 0x0A00
PRIMARY_PORT, PRIMARY_ADDRESS = 0x0A04, 0x0A14
TIMESTAMP_CONTROL, TIMESTAMP_VALUE = 0x0944, 0x0948
STREAM_PORT, PACKET_SIZE, PACKET_DELAY, STREAM_ADDRESS, STREAM_SOURCE = 0xD00, 0xD04, 0xD08, 0xD18, 0xD1C
FIRE_TEST_PACKET, DO_NOT_FRAGMENT = 1 << 31, 1 << 30  # in PACKET_SIZE
DISCOVERY_BYTES = 0xF8  # the answer to DISCOVERY is the beginning of the map
XML_ADDRESS = 0x100000
_SIZE = 0x10000
_NONE, _READ, _WRITE = 0, 1, 2
_ACCESS = {"RO": _READ, "RW": _READ | _WRITE, "WO": _WRITE}
_CAN = 1 << 31 | 1 << 30 | 1 << 1 | 1 << 0  # user name, serial number, WRITEMEM, several registers at once
_CAN_RESEND = 1 << 2

_BOOTSTRAP = (  # address, access, initial
    (0x0000, "RO", 0x0001_0002),  # GigE Vision 1.2
    (0x0004, "RO", 0x8000_0001),  # big-endian, UTF-8
    (0x0010, "RO", 0x0000_0007),  # can find its IP address by link local, DHCP, or have it for ever
    (0x0014, "RO", 0x0000_0005),
    (0x0600, "RO", 1),  # network interfaces
    (0x0900, "RO", 0),  # message channels
    (0x0904, "RO", 1),  # stream channels
    (0x092C, "RO", 0),  # stream channels' abilities
    (0x0930, "RO", 0),  # message channels' abilities
    (0x0950, "RO", 0),  # delay of discovery answers
    (0x0954, "RO", 0),  # GVCP configuration
    (TIMESTAMP_CONTROL, "WO", 0),
    (CONTROL_PRIVILEGE, "RW", 0),
    (PRIMARY_PORT, "RO", 0),
    (PRIMARY_ADDRESS, "RO", 0),
    (STREAM_PORT, "RW", 0),
    (STREAM_ADDRESS, "RW", 0),
    (STREAM_SOURCE, "RO", 0),
)


class RegisterError(Exception):
    """A register cannot be read or written so; `status` says why."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Registers:
    """What a client reads and writes.

    Parameters
    ----------
    address : the camera's IPv4 address
    serial : 1 to 15 ASCII characters;  user_name : up to 15
    resend : whether it says that it can send packets again
    packed : whether the XML is held as a zip file
    slow : whether it is a 9 Hz model
    nuc_interval_frames : between the corrections of NUCMode Automatic, 0 for none
    """

    def __init__(
        self,
        address: str,
        *,
        serial: str,
        user_name: str = "",
        resend: bool = True,
        packed: bool = False,
        slow: bool = False,
        nuc_interval_frames: int = 7200,
    ) -> None:
        self._memory = bytearray(_SIZE)
        self._access = bytearray(_SIZE // 4)
        for start, end in ((0, DISCOVERY_BYTES), (0x200, 0x600)):
            self._allow(start, end - start, _READ)
        xml = a65_xml()
        self._xml = zipped(xml) if packed else xml
        for register, access, initial in _BOOTSTRAP:
            self._allow(register, 4, _ACCESS[access])
            self.put(register, initial)
        for node in NODES:
            self._allow(node.address, node.n_bytes, _ACCESS[node.access])
            if node.kind != "command":
                self.set(node.name, node.initial)
        ip = struct.unpack(">I", socket.inet_aton(address))[0]
        self.put(0x0008, 0x0200)  # a MAC address of our own making ("locally administered"), from the IP
        self.put(0x000C, ip)
        self.put(0x0024, ip)
        self.put(0x0034, 0xFF00_0000 if address.startswith("127.") else 0xFFFF_FF00)
        self._allow(0x0934, 4, _READ)
        self.put(0x0934, _CAN | (_CAN_RESEND if resend else 0))
        self.put(PACKET_SIZE, DO_NOT_FRAGMENT | int(NODE["GevSCPSPacketSize"].initial))
        name = FILE_NAME.replace(".xml", ".zip") if packed else FILE_NAME
        self._put_text(0x200, 512, f"Local:{name};{XML_ADDRESS:X};{len(self._xml):X}")
        self.set("DeviceID", serial)
        self.set("DeviceUserID", user_name)
        self.set("SensorFrameRate", 0 if slow else 1)
        self.set("NUCIntervalFrames", nuc_interval_frames)
        self._initial = bytes(self._memory)

    def switch_on(self) -> None:
        """Forget all that was written."""
        self._memory[:] = self._initial

    def get(self, name: str) -> int:
        """Return the number that a node's register holds."""
        node = NODE[name]
        number = int.from_bytes(self._memory[node.address : node.address + node.n_bytes], "big")
        return number if node.low_bits is None else number & ((1 << node.low_bits) - 1)

    def set(self, name: str, value: float | str) -> None:
        """Let a node's register hold a value, whatever its access."""
        node = NODE[name]
        if isinstance(value, str):
            self._put_text(node.address, node.n_bytes, value)
            return
        number = int.from_bytes(struct.pack(">f", value), "big") if node.kind == "float" else int(value)
        self._memory[node.address : node.address + node.n_bytes] = number.to_bytes(node.n_bytes, "big")

    def word(self, address: int) -> int:
        """Return the 32 bits at an address, whatever its access."""
        return struct.unpack_from(">I", self._memory, address)[0]

    def put(self, address: int, value: int) -> None:
        """Let 32 bits hold a value, whatever their access."""
        struct.pack_into(">I", self._memory, address, value)

    def discovery(self) -> bytes:
        """Return what is answered to DISCOVERY."""
        return bytes(self._memory[:DISCOVERY_BYTES])

    def read(self, address: int, n_bytes: int) -> bytes:
        """Return what a client reads; `n_bytes` is a multiple of 4.

        Raises
        ------
        RegisterError
            An address is no multiple of 4, or there is no register, or it cannot be read.
        """
        if address % 4 or n_bytes % 4:
            raise RegisterError(Status.BAD_ALIGNMENT)
        if n_bytes > gvcp.MAX_READ or n_bytes == 0:
            raise RegisterError(Status.INVALID_PARAMETER)
        end = XML_ADDRESS + -(-len(self._xml) // 4) * 4
        if address >= XML_ADDRESS and address + n_bytes <= end:
            start = address - XML_ADDRESS
            return self._xml[start : start + n_bytes].ljust(n_bytes, b"\0")
        if address + n_bytes > _SIZE:
            raise RegisterError(Status.INVALID_ADDRESS)
        if not all(self._access[word] & _READ for word in range(address // 4, (address + n_bytes) // 4)):
            raise RegisterError(Status.INVALID_ADDRESS)
        return bytes(self._memory[address : address + n_bytes])

    def write(self, address: int, value: int, *, streaming: bool) -> None:
        """Write 32 bits as a client does; the register may belong to a node that allows some values only.

        Raises
        ------
        RegisterError
            There is no such register, it cannot be written (now), or not with this value.
        """
        if address % 4:
            raise RegisterError(Status.BAD_ALIGNMENT)
        access = self._access[address // 4] if address < _SIZE else _NONE
        if XML_ADDRESS <= address < XML_ADDRESS + len(self._xml) or access == _READ:
            raise RegisterError(Status.WRITE_PROTECT)
        if not access:
            raise RegisterError(Status.INVALID_ADDRESS)
        node = _NODE_AT.get(address)
        if node is not None:
            if node.fixed_while_streaming and streaming:
                raise RegisterError(Status.BUSY)
            if not _allows(node, value):
                raise RegisterError(Status.INVALID_PARAMETER)
        if access & _READ:
            self.put(address, value)
        if address == NODE["PixelFormat"].address:
            self.set("PayloadSize", payload_bytes(value))
        elif address == NODE["SensorGainMode"].address:
            for name, constant in zip("RBFO", PLANCK[value], strict=True):
                self.set(name, constant)

    def latch(self, ticks: int) -> None:
        """Hold the timestamp's value for a client to read."""
        self.set("GevTimestampValue", ticks)

    def _allow(self, address: int, n_bytes: int, access: int) -> None:
        for word in range(address // 4, (address + n_bytes + 3) // 4):
            self._access[word] = access

    def _put_text(self, address: int, n_bytes: int, text: str) -> None:
        self._memory[address : address + n_bytes] = text.encode()[: n_bytes - 1].ljust(n_bytes, b"\0")


_NODE_AT = {node.address: node for node in NODES if node.kind not in ("text", "command")}


def payload_bytes(pixel_format: int) -> int:
    """Return how many bytes a picture has."""
    return int(NODE["Width"].initial) * int(NODE["Height"].initial) * (1 if pixel_format == MONO8 else 2)


def _allows(node: Node, value: int) -> bool:
    """Whether a node's register may hold a value."""
    if node.kind == "choice":
        return value in (number for _, number in node.entries)
    if node.limits is None:
        return True
    if node.low_bits is not None:
        value &= (1 << node.low_bits) - 1
    least, most, step = node.limits
    return least <= value <= most and (value - least) % step == 0
