"""The Kinect v2 through `kinect_next` (Windows, SDK 2.0): paired frames with the sensor's own times.

kinect-next 3.0.0 talks to Kinect20.dll without comtypes. It was never run with a sensor here; the tests drive
its Python code over an in-process stand-in for the DLL's objects. Color comes as BGRA, which the SDK converts
from the sensor's YUY2; the library gives no YUY2, and no JPEG.
"""

import ctypes
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ...errors import CameraError
from .driver import DriverAbsent, Facts, Moment, windows_only
from .factory import FactoryCalibration
from .microsoft_sdk import MIRRORED, TICK_NS, factory_from_lens
from .settings import KinectSettings

DISTRIBUTION = "kinect-next"
SERIAL_CHARACTERS = 64


def make_driver(settings: KinectSettings) -> "KinectNext":
    """Return the driver; raises DriverAbsent where the library is absent."""
    try:
        import_module("kinect_next")
    except ImportError as error:
        raise DriverAbsent(f"no {DISTRIBUTION}") from error
    return KinectNext(settings.serial)


class KinectNext:
    """One sensor: the SDK opens no other than the machine's first.

    Parameters
    ----------
    serial : the one that is wanted; None takes any
    """

    name = "kinect_next"
    mirrored = MIRRORED

    def __init__(self, serial: str | None) -> None:
        self._wanted_serial = serial
        self._sensor: Any = None
        self._n_incomplete = 0
        self._apart_ns = 0

    def open(self) -> None:
        """Open the SDK's sensor and a reader for the three streams; pictures begin 1 to 3 s later."""
        from kinect_next import KinectError, KinectSensor, StreamType

        streams = StreamType.COLOR | StreamType.DEPTH | StreamType.INFRARED
        try:
            self._sensor = KinectSensor(streams)
        except (KinectError, OSError) as error:
            told = "; ".join(filter(None, (str(error).rstrip("."), windows_only())))
            raise CameraError(f"kinect_next cannot open the sensor: {told}") from error

    def read(self, timeout_s: float) -> Moment | None:
        """Return the next moment, or None where none came in time, or a picture of it could not be had.

        Raises
        ------
        CameraError
            The SDK's reader broke.
        """
        from kinect_next import COMOperationError, KinectError, KinectTimeoutError

        try:
            frames = self._sensor.wait_for_frames(round(timeout_s * 1000))
        except KinectTimeoutError:
            return None
        except COMOperationError:  # of one frame, that had gone before it was copied
            self._n_incomplete += 1
            return None
        except (KinectError, OSError) as error:
            raise CameraError(f"kinect_next cannot read: {error}") from error
        color, depth, infrared = frames.color, frames.depth, frames.infrared
        if color is None or depth is None or infrared is None:
            self._n_incomplete += 1
            return None
        self._apart_ns = depth.relative_time_ns - color.relative_time_ns
        lens = color.settings
        return Moment(
            color=color.data,
            color_order="BGRA",
            depth=depth.data,
            infrared=infrared.data,
            device_time_ns=depth.relative_time_ns,
            color_time_ns=color.relative_time_ns,
            exposure_ms=None if lens is None else lens.exposure_time * TICK_NS / 1e6,
            gain=None if lens is None else lens.gain,
        )

    def facts(self) -> Facts:
        """Return serial number and factory calibration.

        Raises
        ------
        CameraError
            The sensor is another than the settings want.
        """
        serial = self._serial()
        if self._wanted_serial is not None and serial != self._wanted_serial:
            raise CameraError(
                f"wanted the Kinect with serial {self._wanted_serial!r}, found {serial!r}; the SDK opens one "
                f"sensor only: plug in the one that is wanted, or take serial out of the rig file"
            )
        driver_version = version(DISTRIBUTION)
        return Facts(serial, {"driver_version": driver_version}, self._factory(serial, driver_version))

    def silence(self) -> str:
        """Return whether the SDK sees a sensor at all."""
        return "it sends no pictures" if self._sensor.is_available else "the SDK sees no sensor"

    def health(self) -> dict[str, float]:
        """Return how many moments lacked a picture, and how far depth is from color."""
        return {
            "frames_incomplete": float(self._n_incomplete),
            "depth_after_color_ms": self._apart_ns / 1e6,
        }

    def close(self) -> None:
        """Let the sensor go; harmless when it is not open."""
        sensor, self._sensor = self._sensor, None
        if sensor is not None:
            sensor.close()

    def _serial(self) -> str | None:
        """Return what the SDK calls the unique id, by a method that the library lists and does not wrap."""
        from kinect_next import COMOperationError

        letters = (ctypes.c_uint16 * SERIAL_CHARACTERS)()  # WCHAR is UTF-16
        try:
            native = self._sensor._sensor_ptr
            native._call(
                "get_UniqueKinectId",
                (ctypes.c_uint, ctypes.c_void_p),
                SERIAL_CHARACTERS,
                ctypes.byref(letters),
            )
        except (COMOperationError, AttributeError):
            return None
        return bytes(letters).decode("utf-16-le", "replace").split("\0")[0] or None

    def _factory(self, serial: str | None, driver_version: str) -> FactoryCalibration | None:
        """Return what the SDK tells of the infrared camera; None while that is no camera (before it runs)."""
        from kinect_next import COMOperationError, Point2D

        mapper = self._sensor.mapper
        try:
            lens = mapper._native.get_depth_camera_intrinsics()  # the public call drops the lens
        except COMOperationError:
            return None
        return factory_from_lens(
            lens,
            lambda x, y, depth_mm: mapper.map_depth_point_to_color_space(Point2D(x, y), depth_mm),
            driver=self.name,
            driver_version=driver_version,
            serial=serial,
        )
