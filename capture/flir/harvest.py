"""From a producer's file to an open camera, through harvesters; every way that this fails is one line.

Only the camera's own process runs this: genicam keeps Python's lock while it waits for a camera (measured:
all threads stand still), and a faulty producer ends the process that loads it.
"""

import ctypes
import io
import os
import signal
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import CameraError
from ..gentl.build import ADDRESS_VARIABLE
from .nodes import first_line

EVENT_TIMEOUT_MS = 50
MAX_XML_BYTES = 16 * 2**20
BOOTSTRAP_MANUFACTURER = (0xA8, 48)
"""Address and length of the manufacturer's text (GigE Vision 1.2, bootstrap registers)."""
POWER = "is it powered, plugged in, and on a subnet of this machine, and does the firewall let UDP through?"


@dataclass(frozen=True, slots=True)
class Found:
    """A camera as a producer lists it."""

    info: Any
    serial: str
    model: str

    def __str__(self) -> str:
        return f"{self.serial or 'without a serial number'} ({self.model})"


def load_producer(cti: Path) -> Any:
    """Return a Harvester with this one producer loaded and its cameras listed; takes about 1 s.

    Raises
    ------
    CameraError
        harvesters is not installed, or the file is no producer, or does not start.
    """
    try:
        with warnings.catch_warnings():  # it changes the filters of the whole process
            from harvesters.core import Harvester
    except ImportError as error:
        raise CameraError(
            f"wanted harvesters and genicam, found not all ({error}); run `pip install 'mavfer[record]'`"
        ) from error
    try:
        library = ctypes.CDLL(str(cti), winmode=0)
    except OSError as error:
        raise CameraError(
            f"wanted a GenTL producer, found a file that cannot be loaded as one ({_reason(error, cti)}); "
            f"take the 64-bit .cti of this system: {cti}"
        ) from error
    if not hasattr(library, "GCInitLib") or not hasattr(library, "TLOpen"):
        raise CameraError(f"wanted a GenTL producer, found a library that is none: {cti}")
    harvester = Harvester()
    harvester.add_file(str(cti))
    try:
        harvester.update()
    except Exception as error:  # the vendor's, of any kind
        raise CameraError(f"the producer cannot list its cameras ({first_line(error)}): {cti}") from error
    return harvester


def choose_camera(harvester: Any, serial: str | None, *, cti: Path) -> Found:
    """Return the camera with a serial number, or the only one.

    Raises
    ------
    CameraError
        There is none, not that one, or more than one to choose from.
    """
    cameras = [_found(info) for info in harvester.device_info_list]
    listed = ", ".join(map(str, cameras))
    if not cameras:
        asked = os.environ.get(ADDRESS_VARIABLE)
        where = f" at {asked}, which alone was asked" if asked else ""
        raise CameraError(f"the producer finds no camera{where}; {POWER} {cti}")
    wanted = [camera for camera in cameras if serial in (None, camera.serial)]
    if not wanted:
        raise CameraError(
            f"wanted the camera with serial {serial!r}, found {listed}; correct serial in the rig file: {cti}"
        )
    if len(wanted) > 1:
        raise CameraError(
            f"wanted one camera, found {len(wanted)}: {listed}; say which with serial in the rig file: {cti}"
        )
    return wanted[0]


def open_camera(harvester: Any, camera: Found) -> Any:
    """Return harvesters' ImageAcquirer of a camera, which is then nobody else's; raises CameraError."""
    from genicam import gentl
    from harvesters.core import ParameterKey, ParameterSet

    config = ParameterSet(
        {
            ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: EVENT_TIMEOUT_MS,
            ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False,
        }
    )
    try:
        return harvester.create(camera.info, config=config)
    except (gentl.AccessDeniedException, gentl.ResourceInUseException, gentl.BusyException) as error:
        why = first_line(error)
        because = "" if "in use" in why else f" ({why})"
        raise CameraError(
            f"the camera is in use by another program{because}; close that one, or wait some seconds if it "
            f"has crashed: {camera}"
        ) from error
    except Exception as error:  # the vendor's, of any kind
        raise CameraError(f"the camera cannot be opened ({first_line(error)}): {camera}") from error
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # harvesters would end the camera on Ctrl-C


def read_xml(acquirer: Any) -> str:
    """Return the camera's own description of its nodes, "" where it cannot be read."""
    try:
        port = acquirer.remote_device.port
        where, _, rest = port.url_info_list[0].url.partition(":")
        if where.lower() != "local":
            return ""
        _, address, size = rest.split("?")[0].split(";")
        n_bytes = int(size, 16)
        if n_bytes > MAX_XML_BYTES:
            return ""
        content = bytes(port.read(int(address, 16), n_bytes)[1])
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inside = archive.infolist()[0]
                content = archive.read(inside) if inside.file_size <= MAX_XML_BYTES else b""
        return content.rstrip(b"\0").decode("utf-8", errors="replace")
    except Exception:  # the session lacks a text then, no picture
        return ""


def is_simulated(acquirer: Any) -> bool:
    """Return whether a GigE camera says of itself that it is a simulator."""
    try:
        text = bytes(acquirer.remote_device.port.read(*BOOTSTRAP_MANUFACTURER)[1])
    except Exception:  # another kind of camera
        return False
    return acquirer.device.tl_type == "GEV" and b"simulated" in text.lower()


def _found(info: Any) -> Found:
    told = info.property_dict
    serial = told.get("serial_number") or told.get("id_")
    return Found(info, str(serial or ""), str(told.get("model") or told.get("vendor") or "unknown model"))


def _reason(error: OSError, cti: Path) -> str:
    return " ".join(str(error).split()).removeprefix(f"{cti}: ")[:160]
