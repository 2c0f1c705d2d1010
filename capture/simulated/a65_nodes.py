"""The registers of the simulated A65 that have a name: one table, from which register map and XML are made.

What is known of a real A65 without one at hand, by each node's `source`:

- "GEV": its register is of the GigE Vision standard 1.2. "SFNC": its name is of GenICam's naming convention.
- "ICD": FLIR, "GenICam ICD FLIR AX5", T559775 rev. B, names it (SensorFrameRate: read only, slow or fast;
  both temperatures in degrees Celsius).
- "FLIR": FLIR's support pages, and public programs for the A65 and its sisters, set or read it by this name.

Invented, so that a client has something to read: all numbers of entries but NUCMode's, limits, increments,
initial values, the model's name, the Planck constants' values, the tick frequency, and every address outside
the GigE Vision standard but those from 0xD300 to 0xD318 and from 0xE83C to 0xE9DC (less NUCIntervalFrames),
which programs write to an A35, the sister model (COSMOS of the University of Hawaii, `gige_lib.h`). A real
camera's own XML is kept in each session.
"""

from dataclasses import dataclass
from typing import Literal

WIDTH, HEIGHT = 640, 512
TICK_HZ = 62_500_000
"""Of the timestamp; invented. A tick is 16 ns, so that no client can take ticks for nanoseconds unseen."""
MONO8, MONO14, MONO16 = 0x01080001, 0x01100025, 0x01100007  # PFNC 2.0
PACKET_SIZES = range(576, 9001, 4)  # jumbo frames; a test packet tells which get through

Source = Literal["GEV", "SFNC", "ICD", "FLIR"]
Kind = Literal["text", "integer", "float", "choice", "command"]


@dataclass(frozen=True, slots=True)
class Node:
    """One GenICam feature and the register behind it.

    Attributes
    ----------
    name : of the feature
    kind : what it is to a client
    address : of its register;  n_bytes : of its register, 4 but for texts and 64-bit numbers
    access : "RO", "RW" or "WO"
    initial : what the register holds when the camera is switched on
    entries : of a choice, (name, number)
    limits : of an integer, least, most, increment
    command : of a command, what is written to run it
    low_bits : of an integer that shares its register, how many bits from the least it takes
    unit : as the XML says it
    fixed_while_streaming : cannot be written then
    volatile : changes without being written, so that no client may remember it
    category : under which the feature is listed
    source : who says that it exists, see above
    """

    name: str
    kind: Kind
    address: int
    source: Source
    category: str
    access: Literal["RO", "RW", "WO"] = "RW"
    initial: int | float | str = 0
    n_bytes: int = 4
    entries: tuple[tuple[str, int], ...] = ()
    limits: tuple[int, int, int] | None = None
    command: int = 1
    low_bits: int | None = None
    unit: str = ""
    fixed_while_streaming: bool = False
    volatile: bool = False


_DEVICE, _IMAGE, _ACQUISITION = "DeviceControl", "ImageFormatControl", "AcquisitionControl"
_WIRE, _CAMERA = "TransportLayerControl", "CameraControl"

NODES = (
    Node("DeviceVendorName", "text", 0x48, "GEV", _DEVICE, "RO", "FLIR Systems AB", 32),
    Node("DeviceModelName", "text", 0x68, "GEV", _DEVICE, "RO", "FLIR AX5 A65", 32),
    Node("DeviceVersion", "text", 0x88, "GEV", _DEVICE, "RO", "1.0", 32),
    Node("DeviceManufacturerInfo", "text", 0xA8, "GEV", _DEVICE, "RO", "mavfer simulated", 48),
    Node("DeviceID", "text", 0xD8, "GEV", _DEVICE, "RO", "65000001", 16),
    Node("DeviceUserID", "text", 0xE8, "GEV", _DEVICE, "RW", "", 16),
    Node("Width", "integer", 0xD300, "SFNC", _IMAGE, "RW", WIDTH, limits=(WIDTH, WIDTH, 1)),
    Node("Height", "integer", 0xD304, "SFNC", _IMAGE, "RW", HEIGHT, limits=(HEIGHT, HEIGHT, 1)),
    Node(
        "PixelFormat", "choice", 0xD308, "SFNC", _IMAGE, "RW", MONO8,
        entries=(("Mono8", MONO8), ("Mono14", MONO14), ("Mono16", MONO16)), fixed_while_streaming=True,
    ),
    Node("PayloadSize", "integer", 0xD3F0, "SFNC", _WIRE, "RO", WIDTH * HEIGHT, unit="B", volatile=True),
    Node(
        "AcquisitionMode", "choice", 0xD310, "SFNC", _ACQUISITION, "RW", 0,
        entries=(("Continuous", 0),), fixed_while_streaming=True,
    ),
    Node("AcquisitionStart", "command", 0xD314, "SFNC", _ACQUISITION, "WO"),
    Node("AcquisitionStop", "command", 0xD318, "SFNC", _ACQUISITION, "WO"),
    Node("TLParamsLocked", "integer", 0xD3F4, "SFNC", _WIRE, "RW", 0, limits=(0, 1, 1)),
    Node(
        "GevSCPSPacketSize", "integer", 0x0D04, "GEV", _WIRE, "RW", 1500, low_bits=16, unit="B",
        limits=(PACKET_SIZES.start, PACKET_SIZES[-1], PACKET_SIZES.step), fixed_while_streaming=True,
    ),
    Node("GevSCPD", "integer", 0x0D08, "GEV", _WIRE, "RW", 0),
    Node(
        "GevHeartbeatTimeout", "integer", 0x0938, "GEV", _WIRE, "RW", 3000,
        unit="ms", limits=(500, 600_000, 1),
    ),
    Node("GevTimestampTickFrequency", "integer", 0x093C, "GEV", _WIRE, "RO", TICK_HZ, 8, unit="Hz"),
    Node("GevTimestampControlLatch", "command", 0x0944, "GEV", _WIRE, "WO", command=2),
    Node("GevTimestampControlReset", "command", 0x0944, "GEV", _WIRE, "WO", command=1),
    Node("GevTimestampValue", "integer", 0x0948, "GEV", _WIRE, "RO", 0, 8, volatile=True),
    Node(
        "CMOSBitDepth", "choice", 0xE9DC, "FLIR", _CAMERA, "RW", 0,
        entries=(("bit14bit", 0), ("bit8bit", 1)),
    ),
    Node(
        "TemperatureLinearMode", "choice", 0xEA00, "FLIR", _CAMERA, "RW", 0, entries=(("Off", 0), ("On", 1))
    ),
    Node(
        "TemperatureLinearResolution", "choice", 0xEA04, "FLIR", _CAMERA, "RW", 0,
        entries=(("Low", 0), ("High", 1)),
    ),
    Node(
        "SensorGainMode", "choice", 0xEA08, "FLIR", _CAMERA, "RW", 0,
        entries=(("HighGainMode", 0), ("LowGainMode", 1)),
    ),
    Node(
        "NUCMode", "choice", 0xE940, "FLIR", _CAMERA, "RW", 1,
        entries=(("Manual", 0), ("Automatic", 1), ("External", 2)),
    ),
    Node("NUCAction", "command", 0xE938, "FLIR", _CAMERA, "WO", command=0),
    Node("NUCIntervalFrames", "integer", 0xE944, "FLIR", _CAMERA, "RW", 7200, limits=(0, 1_000_000, 1)),
    Node(
        "SensorFrameRate", "choice", 0xE9A4, "ICD", _CAMERA, "RO", 1, entries=(("Slow", 0), ("Fast", 1))
    ),
    Node(
        "SyncMode", "choice", 0xEA10, "FLIR", _CAMERA, "RW", 0,
        entries=(("Disabled", 0), ("SelfSyncMaster", 1), ("SelfSyncSlave", 2), ("ExtSyncMaster", 3)),
    ),
    Node("R", "integer", 0xEA20, "FLIR", _CAMERA, "RO", 380_000, volatile=True),
    Node("B", "float", 0xEA24, "FLIR", _CAMERA, "RO", 1428.0, volatile=True),
    Node("F", "float", 0xEA28, "FLIR", _CAMERA, "RO", 1.0, volatile=True),
    Node("O", "float", 0xEA2C, "FLIR", _CAMERA, "RO", -65.5, volatile=True),
    Node("SensorTemperature", "float", 0xE840, "ICD", _CAMERA, "RO", 33.1, unit="C", volatile=True),
    Node("HousingTemperature", "float", 0xE83C, "ICD", _CAMERA, "RO", 36.4, unit="C", volatile=True),
)  # fmt: skip
NODE = {node.name: node for node in NODES}

PLANCK = {0: (380_000, 1428.0, 1.0, -65.5), 1: (60_000, 1428.0, 1.0, -21.0)}
"""By SensorGainMode: R, B, F, O of T = B / ln(R / (S - O) + F), T in kelvin.

The form is FLIR's; the values are invented within what fits: 14 bits end at about 175 degrees Celsius in high
gain and 650 in low gain (the data sheet's ranges end at 135 and 550), a count is 0.02 K and 0.12 K at 30
degrees.
"""
