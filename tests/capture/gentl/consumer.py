"""A GenTL consumer in ctypes: every function of a producer by its name, errors as exceptions."""

import ctypes
import struct
import sys
import time
from ctypes import byref, c_char_p, c_int32, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from threading import Thread

ERROR, NOT_INITIALIZED, NOT_IMPLEMENTED, RESOURCE_IN_USE, ACCESS_DENIED = -1001, -1002, -1003, -1004, -1005
INVALID_HANDLE, INVALID_ID, INVALID_PARAMETER, IO, TIMEOUT, ABORT = -1006, -1007, -1009, -1010, -1011, -1012
NOT_AVAILABLE, INVALID_ADDRESS, BUFFER_TOO_SMALL, INVALID_INDEX, BUSY = -1014, -1015, -1016, -1017, -1022

READONLY, CONTROL, EXCLUSIVE = 2, 3, 4
ACCESS_STATUS = 5
READWRITE, NOACCESS, STATUS_BUSY, OPEN_READWRITE, OPEN_READONLY = 1, 3, 4, 5, 6
INPUT_TO_OUTPUT, OUTPUT_DISCARD, ALL_TO_INPUT, UNQUEUED_TO_INPUT, ALL_DISCARD = range(5)
DELIVERED, UNDERRUN, ANNOUNCED, QUEUED, AWAITING, STARTED, GRABBING = 1, 2, 3, 4, 5, 6, 8
BASE, SIZE, USER, TIMESTAMP, NEW_DATA, IS_QUEUED, INCOMPLETE, FILLED = 0, 1, 2, 3, 4, 5, 7, 9
WIDTH, HEIGHT, FRAME_ID, PIXEL_FORMAT, DELIVERED_HEIGHT, TIMESTAMP_NS = 10, 11, 16, 20, 22, 28
FOREVER = 2**64 - 1
NEW_BUFFER = 1

HANDLES = {  # what follows the handle, of every function that begins with one
    "TLClose": [], "TLGetInfo": [c_int32, c_void_p, c_void_p, c_void_p], "TLGetNumInterfaces": [c_void_p],
    "TLGetInterfaceID": [c_uint32, c_void_p, c_void_p], "TLOpenInterface": [c_char_p, c_void_p],
    "TLGetInterfaceInfo": [c_char_p, c_int32, c_void_p, c_void_p, c_void_p],
    "TLUpdateInterfaceList": [c_void_p, c_uint64], "IFClose": [],
    "IFGetInfo": [c_int32, c_void_p, c_void_p, c_void_p], "IFGetParentTL": [c_void_p],
    "IFUpdateDeviceList": [c_void_p, c_uint64], "IFGetNumDevices": [c_void_p],
    "IFGetDeviceID": [c_uint32, c_void_p, c_void_p],
    "IFGetDeviceInfo": [c_char_p, c_int32, c_void_p, c_void_p, c_void_p],
    "IFOpenDevice": [c_char_p, c_int32, c_void_p], "DevClose": [],
    "DevGetInfo": [c_int32, c_void_p, c_void_p, c_void_p], "DevGetParentIF": [c_void_p],
    "DevGetPort": [c_void_p], "DevGetNumDataStreams": [c_void_p],
    "DevGetDataStreamID": [c_uint32, c_void_p, c_void_p], "DevOpenDataStream": [c_char_p, c_void_p],
    "DSClose": [], "DSGetInfo": [c_int32, c_void_p, c_void_p, c_void_p], "DSGetParentDev": [c_void_p],
    "DSStartAcquisition": [c_int32, c_uint64], "DSStopAcquisition": [c_int32], "DSFlushQueue": [c_int32],
    "DSAnnounceBuffer": [c_void_p, c_size_t, c_void_p, c_void_p],
    "DSAllocAndAnnounceBuffer": [c_size_t, c_void_p, c_void_p],
    "DSRevokeBuffer": [c_void_p, c_void_p, c_void_p], "DSQueueBuffer": [c_void_p],
    "DSGetBufferID": [c_uint32, c_void_p],
    "DSGetBufferInfo": [c_void_p, c_int32, c_void_p, c_void_p, c_void_p],
    "DSGetBufferChunkData": [c_void_p, c_void_p, c_void_p], "DSGetNumBufferParts": [c_void_p, c_void_p],
    "DSGetBufferPartInfo": [c_void_p, c_uint32, c_int32, c_void_p, c_void_p, c_void_p],
    "GCReadPort": [c_uint64, c_void_p, c_void_p], "GCWritePort": [c_uint64, c_void_p, c_void_p],
    "GCReadPortStacked": [c_void_p, c_void_p], "GCWritePortStacked": [c_void_p, c_void_p],
    "GCGetPortInfo": [c_int32, c_void_p, c_void_p, c_void_p], "GCGetPortURL": [c_void_p, c_void_p],
    "GCGetNumPortURLs": [c_void_p], "GCGetPortURLInfo": [c_uint32, c_int32, c_void_p, c_void_p, c_void_p],
    "GCRegisterEvent": [c_int32, c_void_p], "GCUnregisterEvent": [c_int32],
    "EventGetData": [c_void_p, c_void_p, c_uint64],
    "EventGetDataInfo": [c_void_p, c_size_t, c_int32, c_void_p, c_void_p, c_void_p],
    "EventGetInfo": [c_int32, c_void_p, c_void_p, c_void_p], "EventFlush": [], "EventKill": [],
}  # fmt: skip
INFO_TYPES = {5: "<i", 6: "<I", 8: "<Q", 10: "<Q", 11: "<?", 12: "<Q"}


class GenTLError(Exception):
    """An error code with its text."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Entry(ctypes.Structure):
    """PORT_REGISTER_STACK_ENTRY."""

    _pack_ = 1
    _fields_ = (("address", c_uint64), ("value", c_void_p), ("size", c_size_t))


class Producer:
    """A producer, loaded and begun; `gentl.DSStopAcquisition(stream, 0)` raises on an error."""

    def __init__(self, path, *, begin=True):
        self.library = ctypes.CDLL(str(path))
        for name, types in HANDLES.items():
            getattr(self.library, name).argtypes = [c_void_p, *types]
        self.library.TLOpen.argtypes = [c_void_p]
        if begin:
            self.GCInitLib()

    def __getattr__(self, name):
        function = getattr(self.library, name)

        def call(*arguments):
            code = function(*arguments)
            if code != 0:
                raise GenTLError(code, self.last_error()[1])

        return call

    def last_error(self):
        code, size, text = c_int32(), c_size_t(1024), ctypes.create_string_buffer(1024)
        assert self.library.GCGetLastError(byref(code), text, byref(size)) == 0
        return code.value, text.value.decode()

    def info(self, function, *arguments):
        """Ask an info function as a consumer does: the size first, then the value."""
        kind, size = c_int32(), c_size_t()
        call = getattr(self, function)
        call(*arguments, byref(kind), None, byref(size))
        value = ctypes.create_string_buffer(max(1, size.value))
        call(*arguments, byref(kind), value, byref(size))
        raw = value.raw[: size.value]
        if kind.value == 1:
            assert raw.endswith(b"\0")
            return raw[:-1].decode("ascii")
        return struct.unpack(INFO_TYPES[kind.value], raw)[0]

    def text(self, function, *arguments):
        size = c_size_t()
        getattr(self, function)(*arguments, None, byref(size))
        value = ctypes.create_string_buffer(size.value)
        getattr(self, function)(*arguments, value, byref(size))
        return value.value.decode("ascii")

    def handle(self, function, *arguments):
        made = c_void_p()
        getattr(self, function)(*arguments, byref(made))
        return made.value

    def number(self, function, *arguments):
        value = c_uint32()
        getattr(self, function)(*arguments, byref(value))
        return value.value

    def read(self, port, address, n_bytes):
        value, size = ctypes.create_string_buffer(n_bytes), c_size_t(n_bytes)
        self.GCReadPort(port, address, value, byref(size))
        assert size.value == n_bytes
        return value.raw

    def write(self, port, address, value):
        size = c_size_t(len(value))
        self.GCWritePort(port, address, value, byref(size))
        assert size.value == len(value)

    def interface(self):
        system = self.handle("TLOpen")
        interface = self.handle("TLOpenInterface", system, self.text("TLGetInterfaceID", system, 0).encode())
        self.IFUpdateDeviceList(interface, byref(c_uint8()), 1000)
        return system, interface

    def wait_for_camera(self, interface, serial):
        """Look until a camera that may still be starting is there; return its id."""
        until_s = time.monotonic() + 20
        while serial not in (there := self.cameras(interface)):
            assert time.monotonic() < until_s, there
            self.IFUpdateDeviceList(interface, None, 1000)
        return there[serial]

    def cameras(self, interface):
        """Return id by serial number of what the interface lists."""
        ids = [
            self.text("IFGetDeviceID", interface, i) for i in range(self.number("IFGetNumDevices", interface))
        ]
        return {self.info("IFGetDeviceInfo", interface, each.encode(), 7): each.encode() for each in ids}


class Camera:
    """A camera opened through a producer, with its stream, event and buffers.

    Acquisition is commanded at registers that its GenICam XML would name: `start` and `stop` are (address,
    value) pairs.
    """

    def __init__(self, gentl, serial, *, start, stop, n_bytes, interface=None):
        self.gentl, self.start_register, self.stop_register, self.n_bytes = gentl, start, stop, n_bytes
        self.system, self.interface = (None, interface) if interface else gentl.interface()
        self.id = gentl.wait_for_camera(self.interface, serial)
        self.device = gentl.handle("IFOpenDevice", self.interface, self.id, EXCLUSIVE)
        self.port = gentl.handle("DevGetPort", self.device)
        self.stream = gentl.handle("DevOpenDataStream", self.device, b"stream0")
        self.event = gentl.handle("GCRegisterEvent", self.stream, NEW_BUFFER)
        self.buffers = {}

    def announce(self, count):
        for i in range(count):
            memory = ctypes.create_string_buffer(self.n_bytes)
            handle = self.gentl.handle("DSAnnounceBuffer", self.stream, memory, self.n_bytes, 1000 + i)
            self.buffers[handle] = memory

    def start(self, count=FOREVER, *, n_buffers=6):
        if not self.buffers:
            self.announce(n_buffers)
        self.gentl.DSFlushQueue(self.stream, ALL_TO_INPUT)
        self.gentl.DSStartAcquisition(self.stream, 0, count)
        self.gentl.write(self.port, *self.start_register)

    def stop(self, *, quiet_ms=0):
        """Stop the camera and the stream; with `quiet_ms` wait until so long no frame has come."""
        self.gentl.write(self.port, *self.stop_register)
        if quiet_ms:
            refused(TIMEOUT, self.pass_on, quiet_ms)
        self.gentl.DSStopAcquisition(self.stream, 1)

    def fetch(self, timeout_ms=10_000):
        """Return the handle of a filled buffer."""
        told, size = (c_void_p * 2)(), c_size_t(16)
        self.gentl.EventGetData(self.event, told, byref(size), timeout_ms)
        assert size.value == 16
        return told[0]

    def about(self, buffer, command):
        return self.gentl.info("DSGetBufferInfo", self.stream, buffer, command)

    def count(self, command):
        return self.gentl.info("DSGetInfo", self.stream, command)

    def queue(self, buffer):
        self.gentl.DSQueueBuffer(self.stream, buffer)

    def frame_ids(self, count):
        """Fetch so many frames, queue each again, and return their ids."""
        ids = []
        for _ in range(count):
            buffer = self.fetch()
            ids.append(self.about(buffer, FRAME_ID))
            self.queue(buffer)
        return ids

    def pass_on(self, timeout_ms=10_000):
        """Fetch and queue until an error ends it."""
        while True:
            self.queue(self.fetch(timeout_ms))

    def close(self):
        self.gentl.DSClose(self.stream)
        self.gentl.DevClose(self.device)
        if self.system:
            self.gentl.TLClose(self.system)


def refused(code, function, *arguments):
    """Assert that a call fails with this code and says why."""
    found = None
    try:
        function(*arguments)
    except GenTLError as error:
        found = error
    assert found is not None, f"wanted error {code}, found none"
    assert (found.code, found.text != "") == (code, True), f"wanted {code}, found {found}"


def run_law(laws):
    """Run the law that the command line names."""
    laws[sys.argv[2]](sys.argv[1])


def in_thread(function, *arguments):
    """Run in a thread; return it, and the list its result or GenTLError goes to."""
    result = []

    def run():
        try:
            result.append(function(*arguments))
        except GenTLError as error:
            result.append(error)

    thread = Thread(target=run)
    thread.start()
    return thread, result
