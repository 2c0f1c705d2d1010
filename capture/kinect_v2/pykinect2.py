"""The Kinect v2 through PyKinect2, in its maintained fork pykinect2024 (Windows, SDK 2.0, comtypes).

Never run with a sensor here: the tests run the fork's own PyKinectRuntime over stand-ins for the SDK.
PyKinect2 0.1.0 itself does not import on 64-bit Python 3.8 or newer (its issues 17 and 37).

- The fork's getters give no sensor time, miss pictures between two calls, and pass over every error in
  silence. So its handlers are replaced: they run in its thread as a picture arrives, and ask the frame for
  its time, which the fork declares for every kind of frame. One that does not tell it is a failed picture.
- Color, depth and infrared have a reader each; nothing but time tells which belong together (pairing.py).
- It tells no serial number: its declaration of UniqueKinectId has room for one letter.
"""

import time
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from ...errors import CameraError
from .driver import DriverAbsent, Facts, Moment
from .factory import FactoryCalibration
from .microsoft_sdk import MIRRORED, factory_from_lens
from .pairing import Pairing
from .pykinect2_runtime import LIBRARY, Inbox, Picture, load, start
from .settings import KinectSettings

SEPARATE = "pykinect2 does not pair color and depth: they are paired by the sensor's clock, up to 20 ms apart"


def make_driver(settings: KinectSettings) -> "PyKinect2":
    """Return the driver.

    Raises
    ------
    DriverAbsent
        The fork is not installed.
    CameraError
        The settings name a serial number, which it cannot tell.
    """
    absent = [name for name in (LIBRARY, "comtypes") if find_spec(name) is None]
    if absent:
        raise DriverAbsent(f"no {' and no '.join(absent)}")
    if settings.serial is not None:
        raise CameraError(
            "pykinect2 tells no serial number, and the SDK opens one sensor only; take serial out of the rig "
            "file, or use kinect_next"
        )
    return PyKinect2()


class PyKinect2:
    """The machine's one sensor: the SDK opens no other."""

    name = "pykinect2"
    mirrored = MIRRORED

    def __init__(self) -> None:
        self._library: Any = None
        self._runtime: Any = None
        self._inbox = Inbox()
        self._n_failed = self._n_incomplete = 0
        self._depth: Pairing[Picture, Picture] = Pairing()
        self._color: Pairing[Picture, tuple[Picture, Picture]] = Pairing()

    def open(self) -> None:
        """Open the SDK's sensor and its three readers; raises CameraError."""
        self._library, runtime = load()
        self._n_failed += self._inbox.n_failed
        self._n_incomplete += self._depth.n_unpaired + self._color.n_unpaired
        self._inbox, self._depth, self._color = Inbox(), Pairing(), Pairing()
        try:
            self._runtime = start(self._library, runtime, self._inbox)
        except Exception as error:  # COMError, OSError, ValueError of a null pointer: it checks no result
            raise CameraError(
                f"pykinect2 cannot open the sensor ({type(error).__name__}: {error}); is the Kinect for "
                f"Windows SDK 2.0 installed, and does its Configuration Verifier see the sensor?"
            ) from error

    def read(self, timeout_s: float) -> Moment | None:
        """Return the next color picture with the depth and infrared nearest to it; None where none came.

        Raises
        ------
        CameraError
            The fork's thread has ended.
        """
        end_s = time.monotonic() + timeout_s
        while (moment := self._paired()) is None:
            arrived = self._inbox.wait(end_s - time.monotonic())
            if arrived is None:
                if self._inbox.ended:
                    raise CameraError(f"pykinect2's thread has ended: {self._inbox.ended}")
                return None
            self._sort(arrived)
        self._inbox.failure = ""
        return moment

    def facts(self) -> Facts:
        """Return the factory calibration, and what this driver cannot do."""
        driver_version = version(LIBRARY)
        return Facts(
            None, {"driver_version": driver_version}, self._factory(driver_version), notices=(SEPARATE,)
        )

    def silence(self) -> str:
        """Return whether the SDK sees a sensor at all, and what pictures fail at."""
        try:
            available = self._runtime._sensor.IsAvailable
        except Exception as error:  # a COMError: the SDK's service has gone
            return f"the SDK does not answer ({type(error).__name__})"
        if not available:
            return "the SDK sees no sensor"
        failure = self._inbox.failure
        return f"its pictures cannot be had: {failure}" if failure else "it sends no pictures"

    def health(self) -> dict[str, float]:
        """Return pictures that could not be had or had no partner, and how far depth is from color."""
        return {
            "frames_failed": float(self._n_failed + self._inbox.n_failed),
            "frames_incomplete": float(self._n_incomplete + self._depth.n_unpaired + self._color.n_unpaired),
            "depth_after_color_ms": round(self._color.apart_ns / 1e6, 3),
        }

    def close(self) -> None:
        """Let the sensor go; harmless when it is not open."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def _sort(self, picture: Picture) -> None:
        if picture.kind == "color":
            self._color.lead(picture.taken, picture)
        elif picture.kind == "depth":
            self._depth.lead(picture.taken, picture)
        else:
            self._depth.follow(picture.taken, picture)

    def _paired(self) -> Moment | None:
        while (pair := self._depth.take()) is not None:
            (taken, depth), (_, infrared) = pair
            self._color.follow(taken, (depth, infrared))
        if (moment := self._color.take()) is None:
            return None
        (_, color), (taken, (depth, infrared)) = moment
        return Moment(
            color=color.pixels,
            color_order="BGRA",
            depth=depth.pixels,
            infrared=infrared.pixels,
            device_time_ns=taken.device_ns,
            color_time_ns=color.taken.device_ns,
            exposure_ms=color.exposure_ms,
            gain=color.gain,
        )

    def _factory(self, driver_version: str) -> FactoryCalibration | None:
        """Return what the SDK tells of the infrared camera; None while that is no camera (before it runs)."""
        try:
            lens = self._runtime._mapper.GetDepthCameraIntrinsics()
        except Exception:  # a COMError: it is not known yet
            return None
        return factory_from_lens(
            lens, self._color_of, driver=self.name, driver_version=driver_version, serial=None
        )

    def _color_of(self, x: int, y: int, depth_mm: int) -> Any:
        point = self._library._DepthSpacePoint(x, y)
        return self._runtime._mapper.MapDepthPointToColorSpace(point, depth_mm)
