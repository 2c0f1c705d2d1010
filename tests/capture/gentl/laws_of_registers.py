"""Reading and writing registers, and the XML that says which there are.

laws_of_registers.py CTI LAW, in a network that holds the two cameras of cameras.py.
"""

import ctypes
import os
import socket
import struct
from ctypes import byref, c_size_t
from xml.etree import ElementTree

import consumer as c
from cameras import HEIGHT, NAME_REGISTER, WIDTH, fake_camera, word
from consumer import Entry, Producer, refused, run_law

ETH_P_IP = 0x0800
READREG = b"\x00\x80"


def registers_are_read_at_any_address_and_written_in_words(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    whole = gentl.read(camera.port, NAME_REGISTER, 32)
    for begin in range(8):
        for n_bytes in (1, 2, 3, 4, 5, 8, 9):
            assert gentl.read(camera.port, NAME_REGISTER + begin, n_bytes) == whole[begin : begin + n_bytes]
    memory = gentl.read(camera.port, 0, 0x400)  # more than one packet holds
    assert gentl.read(camera.port, 2, 0x3F0) == memory[2:0x3F2]
    refused(c.INVALID_ADDRESS, gentl.write, camera.port, WIDTH, b"xy")
    refused(c.INVALID_ADDRESS, gentl.write, camera.port, WIDTH + 1, word(100))
    refused(c.INVALID_ADDRESS, gentl.write, camera.port, 2**32 + WIDTH, word(100))
    refused(c.INVALID_ADDRESS, gentl.read, camera.port, 2**32 + NAME_REGISTER, 4)
    refused(c.INVALID_ADDRESS, gentl.read, camera.port, 2**32 - 4, 8)
    values = ctypes.create_string_buffer(word(256) + word(100), 8)
    both = (Entry * 2)(
        Entry(WIDTH, ctypes.addressof(values), 4), Entry(HEIGHT, ctypes.addressof(values) + 4, 4)
    )
    count = c_size_t(2)
    gentl.GCWritePortStacked(camera.port, both, byref(count))
    back = ctypes.create_string_buffer(8)
    for i, entry in enumerate(both):
        entry.value = ctypes.addressof(back) + 4 * i
    gentl.GCReadPortStacked(camera.port, both, byref(count))
    assert (count.value, back.raw) == (2, word(256) + word(100))
    camera.close()


def only_a_whole_register_is_read_as_one(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    _, address, _ = gentl.text("GCGetPortURL", camera.port).split(";")
    xml = int(address, 16)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as everything:
        gentl.read(camera.port, xml, 513)  # a packet that is full and one that is a byte
        gentl.read(camera.port, xml + 4, 4)
        asked = [packet[28:] for packet in _waiting(everything)]
    asked = [one[:2] + one[8:12] for one in asked if one[2:4] == READREG]
    assert b"\x42\x01" + word(xml + 4) in asked  # the ear hears
    assert b"\x42\x01" + word(xml + 512) not in asked
    camera.close()


def _waiting(everything):
    everything.setblocking(False)
    try:
        while True:
            yield everything.recv(65536)
    except BlockingIOError:
        return


def every_module_has_an_xml_that_its_port_holds(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    modules = {
        camera.system: "TLSystem", camera.interface: "TLInterface", camera.device: "TLDevice",
        camera.stream: "TLDataStream", camera.port: "Device",
    }  # fmt: skip
    for port, name in modules.items():
        assert gentl.info("GCGetPortInfo", port, 4) == name
        scheme, address, n_bytes = gentl.text("GCGetPortURL", port).split(";")
        assert scheme.lower().startswith("local:")
        assert gentl.info("GCGetPortURLInfo", port, 0, 7) == int(address, 16)
        assert gentl.info("GCGetPortURLInfo", port, 0, 8) == int(n_bytes, 16)
        xml = ElementTree.fromstring(gentl.read(port, int(address, 16), int(n_bytes, 16)))
        ports = [each.get("Name") for each in xml.iter() if each.tag.endswith("}Port")]
        assert ports == [gentl.info("GCGetPortInfo", port, 12)]
    refused(c.INVALID_INDEX, gentl.info, "GCGetPortURLInfo", camera.stream, 1, 0)
    refused(c.INVALID_ADDRESS, gentl.read, camera.stream, 0x10000, 100_000)
    assert gentl.handle("DSGetParentDev", camera.stream) == camera.device
    assert gentl.handle("DevGetParentIF", camera.device) == camera.interface
    assert gentl.handle("IFGetParentTL", camera.interface) == camera.system
    camera.close()


def resends_are_on_unless_the_environment_or_the_register_says_otherwise(cti):
    gentl = Producer(cti)
    for variable, enabled in (("0", 0), ("1", 1), ("", 1)):
        os.environ["MAVFER_GENTL_RESEND"] = variable
        camera = fake_camera(gentl)
        _, address, n_bytes = gentl.text("GCGetPortURL", camera.stream).split(";")
        xml = ElementTree.fromstring(gentl.read(camera.stream, int(address, 16), int(n_bytes, 16)))
        (register,) = [one for one in xml if one.get("Name") == "StreamPacketResendEnableRegister"]
        where = int(next(part.text for part in register if part.tag.endswith("}Address")))
        assert gentl.read(camera.stream, where, 8) == struct.pack("<Q", enabled)
        gentl.write(camera.stream, where, struct.pack("<Q", 1 - enabled))
        assert gentl.read(camera.stream, where, 8) == struct.pack("<Q", 1 - enabled)
        refused(c.ACCESS_DENIED, gentl.write, camera.stream, 0, bytes(8))
        camera.close()


if __name__ == "__main__":
    run_law(globals())
