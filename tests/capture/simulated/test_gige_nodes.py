"""The simulated A65's nodes: one table, so that register map and XML agree; GenApi itself reads them."""

import io
import struct
import zipfile
from xml.etree import ElementTree

import pytest

from mavfer.capture.simulated.a65_nodes import MONO8, MONO14, NODE, NODES, PLANCK
from mavfer.capture.simulated.a65_registers import XML_ADDRESS, RegisterError, Registers
from mavfer.capture.simulated.a65_xml import NAMESPACE, a65_xml, zipped
from mavfer.capture.simulated.gvcp import Status

READABLE = [node for node in NODES if node.access != "WO"]


@pytest.fixture
def registers():
    return Registers("127.0.0.1", serial="65000009", user_name="left")


def whole_xml(registers):
    """Read the XML as a client does: where the first URL says, in pieces."""
    url = registers.read(0x200, 512).rstrip(b"\0").decode()
    name, address, size = url.removeprefix("Local:").split(";")
    address, size = int(address, 16), int(size, 16)
    pieces = [
        registers.read(address + start, min(536, -(-(size - start) // 4) * 4))
        for start in range(0, size, 536)
    ]
    return name, b"".join(pieces)[:size]


def test_the_xml_that_a_client_reads_is_the_table_s(registers):
    name, xml = whole_xml(registers)
    assert name.endswith(".xml")
    assert xml == a65_xml()


def test_the_zipped_xml_is_the_same_xml_and_the_same_bytes_each_time():
    name, packed = whole_xml(Registers("127.0.0.1", serial="1", packed=True))
    assert name.endswith(".zip")
    assert packed == zipped(a65_xml())
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        (inside,) = archive.namelist()
        assert archive.read(inside) == a65_xml()


def test_every_register_that_the_xml_names_is_in_the_register_map(registers):
    root = ElementTree.fromstring(a65_xml())
    found = 0
    for register in root.iter():
        where = register.find(f"{{{NAMESPACE}}}Address")
        if where is None:
            continue
        found += 1
        address = int(where.text, 16)
        n_bytes = int(register.find(f"{{{NAMESPACE}}}Length").text)
        access = register.find(f"{{{NAMESPACE}}}AccessMode").text
        if access == "WO":
            registers.write(address, 1, streaming=False)
        else:
            assert len(registers.read(address, n_bytes)) == n_bytes
        if access == "RO":
            with pytest.raises(RegisterError, match="WRITE_PROTECT"):
                registers.write(address, 1, streaming=False)
    assert found == len(NODES)


def test_every_feature_that_a_category_lists_exists():
    root = ElementTree.fromstring(a65_xml())
    names = {element.get("Name") for element in root}
    listed = [element.text for element in root.iter(f"{{{NAMESPACE}}}pFeature")]
    pointed = [
        element.text for tag in ("pValue", "pIsLocked") for element in root.iter(f"{{{NAMESPACE}}}{tag}")
    ]
    assert set(listed) | set(pointed) <= names
    assert {node.name for node in NODES} <= set(listed)


def test_no_two_nodes_share_bytes_but_the_commands_of_one_register():
    taken = {}
    for node in NODES:
        for byte in range(node.address, node.address + node.n_bytes):
            other = taken.setdefault(byte, node)
            assert other is node or {other.kind, node.kind} == {"command"}, (other.name, node.name)


def test_genapi_reads_every_node_as_the_table_has_it(registers):
    # The GenICam consortium's own implementation, on the register map, without a wire between.
    nodes = reference(registers)
    for node in READABLE:
        value = getattr(nodes, node.name).value
        if node.kind == "choice":
            assert value in dict(node.entries)
            assert dict(node.entries)[value] == registers.get(node.name)
        elif node.kind == "float":
            assert value == pytest.approx(node.initial, rel=1e-6)
        elif node.name not in ("DeviceID", "DeviceUserID", "NUCIntervalFrames"):
            assert value == node.initial
    assert (nodes.DeviceID.value, nodes.DeviceUserID.value) == ("65000009", "left")


def test_genapi_writes_what_is_read_back(registers):
    nodes = reference(registers)
    for node in NODES:
        if node.kind == "choice" and node.access == "RW":
            for entry, number in node.entries:
                getattr(nodes, node.name).value = entry
                assert registers.get(node.name) == number
    for size in (576, 1500, 9000):
        nodes.GevSCPSPacketSize.value = size
        assert registers.get("GevSCPSPacketSize") == size
        assert registers.word(0xD04) >> 30 == 1  # "do not fragment" stays
    nodes.PixelFormat.value = "Mono14"
    assert nodes.PayloadSize.value == 640 * 512 * 2
    nodes.SensorGainMode.value = "LowGainMode"
    assert nodes.R.value == PLANCK[1][0]


def reference(registers):
    """Return the node map that GenApi makes of the XML, its port on the registers."""
    genapi = pytest.importorskip("genicam.genapi")

    class Port(genapi.AbstractPort):
        def read(self, address, length):
            return registers.read(address, length)

        def write(self, address, value):
            for i, (word,) in enumerate(struct.iter_unpack(">I", bytes(value))):
                registers.write(address + 4 * i, word, streaming=False)

        def get_access_mode(self):
            return genapi.EAccessMode.RW

        def is_open(self):
            return True

    nodes = genapi.NodeMap()
    nodes.load_xml_from_string(a65_xml().decode())
    nodes.connect(Port(), "Device")
    return nodes


@pytest.mark.parametrize(
    ("address", "value", "status"),
    [
        (0x0A02, 1, Status.BAD_ALIGNMENT),
        (0x5000, 1, Status.INVALID_ADDRESS),
        (0xFFFF_FFFC, 1, Status.INVALID_ADDRESS),
        (XML_ADDRESS, 1, Status.WRITE_PROTECT),
        (0x0000, 1, Status.WRITE_PROTECT),
        (NODE["SensorTemperature"].address, 1, Status.WRITE_PROTECT),
        (NODE["PixelFormat"].address, 0x02180014, Status.INVALID_PARAMETER),
        (NODE["NUCMode"].address, 3, Status.INVALID_PARAMETER),
        (NODE["Width"].address, 320, Status.INVALID_PARAMETER),
        (NODE["GevSCPSPacketSize"].address, 65535, Status.INVALID_PARAMETER),
        (NODE["GevSCPSPacketSize"].address, 1501, Status.INVALID_PARAMETER),
        (NODE["GevHeartbeatTimeout"].address, 10, Status.INVALID_PARAMETER),
    ],
)
def test_a_write_that_cannot_be_is_refused_for_its_reason_and_changes_nothing(
    registers, address, value, status
):
    before = registers.discovery(), [registers.get(node.name) for node in NODES]
    with pytest.raises(RegisterError, match=status.name):
        registers.write(address, value, streaming=False)
    assert (registers.discovery(), [registers.get(node.name) for node in NODES]) == before


@pytest.mark.parametrize(
    ("address", "n_bytes", "status"),
    [
        (0x0A02, 4, Status.BAD_ALIGNMENT),
        (0x0A00, 2, Status.BAD_ALIGNMENT),
        (0x0A00, 0, Status.INVALID_PARAMETER),
        (0x0200, 540, Status.INVALID_PARAMETER),
        (0x5000, 4, Status.INVALID_ADDRESS),
        (0x0A00, 16, Status.INVALID_ADDRESS),
        (XML_ADDRESS - 4, 8, Status.INVALID_ADDRESS),
        (0xFFFF_FFFC, 8, Status.INVALID_ADDRESS),
        (NODE["AcquisitionStart"].address, 4, Status.INVALID_ADDRESS),
    ],
)
def test_a_read_that_cannot_be_is_refused_for_its_reason(registers, address, n_bytes, status):
    with pytest.raises(RegisterError, match=status.name):
        registers.read(address, n_bytes)


def test_the_pixel_format_cannot_change_while_pictures_are_sent(registers):
    with pytest.raises(RegisterError, match="BUSY"):
        registers.write(NODE["PixelFormat"].address, MONO14, streaming=True)
    assert registers.get("PixelFormat") == MONO8
    registers.write(NODE["NUCMode"].address, 0, streaming=True)
    assert registers.get("NUCMode") == 0


def test_switched_off_and_on_it_has_forgotten_what_was_written(registers):
    before = [registers.get(node.name) for node in NODES]
    registers.write(NODE["PixelFormat"].address, MONO14, streaming=False)
    registers.write(NODE["SensorGainMode"].address, 1, streaming=False)
    registers.switch_on()
    assert [registers.get(node.name) for node in NODES] == before
